"""A rollout: what the environments and the hardware showed, and the advantages that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Rollout:
    """One rollout of T steps in N environments, those of each chip of a wafer by themselves.

    Args:
        obs: Flat observations, shape (*chips, T, N, d), as the environment gives them.
        next_obs: The observation that followed; at the end of an episode its last one, not the reset one.
        actions: Shape (*chips, T, N) or (*chips, T, N, k).
        parameters: Parameters of the distribution of actions at ``obs``, as measured while acting, shape (*chips, T, N,
            p).
        values: Values at ``obs`` of the same measurement, shape (*chips, T, N).
        rewards: Shape (*chips, T, N).
        terminated: 1 where the task ended the episode, shape (*chips, T, N).
        truncated: 1 where a time limit cut the episode and the task did not end it, shape (*chips, T, N).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    parameters: Tensor
    values: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor


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

    All tensors are of shape (..., T, N), ``terminated`` and ``truncated`` 1 or 0; ``next_values`` are V(s'_t) with s'
    the episode's own next state. ``gamma`` is the discount, ``lam`` lambda.
    """
    delta = rewards + gamma * (1 - terminated) * next_values - values
    keep = gamma * lam * (1 - torch.maximum(terminated, truncated))
    carried = torch.zeros_like(delta[..., 0, :])
    result = []
    for own, kept in zip(reversed(delta.unbind(-2)), reversed(keep.unbind(-2)), strict=True):
        carried = torch.addcmul(own, kept, carried)
        result.append(carried)
    return torch.stack(result[::-1], -2)
