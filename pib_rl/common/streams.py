"""Named random streams: every draw of the project comes from one of them, and all derive from one seed."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pib_rl.common.noise import TableNormal

FABRICATION = "fabrication"
READ = "read"
WRITE = "write"
FAULT = "fault"
DRIFT = "drift"
CALIBRATION = "calibration"
EXPLORATION = "exploration"
LEARNING = "learning"
ENVIRONMENT = "environment"
EVALUATION = "evaluation"
MEASURED = (READ, WRITE)  # drawn at every measurement and write: normal draws on a CPU come from a table
OWN = (FABRICATION, FAULT, DRIFT)  # drawn for each chip of a wafer by itself


class Streams:
    """Independent generators by name, derived from one seed.

    The generator of a name depends on the seed and the name alone, so that drawing more read noise never moves
    the exploration. Fabrication always draws on the CPU: a seed, 0 or more, gives the same chip on every torch device.

    On a wafer of N chips, what makes a chip and what befalls it (streams `OWN`) is drawn for each chip from a seed of
    its own: chip k of a wafer with seed s is the chip that seed s + k makes alone. All other draws come for all chips
    in one block. Normal draws of `MEASURED` in float32 on a CPU come from a `TableNormal`.

    Args:
        seed: The seed, 0 or more.
        chips: Number of chips of a wafer; None for one chip without a wafer.

    Attributes:
        chips: Leading axes of everything that belongs to a chip: (N,) on a wafer, () without one.

    Raises:
        ValueError: If the seed is negative, or there are less than one chip.
    """

    def __init__(self, seed: int = 0, chips: int | None = None) -> None:
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        if chips is not None and chips < 1:
            raise ValueError(f"a wafer needs 1 chip or more, got {chips}")
        self.seed = int(seed)
        self.chips: tuple[int, ...] = () if chips is None else (int(chips),)
        self._prefix = ""
        self._generators: dict[tuple[str, str, int], torch.Generator] = {}
        self._at_hand: dict[tuple[str, str, torch.device], torch.Generator] = {}
        self._tables: dict[str, TableNormal] = {}

    @contextlib.contextmanager
    def aside(self, prefix: str, *, anew: bool = False) -> Iterator[None]:
        """Inside, every stream is another one, named ``prefix`` and its name: nothing outside is consumed.

        With ``anew`` they start from their seed again, whatever was drawn from them before.
        """
        before, self._prefix = self._prefix, f"{prefix}/"
        if anew:
            for key in [key for key in self._generators if key[0].startswith(self._prefix)]:
                del self._generators[key]
            for name in [name for name in self._tables if name.startswith(self._prefix)]:
                del self._tables[name]
            self._at_hand = {}
        try:
            yield
        finally:
            self._prefix = before

    def restart(self, seed: int) -> None:
        """All streams start from another seed, wherever they were."""
        self.seed, self._generators, self._at_hand, self._tables = int(seed), {}, {}, {}

    def integer(self, name: str, chip: int = 0) -> int:
        """A 32-bit seed for a library that wants an integer (Gymnasium), from the stream ``name`` of a chip."""
        sequence = np.random.SeedSequence([self.seed + chip, zlib.crc32(name.encode())])
        return int(sequence.generate_state(1)[0])

    def generator(self, name: str, device: torch.device | str = "cpu", chip: int = 0) -> torch.Generator:
        """The torch generator of ``name`` on ``device``, of a chip where it is one of `OWN`; made at the first call."""
        return self._generator((self._prefix + name, str(device), chip))

    def _generator(self, key: tuple[str, str, int]) -> torch.Generator:
        if key not in self._generators:
            name, device, chip = key
            self._generators[key] = torch.Generator(device=device).manual_seed(self.integer(name, chip))
        return self._generators[key]

    def zeros(self, *shape: int) -> Tensor:
        """Zeros of that shape for every chip: shape (*chips, *shape)."""
        return torch.zeros((*self.chips, *shape), dtype=torch.float32)

    def spread(self, value: float | Tensor, like: Tensor) -> float | Tensor:
        """A number, or one per chip, shape (*chips), so that it combines with ``like``, shape (*chips, ...)."""
        if not isinstance(value, Tensor):
            return value
        return value.to(like.device).view(*value.shape, *[1] * (like.ndim - value.ndim))

    def normal(self, name: str, like: Tensor) -> Tensor:
        """Standard normal draws with the shape, type and device of ``like``."""
        if name in MEASURED and like.dtype is torch.float32 and like.device.type == "cpu":
            return self._table(self._prefix + name).draw(like.shape)
        return self._draw(torch.randn, name, like)

    def uniform(self, name: str, like: Tensor) -> Tensor:
        """Uniform draws in [0, 1) with the shape, type and device of ``like``."""
        return self._draw(torch.rand, name, like)

    def _table(self, name: str) -> TableNormal:
        if name not in self._tables:
            self._tables[name] = TableNormal(self.integer(name))
        return self._tables[name]

    def _draw(self, draw: Callable[..., Tensor], name: str, like: Tensor) -> Tensor:
        """For streams `OWN` of a wafer, ``like`` has the leading axis of chips."""
        shape, kind, device = like.shape, like.dtype, like.device
        if not self.chips or name not in OWN:
            key = (self._prefix, name, device)  # looked up at every measurement
            generator = self._at_hand.get(key)
            if generator is None:
                generator = self._at_hand[key] = self.generator(name, device)
            return draw(shape, generator=generator, dtype=kind, device=device)
        if shape[:1] != self.chips:
            raise ValueError(
                f"a draw of each of {self.chips[0]} chips needs a leading axis of them, got {tuple(shape)}"
            )
        each = [self.generator(name, device, chip) for chip in range(self.chips[0])]
        return torch.stack([draw(shape[1:], generator=one, dtype=kind, device=device) for one in each])

    def state(self) -> dict[str, Any]:
        """Where all streams are, as `pib_rl.common.tree.flatten_state` takes it."""
        state = self.__getstate__()
        states = [[*key, value] for key, value in state["states"].items()]
        return {"seed": state["seed"], "states": states, "tables": state["tables"]}

    def load_state(self, state: dict[str, Any], device: torch.device | str = "cpu") -> None:
        """Goes on from a ``state`` of streams of as many chips; only those on a CPU or on ``device`` are taken."""
        here = ("cpu", torch.device(device).type)
        known = [one for one in state["states"] if str(one[1]).startswith(here)]
        states = {(name, at, chip): value.cpu() for name, at, chip, value in known}
        self.__setstate__({**state, "chips": self.chips, "states": states})

    def __getstate__(self) -> dict[str, Any]:
        states = {key: generator.get_state() for key, generator in self._generators.items()}
        tables = {name: table.state for name, table in self._tables.items()}
        return {"seed": self.seed, "chips": self.chips, "states": states, "tables": tables}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.chips, self._prefix = state["chips"], ""
        self.restart(state["seed"])
        for key, value in state["states"].items():
            self._generator(key).set_state(value)
        for name, value in state["tables"].items():
            self._table(name).load(value)
