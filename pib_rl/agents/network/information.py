"""Where each unit stands in the information plane: I(X; Z) against I(Z; Y)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from pib_rl.agents.network.network import Activations
from pib_rl.agents.objectives.entropy import mutual_information
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target


class Information(NamedTuple):
    """Matrix-based Renyi information of order 2 of one unit, in nats: on its network's input, and on the target.

    On a wafer, means over its chips.
    """

    on_input: float
    on_target: float


def information_plane(x: Tensor, measured: Activations, target: Target) -> list[Information]:
    """Information of every unit, from inputs x, shape (*chips, n, d), what was measured for them, and their targets.

    An estimate for comparing units and moments of one run: its size depends on the batch and on the kernel width.
    """
    source, wanted = with_diagonal(Gram(x).k), with_diagonal(target.similarity())
    result = []
    for z in measured.z:
        own = with_diagonal(Gram(z).k)
        on_input, on_target = (mutual_information(own, other).mean() for other in (source, wanted))
        result.append(Information(float(on_input), float(on_target)))
    return result


def with_diagonal(k: Tensor) -> Tensor:
    """The Gram matrix K = sqrt(k) with unit diagonal, for estimators that need it."""
    root = k.sqrt()
    root.diagonal(dim1=-2, dim2=-1).fill_(1.0)
    return root
