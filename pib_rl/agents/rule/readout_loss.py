"""What the readout minimises in reinforcement: the loss and its gradient by the readout's outputs.

    L = -mean_i gain_i - bonus mean_i H_i + vf_coef mean_i (V_i - R_i)^2,

with the clipped gain of `clipped_surrogate`, the entropy H_i of the distribution of actions in nats, and the error of
the value V_i against the return R_i. With clip_range_vf, V_i counts as no further from its old value than that.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pib_rl.agents.heads import Head
from pib_rl.agents.policy import PolicyOutputs
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience


class Surrogate(NamedTuple):
    """What n samples gain, with A standardised over them, unless they are to be taken as they are.

    gain_i = min(r_i A_i, clip(r_i, 1 - c, 1 + c) A_i), and d A_i where A_i < 0 and r_i > d.

    Without d, an action that is to become less probable and has become much more so pushes with its ratio, which may be
    any number, and one such sample then outweighs all others of its batch.

    Source: Schulman et al., arXiv 1707.06347, equation 7; d: Ye et al., arXiv 1912.09729, equation 5 (dual clip).

    Args:
        advantage: A, shape (..., n).
        ratio: r = pi(a|s)/pi_old(a|s), shape (..., n).
        most: Ratio from which the gain is held, shape (..., n).
        held: Where clipping holds the gain, so that its gradient is 0, shape (..., n).
        push: Gradient of n times the mean gain by log pi(a_i|s_i): A r, 0 where held, shape (..., n).
        clip: c.
    """

    advantage: Tensor
    ratio: Tensor
    most: Tensor
    held: Tensor
    push: Tensor
    clip: float

    @property
    def gain(self) -> Tensor:
        """Shape (..., n)."""
        bound = torch.minimum(self.ratio, self.most).clamp_(min=1 - self.clip)
        return torch.where(self.held, self.advantage * bound, self.push)


class ReadoutGradient(NamedTuple):
    """Gradient of the loss of n samples by the readout's outputs, shape (..., n, o), and what it came from.

    Args:
        gradient: dL/do, parameters first, then the value.
        surrogate: The clipped gain of each sample.
        change: log pi(a|s) - log pi_old(a|s), shape (..., n), in nats.
    """

    gradient: Tensor
    surrogate: Surrogate
    change: Tensor

    @property
    def divergence(self) -> Tensor:
        """Estimate of the divergence of the old distribution from the new one, shape (...), in nats."""
        return (self.surrogate.ratio - 1 - self.change).mean(-1)


def clipped_surrogate(
    change: Tensor, advantage: Tensor, clip: float, dual: float | None = None, standard: bool = True
) -> Surrogate:
    """The surrogate of one batch.

    Args:
        change: log pi(a|s) - log pi_old(a|s), shape (..., n), in nats.
        advantage: Shape (..., n), in any unit; of a single sample it is taken as it is.
        clip: c.
        dual: d, greater than 1 + c; None sets no bound.
        standard: Standardise the advantage over the batch.
    """
    if standard and advantage.shape[-1] > 1:
        std, mean = torch.std_mean(advantage, -1, keepdim=True)
        advantage = (advantage - mean).div_(std.add_(1e-8))
    ratio = change.exp()
    good = advantage > 0
    most = torch.where(good, 1 + clip, math.inf if dual is None else dual)
    least = torch.where(good, -math.inf, 1 - clip)
    held = (ratio > most).logical_or_(ratio < least)
    push = (advantage * ratio).masked_fill_(held, 0)
    return Surrogate(advantage, ratio, most, held, push, clip)


def readout_loss(
    outputs: PolicyOutputs, samples: Experience, old: Tensor, head: Head, config: RuleConfig, bonus: float
) -> Tensor:
    """L of a batch, shape (...), from what the readout gives for its n samples now.

    ``old`` are the log-probabilities of their actions while acting, shape (..., n); ``bonus`` weighs the entropy.
    """
    parameters, values = outputs
    change = head.log_prob(parameters, samples.actions) - old
    gain = _surrogate(change, samples, config).gain
    error = config.vf_coef * (_bounded(values, samples, config) - samples.returns).square()
    return (error - gain - bonus * head.entropy(parameters)).mean(-1)


def readout_gradient(
    outputs: PolicyOutputs, samples: Experience, old: Tensor, head: Head, config: RuleConfig, bonus: float
) -> ReadoutGradient:
    """dL/do of a batch in closed form; arguments as for `readout_loss`."""
    parameters, values = outputs
    change = head.log_prob(parameters, samples.actions) - old
    surrogate = _surrogate(change, samples, config)
    score = head.score(parameters, samples.actions)
    by_parameters = head.gradient(parameters, score, surrogate.push, bonus)
    by_values = (values - samples.returns).mul_(2 * config.vf_coef).div_(values.shape[-1])
    if config.clip_range_vf is not None:  # a value at its bound does not move with the output
        by_values.masked_fill_((values - samples.values).abs() > config.clip_range_vf, 0)
    return ReadoutGradient(torch.cat([by_parameters, by_values.unsqueeze(-1)], -1), surrogate, change)


def _surrogate(change: Tensor, samples: Experience, config: RuleConfig) -> Surrogate:
    return clipped_surrogate(change, samples.advantage, config.clip_range, config.dual_clip, config.normalize_advantage)


def _bounded(values: Tensor, samples: Experience, config: RuleConfig) -> Tensor:
    """Values, no further from those of before than ``clip_range_vf``."""
    bound = config.clip_range_vf
    return values if bound is None else samples.values + (values - samples.values).clamp(-bound, bound)
