"""Parameters of `ChipKeeper`: chip, site, actions, prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pib_rl.common.options import check_numbers, configure
from pib_rl.physical.faults import KINDS, Fault, parse
from pib_rl.physical.registry import base, check

ACTIONS = ("nothing", "recalibrate", "refit", "retrain")
OFTEN = 0.01  # periods: no fault arrives more than a hundred times in one on average


@dataclass(frozen=True)
class Hazard:
    """Faults of one kind that arrive at random.

    Args:
        kind: One of `pib_rl.physical.faults.KINDS`.
        size: Mean size; sizes are uniform in 0..2 size, within the range of the kind. Whole numbers stay as they are.
        every: Mean number of periods between two of them (Poisson: 1/every a period).

    Raises:
        ValueError: If there is no such kind, its size lies outside its range, or ``every`` is below 0.01.
    """

    kind: str
    size: float
    every: float

    def __post_init__(self) -> None:
        Fault(self.kind, self.size)
        if not OFTEN <= self.every < float("inf"):
            raise ValueError(
                f"the periods between two faults {self.kind} must be {OFTEN} or more and finite, got {self.every}"
            )

    def sized(self, fraction: float) -> Fault:
        """A fault of this kind; ``fraction`` in 0..1 goes from the smallest size to the largest."""
        known = KINDS[self.kind]
        if known.whole:
            return Fault(self.kind, self.size)
        return Fault(self.kind, min(max(2 * fraction * self.size, known.low), known.high))


def parse_hazard(text: str) -> Hazard:
    """A hazard from KIND:SIZE/PERIODS, such as ``stuck:0.05/30``.

    Raises:
        ValueError: If the text is nothing of that form, or no valid hazard.
    """
    head, slash, every = text.partition("/") if isinstance(text, str) else ("", "", "")
    try:
        periods = float(every)
    except ValueError:
        slash = ""
    if not slash:
        raise ValueError(
            "a fault that may happen must be KIND:SIZE/PERIODS, such as stuck:0.05/30 for one every 30 "
            f"periods on average, got {text!r}"
        )
    known = parse(head)
    if known.step:
        raise ValueError(f"faults arrive at random: leave out @{known.step} of {text!r}")
    return Hazard(known.kind, known.size, periods)


@dataclass(frozen=True)
class Site:
    """What hardware meets where it serves: hazards (see `parse_hazard`), and options other than its defaults."""

    faults: tuple[str, ...]
    hw_options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


SITES = {
    "memristive": Site(("stuck:0.02/25", "stuck:0.1/80")),
    "optical": Site(
        ("rotate-medium:8/30", "dead-pixels:0.05/60"),
        MappingProxyType({"camera_pixels": 64, "decorrelation_time_s": 1.8e7}),
    ),
}


@dataclass(frozen=True)
class ChipKeeperConfig:
    """Parameters of `ChipKeeper`. Rates, durations and prices are assumptions of the task, not measured on hardware.

    A period that is served without a mistake is worth 1; all prices are relative to that.

    Args:
        hw: Substrate: "memristive" or "optical", or one of their presets.
        width: Outputs of each unit.
        units: Number of units.
        chip_seed: Seed of the chip that is trained and kept.
        periods: Length of an episode.
        period_s: Duration of a period, in seconds: how far conductances drift and media decorrelate in it.
        batch: Samples that stand for the traffic of a period.
        probes: How many of them are labelled, at ``label_price`` each.
        faults: What may happen, as KIND:SIZE/PERIODS; None for what the substrate meets by default, see `SITES`.
        recalibration_samples: Samples, without labels, that a recalibration measures.
        refit_labels: Labelled samples of a re-fit of the readout.
        retrain_labels: Labelled samples of a re-training; units learn in batches of 64.
        recalibrate_downtime: Fraction of a period that is not served for a recalibration.
        refit_downtime: The same for a re-fit.
        retrain_downtime: The same for a re-training.
        label_price: Price of a label.
        energy_price: Price of the energy that serving a period's batch takes on the healthy chip.
        chip_price: Price of a new chip.
        endurance: Pulses that a device is good for, on average over the devices of a chip.

    Raises:
        ValueError: If a value lies outside its range; the message names argument, value and range.
    """

    hw: str = "memristive"
    width: int = 32
    units: int = 2
    chip_seed: int = 0
    periods: int = 200
    period_s: float = 3600.0
    batch: int = 128
    probes: int = 16
    faults: tuple[str, ...] | None = None
    recalibration_samples: int = 128
    refit_labels: int = 128
    retrain_labels: int = 256
    recalibrate_downtime: float = 0.02
    refit_downtime: float = 0.1
    retrain_downtime: float = 0.8
    label_price: float = 0.0005
    energy_price: float = 0.002
    chip_price: float = 100.0
    endurance: float = 1e4

    def __post_init__(self) -> None:
        check(self.hw)
        if base(self.hw) not in SITES:
            raise ValueError(f"ChipKeeper hw must be one of {', '.join(SITES)}, or a preset of one, got {self.hw!r}")
        for name, low, high in (
            ("width", 1, 4096),
            ("units", 1, 16),
            ("chip_seed", 0, 2**32 - 1),
            ("periods", 1, None),
            ("batch", 2, 499),
            ("probes", 1, self.batch),
            ("recalibration_samples", 2, 600),
            ("refit_labels", 2, 600),
            ("retrain_labels", 4, 600),
        ):
            value = getattr(self, name)
            if value < low or (high is not None and value > high):
                bounds = f">= {low}" if high is None else f"in {low}..{high}"
                raise ValueError(f"ChipKeeper {name} must be {bounds}, got {value}")
        check_numbers(
            self,
            "ChipKeeper",
            positive="endurance",
            not_negative="period_s label_price energy_price chip_price",
            fraction="recalibrate_downtime refit_downtime retrain_downtime",
        )
        self.hazards()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> ChipKeeperConfig:
        """The configuration with ``options`` in place of its defaults; ValueError if one of them is wrong."""
        rest = dict(options)
        faults = rest.pop("faults", None)
        if not (faults is None or isinstance(faults, (list, tuple))):
            raise ValueError(f"ChipKeeper faults must be a list of KIND:SIZE/PERIODS or None, got {faults!r}")
        found = configure(cls, rest, "ChipKeeper")
        return found if faults is None else replace(found, faults=tuple(faults))

    def hazards(self) -> list[Hazard]:
        """What may happen at random."""
        texts = SITES[base(self.hw)].faults if self.faults is None else self.faults
        return [parse_hazard(text) for text in texts]

    def downtime(self, action: int) -> float:
        """Fraction of the period that an action, a number of `ACTIONS`, takes from serving."""
        return float(getattr(self, f"{ACTIONS[action]}_downtime")) if action else 0.0

    def labels(self, action: int) -> int:
        """Labels that a period with that action needs, the probes' included."""
        return self.probes + (0, 0, self.refit_labels, self.retrain_labels)[action]
