"""The table of normal draws, and arithmetic that is faster than torch's."""

from __future__ import annotations

import copy

import pytest
import torch
from scipy import stats

from pib_rl.common.arithmetic import FEW, tanh_
from pib_rl.common.noise import BLOCK, LEVELS, TableNormal, quantiles
from pib_rl.common.streams import READ, Streams

N = 10**6


def test_the_values_have_the_moments_of_the_normal_law_and_lie_symmetrically():
    values = torch.from_numpy(quantiles()).double()
    assert len(values) == LEVELS
    assert bool((values.diff() > 0).all())
    torch.testing.assert_close(values, -values.flip(0))
    assert values.square().mean().item() == pytest.approx(1, abs=1e-6)
    assert values.pow(4).mean().item() == pytest.approx(3, rel=1e-3)
    assert values.pow(6).mean().item() == pytest.approx(15, rel=5e-3)


def test_draws_follow_the_normal_law_and_do_not_know_of_each_other():
    draws = TableNormal(3).draw(torch.Size([N])).double()
    assert abs(draws.mean()) < 4 / N**0.5
    assert abs(draws.var() - 1) < 4 * (2 / N) ** 0.5
    assert stats.kstest(draws[: N // 4].numpy(), "norm").pvalue > 1e-3
    for lag in (1, 2, 3, 4, 5, BLOCK // 4, BLOCK):  # a random number of 64 bits makes four draws
        assert abs((draws[lag:] * draws[:-lag]).mean()) < 5 / N**0.5, lag


def test_how_many_draws_are_asked_for_at_once_does_not_matter():
    one, other = TableNormal(1), TableNormal(1)
    whole = one.draw(torch.Size([3 * BLOCK]))
    sizes = [5, 17, BLOCK - 100, BLOCK + 7, 1, 200]
    parts = torch.cat([other.draw(torch.Size([size])) for size in sizes])
    assert torch.equal(whole[: len(parts)], parts)


def test_a_caller_may_change_what_it_got():
    one, other = TableNormal(1), TableNormal(1)
    for size in (10, BLOCK, 10):
        first, second = (table.draw(torch.Size([size])) for table in (one, other))
        assert torch.equal(first, second)
        first.zero_()


@pytest.mark.parametrize("before", [0, 3, BLOCK, BLOCK + 11])
def test_a_copy_goes_on_where_the_streams_were(before):
    streams = Streams(4)
    streams.normal(READ, torch.zeros(before))
    twin = copy.deepcopy(streams)
    like = torch.zeros(BLOCK + 5)
    assert torch.equal(streams.normal(READ, like), twin.normal(READ, like))


def test_a_restart_and_an_aside_begin_again():
    streams, like = Streams(4), torch.zeros(50)
    first = streams.normal(READ, like)
    with streams.aside("evaluation", anew=True):
        one = streams.normal(READ, like)
    with streams.aside("evaluation", anew=True):
        assert torch.equal(streams.normal(READ, like), one)
    assert not torch.equal(one, first)
    streams.restart(4)
    assert torch.equal(streams.normal(READ, like), first)


@pytest.mark.parametrize("count", [7, FEW, FEW + 1, 3 * FEW])
def test_tanh_is_tanh(count):
    x = torch.linspace(-20, 20, count)
    torch.testing.assert_close(tanh_(x.clone()), torch.tanh(x), rtol=0, atol=3e-7)
    assert torch.isnan(tanh_(torch.full((count,), torch.nan))).all()
