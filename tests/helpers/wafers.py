"""The same parts on all chips of a wafer and on each of these chips alone."""

from __future__ import annotations

from typing import Any

import torch
from chips import make
from torch import Tensor, nn

from pib_rl.physical.part import Part
from pib_rl.physical.substrate import Read, Substrate

CHIPS, SEED = 3, 5
HARDWARE: list[tuple[str, dict[str, Any]]] = [
    ("digital", {}),
    ("memristive", {}),
    ("memristive:reram-es", {}),
    ("memristive:pcm", {}),
    ("optical", {}),
    ("optical", {"array": "multiplier"}),
    ("optical", {"modes": 2, "crosstalk": 1.0}),
    ("optical", {"modulator": "dmd"}),
    ("mzi", {}),
    ("oscillator", {}),
]
IDS = ["-".join([hw, *map(str, options.values())]) for hw, options in HARDWARE]


class Bench(nn.Module):
    """A medium, a hidden array and a readout array of one substrate, as a network would fabricate them."""

    def __init__(self, kind: str, seed: int = SEED, chips: int | None = None, **options: Any) -> None:
        super().__init__()
        self.substrate: Substrate = make(kind, seed, chips, **options)
        self.medium = self.substrate.make_medium(6, 9)
        self.hidden = self.substrate.make_array(9, 5)
        self.readout = self.substrate.make_array(9, 3, readout=True)

    @property
    def parts(self) -> list[Part]:
        return [self.medium, self.hidden, self.readout]

    def measure(self, drive: Tensor, h: Tensor, read: Read) -> list[Tensor]:
        """Outputs of all parts, each of shape (*chips, n, outputs)."""
        return [self.medium.measure(drive.clone(), read), *(part.measure(h, read) for part in self.parts[1:])]


def wafer_and_chips(kind: str, **options: Any) -> tuple[Bench, list[Bench]]:
    """A wafer of `CHIPS` chips of seed `SEED`, and its chips made alone."""
    wafer = Bench(kind, SEED, CHIPS, **options)
    return wafer, [Bench(kind, SEED + chip, **options) for chip in range(CHIPS)]


def assert_same_chips(wafer: nn.Module, chips: list[nn.Module], rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """The state of a wafer holds that of each chip behind a leading axis, or what all chips share."""
    whole = wafer.state_dict()
    for number, chip in enumerate(chips):
        own = chip.state_dict()
        assert own.keys() == whole.keys()
        for name, value in own.items():
            if whole[name].shape != value.shape:
                assert whole[name].shape == (len(chips), *value.shape), name
            found = whole[name] if whole[name].shape == value.shape else whole[name][number]
            torch.testing.assert_close(
                found, value, rtol=rtol, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
            )
