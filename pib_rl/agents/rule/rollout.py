"""A rollout: what the environments and the hardware showed, and the advantages that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Rollout:
    """One rollout of T steps in N environments.

    Args:
        obs: Flat observations, shape (T, N, d), as the environment gives them.
        next_obs: The observation that followed; at the end of an episode its last one, not the reset one.
        actions: Shape (T, N) or (T, N, k).
        parameters: Parameters of the distribution of actions at ``obs``, as measured while acting, shape (T, N, p).
        values: Values at ``obs`` of the same measurement, shape (T, N).
        rewards: Shape (T, N).
        terminated: 1 where the task ended the episode, shape (T, N).
        truncated: 1 where a time limit cut the episode and the task did not end it, shape (T, N).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    parameters: Tensor
    values: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor

    @classmethod
    def empty(cls, steps: int, envs: int, features: int, actions: Tensor, parameters: int) -> Rollout:
        """Room for a rollout; ``actions`` is a sample of shape (N, ...) that gives their type and device."""

        def room(*shape: int) -> Tensor:
            return torch.zeros((steps, envs, *shape), device=actions.device)

        taken = actions.new_zeros((steps, *actions.shape))
        return cls(room(features), room(features), taken, room(parameters), room(), room(), room(), room())


def advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float,
) -> Tensor:
    """Generalised advantage estimates.

    delta_t = r_t + gamma (1 - terminated_t) V(s'_t) - V(s_t), A_t = delta_t + gamma lam (1 - done_t) A_t+1:
    bootstrap where the time ran out, never where the task ended; an episode's end of either kind cuts the sum.
    Source: Schulman et al., arXiv 1506.02438.

    All tensors are of shape (T, N), ``terminated`` and ``truncated`` 1 or 0; ``next_values`` are V(s'_t) with s' the
    episode's own next state. ``gamma`` is the discount, ``lam`` lambda.
    """
    delta = rewards + gamma * (1 - terminated) * next_values - values
    keep = gamma * lam * (1 - torch.maximum(terminated, truncated))
    result = torch.empty_like(delta)
    carried = torch.zeros_like(delta[0])
    for step in range(len(delta) - 1, -1, -1):
        carried = torch.addcmul(delta[step], keep[step], carried)
        result[step] = carried
    return result
