"""A bench that a user measured, as plain values: what a run keeps of it in its config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pib_rl.common.options import mapping, nearest, whole
from pib_rl.physical.optical.measured_arrays import MOST_ENTRIES, StoredArray
from pib_rl.physical.optical.response import COLUMNS, ResponseCurve
from pib_rl.physical.remote.instrument import InstrumentError

PHASES = ("measured", "drawn")
PARTS = ("transmission", "dark", "response")


class MissingBenchError(InstrumentError):
    """The matrix or the dark frames of a bench are not where they were, and no saved policy brought them along."""


@dataclass(frozen=True)
class OwnBench:
    """What is known of a measured bench. The large arrays stay in their files; a saved policy holds what it uses.

    Attributes:
        transmission: File of the transmission matrix.
        pixels: Its rows, one per camera pixel.
        modes: Its columns, one per modulator pixel.
        phases: "measured", or "drawn" from the seed, where the file holds intensities |t|^2 alone.
        dark: File of the dark frames in ADC codes, or none.
        response: Phases of the modulator by grey level, or none.
    """

    transmission: StoredArray
    pixels: int
    modes: int
    phases: str = "measured"
    dark: StoredArray | None = None
    response: ResponseCurve | None = None

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> OwnBench:
        """The bench of such values as `plain` gives; ValueError if they are something else."""
        where = "optical bench"
        values = mapping(where, values)
        for name in values:
            if name not in PARTS:
                raise ValueError(f"{where} has no part {name!r}; {nearest(name, list(PARTS))}")
        matrix = mapping(f"{where} transmission", values.get("transmission"))
        pixels, modes = (
            whole(f"{where} {name}", matrix.pop(name, None), 1, MOST_ENTRIES) for name in ("pixels", "modes")
        )
        if (phases := matrix.pop("phases", None)) not in PHASES:
            raise ValueError(f"{where} phases must be {' or '.join(PHASES)}, got {phases!r:.60}")
        dark, curve = values.get("dark"), values.get("response")
        return cls(
            _stored(f"{where} transmission", matrix),
            pixels,
            modes,
            phases,
            None if dark is None else _stored(f"{where} dark", dark),
            None if curve is None else _response(f"{where} response", curve),
        )

    def plain(self) -> dict[str, Any]:
        """Plain values, for files."""
        sizes = {"pixels": self.pixels, "modes": self.modes, "phases": self.phases}
        found: dict[str, Any] = {"transmission": asdict(self.transmission) | sizes}
        if self.dark is not None:
            found["dark"] = asdict(self.dark)
        if self.response is not None:
            found["response"] = self.response.plain()
        return found

    def trouble(self) -> str:
        """Why the files can't be used now; nothing if they can."""
        files = [self.transmission, *([] if self.dark is None else [self.dark])]
        return next((said for one in files if (said := one.trouble())), "")


def _stored(name: str, values: object) -> StoredArray:
    known = mapping(name, values)
    if set(known) != {"file", "sha256"}:
        raise ValueError(f"{name} needs file and sha256, got {', '.join(sorted(known)) or 'nothing':.60}")
    return StoredArray(**known)


def _response(name: str, values: object) -> ResponseCurve:
    known = mapping(name, values)
    if set(known) != set(COLUMNS) or not all(isinstance(one, list) for one in known.values()):
        raise ValueError(f"{name} needs the lists {' and '.join(COLUMNS)}")
    return ResponseCurve(*(known[column] for column in COLUMNS))
