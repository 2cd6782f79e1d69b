"""Keeps units from losing what they know: steps that cost information are taken back, and next ones are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.agents.network.network import Activations
from pib_rl.agents.network.unit import Unit
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.saturation import Saturation
from pib_rl.agents.objectives.target import Target
from pib_rl.common.state import NOT_NEGATIVE, Valid

ALLOWED = 0.03  # part of the variance of what it should keep that a unit may lose
ALARM = 2.5  # standard errors by which a loss has to stand out
MEMORY = 0.98  # of losses, per rollout: one that is too small to be seen at once is seen after some time
SLOWER, FASTER = 0.5, 1.01  # what an alarm makes of a unit's freedom, and a rollout without one
RIDGE = 0.1  # less than in `Decoder`: what is lost may be in what varies little
FLAT = 1e-4  # standard deviation below which a dimension holds nothing that could be lost


class Safeguard(nn.Module):
    """Tests, for each unit, whether its steps cost information that held-out samples show.

    Held-out samples of a rollout are measured before and after the unit's steps. A fresh ridge regression of what it
    should keep on the unit's code leaves the leave-one-out residuals r before and r' after. For each block of target
    dimensions, with q_i the mean of r_id^2 / var y_d over the block,

        D = mean_i (q'_i - q_i),   S <- 0.98 S + D,   V <- 0.98^2 V + var(q' - q)/n.

    S > 0.03 + 2.5 sqrt(V) for any block is an alarm: all that was asked of the unit's array since the test before is
    asked back, its D is taken out of S, and the unit's freedom, a factor of its rate, is halved; otherwise it grows by
    a hundredth, up to 1. Blocks count by themselves: what a unit wins of one does not pay for what it loses of another.
    Units that can only lose come to rest within some rollouts. What they learn, and from which objective, plays no
    role here.

    Source: the leave-one-out residual: Allen, Technometrics 16, 125 (1974); adding up small losses is a CUSUM test,
    Page, Biometrika 41, 100 (1954). What follows from an alarm is ours.

    Args:
        units: What it tests.
        blocks: Blocks of dimensions of what they should keep.

    Attributes:
        sums, variances: S and V, shape (units, blocks, *chips).
    """

    VALID: ClassVar[Valid] = {"variances": NOT_NEGATIVE}
    sums: Tensor
    variances: Tensor

    def __init__(self, units: Sequence[Unit], blocks: int) -> None:
        super().__init__()
        self._units = tuple(units)  # in a tuple, so that their state is not saved twice
        chips = units[0].freedom.shape[:-2]
        self.codes = nn.ModuleList(
            Saturation(1.5, 1.0, 2, unit.out_features, None if unit.patch_grid is None else unit.patch_grid.after, None)
            for unit in units
        )
        self.register_buffer("sums", torch.zeros(len(units), blocks, *chips, dtype=torch.float32))
        self.register_buffer("variances", torch.zeros(len(units), blocks, *chips, dtype=torch.float32))

    def losses(self, measured: Activations, kept: Target) -> list[Tensor]:
        """Q of every unit, shape (blocks, *chips, n), for n held-out samples as measured now."""
        y = kept.values - kept.values.mean(-2, keepdim=True)
        y = y / y.square().mean(-2, keepdim=True).sqrt().clamp(min=FLAT)
        result = []
        for code, z in zip(self.codes, measured.z, strict=True):
            square = left_out(code(z).values, y).square()
            result.append(torch.stack([part.mean(-1) for part in torch.split(square, list(kept.blocks), -1)]))
        return result

    def judge(self, before: list[Tensor], after: list[Tensor]) -> Tensor:
        """Compares `losses`; takes steps back where it has to. Truth values of alarms, shape (units, *chips)."""
        change = torch.stack([now - was for was, now in zip(before, after, strict=True)])
        self.sums.mul_(MEMORY).add_(change.mean(-1))
        self.variances.mul_(MEMORY**2).add_(change.var(-1) / change.shape[-1])
        alarm = (self.sums > ALLOWED + ALARM * self.variances.sqrt()).any(1)
        for unit, lost in zip(self._units, alarm, strict=True):
            unit.take_back(lost[..., None, None])
            unit.freedom.mul_(torch.where(lost[..., None, None], SLOWER, FASTER)).clamp_(max=1)
        self.sums.sub_(change.mean(-1) * alarm.unsqueeze(1))  # what was taken back does not count
        return alarm


def left_out(code: Tensor, y: Tensor) -> Tensor:
    """Leave-one-out residuals, shape (..., n, D), of a ridge regression of y on a code, shape (..., n, features)."""
    kernel = code @ code.mT
    n = code.shape[-2]
    penalty = RIDGE * n / code.shape[-1] * (kernel.diagonal(dim1=-2, dim2=-1).mean(-1).clamp(min=TINY))
    kernel.diagonal(dim1=-2, dim2=-1).add_(penalty.unsqueeze(-1))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(kernel).L)
    return (inverse @ y) / inverse.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
