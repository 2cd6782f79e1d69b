"""One seed, one trajectory: bit for bit."""

from __future__ import annotations

import random
from itertools import count

import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.agents import PIB


class Record(BaseCallback):
    """Keeps all that was collected."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        rollout = self.model.rollout
        self.parts += [
            rollout.obs,
            rollout.actions,
            rollout.parameters,
            rollout.values,
            rollout.rewards,
            rollout.terminated,
        ]


calls = count()


def play(seed: int, hw: str, env: str = "CartPole-v1", **kwargs):
    record = Record()
    agent = PIB("MlpPolicy", make_vec_env(env, 2), hw=hw, n_steps=32, width=4, seed=seed, **kwargs)
    other = next(calls)  # the global generators must not matter
    torch.manual_seed(other)
    np.random.seed(other)  # noqa: NPY002
    random.seed(other)
    agent.learn(192, callback=record)
    return record.parts, agent.policy.state_dict()


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("hw", [*SUBSTRATES, "numpy-sine"])
def test_the_same_seed_gives_the_same_run(hw, env):
    parts, state = play(5, hw, env)
    again, same = play(5, hw, env)
    assert len(parts) == len(again) == 18
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))
    assert all(torch.equal(value, same[key]) for key, value in state.items())


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_another_seed_gives_another_run(hw):
    parts, state = play(5, hw)
    others, other = play(6, hw)
    assert not torch.equal(parts[0], others[0])
    assert not torch.equal(state["model.readout.optimiser.first"], other["model.readout.optimiser.first"])
    assert not torch.equal(
        state["model.network.units.0.optimiser.first"], other["model.network.units.0.optimiser.first"]
    )


def test_noise_of_the_hardware_does_not_move_exploration_or_environment():
    # Streams are separate: two chips that differ in noise alone meet the same first episode while untrained. The noise
    # is too small to turn a decision by itself.
    parts, _ = play(5, "memristive", hw_options={"read_noise": 0.0, "medium_noise": 0.0, "stuck": 0.0})
    others, _ = play(5, "memristive", hw_options={"read_noise": 0.02, "medium_noise": 0.02, "stuck": 0.0})
    assert torch.equal(parts[0], others[0])
    assert torch.equal(parts[1], others[1])
    assert not torch.equal(parts[6], others[6])  # the second rollout follows what was learned, and that was noisy


def test_no_seed_draws_one_and_keeps_it():
    one, two = (PIB("MlpPolicy", "CartPole-v1", width=4, n_steps=8) for _ in range(2))
    assert one.seed != two.seed
    assert one.policy.model.chip.seed == one.seed
