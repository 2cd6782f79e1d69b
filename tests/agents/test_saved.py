"""Policies and units from run folders, without the commands that made them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
import yaml
from gymnasium import spaces

from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.agents.saved import load_policy, load_units
from pib_rl.agents.saved_settings import BEST, CONFIG, LAST, policy_arguments
from pib_rl.common.stored import pack
from pib_rl.physical import Read

SETTINGS = {
    "env": "CartPole-v1",
    "hw": "memristive",
    "hw_options": {"stuck": 0.1},
    "width": 4,
    "units": 2,
    "seed": 3,
    "learner": "pib",
    "objective": "gaussian",
    "objective_options": {},
    "rule": {"gamma": 0.9},
}


@pytest.fixture
def env():
    return gym.make("CartPole-v1")


@pytest.fixture
def folder(env, tmp_path):
    (tmp_path / CONFIG).write_text(yaml.safe_dump(SETTINGS | {"versions": {"torch": "2"}}))
    policy = PIBPolicy(env.observation_space, env.action_space, **policy_arguments(SETTINGS, tmp_path))
    policy.model.normaliser.update(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) * 3)
    policy.model.readout.array.program(0.1 * torch.randn(3, 9, generator=torch.Generator().manual_seed(1)))
    for name, change in ((BEST, 0.0), (LAST, 0.05)):
        policy.model.readout.array.program(torch.full((3, 9), change))
        (tmp_path / name).write_bytes(pack(policy.state_dict(), "policy"))
    return tmp_path, policy


def rewritten(path, **changes):
    settings = {name: value for name, value in (SETTINGS | changes).items() if value is not ...}
    (path / CONFIG).write_text(yaml.safe_dump(settings))


def test_a_policy_comes_back_to_the_last_bit(folder, env):
    path, policy = folder
    again = load_policy(path, env.observation_space, env.action_space)
    assert again.state_dict().keys() == policy.state_dict().keys()
    assert all(torch.equal(value, policy.state_dict()[name]) for name, value in again.state_dict().items())
    assert again.returns.gamma == 0.9
    states = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    one, two = (Reader(each, Read.MEAN).predict(states, deterministic=True)[0] for each in (policy, again))
    np.testing.assert_array_equal(one, two)


def test_the_best_checkpoint_is_another_file(folder, env):
    path, policy = folder
    best = load_policy(str(path), env.observation_space, env.action_space, BEST)
    assert not torch.equal(best.model.readout.array.weights(), policy.model.readout.array.weights())


def test_a_policy_of_another_version_is_told_in_one_line(folder, env):
    path, policy = folder
    state = {name: value.clone() for name, value in policy.state_dict().items()}
    state["model.network.units.0.objective.gate.explained"] = torch.zeros(7)
    (path / LAST).write_bytes(pack(state, "policy"))
    with pytest.raises(
        ValueError, match=r"version of pib_rl.*explained.*, or train again with this version$"
    ) as caught:
        load_policy(path, env.observation_space, env.action_space)
    assert "\n" not in str(caught.value)


def test_units_come_with_their_statistics_and_without_the_readout(folder):
    path, policy = folder
    model = load_units(path, 4)
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
    assert torch.equal(model.taps(x, Read.MEAN), policy.model.taps(x, Read.MEAN))
    assert model.normaliser.count == 50
    assert model.readout.array.weights().shape == (1, 9)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: (path / LAST).unlink(), "without policy.safetensors or a checkpoint"),
        (lambda path: (path / CONFIG).unlink(), "is not a run folder: it lacks config.yaml"),
        (lambda path: (path / LAST).write_bytes(b"half"), "cannot be read"),
        (lambda path: (path / CONFIG).write_text("a: [1"), "is not YAML"),
        (lambda path: (path / CONFIG).write_text("- 1"), "must hold a mapping"),
        (lambda path: rewritten(path, width="4"), "width must be int, got '4'"),
        (lambda path: rewritten(path, width=5), "does not fit"),
        (lambda path: rewritten(path, hw="optics"), "optical"),
    ],
)
@pytest.mark.parametrize(
    "load",
    [
        lambda path, env: load_policy(path, env.observation_space, env.action_space),
        lambda path, env: load_units(path, 4),
    ],
    ids=["policy", "units"],
)
def test_broken_folders_are_told(folder, env, load, spoil, words):
    spoil(folder[0])
    with pytest.raises(ValueError, match=words.replace("does not fit", "(does|do) not fit")):
        load(folder[0], env)


def test_what_is_no_policy_is_told(folder, env):
    path, _ = folder
    rewritten(path, data="digits")
    with pytest.raises(ValueError, match="nothing to play in it"):
        load_policy(path, env.observation_space, env.action_space)
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        load_policy("nowhere", env.observation_space, env.action_space)


@pytest.mark.parametrize(
    ("changes", "features", "words"),
    [
        ({"patches": ["3:3:1"]}, 4, "look at squares of images"),
        ({"target": "labels"}, 4, "learned from labels"),
        ({"hw": ...}, 4, "config.yaml lacks hw"),
        ({}, 6, "observations of 4 numbers, and the task has 6; give"),
    ],
)
def test_what_are_no_such_units_is_told(folder, changes, features, words):
    path, _ = folder
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=words):
        load_units(path, features)


@pytest.mark.parametrize(
    ("changes", "observations", "actions", "words"),
    [
        (
            {},
            4,
            spaces.Discrete(5),
            "is a run of CartPole-v1 without distractors: it has 2 discrete actions, and the task "
            "has 5 discrete actions; give the task CartPole-v1 without distractors, or a run of",
        ),
        ({}, 4, spaces.Box(-1, 1, (2,)), "has 2 discrete actions, and the task has continuous actions of size 2; give"),
        (
            {"distractors": 2},
            6,
            spaces.Discrete(2),
            "is a run of CartPole-v1 with 2 distractors: it has observations of 4 "
            "numbers, and the task has 6; give the task CartPole-v1 with 2 dis",
        ),
        ({"env": ...}, 6, spaces.Discrete(2), "is a run of another task: it .* has 6; give a run of your task"),
    ],
)
def test_other_spaces_are_told(folder, changes, observations, actions, words):
    rewritten(folder[0], **changes)
    with pytest.raises(ValueError, match=words):
        load_policy(folder[0], spaces.Box(-1, 1, (observations,)), actions)


def saved_run(path, space):
    """The run folder of a policy with such actions, untrained."""
    policy = PIBPolicy(spaces.Box(-1, 1, (4,)), space, width=4, units=1)
    path.mkdir()
    (path / "config.yaml").write_text("env: Toy-v0\nhw: digital\nhw_options: {}\nwidth: 4\nunits: 1\nseed: 0\n")
    (path / LAST).write_bytes(pack(policy.state_dict(), "policy"))
    return policy


ALIKE = {  # each policy has four outputs for its actions
    "4 discrete actions": spaces.Discrete(4),
    "actions of 2 choices among 2, 2": spaces.MultiDiscrete([2, 2]),
    "actions of 2 choices among 1, 3": spaces.MultiDiscrete([1, 3]),
    "actions of 2 choices among 3, 1": spaces.MultiDiscrete([3, 1]),
    "actions of 4 times yes or no": spaces.MultiBinary(4),
    "continuous actions of size 4": spaces.Box(-1, 1, (4,)),
}


@pytest.mark.parametrize("name", ALIKE)
def test_policies_of_as_many_outputs_and_other_actions_are_told_apart(name, tmp_path):
    saved_run(tmp_path / "run", ALIKE[name])
    for other, space in ALIKE.items():
        if other == name:
            load_policy(tmp_path / "run", spaces.Box(-1, 1, (4,)), space)
            continue
        with pytest.raises(ValueError, match=f"it has {name}, and the task has {other}; give"):
            load_policy(tmp_path / "run", spaces.Box(-1, 1, (4,)), space)
