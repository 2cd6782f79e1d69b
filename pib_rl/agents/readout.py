"""The readout: the last array. It reads all taps and learns by one local linear rule."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pib_rl.agents.gram import TINY
from pib_rl.agents.optimisers import Adam
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
        self.optimiser = Adam((outputs, tap_features + 1))
        self.meter = substrate.meter

    def measure(self, taps: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Outputs, shape (n, outputs), from taps, shape (n, tap_features)."""
        return self.measure_inputs(with_one(taps), read)

    def measure_inputs(self, inputs: Tensor, read: Read = Read.NOISY) -> Tensor:
        """The same from inputs that end with the constant 1, shape (n, tap_features + 1)."""
        self.meter.read(len(inputs))
        return self.array.measure(inputs, read)

    def learn(self, inputs: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """dW = gradient^T inputs, through the optimiser, written by the array's own law.

        Args:
            inputs: Measured inputs with the constant 1, shape (n, tap_features + 1).
            gradient: dL/do, shape (n, outputs).
            rate: Learning rate, in units of 1/(tap_features + 1): every weight moves by at most about that, so that
                a rate changes the outputs of a wide and of a narrow readout alike.

        Returns:
            The change of weights that was asked for, shape (outputs, tap_features + 1).
        """
        change = self.optimiser.step(gradient.T @ inputs, rate / inputs.shape[1])
        self.array.program(change)
        return change

    def refit(self, inputs: Tensor, shift: Tensor, ridge: float, noise: Tensor) -> Tensor:
        """Moves the outputs by ``shift`` with a small change of weights: ridge regression, without what may be noise.

        min over dW of |inputs dW^T - shift|^2 + ridge n |dW|^2 has the solution sum_j v_j (b_j / (l_j + ridge n)) with
        X^T X = sum_j l_j v_j v_j^T and b_j = v_j^T X^T shift. Noise of variance s^2 alone would give every b_j the
        variance s^2 l_j, so that each direction j of each output keeps its own share

            keep_j = max(0, 1 - 2 ln(d) s^2 l_j / b_j^2),   d = len(l):

        of d directions of noise none exceeds 2 ln(d) times its variance, but rarely, while what the units have moved
        exceeds it by far. Without it the re-fit is a random walk of the readout. The noise of ``shift`` must be
        independent of that of ``inputs``: a shift computed from the very same measurement would correlate with it and
        shrink the weights at every call, most where the signal is weak.

        Source: threshold: Donoho & Johnstone, Biometrika 81, 425 (1994); shrinkage: Breiman's garrote, Technometrics
        37, 373 (1995), as in Gao, J. Comput. Graph. Stat. 7, 469 (1998).

        Args:
            inputs: Measured inputs with the constant 1, shape (n, tap_features + 1).
            shift: Wanted change of outputs, shape (n, outputs).
            ridge: Regularisation, relative to the mean square of an input.
            noise: Variance of the read noise in ``shift``, shape (outputs,).

        Returns:
            The share of the power of the whole fit that is kept, shape (outputs,).
        """
        strength, basis = torch.linalg.eigh(inputs.T @ inputs)
        strength = strength.clamp_(min=0)[:, None]
        along = basis.T @ (inputs.T @ shift)
        fit = along / (strength + ridge * len(inputs))
        level = 2 * math.log(len(strength)) * noise * strength
        kept = fit * (1 - level / along.square().clamp_(min=TINY)).clamp_(min=0)
        self.array.program((basis @ kept).T)
        power = (strength * fit.square()).sum(0).clamp_(min=TINY)
        share: Tensor = (strength * kept.square()).sum(0) / power
        return share


def with_one(taps: Tensor) -> Tensor:
    """Appends the constant 1 that carries the bias: (n, d) -> (n, d + 1)."""
    return torch.cat([taps, taps.new_ones(len(taps), 1)], 1)
