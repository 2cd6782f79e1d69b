"""A linear decoder that remembers: what earlier samples taught about the target is tested on new ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pib_rl.agents.images import Pool
from pib_rl.agents.objectives.base import Objective, Score
from pib_rl.agents.objectives.gate import TargetGate
from pib_rl.agents.objectives.gram import TINY
from pib_rl.agents.objectives.saturation import Saturation
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid
from pib_rl.common.streams import Streams

LARGEST = 1024  # features of a code from images


class RunningDecoder(nn.Module):
    """Ridge regression of targets on a code, from running Gram matrices of all samples so far.

        W = (C + ridge c)^-1 D,   C = sum t t^T,   D = sum t y^T,

    sums over samples whose weight falls by e with every ``memory`` newer ones, c the mean of C's diagonal.

    Args:
        features: Size of the code t.
        targets: Size of the target y.
        chips: Leading axes, see `Streams.chips`.
        ridge: Regularisation, > 0, in units of the mean square of the code.
        memory: Samples.
    """

    own: Tensor
    cross: Tensor
    weights: Tensor

    def __init__(self, features: int, targets: int, chips: tuple[int, ...], ridge: float, memory: float) -> None:
        super().__init__()
        self.ridge = ridge
        self.memory = memory
        self.register_buffer("own", torch.zeros((*chips, features, features), dtype=torch.float32))
        self.register_buffer("cross", torch.zeros((*chips, features, targets), dtype=torch.float32))
        self.register_buffer("weights", torch.zeros((*chips, features, targets), dtype=torch.float32))

    def absorb(self, code: Tensor, y: Tensor) -> None:
        """Takes in n samples: centred codes, shape (*chips, n, features), and centred targets, (..., n, targets)."""
        keep = math.exp(-code.shape[-2] / self.memory)
        self.own.mul_(keep).add_(code.mT @ code)
        self.cross.mul_(keep).add_(code.mT @ y)
        square = self.own.clone()
        diagonal = square.diagonal(dim1=-2, dim2=-1)
        diagonal += self.ridge * diagonal.mean(-1, keepdim=True).clamp(min=TINY)
        factor = torch.linalg.cholesky_ex(square).L
        self.weights.copy_(torch.cholesky_solve(self.cross, factor))

    def forget(self, which: Tensor) -> None:
        """Begins anew on the chips ``which``, truth values of shape (*chips)."""
        for matrix in (self.own, self.cross, self.weights):
            matrix.mul_(~which[..., None, None].to(matrix.device))


class Decoder(Objective):
    """Linear decoder with a memory: what the samples of before say of the target of new ones.

    The loss is minus the information that the decoder's residual leaves between Z and Y,

        L = 1/2 sum_d w_d log e_d,   e_d = mean_i (y_id - (t_i W)_d)^2,

    with t the unit's saturated outputs (`Saturation`), W the ridge regression of earlier samples (`RunningDecoder`),
    and the weights w_d of `TargetGate`. A new batch is scored by a decoder that has not seen it (`absorb` comes after),
    so that L bounds the information from held-out samples, and the gate knows noise without an estimate of what a fit
    to noise would gain. Until samples were absorbed, nothing is known, and nothing moves.

    Objectives that look at one batch alone, as `Ridge` and `Gaussian` do, find a decoder anew in a hundred samples. An
    advantage explains a few percent of what a policy is taught in one rollout: its decoder is then mostly noise. Ten
    rollouts teach a decoder well enough for the unit to follow.

    Source: the bound: Barber & Agakov, NIPS 16 (2003); running Gram matrices are those of recursive least squares,
    Ljung, System Identification (1999), 11. Putting them together for a unit's objective is ours.

    Args:
        beta: Weight of compression, >= 0; a decoder of the unit's input h is then kept too.
        ridge: Regularisation, > 0, in units of the mean square of the code. Low: any code will do from which the target
            can be read at all. High: the target has to be in what varies most, where noise and a medium behind the unit
            can't drown it.
        memory: Samples after which what was seen weighs e times less, > 0. More: less noise. Fewer: the decoder
            follows a unit and a policy that change.
        gain: Slope of the saturation, > 0.
        offset: Half width of its offsets, >= 0.
        pool: Side of the squares over which places of an image are averaged, see `Saturation`; larger ones where the
            code would have more than 1024 features, of which the decoder holds all pairs.
        features: Target dimensions D.
        outputs: Outputs of the unit.
        inputs: Size of the unit's input h.
        grid: The image that the outputs are, if they are one.
        streams: Named random streams; the offsets are drawn at fabrication.
        gated: False for w_d = 1.

    Raises:
        ValueError: If a value lies outside its range.
    """

    needs = ("features", "outputs", "inputs", "grid", "streams")
    remembers = True

    def __init__(
        self,
        beta: float = 0.0,
        *,
        ridge: float = 1.0,
        memory: float = 20_000,
        gain: float = 1.5,
        offset: float = 1.0,
        pool: int = 2,
        features: int = 1,
        outputs: int = 1,
        inputs: int = 1,
        grid: Grid | None = None,
        streams: Streams | None = None,
        gated: bool = True,
    ) -> None:
        super().__init__(beta)
        for name, value in (("ridge", ridge), ("memory", memory)):
            if not value > 0:
                raise ValueError(f"{name} must be > 0, got {value}")
        while grid is not None and pool < max(grid) and Pool(grid, pool).features > LARGEST:
            pool += 1
        self.saturation = Saturation(gain, offset, pool, outputs, grid, streams)
        chips = () if streams is None else streams.chips
        self.gate = TargetGate(features, gated, chips)
        size = self.saturation.features
        self.decoder = RunningDecoder(size, features, chips, ridge, memory)
        self.of_input = RunningDecoder(size, inputs, chips, ridge, memory) if beta else None

    def forward(self, z: Tensor, target: Target, h: Tensor | None = None) -> Score:
        code = self.saturation(z)
        loss, slope = self._score(code.values, target, self.decoder, self.gate)
        if self.of_input is not None:
            loss_x, slope_x = self._score(code.values, self.source(h), self.of_input, None)
            weight = self.beta / self.of_input.cross.shape[-1]
            loss, slope = loss - weight * loss_x, slope - weight * slope_x
        return Score(loss, self.saturation.pull(code, slope))

    def absorb(self, z: Tensor, target: Target, h: Tensor | None = None) -> None:
        code = self.saturation(z).values
        self.decoder.absorb(code, centred(target))
        if self.of_input is not None:
            self.of_input.absorb(code, centred(self.source(h)))

    def forget(self, which: Tensor) -> None:
        for decoder in (self.decoder, self.of_input):
            if decoder is not None:
                decoder.forget(which)

    def _score(
        self, code: Tensor, target: Target, decoder: RunningDecoder, gate: TargetGate | None
    ) -> tuple[Tensor, Tensor]:
        """Loss, shape (*chips), and dL/dcode."""
        y = centred(target)
        residual = code @ decoder.weights - y
        error = residual.square().mean(-2).clamp(min=TINY)
        lost = error.new_zeros(error.shape[:-1])
        weights = torch.ones_like(error) if gate is None else gate(error, lost, y, target)
        slope = residual.mul_((weights / error).div_(y.shape[-2]).unsqueeze(-2)) @ decoder.weights.mT
        return 0.5 * (weights * error.log()).sum(-1), slope


def centred(target: Target) -> Tensor:
    """Targets without their mean over the samples, shape (..., n, D)."""
    return target.values - target.values.mean(-2, keepdim=True)
