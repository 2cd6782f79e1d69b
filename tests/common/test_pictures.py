"""Pictures that tasks draw, made fit to be shown."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.common.pictures import as_frame


def test_numbers_become_bytes_and_pixels_become_squares():
    drawn = np.zeros((10, 20, 3))
    drawn[3, 4] = (1.0, 0.5, 0.2)
    frame = as_frame(drawn)
    assert (frame.shape, frame.dtype) == ((100, 200, 3), np.uint8)
    assert (frame[30:40, 40:50] == (255, 128, 51)).all()
    assert not frame[40:, :].any()


def test_pictures_of_bytes_stay_as_they_are():
    drawn = np.random.default_rng(0).integers(0, 256, (240, 100, 3), dtype=np.uint8)
    assert as_frame(drawn) is drawn


@pytest.mark.parametrize("drawn", [None, "text", ["line"], np.zeros((4, 4))], ids=["none", "text", "list", "matrix"])
def test_what_is_no_picture(drawn):
    assert as_frame(drawn) is None
