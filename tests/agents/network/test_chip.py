"""What a chip is: values are checked and brought into one form before anything is fabricated."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.patches import Grid, Patch


def test_plain_values_take_their_form():
    chip = ChipConfig(
        width=np.int64(8),
        hw_options=None,
        objective_options={"beta": np.float32(0.5)},
        image=[6, 6],
        patches=[(2, 3, 1)],
    )
    assert (type(chip.width), chip.hw_options, chip.objective_options) == (int, {}, {"beta": 0.5})
    assert type(chip.objective_options["beta"]) is float
    assert (chip.image, chip.patches) == (Grid(6, 6, 1), (Patch(2, 3, 1),))
    assert chip == ChipConfig(width=8, objective_options={"beta": 0.5}, image=Grid(6, 6), patches=(Patch(2, 3, 1),))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hw": 3}, "hw must be the name of a substrate, such as memristive, got 3"),
        ({"objective": None}, "objective must be the name of an objective, such as decoder, got None"),
        ({"width": 0}, r"width must be a whole number in 1\.\.100000, got 0"),
        ({"units": 1.5}, r"units must be a whole number in 1\.\.1000, got 1\.5"),
        ({"units": True}, "got True"),
        ({"seed": -1}, "seed must be a whole number in 0.*, got -1"),
        ({"hw_options": ["stuck"]}, "hw_options must be a mapping of names to values"),
        ({"objective_options": {1: 2}}, "objective_options must be a mapping of names to values"),
        ({"image": (6,)}, r"image must be \(height, width\) or \(height, width, channels\), .* got \(6,\)"),
        ({"image": (0, 6)}, "1 or more each"),
        ({"patches": 5}, r"patches must be a list of \(channels, size, stride\), got 5"),
        ({"patches": [(2, 3)]}, r"every patch must be \(channels, size, stride\), .* got \(2, 3\)"),
        ({"patches": ["abc"]}, "every patch must be .* got 'abc'"),
    ],
)
def test_wrong_values_are_named_with_what_is_expected(options, words):
    with pytest.raises(ValueError, match=words):
        ChipConfig(**options)
