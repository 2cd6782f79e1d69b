"""The clipped surrogate of proximal policy optimisation: what the readout follows, and what a learner may measure."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Surrogate(NamedTuple):
    """gain_i = min(r_i A_i, clip(r_i, 1 - c, 1 + c) A_i) of n samples, A standardised over them.

    Source: Schulman et al., arXiv 1707.06347, equation 7.

    Args:
        ratio: r = pi(a|s)/pi_old(a|s), shape (n,).
        held: Where clipping holds the gain, so that its gradient is 0, shape (n,).
        push: Gradient of n times the mean gain by log pi(a_i|s_i): A r, 0 where held, shape (n,).
        gain: Shape (n,).
    """

    ratio: Tensor
    held: Tensor
    push: Tensor
    gain: Tensor


def clipped_surrogate(change: Tensor, advantage: Tensor, clip: float) -> Surrogate:
    """The surrogate of one batch.

    Args:
        change: log pi(a|s) - log pi_old(a|s), shape (n,), in nats.
        advantage: Shape (n,), in any unit; of a single sample it is taken as it is.
        clip: c.
    """
    if len(advantage) > 1:
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = change.exp()
    held = torch.where(advantage > 0, ratio > 1 + clip, ratio < 1 - clip)
    push = (advantage * ratio).masked_fill_(held, 0)
    return Surrogate(ratio, held, push, torch.where(held, advantage * ratio.clamp(1 - clip, 1 + clip), push))
