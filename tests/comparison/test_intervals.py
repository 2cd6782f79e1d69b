"""Interquartile means, their intervals, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.comparison.intervals import Estimate, band, estimate, interquartile_mean, verdict


def test_interquartile_mean_of_known_values():
    assert interquartile_mean(np.array([1.0, 2.0, 3.0, 4.0])) == 2.5
    assert interquartile_mean(np.array([-1000.0, 2.0, 3.0, 4.0, 1000.0])) == 3.0
    assert interquartile_mean(np.arange(8.0)) == 3.5
    assert interquartile_mean(np.array([7.0])) == 7.0


def test_interval_of_five_runs_against_all_possible_resamples():
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    grids = np.meshgrid(*[values] * 5)
    every = np.sort(np.stack([grid.ravel() for grid in grids], 1), 1)[:, 1:4].mean(1)  # 5^5 resamples, middle three
    found = estimate([values])
    assert found.mean == pytest.approx(14 / 3)
    np.testing.assert_allclose(found[1:], np.quantile(every, [0.025, 0.975]), atol=0.35)


def test_strata_are_resampled_within_themselves():
    low, high = np.zeros(4), np.full(4, 100.0)
    apart, mixed = estimate([low, high]), estimate([np.concatenate([low, high])])
    assert apart == Estimate(50.0, 50.0, 50.0)  # each stratum keeps its share in every resample
    assert mixed.low < 20
    assert mixed.high > 80


def test_interval_is_repeatable_and_there_is_none_of_one_run():
    values = np.array([3.0, 1.0, 4.0, 1.5])
    assert estimate([values]) == estimate([values])
    assert np.isnan(estimate([np.array([5.0])]).low)
    assert estimate([np.array([5.0])]).mean == 5


def test_band_is_pointwise():
    values = np.array([[0.0, 10.0], [1.0, 10.0], [2.0, 10.0], [3.0, 10.0]])
    mean, low, high = band(values)
    np.testing.assert_allclose(mean, [1.5, 10])
    assert low[0] < 1.5 < high[0]
    assert (low[1], high[1]) == (10, 10)
    assert all((part == values[0]).all() for part in band(values[:1]))


@pytest.mark.parametrize(
    ("pib", "other", "said"),
    [
        ((10, 9, 11), (5, 4, 8.9), "better"),
        ((10, 9, 11), (5, 4, 9.1), "level"),
        ((1, 0, 2), (3, 2.1, 4), "worse"),
        ((1, float("nan"), float("nan")), (3, 2.1, 4), "few runs"),
    ],
)
def test_verdict_needs_intervals_that_are_apart(pib, other, said):
    assert verdict(Estimate(*pib), Estimate(*other)) == said
