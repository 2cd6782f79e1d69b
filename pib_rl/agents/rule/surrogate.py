"""The clipped surrogate of proximal policy optimisation: what the readout follows, and what a learner may measure."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Surrogate(NamedTuple):
    """What n samples gain, with A standardised over them.

    gain_i = min(r_i A_i, clip(r_i, 1 - c, 1 + c) A_i), and d A_i where A_i < 0 and r_i > d.

    Without d, an action that is to become less probable and has become much more so pushes with its ratio, which may be
    any number, and one such sample then outweighs all others of its batch.

    Source: Schulman et al., arXiv 1707.06347, equation 7; d: Ye et al., arXiv 1912.09729, equation 5 (dual clip).

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


def clipped_surrogate(change: Tensor, advantage: Tensor, clip: float, dual: float | None = None) -> Surrogate:
    """The surrogate of one batch.

    Args:
        change: log pi(a|s) - log pi_old(a|s), shape (n,), in nats.
        advantage: Shape (n,), in any unit; of a single sample it is taken as it is.
        clip: c.
        dual: d, greater than 1 + c; None sets no bound.
    """
    if len(advantage) > 1:
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = change.exp()
    most = torch.where(advantage > 0, 1 + clip, math.inf if dual is None else dual)
    held = (ratio > most) | ((advantage <= 0) & (ratio < 1 - clip))
    push = (advantage * ratio).masked_fill_(held, 0)
    bound = torch.minimum(ratio, most).clamp_(min=1 - clip)
    return Surrogate(ratio, held, push, torch.where(held, advantage * bound, push))
