"""Environments around one chip of a wafer's run."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

import pib_rl.envs
from pib_rl import train
from pib_rl.agents.policy import PIBPolicy
from pib_rl.envs import FreshChip, HardwareEncoder, HardwareLoop
from pib_rl.runs.folder import LAST, RunFolder

TINY = ["CartPole-v1", "--hw", "memristive", "--width", "4", "--n-envs", "4", "--n-steps", "32", "--timesteps", "256"]
PAIR, MEAN = "model.network.units.0.array.difference", "model.normaliser.mean"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "wafer"
    train.main([*TINY, "--chips", "3", "--seed", "5", "--eval-episodes", "2", "--no-progress", "--out", str(path)])
    return path


def task():
    return gym.make("CartPole-v1")


@pytest.mark.parametrize(("chip", "number"), [(None, 0), (0, 0), (2, 2)])
def test_the_chip_that_is_asked_for_acts_and_encodes(folder, chip, number):
    state = RunFolder(folder).load_policy(LAST)
    acting, encoding = HardwareLoop(task(), folder, chip=chip), HardwareEncoder(task(), folder, chip=chip)
    assert acting.policy.model.chip.seed == encoding.model.chip.seed == 5 + number
    for model in (acting.policy.model, encoding.model):
        assert model.chip.chips == 1
        assert torch.equal(model.state_dict()[PAIR.removeprefix("model.")], state[PAIR][number])
        assert torch.equal(model.state_dict()[MEAN.removeprefix("model.")], state[MEAN][number])


def test_the_chip_travels_with_the_id(folder):
    for name in ("Hardware", "Encoder"):
        env = gym.make(f"pib_rl/{name}-v0", run=str(folder), chip=2)
        again = gym.make(env.spec)
        first, second = (one.reset(seed=3)[0] for one in (env, again))
        np.testing.assert_array_equal(first, second)
    assert pib_rl.envs.HardwareEncoder is HardwareEncoder


@pytest.mark.parametrize("chip", [3, -1, True, "1"])
def test_a_chip_that_is_not_there_is_refused(folder, chip):
    for make in (HardwareLoop, HardwareEncoder):
        with pytest.raises(ValueError, match=r"chip .*must be a whole number in 0\.\.2"):
            make(task(), folder, chip=chip)


def test_a_chip_in_memory_needs_no_number_and_must_be_one():
    env = task()
    wafer = PIBPolicy(env.observation_space, env.action_space, width=4, chips=2)
    for make in (HardwareLoop, HardwareEncoder):
        with pytest.raises(ValueError, match="must be of one chip, got a wafer of 2"):
            make(env, wafer)
        for single in (wafer.of_chip(1), FreshChip(width=4)):
            with pytest.raises(ValueError, match="leave it out"):
                make(env, single, chip=1)
