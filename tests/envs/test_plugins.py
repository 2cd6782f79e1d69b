"""Environments of installed packages: found without an import, and what is said where they are missing."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import gymnasium as gym
import numpy as np
import pytest

from pib_rl.envs import make_env, make_vec_env, plugins
from pib_rl.envs.lookup import find_spec, refusal
from pib_rl.envs.make import LONGEST


def register_toy() -> None:
    gym.register("Toy-v0", "gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=7)


def break_down() -> None:
    raise RuntimeError("no licence")


@pytest.fixture
def offered(monkeypatch):
    """Packages that offer environments, by entry point; none is loaded before."""

    def offer(*entries: tuple[str, str]) -> None:
        found = [EntryPoint(name, value, plugins.GROUP) for name, value in entries]
        monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == plugins.GROUP else [])
        monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.value])

    known = {name: spec for name, spec in gym.registry.items() if not name.startswith("MinAtar/")}
    monkeypatch.setattr(gym.envs.registration, "registry", known)
    plugins.load_plugins.cache_clear()
    yield offer
    plugins.load_plugins.cache_clear()


def test_an_unknown_id_is_looked_for_in_installed_packages(offered):
    offered(("games", "register_toy"), ("__root__", "register_toy"))
    assert find_spec("games/Toy-v0").max_episode_steps == 7
    assert make_env("Toy-v0").spec.max_episode_steps == 7


def test_nothing_is_loaded_for_an_id_that_is_known(offered):
    offered(("games", "break_down"))
    find_spec("CartPole-v1")


def test_a_package_that_fails_is_left_out(offered):
    offered(("broken", "break_down"), ("games", "register_toy"))
    with pytest.warns(UserWarning, match="the environments broken .* can't be loaded: no licence"):
        assert make_vec_env("games/Toy-v0", 2).num_envs == 2
    assert gym.envs.registration.current_namespace is None


@pytest.mark.parametrize("make", [make_env, make_vec_env])
def test_the_extra_that_brings_an_environment_is_named(make, offered, monkeypatch):
    offered()
    with pytest.raises(ValueError, match=r"^environment MinAtar/Breakout-v1 needs .*: pip install 'pib-rl\[minatar\]'"):
        make("MinAtar/Breakout-v1")

    def without_mujoco(*args, **kwargs):
        raise gym.error.DependencyNotInstalled('MuJoCo is not installed, run `pip install "gymnasium[mujoco]"`')

    monkeypatch.setattr(gym, "make", without_mujoco)
    with pytest.raises(ValueError, match=r"^environment Hopper-v5 needs .*: pip install 'pib-rl\[mujoco\]'$"):
        make("Hopper-v5")


def test_episodes_without_a_limit_end_all_the_same():
    assert make_env("CliffWalking-v1").spec.max_episode_steps == LONGEST
    assert make_env("CliffWalking-v1", max_episode_steps=9).spec.max_episode_steps == 9
    venv = make_vec_env("CliffWalking-v1", 2, max_episode_steps=3)
    venv.reset()
    ended = [venv.step(np.zeros(2, dtype=int))[2].tolist() for _ in range(3)]
    assert ended == [[False] * 2, [False] * 2, [True] * 2]


def test_minatar_repeats_after_a_seed():
    pytest.importorskip("minatar")

    def play(seed):
        venv, random = make_vec_env("MinAtar/Breakout-v1", 2, seed=seed), np.random.default_rng(0)
        return np.stack([venv.reset(), *(venv.step(random.integers(0, 3, 2))[0] for _ in range(40))])

    first = play(3)
    assert (first.dtype, first.shape) == (bool, (41, 2, 10, 10, 4))
    np.testing.assert_array_equal(play(3), first)
    assert not np.array_equal(play(4), first)


def test_mujoco_moves():
    pytest.importorskip("mujoco")
    venv = make_vec_env("Hopper-v5", 2, seed=0)
    assert venv.reset().shape == (2, 11)
    assert venv.step(np.zeros((2, 3)))[0].shape == (2, 11)


def test_games_of_atari_name_their_package():
    said = str(refusal("ALE/Pong-v5", gym.error.NamespaceNotFound("Namespace ALE not found.")))
    assert said == "environment ALE/Pong-v5 needs ale-py: pip install ale-py; then add --import ale_py"
