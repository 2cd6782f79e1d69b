"""What learning and acting cost the hardware: measurements, writes, energy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.options import number, whole
from pib_rl.common.state import NOT_NEGATIVE, Valid, check_state, check_tensor
from pib_rl.physical.part import Costs, restore_after_loading

MOST_COUNTED = 2**53  # float64 counts so far
# Where energy goes. programming: pulses to devices; digital: arithmetic on measured numbers, weights in memory, too.
PARTS = ("array", "converters", "light", "modulator", "camera", "programming", "digital")


def _part(name: str) -> str:
    if name not in PARTS:
        raise ValueError(f"{name!r} is no part that energy goes to; known: {', '.join(PARTS)}")
    return name


class Meter(nn.Module):
    """Counts what was asked of the hardware.

    ``measurements`` counts samples times units: one physical forward pass of one sample through one unit (or
    through the readout array) is one. ``writes`` counts programming pulses: one pulse to one device is one.
    ``energy`` holds joules by part, in the order of `PARTS`; ``products`` counts multiplications of a measured number
    with a weight, for comparisons with digital processors. All are float64 buffers, counts exact up to 2^53, and travel
    with the saved policy; on a wafer each has a leading axis of chips.

    What comes in is noted and added to the buffers by `settle` alone, so that a small measurement is not slowed down
    by its own bookkeeping. Saving settles; a method that gives a sum leaves both alone.

    Args:
        chips: Leading axes, see `Streams.chips`.
    """

    VALID: ClassVar[Valid] = {
        "measurements": NOT_NEGATIVE,
        "writes": NOT_NEGATIVE,
        "products": NOT_NEGATIVE,
        "energy": NOT_NEGATIVE,
    }

    def __init__(self, chips: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.chips = chips
        self.measurements = nn.Buffer(torch.zeros(chips, dtype=torch.float64))
        self.writes = nn.Buffer(torch.zeros(chips, dtype=torch.float64))
        self.products = nn.Buffer(torch.zeros(chips, dtype=torch.float64))
        self.energy = nn.Buffer(torch.zeros((*chips, len(PARTS)), dtype=torch.float64))
        self.running = True  # whether anything is counted now
        self.restore()
        restore_after_loading(self)

    def restore(self) -> None:
        """Forgets what is noted and not yet in the buffers."""
        self._samples, self._multiplied = 0, 0
        self._known: dict[str, float] = {}  # joules that follow from counts
        self._measured: dict[str, Tensor] = {}  # joules that follow from what was measured or written
        self._pulses: dict[float, Tensor] = {}  # pulses by the joules of one

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, nothing is counted: for evaluations, which are no part of learning or of serving."""
        before, self.running = self.running, False
        try:
            yield
        finally:
            self.running = before

    @contextlib.contextmanager
    def lap(self) -> Iterator[Callable[[], float]]:
        """Inside, the function that it gives returns the joules spent so far, free of the rounding of all before."""
        self.settle()
        before = self.energy.clone()
        self.energy.zero_()
        try:
            yield lambda: sum(self.joules().values())
        finally:
            self.settle()
            self.energy.add_(before)

    def read(self, samples: int, weights: int = 0) -> None:
        """Counts ``samples`` passes through one unit (of every chip), whose array holds so many ``weights``."""
        if self.running:
            self._samples += samples
            self._multiplied += samples * weights

    def write(self, pulses: Tensor, joules: float = 0.0) -> None:
        """Counts ``pulses``, shape (*chips), of so many ``joules`` each; nothing comes back from an accelerator."""
        if self.running:
            noted = self._pulses.get(joules)
            self._pulses[joules] = pulses.double() if noted is None else noted + pulses

    def spend(self, costs: Costs) -> None:
        """Adds joules, numbers or shape (*chips), by part; KeyError if a part is none of `PARTS`."""
        if not self.running:
            return
        for part, joules in costs.items():
            if part not in PARTS:
                raise KeyError(f"{part!r} is no part that energy goes to; known: {', '.join(PARTS)}")
            if isinstance(joules, Tensor):
                noted = self._measured.get(part)
                self._measured[part] = joules.double() if noted is None else noted + joules
            else:
                self._known[part] = self._known.get(part, 0.0) + joules

    def sums(self) -> dict[str, Tensor]:
        """All counts up to now by the names of the buffers, of each chip.

        It leaves the buffers and what is noted alone: who asks for a sum changes no digit of later ones.
        """
        energy = self.energy.clone()
        for part, joules in self._known.items():
            energy[..., PARTS.index(part)] += joules
        for part, measured in self._measured.items():
            energy[..., PARTS.index(part)] += measured
        for each, pulses in self._pulses.items():
            if each:
                energy[..., PARTS.index("programming")] += pulses * each
        return {
            "measurements": self.measurements + self._samples,
            "writes": sum(self._pulses.values(), self.writes.clone()),
            "products": self.products + self._multiplied,
            "energy": energy,
        }

    def settle(self) -> None:
        """Brings the buffers up to date."""
        for name, count in self.sums().items():
            getattr(self, name).copy_(count)
        self.restore()

    def state(self) -> dict[str, Any]:
        """Buffers and what is noted, apart: a sum has other last digits if it is taken in another order."""
        buffers = {name: value.clone() for name, value in self.named_buffers()}
        pulses = [[joules, count] for joules, count in self._pulses.items()]
        counts = [self._samples, self._multiplied]
        return {
            "buffers": buffers,
            "counts": counts,
            "known": dict(self._known),
            "measured": dict(self._measured),
            "pulses": pulses,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from a `state`; ValueError, TypeError or KeyError if it is none of a meter of as many chips."""
        check_state(self, state["buffers"])
        samples, multiplied = (
            whole("samples and products of a meter", one, 0, MOST_COUNTED) for one in state["counts"]
        )
        known = {_part(name): number(f"joules of {name}", joules, 0) for name, joules in state["known"].items()}
        measured = {_part(name): self._noted(name, joules) for name, joules in state["measured"].items()}
        pulses = {number("joules of a pulse", one, 0): self._noted("pulses", count) for one, count in state["pulses"]}
        for name, value in self.named_buffers():
            value.copy_(state["buffers"][name])
        self._samples, self._multiplied = samples, multiplied
        self._known, self._measured, self._pulses = known, measured, pulses

    def _noted(self, name: str, value: Tensor) -> Tensor:
        """A number per chip, or one for all, on the device of the meter."""
        like = torch.zeros(() if value.shape == () else self.chips, dtype=torch.float64)
        check_tensor(name, value, like, NOT_NEGATIVE)
        return value.to(self.energy.device)

    def reset(self) -> None:
        """Counts from 0 again."""
        self.restore()
        for count in self.buffers():
            count.zero_()

    def _apply(self, *arguments: Any, **options: Any) -> Meter:
        self.settle()  # what is noted stays behind when the buffers move to another device
        super()._apply(*arguments, **options)  # type: ignore[no-untyped-call]
        return self

    def _save_to_state_dict(self, *arguments: Any) -> None:
        self.settle()
        super()._save_to_state_dict(*arguments)

    def joules(self) -> dict[str, float]:
        """Energy of all chips by part, only of those that spent some."""
        total = self.sums()["energy"].reshape(-1, len(PARTS)).sum(0).tolist()
        return {part: joules for part, joules in zip(PARTS, total, strict=True) if joules}

    def totals(self) -> dict[str, int]:
        """``measurements``, ``writes`` and ``products`` of all chips as integers."""
        counts = self.sums()
        return {name: int(counts[name].sum().item()) for name in ("measurements", "writes", "products")}
