"""Sizes that a machine can hold: ranges, and what a lack of memory is told as."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.settings import RANGES
from pib_rl.common.limits import SIZES, out_of_memory, sized, within_memory

LACKS = [
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((9,), np.dtype(float)),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@pytest.mark.parametrize("name", SIZES)
def test_sizes_end_where_their_range_does(name):
    low, high = SIZES[name]
    assert [sized(name, low), sized(name, np.int64(high))] == [low, high]
    for value in (low - 1, high + 1, float(low), None):
        with pytest.raises(ValueError, match=rf"^{name} must be a whole number in {low}\.\.{high}, got {value}$"):
            sized(name, value)


def test_a_size_may_begin_later():
    with pytest.raises(ValueError, match=r"in 1\.\.1000000, got 0"):
        sized("distractors", 0, 1)


def test_commands_have_the_same_ranges():
    others = {"samples": None, "processes": "env_processes"}  # the option of each that has another name
    for name, size in SIZES.items():
        if (option := others.get(name, name)) is not None:
            assert RANGES[option] == size


@pytest.mark.parametrize("error", LACKS)
def test_a_lack_of_memory_is_told_with_what_to_lower(error):
    assert out_of_memory(error)
    words = r"^there is not enough memory for .*; lower width, units or distractors$"
    with pytest.raises(ValueError, match=words), within_memory("width", "units", "distractors"):
        raise error
    words = r"^there is not enough memory for .*; lower --width, .* or --batch-size$"
    with pytest.raises(UserError, match=words), mistakes(RuntimeError, MemoryError):
        raise error


def test_other_errors_pass():
    for error in (RuntimeError("other"), ValueError("other")):
        with pytest.raises(type(error), match=r"^other$"), within_memory("width", "units"):
            raise error
