"""Objectives of one unit: information between its measured outputs and a target, with closed-form gradients.

Each objective is built from Gram matrices of one unit's own measurements. None uses automatic differentiation, and
none knows of another unit. A new one is one class in a file of its own, and one line in `OBJECTIVES`; what it derives
from is in ``base.py``, what it gets as its target in ``target.py``, Gram matrices are in ``gram.py``.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from pib_rl.agents.images import Grid
from pib_rl.agents.objectives.base import GramObjective, Objective, Score
from pib_rl.agents.objectives.cka import Alignment
from pib_rl.agents.objectives.decoder import Decoder
from pib_rl.agents.objectives.gaussian import Gaussian
from pib_rl.agents.objectives.pointwise import Pointwise
from pib_rl.agents.objectives.renyi import Renyi
from pib_rl.agents.objectives.ridge import Ridge
from pib_rl.common.options import admit, nearest, shown
from pib_rl.common.streams import Streams

OBJECTIVES: dict[str, type[Objective]] = {
    "gaussian": Gaussian,
    "pointwise": Pointwise,
    "cka": Alignment,
    "renyi": Renyi,
    "ridge": Ridge,
    "decoder": Decoder,
}


def make_objective(
    name: str,
    options: dict[str, Any],
    *,
    features: int,
    outputs: int,
    inputs: int = 1,
    streams: Streams,
    grid: Grid | None = None,
) -> Objective:
    """An objective by name, a key of `OBJECTIVES`, with its options; it gets the others as far as it needs them.

    Raises:
        ValueError: If the name or an option is unknown, or a value does not fit.
    """
    kind = OBJECTIVES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"unknown objective {shown(name)}; {nearest(name, sorted(OBJECTIVES))}")
    given: dict[str, Any] = {
        "features": features,
        "outputs": outputs,
        "inputs": inputs,
        "streams": streams,
        "grid": grid,
    }
    hints = {
        option: hint for option, hint in get_type_hints(kind.__init__).items() if option not in (*kind.needs, "return")
    }
    chosen = admit(hints, options, f"objective {name!r}")
    return kind(**chosen, **{need: given[need] for need in kind.needs})


__all__ = [
    "OBJECTIVES",
    "Alignment",
    "Decoder",
    "Gaussian",
    "GramObjective",
    "Objective",
    "Pointwise",
    "Renyi",
    "Ridge",
    "Score",
    "make_objective",
]
