"""When bytes arrive over a long link: the law alone, with times that the tests choose."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.sites.emulated.link import SEGMENT, Lane, LinkConfig, TokenBucket


def lane(link, bucket=None, seed=0):
    return Lane(link, bucket or TokenBucket(link.mbit), np.random.default_rng(seed))


def test_a_link_without_settings_changes_nothing():
    one = lane(LinkConfig())
    assert [one.arrival(now, 10**6) for now in (0.0, 0.0, 3.5)] == [0.0, 0.0, 3.5]


def test_latency_is_that_of_one_direction():
    one = lane(LinkConfig(latency_ms=100))
    assert one.arrival(2.0, 10) == pytest.approx(2.1)
    assert one.arrival(2.05, 0) == pytest.approx(2.15)


def test_bandwidth_is_shared_by_the_connections_of_a_direction():
    link = LinkConfig(latency_ms=5, mbit=8)  # a microsecond per byte
    bucket = TokenBucket(link.mbit)
    first, second = lane(link, bucket), lane(link, bucket)
    assert first.arrival(0.0, 10**6) == pytest.approx(1.005 - SEGMENT * 1e-6)
    assert second.arrival(0.5, 10**5) == pytest.approx(1.105 - SEGMENT * 1e-6)
    assert lane(link).arrival(0.5, 10**5) == pytest.approx(0.605 - SEGMENT * 1e-6)  # the other direction


def test_one_packet_goes_at_once_after_a_rest_and_no_more():
    bucket = TokenBucket(8)
    assert bucket.leave(0.0, SEGMENT) == 0.0
    assert bucket.leave(0.0, SEGMENT) == pytest.approx(SEGMENT * 1e-6)
    assert bucket.leave(60.0, SEGMENT) == 60.0
    assert bucket.leave(60.0, 2 * SEGMENT) == pytest.approx(60 + 2 * SEGMENT * 1e-6)


def test_jitter_is_even_and_never_reorders():
    link = LinkConfig(latency_ms=100, jitter_ms=20)
    apart = lane(link)
    delays = np.array([apart.arrival(now, 10) - now for now in range(2000)])
    assert 0.080 <= delays.min() < 0.081
    assert 0.119 < delays.max() <= 0.120
    assert delays.mean() == pytest.approx(0.100, abs=4 * 0.040 / 12**0.5 / 2000**0.5)
    dense = lane(link)
    times = [dense.arrival(1e-3 * n, 10) for n in range(2000)]
    assert times == sorted(times)


def test_a_lost_packet_comes_a_round_trip_and_200_ms_later_and_the_next_ones_wait_for_it():
    link = LinkConfig(latency_ms=100, stall=0.25)
    one = lane(link)
    sent = np.arange(4000.0)
    late = np.array([one.arrival(now, SEGMENT) - now for now in sent])
    assert set(late.round(9)) == {0.1, 0.5}
    assert np.mean(late > 0.3) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    dense = lane(link)
    times = np.array([dense.arrival(1e-3 * n, SEGMENT) for n in range(100)])
    assert (np.diff(times) == 0).any()  # they waited and came together
    assert (np.diff(times) >= 0).all()


def test_each_packet_of_a_chunk_may_be_lost():
    one = lane(LinkConfig(stall=0.1))
    late = [one.arrival(now, 10 * SEGMENT) - now > 0.1 for now in np.arange(4000.0)]
    expected = 1 - 0.9**10
    assert np.mean(late) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 4000) ** 0.5)


def test_the_end_of_a_connection_is_never_lost():
    one = lane(LinkConfig(stall=0.99))
    assert [one.arrival(now, 0) - now for now in np.arange(100.0)] == [0.0] * 100


def test_the_same_seed_gives_the_same_times():
    link = LinkConfig(latency_ms=50, jitter_ms=10, mbit=10, stall=0.05)

    def times(seed):
        one = lane(link, seed=seed)
        return [one.arrival(0.01 * n, 700 + n) for n in range(50)]

    assert times(1) == times(1) != times(2)


def test_options_of_a_sites_file():
    link = LinkConfig.of({"latency_ms": 100, "jitter_ms": 20, "mbit": 10, "stall": 0.01})
    assert link == LinkConfig(100.0, 20.0, 10.0, 0.01)
    assert link.pause_s == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"latency": 3}, "link has no option 'latency'; did you mean latency_ms?"),
        ({"latency_ms": "long"}, "link option latency_ms must be float, got 'long'"),
        ({"latency_ms": -1}, "link latency_ms must be >= 0, got -1"),
        ({"jitter_ms": 5, "latency_ms": 4}, "link jitter_ms must be at most latency_ms (4), got 5"),
        ({"mbit": 0}, "link mbit must be > 0 or none, got 0"),
        ({"stall": 1}, "link stall is a fraction and must be in 0..1 (1 excluded), got 1"),
        ({"latency_ms": float("inf")}, "link option latency_ms must be a finite number, got inf"),
        ({"seed": -1}, "link seed must be a whole number, 0 or more, got -1"),
    ],
)
def test_what_no_link_can_be_is_one_line(options, said):
    with pytest.raises(ValueError, match=r"^link ") as caught:
        LinkConfig.of(options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
