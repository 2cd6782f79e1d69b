"""Local optimisers: the state that one array's controller keeps per weight."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.state import NOT_NEGATIVE, Valid
from pib_rl.physical.part import restore_after_loading

WIDE = 64  # inputs from which on an array's rate falls with their number


def array_rate(rate: float, inputs: int) -> float:
    """Rate of a hidden array of so many inputs, in units of weight: rate min(1, 64/inputs).

    Adam moves every weight by about the rate, so that the outputs of an array of n inputs would move by n times that.
    """
    return rate * min(1.0, WIDE / inputs)


class Adam(nn.Module):
    """Adam for one array: gradient in, wanted change of weights out.

    delta = -lr mhat / (sqrt(vhat) + eps). Source: Kingma & Ba, arXiv 1412.6980.

    Args:
        shape: Shape of the weights, chips first.
        betas: Decay of the first and second moment.

    Attributes:
        first, second: Moving means of the gradient and of its square.
        count: Steps taken, as a buffer that is up to date where a state is saved or loaded.
    """

    VALID: ClassVar[Valid] = {"second": NOT_NEGATIVE, "count": NOT_NEGATIVE}
    first: Tensor
    second: Tensor
    count: Tensor
    eps = 1e-8

    def __init__(self, shape: tuple[int, ...], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        super().__init__()
        self.betas = betas
        self.register_buffer("first", torch.zeros(shape, dtype=torch.float32))
        self.register_buffer("second", torch.zeros(shape, dtype=torch.float32))
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
        return torch.div(self.first, size).mul_(-rate / warm1)
