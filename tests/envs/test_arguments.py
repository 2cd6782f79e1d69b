"""Arguments that are wrong: each gets a ValueError of one sentence, from every maker alike."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from hardware_toys import write_run
from stable_baselines3.common.env_util import make_vec_env as make_for_sb3

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.envs import FreshChip, HardwareEncoder, HardwareLoop, VecHardwareEncoder, make_env, make_vec_env
from pib_rl.envs.lookup import names
from pib_rl.physical import Read
from pib_rl.registration import IDS

HARDWARE, ENCODER, KEEPER = "pib_rl/Hardware-v0", "pib_rl/Encoder-v0", "pib_rl/ChipKeeper-v0"
BANDIT, FLIP, CUE = "pib_rl/ContextBandit-v0", "pib_rl/ContextFlip-v0", "pib_rl/DelayedCue-v0"
NOISE = "pib_rl/Distractors-v0"
MISSPELT = {
    HARDWARE: ("greedi", "greedy"),
    ENCODER: ("sample", "samples"),
    KEEPER: ("widht", "width"),
    BANDIT: ("arm", "arms"),
    FLIP: ("swich", "switch"),
    CUE: ("step", "steps"),
    NOISE: ("cuont", "count"),
}


def told(make, words: str) -> str:
    """What a wrong argument is answered with, one line that has ``words``."""
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", IDS)
def test_misspelt_names_are_answered_with_the_nearest(name):
    wrong, right = MISSPELT[name]
    told(lambda: gym.make(name, **{wrong: 3}), f"'{wrong}'.*; did you mean {right}( or .*)?\\?$")


@pytest.mark.parametrize("make", [make_env, make_vec_env])
@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("distractor", "there is no argument 'distractor', nor has Pendulum-v1 one; did you mean distractors"),
        ("rendermode", r"did you mean render_mode\?"),
        ("gravity", "known: .*render_mode, g$"),
    ],
)
def test_misspelt_names_of_plain_environments_too(make, argument, words):
    words = words.replace("render_mode, g$", "(render_mode, g|g, render_mode)$")
    told(lambda: make("Pendulum-v1", **{argument: 3}), words)


def test_the_number_of_environments_is_offered():
    told(lambda: make_vec_env("CartPole-v1", n_env=3), "did you mean n_envs")


@pytest.mark.parametrize("name", [HARDWARE, ENCODER])
def test_arguments_of_the_task_reach_it(name):
    env = gym.make(name, env_id="Pendulum-v1", width=4, g=3.0, render_mode="rgb_array")
    assert (env.unwrapped.g, env.render_mode) == (3.0, "rgb_array")


def test_a_task_without_render_mode_is_made_by_stable_baselines(monkeypatch):
    class Plain(gym.Env):
        observation_space, action_space = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(2)

    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    gym.register("Plain-v0", lambda: Plain())
    assert make_for_sb3(HARDWARE, 1, env_kwargs={"env_id": "Plain-v0", "width": 4}).num_envs == 1


def test_a_failure_of_a_task_itself_stays_what_it_is(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    gym.register("Broken-v0", lambda size: dict(size)[size](other=size))
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        make_env("Broken-v0", size=3)
    gym.register("Other-v0", lambda size: names(other=size))
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        make_env("Other-v0", size=3)


CHIP = [
    ({"hw": 3}, "hw must be the name of a substrate, such as memristive, got 3"),
    ({"hw": ["optical"]}, r"hw must be .* got \['optical'\]"),
    ({"hw_options": {1: 2}}, r"hw_options must be a mapping of names to values, got \{1: 2\}"),
    ({"hw_options": "stuck"}, "got 'stuck'"),
    ({"width": "16"}, r"width must be a whole number in 1\.\.100000, got '16'"),
    ({"width": 10**9}, r"in 1\.\.100000, got 1000000000"),
    ({"units": 10**6}, r"units must .* in 1\.\.1000, got"),
    ({"units": True}, "got True"),
    ({"seed": -1}, "seed must be"),
    ({"distractors": []}, r"distractors must .* got \[\]"),
    ({"distractors": ""}, "got ''"),
    ({"distractors": -1}, r"in 0\.\.1000000, got -1"),
    ({"distractors": 10**9}, "got 1000000000"),
    ({"run": 3}, "run must be the path of a run folder, got 3"),
    ({"run": b"x"}, "got b'x'"),
    ({"run": ["x"]}, r"got \['x'\]"),
    ({"run": ""}, "got ''"),
    ({"read": "noise"}, "read must be noisy, mean, ideal, got 'noise'"),
    ({"read": ["mean"]}, r"got \['mean'\]"),
]
LOOP = [
    ({"greedy": "no"}, "HardwareLoop option greedy must be true or false, got 'no'"),
    ({"best": "yes"}, "best must be true or false"),
    ({"best": 1}, "best must be true or false, got 1"),
    ({"latency_s": [1]}, r"latency_s must be float or none, got \[1\]"),
    ({"latency_s": "a"}, "got 'a'"),
    ({"latency_s": float("nan")}, "latency_s must be a finite number"),
    ({"latency_s": -1}, "latency_s must be a finite number >= 0, got -1"),
    ({"faults": 3}, "faults must be a list .* 3"),
    ({"faults": b"stuck:1"}, "faults must be a list"),
    ({"faults": {"stuck:1": 3}}, "faults must be a list"),
    ({"faults": [3]}, "a fault must be KIND:SIZE"),
    ({"view": 3}, "view must be both or task, got 3"),
    *(
        ({"first_action": wrong}, r"first_action must be an action of the task, Discrete\(2\), got")
        for wrong in (1.7, "a", float("nan"), [[1], [2, 3]], 2, -1, [1], 2**70)
    ),
    *(
        ({"env_id": "Pendulum-v1", "first_action": wrong}, "first_action must be an action of the task, Box")
        for wrong in (0.5, "a", [float("nan")], [[1], [2, 3]], [3.0], [1e300], [None])
    ),
]


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        *((name, *case) for case in CHIP for name in (HARDWARE, ENCODER)),
        *((HARDWARE, *case) for case in LOOP),
        (ENCODER, {"samples": -5}, r"samples must be a whole number in 2\.\.1000000, got -5"),
        (ENCODER, {"samples": "x"}, "got 'x'"),
        (ENCODER, {"samples": 10**9}, "got 1000000000"),
        (BANDIT, {"spread": "a"}, "ContextBandit option spread must be float, got 'a'"),
        (BANDIT, {"noise": None}, "ContextBandit option noise must be float, got None"),
        (BANDIT, {"noise": float("nan")}, "noise must be a finite number"),
        (BANDIT, {"spread": True}, "got True"),
        (BANDIT, {"data": ["digits"]}, "clusters or digits"),
        (FLIP, {"switch": "a"}, "ContextFlip option switch must be float"),
        (FLIP, {"switch": None}, "got None"),
        (FLIP, {"switch": [1]}, r"got \[1\]"),
        (CUE, {"steps": "a"}, "got 'a'"),
        (NOISE, {"count": 0}, "got 0"),
        (NOISE, {"count": 10**9}, r"in 1\.\.1000000, got"),
        (KEEPER, {"width": np.float32(8)}, "width must be int, got 8.0"),
    ],
)
def test_wrong_values_are_told(name, settings, words):
    told(lambda: gym.make(name, **settings), words)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        (ENCODER, {"samples": "x"}, "samples"),
        (ENCODER, {"samples": -5}, "samples"),
        (HARDWARE, {"width": 16.0}, "width must be a whole number in .*, got 16.0"),
        (HARDWARE, {"greedy": None}, "greedy"),
        (HARDWARE, {"hw": ["memristive"]}, "hw must be the name"),
    ],
)
def test_wrong_values_are_told_beside_a_run_too(name, settings, words, tmp_path):
    write_run(tmp_path, width=4)
    told(lambda: gym.make(name, run=tmp_path, **settings), words)


def test_numbers_of_numpy_are_numbers(tmp_path):
    write_run(tmp_path)
    for settings in ({"run": tmp_path, "width": np.int64(4)}, {"width": np.uint8(200), "greedy": np.bool_(True)}):
        env = gym.make(HARDWARE, latency_s=np.float32(0.5), first_action=np.uint8(1), faults=None, **settings)
        assert (env.get_wrapper_attr("delay").steps, env.get_wrapper_attr("faults")) == (24, [])
    assert gym.make(BANDIT, spread=np.float32(1), arms=np.int8(3)).unwrapped.spread == 1
    config = gym.make(KEEPER, width=np.int64(8), units=np.uint8(1), period_s=np.float32(10)).unwrapped.config
    assert (config.width, type(config.width), config.period_s, type(config.period_s)) == (8, int, 10.0, float)
    assert make_vec_env("CartPole-v1", np.int64(2), np.int64(3), np.uint8(2)).reset().shape == (2, 6)


def test_read_modes_may_be_words_or_members():
    modes = [gym.make(ENCODER, width=4, read=read).get_wrapper_attr("encoding").read for read in ("mean", Read.MEAN)]
    assert modes == [Read.MEAN, Read.MEAN]


@pytest.mark.parametrize(
    ("n_envs", "words"),
    [
        (0, r"n_envs must be a whole number in 1\.\.10000, got 0"),
        ("a", "got 'a'"),
        (-1, "got -1"),
        (2.0, "got 2.0"),
        (10**6, "got 1000000"),
    ],
)
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_wrong_numbers_of_environments_are_told(env_id, n_envs, words):
    told(lambda: make_vec_env(env_id, n_envs), words)
    told(lambda: make_vec_env(env_id, 1, "seed"), "seed must be a whole number")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HardwareLoop(gym.make("CartPole-v1"), None), "policy must be .* a FreshChip or a PIBPolicy, got None"),
        (
            lambda: HardwareLoop(gym.make("CartPole-v1"), PhysicalModel(ChipConfig(width=4), 4, 1)),
            "of type PhysicalModel",
        ),
        (lambda: HardwareEncoder(gym.make("CartPole-v1"), 3), "network must be the path of a run folder, .*, got 3"),
        (lambda: VecHardwareEncoder(make_vec_env("CartPole-v1", 1), FreshChip()), r"got a FreshChip; .*network\(env\)"),
        (lambda: VecHardwareEncoder(make_vec_env("CartPole-v1", 1), None), "got None"),
    ],
)
def test_what_is_no_chip_is_told(make, words):
    told(make, words)


@pytest.mark.parametrize("name", [HARDWARE, ENCODER])
def test_a_chip_that_memory_cannot_hold_is_told(name, monkeypatch, tmp_path):
    write_run(tmp_path)

    def full(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(torch, "zeros", full)
    for run in (None, tmp_path):
        told(lambda run=run: gym.make(name, run=run), "there is not enough memory .*; lower width, units")


def test_other_failures_of_torch_stay_what_they_are(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(torch, "zeros", broken)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        FreshChip().policy(gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [make_env, make_vec_env, lambda name: gym.make(FLIP, env_id=name)])
def test_environments_that_moved_elsewhere_are_told(make):
    told(lambda: make("Ant-v2"), "cannot load environment 'Ant-v2': The mujoco v2 and v3 .*gymnasium-robotics")
