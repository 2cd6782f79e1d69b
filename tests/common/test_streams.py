"""Named random streams: repeatable, independent of each other, and copied with their position."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from chips import correlation

from pib_rl.common.streams import FABRICATION, FAULT, OWN, READ, WRITE, Streams

LIKE = torch.zeros(50)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_same_seed_and_name_give_the_same_draws(draw):
    first, second = (getattr(Streams(7), draw)(READ, LIKE) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_draws_go_on_and_do_not_repeat(draw):
    streams = Streams(7)
    assert not torch.equal(getattr(streams, draw)(READ, LIKE), getattr(streams, draw)(READ, LIKE))


def test_seeds_and_names_give_independent_draws():
    like = torch.zeros(20000)
    base = Streams(0).normal(READ, like)
    for other in (Streams(1).normal(READ, like), Streams(0).normal(WRITE, like)):
        assert abs(correlation(base, other)) < 5 / 20000**0.5


def test_drawing_from_one_name_does_not_move_another():
    quiet, busy = Streams(3), Streams(3)
    for _ in range(5):
        busy.normal(READ, torch.zeros(101))
    assert torch.equal(quiet.normal(WRITE, LIKE), busy.normal(WRITE, LIKE))
    assert torch.equal(quiet.uniform(FABRICATION, LIKE), busy.uniform(FABRICATION, LIKE))


def test_draws_follow_their_laws():
    streams, like = Streams(0), torch.zeros(100_000)
    normal, uniform = streams.normal(READ, like), streams.uniform(READ, like)
    assert abs(normal.mean()) < 5 / 100_000**0.5
    assert abs(normal.var() - 1) < 5 * (2 / 100_000) ** 0.5
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 5 * (1 / 12 / 100_000) ** 0.5
    assert abs(uniform.var() - 1 / 12) < 1e-3


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_draws_have_shape_and_type_of_the_model(draw):
    drawn = getattr(Streams(0), draw)(READ, torch.zeros(2, 3, dtype=torch.float64))
    assert drawn.shape == (2, 3)
    assert drawn.dtype == torch.float64


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["deepcopy", "pickle"])
def test_copies_keep_the_position_and_then_go_their_own_way(clone):
    streams = Streams(11)
    streams.normal(READ, LIKE)
    twin, untouched = clone(streams), clone(streams)
    expected = streams.normal(READ, LIKE)
    assert torch.equal(twin.normal(READ, LIKE), expected)
    assert torch.equal(twin.normal(WRITE, LIKE), streams.normal(WRITE, LIKE)), "a name first used after the copy"
    assert torch.equal(untouched.normal(READ, LIKE), expected), "drawing from one copy moved another"


def test_aside_leaves_every_stream_where_it_was():
    plain, visited = Streams(5), Streams(5)
    for streams in (plain, visited):
        streams.normal(READ, LIKE)
    with visited.aside("evaluation"):
        inside = visited.normal(READ, LIKE)
        visited.uniform(WRITE, LIKE)
    expected = plain.normal(READ, LIKE)
    assert not torch.equal(inside, expected)
    assert torch.equal(visited.normal(READ, LIKE), expected)
    assert torch.equal(visited.uniform(WRITE, LIKE), plain.uniform(WRITE, LIKE))


def test_aside_ends_with_an_error_too():
    streams = Streams(5)
    with pytest.raises(RuntimeError), streams.aside("evaluation"):
        raise RuntimeError
    assert torch.equal(streams.normal(READ, LIKE), Streams(5).normal(READ, LIKE))


def test_aside_is_repeatable_and_depends_on_its_name():
    def inside(name):
        streams = Streams(5)
        with streams.aside(name):
            return streams.normal(READ, LIKE)

    assert torch.equal(inside("a"), inside("a"))
    assert not torch.equal(inside("a"), inside("b"))


def test_integers_are_the_same_in_every_process_and_version():
    # Values written down once: a chip must not change with Python's hash salt or with a release of this package.
    assert [Streams(0).integer("environment"), Streams(1).integer("environment")] == [3880469095, 2693509697]
    assert Streams(0).integer("evaluation") != Streams(0).integer("environment")


@pytest.mark.parametrize("seed", [-1, -30])
def test_negative_seeds_are_refused(seed):
    with pytest.raises(ValueError, match=f"seed must be >= 0, got {seed}"):
        Streams(seed)


def test_streams_aside_can_start_anew():
    streams, like = Streams(3), torch.zeros(4)
    with streams.aside("look"):
        first = streams.normal("read", like)
    with streams.aside("look"):
        assert not torch.equal(first, streams.normal("read", like))
    with streams.aside("look", anew=True):
        assert torch.equal(first, streams.normal("read", like))
    outside = Streams(3).normal("read", like)
    assert torch.equal(streams.normal("read", like), outside)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
@pytest.mark.parametrize("name", OWN)
def test_what_makes_a_chip_is_drawn_for_each_from_a_seed_of_its_own(name, draw):
    wafer, like = Streams(7, 3), torch.zeros(3, 4, 5)
    for _ in range(2):  # and goes on for each
        together = getattr(wafer, draw)(name, like)
    for chip in range(3):
        alone = Streams(7 + chip)
        for _ in range(2):
            own = getattr(alone, draw)(name, like[0])
        assert torch.equal(together[chip], own)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_all_other_draws_come_for_all_chips_in_one_block_and_need_no_axis(draw):
    for like in (torch.zeros(3, 4), torch.zeros(7)):
        assert torch.equal(*(getattr(Streams(7, chips), draw)(READ, like) for chips in (3, None)))


def test_a_draw_of_each_chip_needs_the_axis_of_chips():
    words = r"a draw of each of 3 chips needs a leading axis of them, got \(4, 5\)"
    with pytest.raises(ValueError, match=words):
        Streams(0, 3).normal(FAULT, torch.zeros(4, 5))


@pytest.mark.parametrize(("chips", "axes"), [(None, ()), (1, (1,)), (4, (4,))])
def test_zeros_have_the_axis_of_chips(chips, axes):
    streams = Streams(0, chips)
    assert streams.chips == axes
    assert streams.zeros(2, 5).shape == (*axes, 2, 5)
    assert streams.zeros().shape == axes


def test_a_wafer_has_a_chip_or_more():
    with pytest.raises(ValueError, match="a wafer needs 1 chip or more, got 0"):
        Streams(0, 0)


def test_a_number_per_chip_is_spread_over_what_belongs_to_the_chip():
    streams, like = Streams(0, 2), torch.ones(2, 3, 4)
    spread = streams.spread(torch.tensor([2.0, -1.0]), like)
    assert torch.equal(like * spread, torch.stack([like[0] * 2, like[1] * -1]))
    assert streams.spread(0.5, like) == 0.5
    assert torch.equal(streams.spread(torch.tensor(0.5), like) * like, 0.5 * like)
    assert torch.equal(streams.spread(torch.tensor([2.0, -1.0]), torch.ones(2)), torch.tensor([2.0, -1.0]))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["deepcopy", "pickle"])
def test_copies_of_a_wafers_streams_go_on_for_each_chip(clone):
    streams, like = Streams(3, 2), torch.zeros(2, 5)
    streams.normal(FABRICATION, like)
    twin = clone(streams)
    assert twin.chips == (2,)
    for name in (FABRICATION, READ):
        assert torch.equal(twin.normal(name, like), streams.normal(name, like))
