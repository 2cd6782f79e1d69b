"""Rollouts out of what was seen step by step: shapes, ends of episodes, and the environments of each chip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from pib_rl.agents import PIBPolicy
from pib_rl.agents.rule.recorder import RolloutRecorder
from pib_rl.agents.rule.rollout import Rollout

STEPS, ENVS, D = 5, 4, 3
ACTIONS = {"discrete": spaces.Discrete(3), "box": spaces.Box(-1, 1, (2,))}
ENDS = {(1, 0): False, (1, 3): True, (4, 2): True}  # step and environment of each end, and whether the clock made it


def recorded(action: str, chips: int) -> tuple[PIBPolicy, dict[str, torch.Tensor], Rollout]:
    """What went in, shape (steps, envs, ...), and the rollout that came out."""
    policy = PIBPolicy(spaces.Box(-np.inf, np.inf, (D,)), ACTIONS[action], width=4, units=1, chips=chips)
    generator, p = torch.Generator().manual_seed(0), policy.head.outputs

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    said = {
        "obs": normal(STEPS + 1, ENVS, D),
        "last": normal(STEPS, ENVS, D),
        "outputs": normal(STEPS, ENVS, p + 1),
        "actions": torch.arange(STEPS * ENVS).view(STEPS, ENVS) % 3 if action == "discrete" else normal(STEPS, ENVS, 2),
        "rewards": normal(STEPS, ENVS),
    }
    kept = {name: value.clone() for name, value in said.items()}
    seen = RolloutRecorder(policy, policy.flatten(said["obs"][0]))
    for step in range(STEPS):
        outputs = policy.split(policy.grouped(said["outputs"][step]))
        seen.decide(policy.grouped(said["actions"][step]), outputs)
        dones, infos = np.zeros(ENVS, dtype=bool), [{} for _ in range(ENVS)]
        for (when, env), cut in ENDS.items():
            if when == step:
                dones[env] = True
                infos[env] = {"terminal_observation": said["last"][step, env].numpy(), "TimeLimit.truncated": cut}
        rewards = said["rewards"][step].double().numpy()
        seen.add(policy.flatten(said["obs"][step + 1]), rewards, dones, infos)
    rollout = seen.rollout()
    assert all(torch.equal(value, kept[name]) for name, value in said.items()), "what was seen is left alone"
    return policy, said, rollout


def by_step(policy: PIBPolicy, values: torch.Tensor) -> torch.Tensor:
    """Shape (steps, envs, ...) from (*chips, steps, envs of a chip, ...)."""
    return torch.cat(list(values), 1) if policy.streams.chips else values


@pytest.mark.parametrize("chips", [1, 2, 4])
@pytest.mark.parametrize("action", ACTIONS)
def test_every_step_of_every_environment_is_in_its_place(action, chips):
    policy, said, rollout = recorded(action, chips)
    axes = (chips,) if chips > 1 else ()
    for name, value in vars(rollout).items():
        assert value.shape[: len(axes) + 2] == (*axes, STEPS, ENVS // chips), name
        assert value.is_contiguous(), name
    assert rollout.actions.dtype == (torch.long if action == "discrete" else torch.float)
    following = said["obs"][1:].clone()
    terminated, truncated = torch.zeros(STEPS, ENVS), torch.zeros(STEPS, ENVS)
    for (step, env), cut in ENDS.items():
        following[step, env] = said["last"][step, env]
        (truncated if cut else terminated)[step, env] = 1
    wanted = {
        "obs": said["obs"][:-1],
        "next_obs": following,
        "actions": said["actions"],
        "parameters": said["outputs"][..., :-1],
        "values": said["outputs"][..., -1],
        "rewards": said["rewards"],
        "terminated": terminated,
        "truncated": truncated,
    }
    assert wanted.keys() == vars(rollout).keys()
    for name, value in wanted.items():
        assert torch.equal(by_step(policy, getattr(rollout, name)), value), name
