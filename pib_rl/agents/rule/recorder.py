"""Keeps what a rollout shows, step by step, and makes the rollout of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from pib_rl.agents.observation_shapes import check_single
from pib_rl.agents.policy import PIBPolicy, PolicyOutputs
from pib_rl.agents.rule.rollout import Rollout
from pib_rl.common.finite import Origin


class RolloutRecorder:
    """Takes notes while a policy acts: nothing is copied or sent to a device before the end.

    Args:
        policy: The policy that acts.
        obs: What it sees at first, shape (*chips, N, d).

    Attributes:
        obs: What it saw at each step so far, and what it sees now.
    """

    def __init__(self, policy: PIBPolicy, obs: Tensor) -> None:
        self.policy = policy
        self.obs = [obs]
        self.actions: list[Tensor] = []
        self.outputs: list[PolicyOutputs] = []
        self.rewards: list[np.ndarray] = []
        self.ends: list[tuple[int, int, Tensor, bool]] = []  # step, environment, last observation, whether cut off

    def decide(self, actions: Tensor, outputs: PolicyOutputs) -> None:
        """Notes what was done and what the hardware gave for it, both by chip."""
        self.actions.append(actions)
        self.outputs.append(outputs)

    def add(
        self, obs: Tensor, rewards: np.ndarray, dones: np.ndarray, infos: list[dict[str, Any]], at: int | None = None
    ) -> None:
        """Notes what followed: ``obs`` by chip, the others of all n environments, as a `VecEnv` gives them.

        ``at`` is the step of the training, for the message of a last observation that is no finite numbers.
        """
        step = len(self.rewards)
        self.obs.append(obs)
        self.rewards.append(rewards.astype(np.float32))
        for index in np.flatnonzero(dones):
            cut = bool(infos[index].get("TimeLimit.truncated", False))
            last = self._last(infos[index], int(index), cut)
            origin = None if at is None else Origin(at, int(index))
            after = obs.reshape(-1, obs.shape[-1])[index] if last is None else self.policy.flatten_one(last, origin)
            self.ends.append((step, int(index), after, cut))

    def _last(self, info: dict[str, Any], index: int, cut: bool) -> PyTorchObs | None:
        """The last observation of an episode that ended; None if it is unknown and has no value, for it was terminal.

        Raises:
            ValueError: If the value of an unknown one is needed, or it has another shape than its space.
        """
        last = info.get("terminal_observation")
        if last is not None:
            check_single(last, self.policy.observation_space)
            return self.policy.obs_to_tensor(last)[0]
        if cut:
            raise ValueError(
                f"environment {index} was cut off by its time limit, and its info holds no terminal_observation to go "
                "on from; put the last observation there, as Stable-Baselines3's DummyVecEnv does"
            )
        return None

    @torch.inference_mode()
    def rollout(self) -> Rollout:
        """All steps so far as a rollout."""
        device = self.obs[0].device
        following = torch.stack(self.obs[1:])
        rewards = torch.as_tensor(np.stack(self.rewards), device=device)
        terminated, truncated = torch.zeros_like(rewards), torch.zeros_like(rewards)
        if self.ends:
            steps, envs = (torch.tensor(places, device=device) for places in list(zip(*self.ends, strict=True))[:2])
            cut = torch.tensor([end[3] for end in self.ends], device=device, dtype=torch.float32)
            truncated[steps, envs], terminated[steps, envs] = cut, 1 - cut
            last = torch.stack([end[2] for end in self.ends])
            following.view(len(following), -1, following.shape[-1])[steps, envs] = last
        parameters, values = (self._timed(torch.stack(parts)) for parts in zip(*self.outputs, strict=True))
        chips = self.policy.streams.chips
        rewards, terminated, truncated = (
            self._timed(torch.unflatten(part, 1, (*chips, -1)) if chips else part)
            for part in (rewards, terminated, truncated)
        )
        return Rollout(
            self._timed(torch.stack(self.obs[:-1])),
            self._timed(following),
            self._timed(torch.stack(self.actions)),
            parameters,
            values,
            rewards,
            terminated,
            truncated,
        )

    def _timed(self, values: Tensor) -> Tensor:
        """Chips first, from steps first."""
        return values.transpose(0, 1).contiguous() if self.policy.streams.chips else values
