"""Colour and marker of what a figure tells apart: no two look alike in grey either."""

from __future__ import annotations

import zlib
from typing import Any

from pib_rl.common.palette import BLUE, PALETTE

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LEARNERS = (
    "frozen",
    "backprop",
    "backprop-off",
    "backprop-stale",
    "dfa",
    "forward-forward",
    "spsa",
    "es",
    "local-td",
    "ppo",
    "a2c",
    "dqn",
    "ars",
)  # in the order of all figures, behind "pib"


def style(index: int) -> dict[str, Any]:
    """Colour and marker of the thing of that number, as matplotlib takes them; 42 differ."""
    return {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)]}


def learner_style(name: str) -> dict[str, Any]:
    """Colour and marker of a learner, the same in every figure, whoever else is in it. Blue is PIB's alone."""
    if name == "pib":
        return {"color": BLUE, "marker": MARKERS[0]}
    others, place = PALETTE[1:], _place(name)
    return {"color": others[place % len(others)], "marker": MARKERS[(place + 1) % len(MARKERS)]}


def in_order(names: list[str]) -> list[str]:
    """Learners in the order of all figures, each once; unknown ones last."""
    return sorted(dict.fromkeys(names), key=lambda name: -1 if name == "pib" else min(_place(name), len(LEARNERS)))


def _place(name: str) -> int:
    """Place of a learner among others than PIB; that of an unknown one follows from its name."""
    return LEARNERS.index(name) if name in LEARNERS else len(LEARNERS) + zlib.crc32(name.encode()) % 20
