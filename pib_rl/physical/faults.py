"""Faults of hardware: what can break, how badly, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pib_rl.common.options import nearest

if TYPE_CHECKING:
    from pib_rl.physical.part import Size

LONGEST = 1e12  # seconds of drift: more than 30,000 years
FARTHEST = 1e6  # pixels that a camera may move: more than its frame has in a row


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    size: str  # what its size is, with its unit
    low: float  # smallest size
    high: float  # largest size
    about: str  # what happens, in one line
    whole: bool = False  # the size is a whole number
    unit: str = ""  # letter that may stand behind the size
    spreadable: bool = False  # chips of a wafer may have sizes of their own

    @property
    def range(self) -> str:
        """The valid sizes, for messages."""
        bounds = f"{self.low:g} or more" if self.high == math.inf else f"in {self.low:g}..{self.high:g}"
        return f"a whole number, {bounds}" if self.whole else bounds


KINDS = {
    "stuck": Kind(
        "fraction of devices", 0, 1, "devices of arrays keep a random value for good and ignore writes", spreadable=True
    ),
    "dead-pixels": Kind("fraction of pixels", 0, 1, "camera pixels of media stay dark", spreadable=True),
    "drift": Kind(
        "seconds", 0, LONGEST, "time passes at once: conductances drift, media decorrelate", unit="s", spreadable=True
    ),
    "rotate-medium": Kind(
        "degrees", 0, 90, "media turn towards new draws; at 90 nothing of the old ones is left", spreadable=True
    ),
    "shift-camera": Kind("pixels", 0, FARTHEST, "cameras of media move by so many pixels"),
    "dead-unit": Kind("number of a unit, from 1", 1, math.inf, "all outputs of the unit's array stay 0", whole=True),
    "adc-bits": Kind("bits", 2, 24, "converters of outputs have no more than so many bits left", whole=True),
}


@dataclass(frozen=True)
class Fault:
    """Something that breaks for good; ValueError if a field lies outside its range."""

    kind: str  # one of `KINDS`
    size: float  # how badly, in the unit of its kind
    step: int = 0  # after how much of the training it happens: environment steps, or epochs; 0 is before it
    last: float | None = None  # size on the last chip of a wafer, ``size`` being that on the first; None: all alike

    def __post_init__(self) -> None:
        known = _kind(self.kind)
        if self.last is not None and not known.spreadable:
            spreadable = ", ".join(name for name, kind in KINDS.items() if kind.spreadable)
            raise ValueError(
                f"{self.kind} has one size for all chips, got {self.sizes}; kinds with a size per chip: {spreadable}"
            )
        for size in (self.size, self.size if self.last is None else self.last):
            if not known.low <= size <= known.high or math.isinf(size) or (known.whole and size % 1):
                raise ValueError(f"the size of {self.kind} ({known.size}) must be {known.range}, got {size:g}")
        if self.step < 0:
            raise ValueError(f"the step of {self.kind} must be 0 or more, got {self.step}")

    def __str__(self) -> str:
        return f"{self.kind}:{self.sizes}" + (f"@{self.step}" if self.step else "")

    @property
    def sizes(self) -> str:
        """The size, or those of the first and the last chip: SIZE or FIRST..LAST."""
        ends = [self.size] if self.last is None else [self.size, self.last]
        return "..".join(repr(float(size)).removesuffix(".0") for size in ends)

    def on(self, chips: tuple[int, ...]) -> Size:
        """What a part of these chips gets: the size, or one per chip, evenly from the first to the last.

        Raises:
            ValueError: If sizes differ and there is no wafer.
        """
        if self.last is None:
            return self.size
        if not chips:
            raise ValueError(f"{self} has a size per chip, and there is one chip; give one size, or more chips")
        import torch  # late: the command line speaks of faults too

        return torch.linspace(self.size, self.last, chips[0], dtype=torch.float32)

    def of_chip(self, chip: int, chips: int) -> Fault:
        """The same fault on one chip of a wafer, counted from 0, with the size that it has there."""
        if self.last is None:
            return self
        size = self.size + (self.last - self.size) * chip / max(chips - 1, 1)
        return replace(self, size=float(f"{size:.6g}"), last=None)

    @property
    def about(self) -> str:
        """What happens, in one line."""
        return KINDS[self.kind].about

    @property
    def label(self) -> str:
        """Kind and size, for people."""
        return f"{self.kind} {self.size:g}" + ("" if self.last is None else f"..{self.last:g}")


class FaultPlan:
    """Faults that happen at their step, each once.

    Args:
        faults: What is planned, in order.
        happen: Makes a fault happen.

    Attributes:
        ahead: What is still to come.
        happened: What happened; its step is the one after which it did.
    """

    def __init__(self, faults: Iterable[Fault], happen: Callable[[Fault], None]) -> None:
        self.ahead, self._happen = list(faults), happen
        self.happened: list[Fault] = []

    def reach(self, step: int) -> None:
        """Makes everything happen that is due after so many steps."""
        while self.ahead and self.ahead[0].step <= step:
            self.strike(self.ahead.pop(0), step)

    def strike(self, fault: Fault, step: int) -> None:
        """Makes a fault happen now, planned or not."""
        self._happen(fault)
        self.happened.append(replace(fault, step=step))

    @property
    def labels(self) -> tuple[str, ...]:
        """What happened, for people."""
        return tuple(fault.label for fault in self.happened)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f"unknown fault {name!r}; {nearest(name, list(KINDS))}")
    return KINDS[name]


def parse(text: str) -> Fault:
    """A fault from KIND:SIZE or KIND:SIZE@STEP, such as ``stuck:0.5@20000``; ValueError if the text is no valid one.

    FIRST..LAST in place of SIZE gives each chip of a wafer a size of its own; ``@start`` is the same as ``@0``.
    """
    if not isinstance(text, str):
        raise ValueError(f"a fault must be KIND:SIZE or KIND:SIZE@STEP, such as stuck:0.5@300, got {text!r}")
    body, at, when = text.partition("@")
    kind, colon, size = body.partition(":")
    known = _kind(kind)
    if not colon or not size:
        raise ValueError(f"the fault {text!r} lacks its size; give {kind}:SIZE, the {known.size}, {known.range}")
    first, spread, last = size.partition("..")
    if at and when != "start" and not when.isdecimal():
        raise ValueError(f"the step of {kind} must be a whole number, 0 or more, such as {body}@3, got {when!r}")
    step = int(when) if at and when != "start" else 0
    return Fault(kind, _number(kind, first), step, _number(kind, last) if spread else None)


def _number(kind: str, text: str) -> float:
    """The size of a fault as a number."""
    known = KINDS[kind]
    try:
        return float(text.removesuffix(known.unit) if known.unit else text)
    except ValueError:
        raise ValueError(f"the size of {kind} ({known.size}) must be a number, {known.range}, got {text!r}") from None


def parse_all(texts: Iterable[str], length: int | None = None, unit: str = "steps") -> list[Fault]:
    """Faults, from texts as `parse` takes them, in the order in which they happen.

    ValueError if one would happen after the end, at ``length`` if that is known; ``unit`` is what steps count.
    """
    found = [parse(text) for text in texts]
    for fault in found:
        if length is not None and fault.step > length:
            raise ValueError(
                f"the fault {fault} would happen after the end: there are {length} {unit}; lower the "
                f"number behind @, or raise the number of {unit}"
            )
    return sorted(found, key=lambda fault: fault.step)


def check_clock(seconds: float) -> None:
    """Raises ValueError unless so many simulated seconds may pass per step or sample: 0 or more, at most `LONGEST`."""
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"clock must be seconds in 0..{LONGEST:g}, got {seconds:g}")
