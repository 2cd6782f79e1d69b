"""Environments in processes of their own: the same numbers, errors by their message, and nothing stays behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from failing_worlds import NAME, Failing
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.monitor import Monitor

from pib_rl.envs import make_vec_env
from pib_rl.envs.processes import ProcessVecEnv, joined, sendable


@pytest.fixture(autouse=True, scope="module")
def registered():
    gym.register(NAME, entry_point=Failing)
    yield
    del gym.registry[NAME]


@pytest.fixture
def quick(monkeypatch):
    """Processes are forked from one that has imported what all of them need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pib_rl.envs.make", "pib_rl.envs.processes"])
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)


def trace(processes):
    """All that 5 environments give in some steps, and the processes they were in."""
    venv = make_vec_env(NAME, 5, seed=3, distractors=2, processes=processes, render_mode="rgb_array")
    try:
        seen = [venv.reset(), len(venv.reset_infos)]
        for _ in range(25):
            obs, rewards, dones, infos = venv.step(np.zeros(5, dtype=int))
            ends = [info["terminal_observation"] for info in infos if "terminal_observation" in info]
            episodes = [info["episode"]["r"] for info in infos if "episode" in info]
            seen += [obs, rewards, dones, ends, episodes]
        seen += [venv.get_attr("at", [4, 0]), venv.env_is_wrapped(Monitor, 1), venv.env_is_wrapped(TimeLimit)]
        seen += [[one.shape for one in venv.get_images()], venv.env_method("get_wrapper_attr", "at", indices=[3])]
        venv.set_attr("count", 17, [1, 4])
        seen += [venv.get_attr("count"), venv.reset()]
    finally:
        venv.close()
        venv.close()
    return seen, venv


def test_they_give_what_they_give_in_one_process_and_are_gone_afterwards():
    (alone, _), (apart, venv) = trace(1), trace(2)
    assert len(alone) == len(apart)
    for one, two in zip(alone, apart, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not any(process.is_alive() for process in venv._processes)


def failing(fails, processes=2, n_envs=2):
    return make_vec_env(NAME, n_envs, processes=processes, fails=fails)


@pytest.mark.usefixtures("quick")
def test_an_error_keeps_type_and_message_and_an_interruption_is_not_for_them():
    venv = failing("step")
    venv.reset()
    os.kill(venv._processes[0].pid, signal.SIGINT)  # Ctrl-C reaches all processes of a terminal
    for _ in range(6):
        venv.step(np.zeros(2, dtype=int))
    with pytest.raises(RuntimeError, match=r"^the arm\nis stuck$"):
        venv.step(np.zeros(2, dtype=int))
    venv.close()
    assert not any(process.is_alive() for process in venv._processes)


@pytest.mark.usefixtures("quick")
def test_a_lost_process_is_noticed_and_the_others_end():
    venv = failing("")
    venv.reset()
    os.kill(venv._processes[1].pid, signal.SIGKILL)
    venv._processes[1].join()
    with pytest.raises((EOFError, ConnectionError)):
        venv.step(np.zeros(2, dtype=int))
    venv.close()
    assert not any(process.is_alive() for process in venv._processes)


@pytest.mark.usefixtures("quick")
def test_one_amid_a_long_step_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("pib_rl.envs.processes.FAREWELL_S", 0.05)
    venv = ProcessVecEnv([partial(sleeping, 3600)])
    venv.reset()
    venv.step_async(np.zeros(1, dtype=int))
    venv.close()
    assert venv._processes[0].exitcode == -signal.SIGKILL


def sleeping(seconds):
    from stable_baselines3.common.vec_env import DummyVecEnv

    class Sleeping(Failing):
        def step(self, action):
            time.sleep(seconds)
            return super().step(action)

    return DummyVecEnv([lambda: Sleeping()])


@pytest.mark.usefixtures("quick")
def test_what_a_maker_raises_is_raised():
    with pytest.raises(ValueError, match="there is no argument 'wings'"):
        make_vec_env(NAME, 2, processes=2, wings=2)


@pytest.mark.parametrize(
    ("env_id", "n_envs", "processes", "said"),
    [
        (NAME, 2, 3, r"processes must be at most n_envs \(2\), got 3"),
        (NAME, 2, 0, "processes must be"),
        ("CartPole-v1", 2, 2, "CartPole-v1 steps all its environments at once"),
    ],
)
def test_what_cannot_be_shared_is_refused(env_id, n_envs, processes, said):
    with pytest.raises(ValueError, match=said):
        make_vec_env(env_id, n_envs, processes=processes)


def test_errors_that_others_do_not_know_are_named():
    class OwnError(Exception):
        pass

    for error, kind, text in (
        (ValueError("a"), ValueError, "a"),
        (OwnError("b"), RuntimeError, "OwnError: b"),
        (FileNotFoundError(2, "c"), RuntimeError, "FileNotFoundError: [Errno 2] c"),
    ):
        sent = sendable(error)
        assert (type(sent), str(sent)) == (kind, text)


def test_observations_of_all_kinds_are_joined():
    ones, twos = np.ones((1, 2)), np.full((2, 2), 2)
    whole = np.concatenate([ones, twos])
    np.testing.assert_array_equal(joined([ones, twos]), whole)
    np.testing.assert_array_equal(joined([{"a": ones}, {"a": twos}])["a"], whole)
    np.testing.assert_array_equal(joined([(ones,), (twos,)])[0], whole)
