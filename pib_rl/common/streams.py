"""Named random streams: every draw of the project comes from one of them, and all derive from one seed."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

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


class Streams:
    """Independent generators by name, derived from one seed.

    The generator of a name depends on the seed and the name alone, so that drawing more read noise never moves
    the exploration. Fabrication always draws on the CPU: a seed, 0 or more, gives the same chip on every torch device.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self.seed = int(seed)
        self._prefix = ""
        self._generators: dict[tuple[str, str], torch.Generator] = {}

    @contextlib.contextmanager
    def aside(self, prefix: str, *, anew: bool = False) -> Iterator[None]:
        """Inside, every stream is another one, named ``prefix`` and its name: nothing outside is consumed.

        With ``anew`` they start from their seed again, whatever was drawn from them before.
        """
        before, self._prefix = self._prefix, f"{prefix}/"
        if anew:
            for key in [key for key in self._generators if key[0].startswith(self._prefix)]:
                del self._generators[key]
        try:
            yield
        finally:
            self._prefix = before

    def restart(self, seed: int) -> None:
        """All streams start from another seed, wherever they were."""
        self.seed, self._generators = int(seed), {}

    def integer(self, name: str) -> int:
        """A 32-bit seed for a library that wants an integer (Gymnasium), from the stream ``name``."""
        sequence = np.random.SeedSequence([self.seed, zlib.crc32(name.encode())])
        return int(sequence.generate_state(1)[0])

    def generator(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """The torch generator of ``name`` on ``device``; made at the first call."""
        key = (self._prefix + name, str(device))
        if key not in self._generators:
            self._generators[key] = torch.Generator(device=device).manual_seed(self.integer(key[0]))
        return self._generators[key]

    def normal(self, name: str, like: Tensor) -> Tensor:
        """Standard normal draws with the shape, type and device of ``like``."""
        generator = self.generator(name, like.device)
        return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)

    def uniform(self, name: str, like: Tensor) -> Tensor:
        """Uniform draws in [0, 1) with the shape, type and device of ``like``."""
        generator = self.generator(name, like.device)
        return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)

    def __getstate__(self) -> dict[str, Any]:
        states = {key: generator.get_state() for key, generator in self._generators.items()}
        return {"seed": self.seed, "states": states}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]
        self._prefix = ""
        self._generators = {}
        for (name, device), value in state["states"].items():
            self.generator(name, device).set_state(value)
