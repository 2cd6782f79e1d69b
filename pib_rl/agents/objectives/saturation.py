"""What an array behind a saturating medium could read from a unit: the code that linear decoders are given."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pib_rl.agents.images import Pool
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.patches import Grid
from pib_rl.common.streams import FABRICATION, Streams


class Code(NamedTuple):
    """A batch of saturated outputs, and what leads back to the outputs they are made from.

    Args:
        values: Centred code, shape (*chips, n, features).
        bent: Saturated outputs, shape (*chips, n, outputs).
        standard: Standardised outputs, of the same shape.
        rms: What they were divided by, shape (*chips, 1, 1).
    """

    values: Tensor
    bent: Tensor
    standard: Tensor
    rms: Tensor


class Saturation(nn.Module):
    """t = tanh(gain ((z - mean)/rms + b)), b fixed, uniform in -offset..offset; centred over the batch.

    The saturation stands for whatever comes behind the unit; the real medium is neither known nor asked. Where outputs
    are those of an array at many places of an image, b is one number per channel, and t is averaged over squares of
    pool x pool places before it is centred.

    Args:
        gain: Slope, > 0.
        offset: Half width of the offsets, >= 0.
        pool: Side of the squares, a whole number, 1 or more, in places of the array; no effect without a grid.
        outputs: Outputs of the unit.
        grid: The image that the outputs are, if they are one.
        streams: Named random streams; the offsets are drawn at fabrication.

    Attributes:
        features: Size of the code.

    Raises:
        ValueError: If a value lies outside its range.
    """

    shift: Tensor

    def __init__(
        self, gain: float, offset: float, pool: int, outputs: int, grid: Grid | None, streams: Streams | None
    ) -> None:
        super().__init__()
        if not gain > 0:
            raise ValueError(f"gain must be > 0, got {gain}")
        if not offset >= 0:
            raise ValueError(f"offset must be >= 0, got {offset}")
        self.gain = gain
        streams = Streams(0) if streams is None else streams
        channels = grid.channels if grid else outputs
        with streams.aside("objective"):
            shift = (2 * streams.uniform(FABRICATION, streams.zeros(1, channels)) - 1) * offset
        self.register_buffer("shift", torch.cat([shift] * (outputs // channels), -1))
        squares = Pool(grid or Grid(1, 1, outputs), pool)
        self.pool = None if grid is None or pool == 1 else squares
        self.features = outputs if self.pool is None else self.pool.features

    def forward(self, z: Tensor) -> Code:
        """The code of outputs z, shape (*chips, n, outputs)."""
        centred = z - z.mean(-2, keepdim=True)
        rms = centred.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=TINY)
        standard = centred / rms
        bent = ((standard + self.shift) * self.gain).tanh_()
        pooled = bent if self.pool is None else self.pool.down(bent)
        return Code(pooled - pooled.mean(-2, keepdim=True), bent, standard, rms)

    def pull(self, code: Code, slope: Tensor) -> Tensor:
        """dL/dz, shape (*chips, n, outputs), from dL/dvalues, shape (*chips, n, features)."""
        slope = slope - slope.mean(-2, keepdim=True)  # the chain rule of centring
        slope = slope if self.pool is None else self.pool.up(slope)
        by_standard = (1 - code.bent.square()).mul_(slope).mul_(self.gain)
        along = (by_standard * code.standard).mean((-2, -1), keepdim=True)
        by_outputs = (by_standard - code.standard * along).div_(code.rms)
        return by_outputs.sub_(by_outputs.mean(-2, keepdim=True))
