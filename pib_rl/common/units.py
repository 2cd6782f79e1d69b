"""Numbers with their unit, for people."""

from __future__ import annotations

PREFIXES = {1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "u", 1e-9: "n", 1e-12: "p"}


def si(value: float, unit: str = "", smallest: float = 1e-12) -> str:
    """A quantity with three digits and the prefix that fits: 0.00123, "s" -> "1.23 ms"; 45_600 -> "45.6 k".

    Args:
        value: The quantity, in ``unit``.
        unit: A unit without prefix; none for a count.
        smallest: Smallest prefix that may be used; 1.0 uses none below "k".
    """
    rounded = float(f"{value:.3g}")
    factor = next((factor for factor in PREFIXES if abs(rounded) >= factor >= smallest), 1.0)
    return f"{rounded / factor:.3g} {PREFIXES[factor]}{unit}".rstrip()
