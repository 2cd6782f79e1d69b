"""Objectives of one unit: information between its measured outputs and a target, with closed-form gradients.

Each objective is built from Gram matrices of one unit's own measurements. None uses automatic differentiation, and
none knows of another unit. A new one is one class in a file of its own, and one line in `OBJECTIVES`; what it derives
from is in ``base.py``, what it gets as its target in ``target.py``, Gram matrices are in ``gram.py``. Classes are
imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

from pib_rl.common.late.attributes import late_attributes
from pib_rl.common.late.catalogue import Catalogue
from pib_rl.common.options import admit, nearest, shown

if TYPE_CHECKING:
    from pib_rl.agents.objectives.base import GramObjective, Objective, Score
    from pib_rl.agents.objectives.cka import Alignment
    from pib_rl.agents.objectives.decoder import Decoder
    from pib_rl.agents.objectives.gaussian import Gaussian
    from pib_rl.agents.objectives.pointwise import Pointwise
    from pib_rl.agents.objectives.renyi import Renyi
    from pib_rl.agents.objectives.ridge import Ridge
    from pib_rl.agents.patches import Grid
    from pib_rl.common.streams import Streams

OBJECTIVES: Catalogue[type[Objective]] = Catalogue(
    {
        "gaussian": "pib_rl.agents.objectives.gaussian:Gaussian",
        "pointwise": "pib_rl.agents.objectives.pointwise:Pointwise",
        "cka": "pib_rl.agents.objectives.cka:Alignment",
        "renyi": "pib_rl.agents.objectives.renyi:Renyi",
        "ridge": "pib_rl.agents.objectives.ridge:Ridge",
        "decoder": "pib_rl.agents.objectives.decoder:Decoder",
    }
)


def check_objective(name: str) -> None:
    """Raises ValueError unless there is an objective of that name."""
    if not isinstance(name, str) or name not in OBJECTIVES:
        raise ValueError(f"unknown objective {shown(name)}; {nearest(name, sorted(OBJECTIVES))}")


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
    check_objective(name)
    kind = OBJECTIVES[name]
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
    "check_objective",
    "make_objective",
]

__getattr__ = late_attributes(
    __name__,
    {
        "Alignment": "pib_rl.agents.objectives.cka",
        "Decoder": "pib_rl.agents.objectives.decoder",
        "Gaussian": "pib_rl.agents.objectives.gaussian",
        "GramObjective": "pib_rl.agents.objectives.base",
        "Objective": "pib_rl.agents.objectives.base",
        "Pointwise": "pib_rl.agents.objectives.pointwise",
        "Renyi": "pib_rl.agents.objectives.renyi",
        "Ridge": "pib_rl.agents.objectives.ridge",
        "Score": "pib_rl.agents.objectives.base",
    },
)
