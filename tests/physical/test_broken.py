"""Faults that kinds of hardware share: parts struck at random, and all of it saved."""

from __future__ import annotations

import copy

import pytest
import torch
from chips import draws, make

from pib_rl.common.streams import FABRICATION, READ, WRITE, Streams
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Read

DRIVE, H = draws(200, 6), draws(200, 9, seed=1)


def parts(kind: str, seed: int = 0, **options) -> dict[str, torch.nn.Module]:
    """Medium and array of a chip."""
    chip = make(kind, seed, **options)
    return {"medium": chip.make_medium(6, 9), "array": chip.make_array(9, 5)}


def read(part: torch.nn.Module) -> torch.Tensor:
    return part.measure(DRIVE if part.in_features == 6 else H, Read.MEAN)


FAULTS = [
    ("mzi", "medium", "dead-pixels", 0.3),
    ("mzi", "medium", "adc-bits", 3),
    ("mzi", "array", "stuck", 0.3),
    ("mzi", "array", "adc-bits", 3),
    ("oscillator", "medium", "dead-pixels", 0.3),
    ("oscillator", "medium", "adc-bits", 3),
]


@pytest.mark.parametrize(("kind", "part", "fault", "size"), FAULTS)
def test_faults_change_what_is_read_and_are_saved_copied_and_loaded(kind, part, fault, size):
    whole, broken, other = (parts(kind, seed)[part] for seed in (0, 0, 1))
    assert torch.equal(read(whole), read(broken))
    broken.faults()[fault](size)
    assert not torch.equal(read(whole), read(broken))
    other.load_state_dict(broken.state_dict())
    twin = copy.deepcopy(broken)
    for loaded in (other, twin):
        assert torch.equal(read(loaded), read(broken))
    twin.load_state_dict(whole.state_dict())
    assert torch.equal(read(twin), read(whole)), "a broken chip that loads a whole one is whole"
    assert not torch.equal(read(broken), read(whole)), "and what it was copied from is not"


@pytest.mark.parametrize(("kind", "part", "fault", "size"), FAULTS)
def test_faults_draw_from_their_own_stream(kind, part, fault, size):
    chip, whole = make(kind), make(kind)
    for one in (chip, whole):
        broken = one.make_medium(6, 9) if part == "medium" else one.make_array(9, 5)
        if one is chip:
            broken.faults()[fault](size)
    for stream in (FABRICATION, READ, WRITE):
        assert torch.equal(*(one.streams.normal(stream, DRIVE) for one in (chip, whole))), stream


@pytest.mark.parametrize(("kind", "part", "fault"), sorted({case[:3] for case in FAULTS}))
@pytest.mark.parametrize("size", [-0.1, 1.5, 25, float("nan")])
def test_sizes_outside_their_range_are_refused(kind, part, fault, size):
    with pytest.raises(ValueError, match=rf"fault {fault}.*got {size}"):
        parts(kind)[part].faults()[fault](size)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_the_fraction_is_struck(fraction):
    hit = struck("stuck", fraction, torch.zeros(100, 100), Streams(0))
    assert hit.float().mean() == pytest.approx(fraction, abs=5 * (fraction * (1 - fraction) / 10_000) ** 0.5)
