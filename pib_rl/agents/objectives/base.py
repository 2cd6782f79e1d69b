"""What an objective of one unit is, and those that are built on a Gaussian Gram matrix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from pib_rl.agents.objectives.gram import Gram, Scale
from pib_rl.agents.objectives.target import Target


class Score(NamedTuple):
    """Loss of a batch (minus information, nats), shape (*chips), and its gradient dL/dz, shape (*chips, n, d)."""

    loss: Tensor
    gradient: Tensor


class Objective(nn.Module, ABC):
    """L(Z; Y) - beta L(Z; X): information on the target, less beta times information on the unit's input.

    Args:
        beta: Weight of compression, >= 0. No measurement so far found a gain from beta > 0.

    Attributes:
        needs: Arguments that it takes besides its options: "features" (target dimensions), "outputs" (of the unit),
            "inputs" (of its array), "grid" (of the outputs, if they are an image), "streams".
        remembers: Whether it has an `absorb`.

    Raises:
        ValueError: If beta is negative.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    remembers: ClassVar[bool] = False

    def __init__(self, beta: float = 0.0) -> None:
        super().__init__()
        self.beta = beta
        if not beta >= 0:
            raise ValueError(f"beta must be >= 0, got {beta}")

    @abstractmethod
    def forward(self, z: Tensor, target: Target, h: Tensor | None = None) -> Score:
        """Scores measured outputs z, shape (*chips, n, d), in any unit, against targets of the same n samples.

        The unit's measured input h, shape (*chips, n, in), is needed when beta > 0: without it, that raises ValueError.
        """

    def absorb(self, z: Tensor, target: Target, h: Tensor | None = None) -> None:
        """Takes note of samples that were learned from; objectives without a memory, as most are, let it pass.

        Arguments as for `forward`.
        """

    def forget(self, which: Tensor) -> None:
        """Forgets what it took note of on chips that broke, truth values of shape (*chips)."""

    def source(self, h: Tensor | None) -> Target:
        """The unit's input in the place of a target; ValueError if it is missing."""
        if h is None:
            raise ValueError("an objective with beta > 0 needs the unit's input h")
        return Target(h)


class GramObjective(Objective):
    """An objective on the Gaussian Gram matrix of the outputs, see `Gram`.

    Args:
        scale: How outputs are scaled, see `Gram`; None for the objective's default.
        bandwidth: Kernel width, see `Gram`; None for 1 ("rms") or 0.45 ("sample").
        beta: Weight of compression, >= 0.

    Raises:
        ValueError: If beta is negative or the bandwidth is not positive.
    """

    default_scale: ClassVar[Scale] = "rms"

    def __init__(self, scale: Scale | None = None, bandwidth: float | None = None, beta: float = 0.0) -> None:
        super().__init__(beta)
        self.scale: Scale = self.default_scale if scale is None else scale
        self.bandwidth = (1.0 if self.scale == "rms" else 0.45) if bandwidth is None else bandwidth
        if not self.bandwidth > 0:
            raise ValueError(f"bandwidth must be > 0, got {bandwidth}")

    @abstractmethod
    def on_gram(self, k: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Loss, shape (*chips), and dL/dlog k, shape (*chips, n, n), for a Gram matrix k with zero diagonal."""

    def forward(self, z: Tensor, target: Target, h: Tensor | None = None) -> Score:
        gram = Gram(z, self.scale, self.bandwidth)
        loss, dlog = self.on_gram(gram.k, target)
        if self.beta:
            loss_x, dlog_x = self.compress(gram.k, self.source(h))
            loss, dlog = loss - self.beta * loss_x, dlog - self.beta * dlog_x
        return Score(loss, gram.pull(dlog))

    def compress(self, k: Tensor, source: Target) -> tuple[Tensor, Tensor]:
        """Loss and dL/dlog k with the input in place of the target."""
        return self.on_gram(k, source)
