"""The readout: the last array. It reads all taps and learns by one local linear rule."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.objectives.gram import TINY
from pib_rl.common.arithmetic import gram, symmetric_inverse
from pib_rl.physical.substrate import Array, Read, Substrate


class Readout(nn.Module):
    """o = W [taps; 1] on an array of the substrate.

    Args:
        substrate: Makes the array; all weights start at zero.
        tap_features: Number of taps.
        outputs: Number of outputs.
    """

    def __init__(self, substrate: Substrate, tap_features: int, outputs: int) -> None:
        super().__init__()
        self.array: Array = substrate.make_array(tap_features + 1, outputs, readout=True)
        self.optimiser = Adam((*substrate.streams.chips, outputs, tap_features + 1))
        self.meter = substrate.meter

    def measure(self, taps: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Outputs, shape (..., n, outputs), from taps, shape (..., n, tap_features)."""
        return self.measure_inputs(with_one(taps), read)

    def measure_inputs(self, inputs: Tensor, read: Read = Read.NOISY) -> Tensor:
        """The same from inputs that end with the constant 1, shape (..., n, tap_features + 1)."""
        outputs = self.array.measure(inputs, read)
        if self.meter.running:
            self.meter.read(inputs.shape[-2], self.array.weights_held)
            self.meter.spend(self.array.costs(inputs, outputs))
        return outputs

    def step(self, inputs: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Asks the array for what the optimiser makes of gradient^T inputs, a change of weights; gives that back.

        Args:
            inputs: Measured inputs with the constant 1, shape (..., n, tap_features + 1).
            gradient: dL/do, shape (..., n, outputs).
            rate: Learning rate, in units of 1/(tap_features + 1): every weight moves by at most about that, so that
                a rate changes the outputs of a wide and of a narrow readout alike.
        """
        change = self.optimiser.step(gradient.mT @ inputs, rate / inputs.shape[-1])
        self.array.program(change)
        return change

    def refit(self, inputs: Tensor, shift: Tensor, ridge: float, noise: Tensor, margin: float = 0.0) -> Tensor:
        """Moves the outputs by ``shift`` with a small change of weights: ridge regression, shrunk by what is noise.

        min over dW of |inputs dW^T - shift|^2 + ridge n |dW|^2 gives dW and the fitted shift H shift, with
        H = X (X^T X + ridge n)^-1 X^T. Noise of variance s^2 alone would be fitted with the power s^2 tr H^2, plus
        or minus s^2 sqrt(2 tr H^4), so that each output o moves by a fraction of what is fitted,

            keep_o = max(0, 1 - s_o^2 (tr H^2 + margin sqrt(2 tr H^4)) / |H shift_o|^2).

        Without it a re-fit of units that stand still is a random walk of the readout. The noise of ``shift`` must be
        independent of that of ``inputs``: a shift computed from the very same measurement would correlate with it and
        shrink the weights at every call, most where the signal is weak.

        Source: James & Stein, Proc. 4th Berkeley Symp. Math. Stat. Prob. 1, 361 (1961), positive part, for the fraction
        without margin, which is ours.

        Args:
            inputs: Measured inputs with the constant 1, shape (..., n, tap_features + 1).
            shift: Wanted change of outputs, shape (..., n, outputs).
            ridge: Regularisation, relative to the mean square of an input.
            noise: Variance of the read noise in ``shift``, shape (..., outputs).
            margin: Standard deviations of the power of noise by which a fit has to stand out. 0 keeps a sixth to a half
                of a fit to noise alone; 2 next to none, but lets slow motion of the units pass.

        Returns:
            keep, shape (..., outputs).
        """
        penalty = ridge * inputs.shape[-2]
        wide = inputs.shape[-1] > inputs.shape[-2]  # than samples: X^T (X X^T + p)^-1 is the same, and smaller
        square = gram(inputs.mT if wide else inputs)
        square.diagonal(dim1=-2, dim2=-1).add_(penalty)
        inverse = symmetric_inverse(square)
        change = inputs.mT @ (inverse @ shift) if wide else inverse @ (inputs.mT @ shift)
        hat = inverse.mul_(-penalty)  # 1 - p (X^T X + p)^-1 = X^T X (X^T X + p)^-1: its powers have the traces of H's
        hat.diagonal(dim1=-2, dim2=-1).add_(1)
        doubt = hat.square().sum((-2, -1))
        if margin:
            doubt += margin * (2 * (hat @ hat).square().sum((-2, -1))).sqrt()
        fitted = (inputs @ change).square().sum(-2).clamp(min=TINY)
        keep: Tensor = (1 - noise * doubt.unsqueeze(-1) / fitted).clamp_(min=0)
        self.array.program((change * keep.unsqueeze(-2)).mT)
        return keep


def with_one(taps: Tensor) -> Tensor:
    """Appends the constant 1 that carries the bias: (..., n, d) -> (..., n, d + 1)."""
    return torch.cat([taps, taps.new_ones(*taps.shape[:-1], 1)], -1)
