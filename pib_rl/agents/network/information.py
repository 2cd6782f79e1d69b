"""Where each unit stands in the information plane: I(X; Z) against I(Z; Y)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from pib_rl.agents.network.network import Activations
from pib_rl.agents.objectives.entropy import mutual_information
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target


class Information(NamedTuple):
    """Matrix-based Renyi information of order 2 of one unit, in nats: on its network's input, and on the target."""

    on_input: float
    on_target: float


def information_plane(x: Tensor, measured: Activations, target: Target) -> list[Information]:
    """Information of every unit, from inputs x, shape (n, d), what was measured for them, and their targets.

    An estimate for comparing units and moments of one run: its size depends on the batch and on the kernel width.
    """
    source, wanted = with_diagonal(Gram(x).k), with_diagonal(target.similarity())
    result = []
    for z in measured.z:
        own = with_diagonal(Gram(z).k)
        result.append(Information(float(mutual_information(own, source)), float(mutual_information(own, wanted))))
    return result


def with_diagonal(k: Tensor) -> Tensor:
    """The Gram matrix K = sqrt(k) with unit diagonal, for estimators that need it."""
    return k.sqrt().fill_diagonal_(1.0)
