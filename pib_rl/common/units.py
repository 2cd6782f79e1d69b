"""Quantities as people read them."""

from __future__ import annotations


def si(value: float, unit: str = "") -> str:
    """A quantity with three digits and the prefix that fits: 0.00123, "s" -> "1.23 ms"."""
    for factor, prefix in (
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "u"),
        (1e-9, "n"),
        (1e-12, "p"),
    ):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}".strip()
    return f"{value:.3g} {unit}".strip()
