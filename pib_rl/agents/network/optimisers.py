"""Local optimisers: the state that one array's controller keeps per weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDE = 64  # inputs from which on an array's rate falls with their number


def array_rate(rate: float, inputs: int) -> float:
    """Rate of a hidden array of so many inputs, in units of weight: rate min(1, 64/inputs).

    Adam moves every weight by about the rate, so that the outputs of an array of n inputs would move by n times that.
    """
    return rate * min(1.0, WIDE / inputs)


class Adam(nn.Module):
    """Adam for one array: gradient in, wanted change of weights out.

    delta = -lr mhat / (sqrt(vhat) + eps), times `gate`. Source: Kingma & Ba, arXiv 1412.6980.

    Args:
        shape: Shape of the weights.
        betas: Decay of the first and second moment.
    """

    first: Tensor
    second: Tensor
    count: Tensor
    eps = 1e-8

    def __init__(self, shape: tuple[int, ...], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        super().__init__()
        self.betas = betas
        self.register_buffer("first", torch.zeros(shape))
        self.register_buffer("second", torch.zeros(shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def step(self, gradient: Tensor, rate: float) -> Tensor:
        """Takes in a gradient (shape of the weights); returns the wanted change of weights."""
        b1, b2 = self.betas
        self.first.lerp_(gradient, 1 - b1)
        self.second.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        self.count.add_(1)  # where the weights are: its value never has to come back from an accelerator
        m = self.first / (1 - b1**self.count)
        v = self.second / (1 - b2**self.count)
        delta = m / v.sqrt().add_(self.eps)
        return self.gate(m, v, delta).mul_(-rate)

    def gate(self, m: Tensor, v: Tensor, delta: Tensor) -> Tensor:
        """Hook of subclasses; plain Adam lets all pass."""
        return delta


class SignalGatedAdam(Adam):
    """Adam that does not move a weight whose mean gradient is within its noise.

    delta = -lr m/sqrt(v) max(0, 1 - 2 (1-b1)/(1+b1) v/m^2). An average with decay b1 of independent noise of
    variance v has variance v (1-b1)/(1+b1): the gate opens where m^2 exceeds twice that.
    """

    def __init__(self, shape: tuple[int, ...], betas: tuple[float, float] = (0.97, 0.999)) -> None:
        super().__init__(shape, betas)

    def gate(self, m: Tensor, v: Tensor, delta: Tensor) -> Tensor:
        b1 = self.betas[0]
        noise = 2 * (1 - b1) / (1 + b1)
        opening = (v / m.square().clamp_(min=1e-30)).mul_(-noise).add_(1).clamp_(min=0)
        return delta.mul_(opening)
