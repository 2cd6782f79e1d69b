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


@pytest.mark.parametrize("chips", [1, 2])
def test_without_a_last_observation_what_ended_by_itself_is_followed_by_the_reset_one(chips):
    policy = PIBPolicy(spaces.Box(-np.inf, np.inf, (D,)), ACTIONS["box"], width=4, units=1, chips=chips)
    obs = torch.randn(2, ENVS, D, generator=torch.Generator().manual_seed(0))
    seen = RolloutRecorder(policy, policy.flatten(obs[0]))
    zeros = torch.zeros(ENVS, 3)
    seen.decide(policy.grouped(zeros[:, :2]), policy.split(policy.grouped(zeros)))
    dones = np.array([False, True, False, True])
    seen.add(policy.flatten(obs[1]), np.ones(ENVS), dones, [{} for _ in range(ENVS)])
    rollout = seen.rollout()
    assert torch.equal(by_step(policy, rollout.next_obs)[0], obs[1])
    assert by_step(policy, rollout.terminated)[0].tolist() == [0, 1, 0, 1]


def test_without_a_last_observation_what_a_time_limit_cut_is_refused():
    policy = PIBPolicy(spaces.Box(-np.inf, np.inf, (D,)), ACTIONS["box"], width=4, units=1)
    seen, obs = RolloutRecorder(policy, torch.zeros(ENVS, D)), torch.zeros(ENVS, D)
    infos = [{"TimeLimit.truncated": True} for _ in range(ENVS)]
    with pytest.raises(
        ValueError, match=r"^environment 2 was cut off by its time limit.*no terminal_observation .*put"
    ):
        seen.add(obs, np.ones(ENVS), np.array([False, False, True, False]), infos)


@pytest.mark.parametrize("shape", [(1, D), (2,), ()])
def test_a_last_observation_of_another_shape_is_refused(shape):
    policy = PIBPolicy(spaces.Box(-np.inf, np.inf, (D,)), ACTIONS["box"], width=4, units=1)
    seen, obs = RolloutRecorder(policy, torch.zeros(ENVS, D)), torch.zeros(ENVS, D)
    infos = [{"terminal_observation": np.zeros(shape)} for _ in range(ENVS)]
    with pytest.raises(ValueError, match=r"observation must have shape \(3,\)"):
        seen.add(obs, np.ones(ENVS), np.array([True, False, False, False]), infos)
