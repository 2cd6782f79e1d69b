"""Leave-one-out ridge regression of the target on saturated outputs: for distributed codes."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.objectives.base import Objective, Score
from pib_rl.agents.objectives.gate import TargetGate
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.saturation import Saturation
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid
from pib_rl.common.streams import Streams


class Ridge(Objective):
    """Linear decoder: what a ridge regression, solved for every batch, can tell of the target from a unit's outputs.

    The loss is minus that information. The outputs are saturated and centred (`Saturation`), and scaled by one number
    to u with mean |u_i|^2 = 1. Their linear Gram matrix G = u u^T has the ridge inverse M = (G + ridge)^-1, and the
    leave-one-out prediction of a sample from all others of the batch is, in closed form,

        yhat_i = y_i - (M y)_i / M_ii.

    Classes: L = cross-entropy of softmax(yhat_i / temperature), so that H(Y) - L bounds I(Z; Y) from below. Real
    values: L = 1/2 sum_d w_d log e_d with e_d the mean squared error, as in `Gaussian`, with the same gate.

    A kernel regression wants samples of one class close to each other. A linear decoder does not: any code will do
    from which an array behind a saturating medium can read the target, so that wide units keep a distributed one. M
    has no trivial optimum: its diagonal drops out of a leave-one-out prediction. Of an image, the outputs at all places
    outnumber the samples of a batch by far; means over squares ask for what is seen thereabouts, not at one place.

    Source: the bound: Barber & Agakov, NIPS 16 (2003); leave-one-out residuals: Allen, Technometrics 16, 125 (1974);
    information of a Gaussian residual: as in `Gaussian`. Putting them together for a unit's objective is ours.

    Args:
        beta: Weight of compression, >= 0.
        ridge: Regularisation, > 0, in units of the mean |u_i|^2.
        temperature: Of the softmax, > 0.
        gain: Slope of the saturation, > 0.
        offset: Half width of the offsets, >= 0.
        pool: Side of the squares, a whole number, 1 or more, in places of the array; no effect without a grid.
        features: Target dimensions D (needed for the gate's state).
        outputs: Outputs of the unit.
        grid: The image that the outputs are, if they are one.
        streams: Named random streams; the offsets are drawn at fabrication.
        gated: False for w_d = 1.

    Raises:
        ValueError: If a value lies outside its range.
    """

    needs = ("features", "outputs", "grid", "streams")

    def __init__(
        self,
        beta: float = 0.0,
        *,
        ridge: float = 0.1,
        temperature: float = 0.1,
        gain: float = 1.5,
        offset: float = 1.0,
        pool: int = 2,
        features: int = 1,
        outputs: int = 1,
        grid: Grid | None = None,
        streams: Streams | None = None,
        gated: bool = True,
    ) -> None:
        super().__init__(beta)
        for name, value in (("ridge", ridge), ("temperature", temperature)):
            if not value > 0:
                raise ValueError(f"{name} must be > 0, got {value}")
        self.ridge = ridge
        self.temperature = temperature
        self.saturation = Saturation(gain, offset, pool, outputs, grid, streams)
        self.gate = TargetGate(features, gated, () if streams is None else streams.chips)

    def forward(self, z: Tensor, target: Target, h: Tensor | None = None) -> Score:
        code = self.saturation(z)
        size = code.values.square().sum(-1, keepdim=True).mean(-2, keepdim=True).sqrt().clamp(min=TINY)
        u = code.values / size
        inverse = self._inverse(u)
        loss, slope = self._classify(inverse, target) if target.classes else self._regress(inverse, target, self.gate)
        if self.beta:
            source = self.source(h)
            loss_x, slope_x = self._regress(inverse, source, None)
            weight = self.beta / source.values.shape[-1]
            loss, slope = loss - weight * loss_x, slope - weight * slope_x
        du = self._pull(inverse, slope, u)
        along = (du * u).sum((-2, -1), keepdim=True) / u.shape[-2]
        return Score(loss, self.saturation.pull(code, (du - u * along).div_(size)))  # the chain rule of scaling

    def _inverse(self, u: Tensor) -> Tensor:
        """M, shape (..., n, n)."""
        square = u @ u.mT
        square.diagonal(dim1=-2, dim2=-1).add_(self.ridge)
        return torch.cholesky_inverse(torch.linalg.cholesky_ex(square).L)  # not finite where u is not

    def _classify(self, inverse: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Loss and dL/dM for classes."""
        y = target.values - target.values.mean(-2, keepdim=True)
        residual = inverse @ y / _own(inverse)
        logs = ((y - residual) / self.temperature).log_softmax(-1)
        slope = (target.values - logs.exp()).div_(self.temperature * y.shape[-2])
        loss = -(logs * target.values).sum(-1).mean(-1)
        return loss, self._through(inverse, residual, slope, y)

    def _regress(self, inverse: Tensor, target: Target, gate: TargetGate | None) -> tuple[Tensor, Tensor]:
        """Loss and dL/dM for real values."""
        y = target.values - target.values.mean(-2, keepdim=True)
        residual = inverse @ y / _own(inverse)
        error = residual.square().mean(-2).clamp(min=TINY)
        lost = (inverse / _own(inverse)).square().sum(-1).mean(-1) - 1
        weights = torch.ones_like(error) if gate is None else gate(error, lost, y, target)
        slope = residual * (weights / error / y.shape[-2]).unsqueeze(-2)
        return 0.5 * (weights * error.log()).sum(-1), self._through(inverse, residual, slope, y)

    def _through(self, inverse: Tensor, residual: Tensor, slope: Tensor, y: Tensor) -> Tensor:
        """dL/dM from dL/dresidual: residual_i = (M y)_i / M_ii."""
        slope = slope / _own(inverse)
        by_inverse = slope @ y.mT
        by_inverse.diagonal(dim1=-2, dim2=-1).sub_((slope * residual).sum(-1))
        return by_inverse

    def _pull(self, inverse: Tensor, slope: Tensor, u: Tensor) -> Tensor:
        """dL/du from dL/dM: dM = -M dG M and G = u u^T."""
        by_gram = inverse @ slope @ inverse
        return (by_gram + by_gram.mT) @ u.neg()


def _own(inverse: Tensor) -> Tensor:
    """M_ii, shape (..., n, 1)."""
    return inverse.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
