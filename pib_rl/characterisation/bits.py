"""Effective number of bits of a measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from pib_rl.characterisation.measurement import SMALL, Measurement, spread
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import BLUE, RED
from pib_rl.physical.substrate import Read

SAMPLES = 2048
EXACT = 60.0  # bits: differences below are those of floating point, or none


class Comparison(NamedTuple):
    """Bits of one part against one reference; None where no error is seen."""

    part: str  # medium, array or both
    reference: str  # what its noisy reads are compared with: "mean read" or "ideal read"
    bits: float | None = None  # of all outputs together
    low: float | None = None  # exceeded by 90 % of the outputs
    high: float | None = None  # exceeded by 10 % of them


@dataclass(frozen=True)
class EffectiveBits(Measurement):
    """ENOB = (SINAD - 1.76 dB)/6.02 dB of drives that are sines of variance 1 at random phases.

    Against the mean read of the same chip: what noise at a read leaves. Against its ideal read, gain and offset of each
    output fitted: what converters and fabrication leave besides. Relative to the signal at such drives, not to a
    converter's full scale. Ranges that an array can set are set to these drives first, as learners do.

    Source: IEEE Std 1241-2010 for the formula, with the signal in place of a fitted sine.
    """

    name: ClassVar[str] = "effective_bits"
    title: ClassVar[str] = "Effective number of bits of a measurement"

    found: list[Comparison]

    @classmethod
    def measure(cls, chip: TestChip) -> EffectiveBits:
        """Compares noisy reads of medium, array, and both with mean and ideal ones."""
        medium, array = chip.medium, chip.array
        with chip.bench():
            drive = chip.sines(SAMPLES)
            h = {read: medium.measure(drive, read) for read in Read}
            array.recalibrate(h[Read.NOISY])
            from_mean = {read: array.measure(h[Read.MEAN], read) for read in Read}
            both = {read: array.measure(h[read], read) for read in Read}
        found = []
        for part, seen in (("medium", h), ("array", from_mean), ("both", both)):
            mean, noisy, ideal = seen[Read.MEAN], seen[Read.NOISY], fitted(seen[Read.IDEAL], seen[Read.NOISY])
            for reference, signal in (("mean read", mean), ("ideal read", ideal)):
                found.append(compare(part, reference, signal, noisy))
        return cls(found)

    def numbers(self) -> dict[str, Any]:
        return {
            f"{part}_{reference.replace(' ', '_')}": {"bits": bits, "bits_10": low, "bits_90": high}
            for part, reference, bits, low, high in self.found
        }

    def rows(self) -> list[tuple[str, str]]:
        rows: dict[str, list[str]] = {}
        for each in self.found:
            rows.setdefault(each.part, []).append("exact" if each.bits is None else f"{each.bits:.1f}")
        return [(f"effective bits, {part}: to mean, ideal read", ", ".join(bits)) for part, bits in rows.items()]

    def labels(self) -> list[tuple[str, str]]:
        return [("effective number of bits", "")]

    def plot(self, axes: list[Any]) -> None:
        bars, last = axes[0], max((each.high or each.bits or 0.0 for each in self.found), default=0.0)
        for row, each in enumerate(self.found):
            colour = BLUE if each.reference == "mean read" else RED
            if each.bits is None:
                bars.text(0.2, row, "no error seen", va="center", fontsize=SMALL, color=colour)
                continue
            bars.barh(row, max(each.bits, 0.0), color=colour, alpha=0.7, height=0.6)
            if each.low is not None and each.high is not None:
                bars.plot([each.low, each.high], [row, row], color="black", linewidth=1.2)
            bars.text(max(each.bits, each.high or 0.0) + 0.15, row, f"{each.bits:.1f}", va="center", fontsize=SMALL)
        bars.set_yticks(range(len(self.found)), [f"{each.part}\nagainst {each.reference}" for each in self.found])
        bars.set_xlim(0, max(last * 1.12, 1.0) + 0.5)
        bars.set_ylim(len(self.found) + 0.4, -0.6)
        bars.plot([], [], color="black", linewidth=1.2, label="80 % of outputs")
        bars.legend(fontsize=SMALL, loc="lower right")


def compare(part: str, reference: str, signal: Tensor, measured: Tensor) -> Comparison:
    """Bits of a part, of all outputs and of single ones; shapes (n, outputs)."""
    bits, single = effective_bits(signal, measured)
    if not bits < EXACT / 2:
        return Comparison(part, reference)
    single = single[single.isfinite()]
    low, high = (value.item() for value in spread(single)) if len(single) else (bits, bits)
    return Comparison(part, reference, bits, low, high)


def effective_bits(signal: Tensor, measured: Tensor) -> tuple[float, Tensor]:
    """Effective number of bits of a measurement.

    Args:
        signal: What was to be measured, shape (n, outputs).
        measured: What was measured, same shape.

    Returns:
        (SINAD - 1.76 dB)/6.02 dB with SINAD = variance of the signal / mean square of the error in dB: both over all
        outputs, and of each, shape (outputs,). Infinity without error.
    """
    signal, measured = signal.double(), measured.double()
    power, error = signal.var(0, correction=0), (measured - signal).square().mean(0)
    together, single = ((10 * ratio.log10() - 1.76) / 6.02 for ratio in (power.sum() / error.sum(), power / error))
    return together.item(), single


def fitted(ideal: Tensor, measured: Tensor) -> Tensor:
    """Offset + gain x ideal, by least squares for each output: what IEEE 1241's fit takes out, too."""
    ideal, measured = ideal.double(), measured.double()
    centred = ideal - ideal.mean(0)
    gain = (centred * measured).sum(0) / centred.square().sum(0).clamp(min=math.ulp(1.0))
    return measured.mean(0) + gain * centred
