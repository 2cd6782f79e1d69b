"""The figure of a wafer, with many chips and looks or few, with a threshold and without."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.figures.curves import as_pixels
from pib_rl.figures.yields import WaferScores, yield_figure


def scores(chips, looks, threshold=None, severity=None):
    rng = np.random.default_rng(chips)
    curves = rng.uniform(0, 500, (looks, chips))
    steps = np.linspace(0, 8000, looks + 1)[1:]
    name = "" if severity is None else "stuck: fraction of devices"
    return WaferScores(curves[-1], steps, curves, "return", "steps of each chip", threshold, severity, name)


@pytest.mark.parametrize(("chips", "looks"), [(2, 1), (8, 5), (64, 2)])
@pytest.mark.parametrize("threshold", [None, 250.0])
@pytest.mark.parametrize("spread", [False, True])
def test_panels_show_every_chip(chips, looks, threshold, spread):
    found = scores(chips, looks, threshold, np.linspace(0, 0.5, chips) if spread else None)
    figure = yield_figure(found, "CartPole-v1, $memristive")
    finals, curves, *share = figure.axes
    dots, worst = (np.asarray(part.get_offsets()) for part in finals.collections)
    assert sorted(dots[:, 1]) == sorted(found.final)
    assert worst[0, 1] == found.final.min()
    np.testing.assert_allclose(np.sort(dots[:, 0]), np.linspace(0, 0.5, chips) if spread else np.arange(1, chips + 1))
    assert finals.get_xlabel() == ("stuck: fraction of devices" if spread else "chips, from the worst to the best")
    lines = {line.get_label(): line for line in curves.get_lines()}
    np.testing.assert_array_equal(lines["median"].get_ydata(), np.median(found.curves, 1))
    np.testing.assert_array_equal(lines["worst chip"].get_ydata(), found.curves[:, found.final.argmin()])
    assert ("good: 250 or more" in lines) == (threshold is not None)
    assert len(curves.collections) == 2  # bands, or bars where there is one look
    assert curves.get_xlim()[0] == 0
    assert len(share) == (threshold is not None)
    for axes in share:
        np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), 100 * (found.curves >= 250).mean(1))
    assert as_pixels(figure).std() > 0


def test_chips_stand_in_the_order_of_their_scores():
    found = scores(8, 2)
    dots = np.asarray(yield_figure(found, "run").axes[0].collections[0].get_offsets())
    assert dots[dots[:, 0].argsort(), 1].tolist() == sorted(found.final)
