"""Keeps a unit's outputs within the range of the hardware behind them."""

from __future__ import annotations

from torch import Tensor

PULL = 3.0  # nats for outputs of twice their limit's power: 0.75; an objective is worth one or two


def output_penalty(z: Tensor, limit: float) -> Tensor:
    """Gradient by the outputs of what too large outputs cost a unit, zero as long as they are small enough.

    An objective of Gram matrices knows neither the scale of the outputs nor their mean, so that learning lets both
    drift: conductances arrive at their ends, outputs leave their converter's range, and what was learned is lost. With
    P = mean z^2 / limit^2 the cost is

        C = PULL/4 max(0, P - 1)^2,  dC/dz = PULL max(0, P - 1) z / (limit^2 n),

    n the number of outputs in z. It needs nothing but what was measured anyway. Source: ours; what it does for a unit
    is homeostasis as of Turrigiano & Nelson, Nat. Rev. Neurosci. 5, 97 (2004).

    It has the shape of z, (..., samples, positions out), in nats per unit of z. ``limit`` is the largest root mean
    square that costs nothing, in units of z.
    """
    excess = (z.square().mean((-2, -1), keepdim=True) / limit**2 - 1).clamp_(min=0)
    return z * (excess * (PULL / (limit**2 * z.shape[-2] * z.shape[-1])))
