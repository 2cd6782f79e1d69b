"""Settings of hidden arrays, whatever they learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_ROLLOUTS = 24  # rollouts at the full rate that units should get, docs/lab/rule.md
SLOWEST, FASTEST = 1.0, 4.0  # powers by which rates fall


@dataclass(frozen=True)
class HiddenConfig:
    """Settings of hidden arrays.

    Args:
        hidden_rate: Learning rate of hidden arrays at the start, in units of weight; arrays of n > 64 inputs take 64/n
            of it.
        patch_rate: Fraction of that for arrays that look at squares of an image: one array serves all places, so that a
            step of it changes as many outputs as there are.
        hidden_decay: Rates of hidden arrays and gain controls fall as (1 - progress)^hidden_decay. None: that of the
            length of the training, rollouts / 24 - 1 in 1..4, so that units get what 24 rollouts at the full rate are
            worth, and stand still in the second half where there is time for it.
        plastic: Fraction of each unit's outputs that learn; the others stay as fabricated.
        track: Rate of the gain controls per hidden step, at the start.
        output_rms: Root mean square of a unit's outputs beyond which PIB draws them back, so that they stay within
            their converter's range; None: they are free.

    Raises:
        ValueError: If a value lies outside its range.
    """

    hidden_rate: float = 3e-3
    patch_rate: float = 1.0
    hidden_decay: float | None = None
    plastic: float = 1.0
    track: float = 0.005
    output_rms: float | None = None

    def __post_init__(self) -> None:
        self.check_fractions("patch_rate", "plastic", "track")
        self.check_numbers("hidden_rate", *(["hidden_decay"] if self.hidden_decay is not None else []))
        if self.output_rms is not None and not (math.isfinite(self.output_rms) and self.output_rms > 0):
            raise ValueError(f"the rule's output_rms must be a number > 0, or none for no limit, got {self.output_rms}")

    def rate_left(self, progress: float, rollouts: float = math.inf) -> float:
        """Fraction of the rates that is left when the fraction ``progress`` of so many rollouts is done."""
        decay = self.hidden_decay
        if decay is None:
            decay = min(max(rollouts / FULL_ROLLOUTS - 1, SLOWEST), FASTEST)
        return float((1 - progress) ** decay)

    def check_fractions(self, *names: str) -> None:
        """Raises ValueError unless these fields are in 0..1."""
        for name in names:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the rule's {name} must be in 0..1, got {getattr(self, name)}")

    def check_numbers(self, *names: str, least: float = 0.0) -> None:
        """Raises ValueError unless these fields are finite numbers of at least ``least``."""
        for name in names:
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"the rule's {name} must be a finite number, got {value}")
            if value < least:
                raise ValueError(f"the rule's {name} must be {least:g} or more, got {value}")
