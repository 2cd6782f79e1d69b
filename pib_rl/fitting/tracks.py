"""Sequences as arrays: conductances scaled to weights, devices that do not move set apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pib_rl.cli.cli import UserError
from pib_rl.fitting.pulses import DEVICES, Sequence

STUCK = 0.05  # of the usual range of a device: one that moves less is stuck
NOISY, ALIKE = 0.25, 0.5  # one that moves less than this of it is stuck where its cycles correlate less than that
USUAL = 0.75  # quantile of the ranges of all devices that counts as usual: of two devices one may be stuck
NEAR_ZERO = 0.25  # of the largest conductance: one-sided devices that start below this count from 0
SPAN = 2.0  # weights of the whole range: -1..1, or 0..2 of one-sided devices


@dataclass(frozen=True)
class Tracks:
    """Readings of all moving devices, as weights; sequences are padded to the longest.

    Attributes:
        weight: Readings, shape (sequences, readings).
        pulses: Pulses before each reading.
        up: Whether they went upwards.
        there: Whether there is a reading.
        device: Number of the device of each sequence, shape (sequences,).
        cycle: Number of the cycle of each sequence, within its device.
        names: Names of the devices.
        stuck: Names of devices that do not move.
        zero_us: Conductance of weight 0, in microsiemens.
        unit_us: Conductance of a weight of 1, in microsiemens.
        one_sided: Pulses go upwards only.
    """

    weight: np.ndarray
    pulses: np.ndarray
    up: np.ndarray
    there: np.ndarray
    device: np.ndarray
    cycle: np.ndarray
    names: tuple[str, ...]
    stuck: tuple[str, ...]
    zero_us: float
    unit_us: float
    one_sided: bool

    def only(self, which: np.ndarray) -> Tracks:
        """Those sequences where ``which``, of all devices."""
        parts = {name: getattr(self, name)[which] for name in ("weight", "pulses", "up", "there", "device", "cycle")}
        rest = {name: value for name, value in vars(self).items() if name not in parts}
        return Tracks(**parts, **rest)

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the readings of each device begin and end, but for the outermost hundredth, shape (devices,) each."""
        bounds = [np.quantile(self.weight[self.device == d][self.there[self.device == d]], [0.01, 0.99]) for d in self]
        low, high = np.array(bounds).T
        return low, high

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        """Numbers of the devices."""
        return iter(range(len(self.names)))


def make_tracks(sequences: list[Sequence]) -> Tracks:
    """Scales conductances so that the mean device spans -1..1, or 0..2 where pulses go upwards only.

    Raises:
        UserError: If too few devices move, or pulses go downwards only.
    """
    names = list(dict.fromkeys(one.device for one in sequences))
    bounds = {name: _bounds([one for one in sequences if one.device == name]) for name in names}
    spans = {name: high - low for name, (low, high) in bounds.items()}
    stuck = _stuck(sequences, spans)
    moving = [name for name in names if name not in stuck]
    if len(moving) < DEVICES:
        raise UserError(
            f"{len(moving)} of {len(names)} devices move, and {DEVICES} are the fewest; measure more devices"
        )
    kept = [one for one in sequences if one.device in moving]
    ups, downs = (any((one.up == way).any() for one in kept) for way in (True, False))
    if not ups:
        raise UserError("all pulses go downwards (direction -1); a device of one direction goes upwards: direction 1")
    low, high = (float(np.mean([bounds[name][end] for name in moving])) for end in (0, 1))
    if downs:
        zero, unit = (low + high) / 2, (high - low) / SPAN
    else:
        zero = 0.0 if low < NEAR_ZERO * high else low
        unit = (high - zero) / SPAN
    longest = max(len(one.pulses) for one in kept)

    def padded(values: list[np.ndarray]) -> np.ndarray:
        return np.array([np.pad(value, (0, longest - len(value)), mode="edge") for value in values])

    order = [[other.cycle for other in kept if other.device == one.device].index(one.cycle) for one in kept]
    return Tracks(
        weight=(padded([one.conductance_us for one in kept]) - zero) / unit,
        pulses=padded([one.pulses for one in kept]),
        up=padded([one.up for one in kept]),
        there=np.array([np.arange(longest) < len(one.pulses) for one in kept]),
        device=np.array([moving.index(one.device) for one in kept]),
        cycle=np.array(order),
        names=tuple(moving),
        stuck=tuple(stuck),
        zero_us=zero,
        unit_us=unit,
        one_sided=not downs,
    )


def _stuck(sequences: list[Sequence], spans: dict[str, float]) -> list[str]:
    """Names of the devices that do not move: what they show is the same all the time, or noise."""
    usual = float(np.quantile(list(spans.values()), USUAL))

    def still(name: str) -> bool:
        if not spans[name] > STUCK * usual:
            return True
        return spans[name] < NOISY * usual and _likeness([one for one in sequences if one.device == name]) < ALIKE

    return [name for name in spans if still(name)]


def _likeness(cycles: list[Sequence]) -> float:
    """Mean correlation of the readings of one cycle with those of the next: near 1 where pulses move a device."""
    count = min(len(one.conductance_us) for one in cycles)
    rows = np.array([one.conductance_us[:count] for one in cycles])
    rows = rows - rows.mean(1, keepdims=True)
    norms = np.sqrt((rows**2).sum(1))
    both = norms[1:] * norms[:-1]
    return float(np.mean(np.where(both > 0, (rows[1:] * rows[:-1]).sum(1) / np.where(both > 0, both, 1.0), 0.0)))


def _bounds(sequences: list[Sequence]) -> tuple[float, float]:
    """Smallest and largest conductance, each the median over cycles of what a cycle's outermost readings average to."""
    ends = []
    for one in sequences:
        ordered = np.sort(one.conductance_us)
        few = max(1, len(ordered) // 20)
        ends.append((ordered[:few].mean(), ordered[-few:].mean()))
    low, high = np.median(np.array(ends), axis=0)
    return float(low), float(high)
