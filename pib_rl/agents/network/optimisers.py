"""Local optimisers: the state that one array's controller keeps per weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.physical.part import restore_after_loading

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
        shape: Shape of the weights, chips first.
        betas: Decay of the first and second moment.

    Attributes:
        first, second: Moving means of the gradient and of its square.
        count: Steps taken, as a buffer that is up to date where a state is saved or loaded.
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
        self._steps = 0.0
        restore_after_loading(self)

    def restore(self) -> None:
        """Goes on from the count that was loaded."""
        self._steps = self.count.item()

    def _save_to_state_dict(self, *arguments: Any) -> None:
        self.count.fill_(self._steps)
        super()._save_to_state_dict(*arguments)

    def step(self, gradient: Tensor, rate: float) -> Tensor:
        """Takes in a gradient (shape of the weights); returns the wanted change of weights."""
        b1, b2 = self.betas
        self.first.lerp_(gradient, 1 - b1)
        self.second.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        self._steps += 1
        warm1, warm2 = 1 - b1**self._steps, 1 - b2**self._steps
        size = self.second.sqrt().mul_(warm2**-0.5).add_(self.eps)
        delta = torch.div(self.first, size).mul_(-rate / warm1)
        return self.gate(delta, warm1**2 / warm2)

    def gate(self, delta: Tensor, warmth: float) -> Tensor:
        """Hook of subclasses; plain Adam lets all pass.

        Args:
            delta: Wanted change of weights.
            warmth: v/m^2 with both moments corrected for their start is so many times second/first^2.
        """
        return delta


class SignalGatedAdam(Adam):
    """Adam that does not move a weight whose mean gradient is within its noise.

    delta = -lr m/sqrt(v) max(0, 1 - 2 (1-b1)/(1+b1) v/m^2). An average with decay b1 of independent noise of
    variance v has variance v (1-b1)/(1+b1): the gate opens where m^2 exceeds twice that.
    """

    def __init__(self, shape: tuple[int, ...], betas: tuple[float, float] = (0.97, 0.999)) -> None:
        super().__init__(shape, betas)

    def gate(self, delta: Tensor, warmth: float) -> Tensor:
        b1 = self.betas[0]
        noise = 2 * (1 - b1) / (1 + b1)
        ratio = torch.div(self.second, self.first.square().clamp_(min=1e-30))
        return delta.mul_(ratio.mul_(-noise * warmth).add_(1).clamp_(min=0))
