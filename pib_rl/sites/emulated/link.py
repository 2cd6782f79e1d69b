"""What a long link does to bytes: when each chunk arrives that is sent over it. No sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pib_rl.common.options import check_numbers, configure, whole

SEGMENT = 1500  # bytes of a packet of Ethernet
RETRANSMISSION_S = 0.2  # least time, on top of a round trip, until TCP sends a lost packet again (Linux: TCP_RTO_MIN)


@dataclass(frozen=True)
class LinkConfig:
    """An emulated link, alike in both directions; with the defaults it changes nothing.

    Args:
        latency_ms: Time that bytes need in one direction, in ms; a round trip takes twice as long.
        jitter_ms: The latency of each chunk is drawn evenly from ``latency_ms`` -+ ``jitter_ms``, in ms.
        mbit: Bandwidth of each direction, in Mbit/s, shared by all connections; None for no limit.
        stall: Probability that a packet of 1500 bytes is lost. TCP sends it again after ``pause_s``; what follows on
            the same connection waits for it.
        seed: Seed of what is drawn.

    Raises:
        ValueError: If a number lies outside its range.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    mbit: float | None = None
    stall: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, "link", not_negative="latency_ms jitter_ms", positive_or_none="mbit", below_one="stall")
        whole("link seed", self.seed, 0)
        if self.jitter_ms > self.latency_ms:
            raise ValueError(
                f"link jitter_ms must be at most latency_ms ({self.latency_ms:g}), got {self.jitter_ms:g}: no byte "
                "arrives before it is sent"
            )

    @classmethod
    def of(cls, options: dict[str, Any]) -> LinkConfig:
        """The link of plain options by name, as ``link:`` of a sites file has them.

        Raises:
            ValueError: If one is unknown, of another type, or outside its range.
        """
        return configure(cls, options, "link")

    @property
    def pause_s(self) -> float:
        """How much later a lost packet arrives, in s: a round trip and 200 ms, TCP's least retransmission timeout.

        Source: RFC 6298; Linux has 200 ms where the RFC has 1 s.
        """
        return 2e-3 * self.latency_ms + RETRANSMISSION_S


class TokenBucket:
    """The bandwidth of one direction: at most ``rate`` bytes per second, and one packet at once after a rest.

    Args:
        mbit: Bandwidth in Mbit/s; None for no limit.
    """

    def __init__(self, mbit: float | None) -> None:
        self._second_per_byte = 0.0 if mbit is None else 8e-6 / mbit
        self._depth = SEGMENT * self._second_per_byte  # s
        self._full = -np.inf  # when the bucket is full again, in s

    def leave(self, now: float, size: int) -> float:
        """When the last byte of a chunk has left, in s.

        Args:
            now: When it is sent, in s.
            size: Its size in bytes.
        """
        self._full = max(self._full, now) + size * self._second_per_byte
        return max(now, self._full - self._depth)


class Lane:
    """One direction of one connection: chunks arrive in the order in which they were sent.

    Args:
        link: What the link is like.
        bucket: The bandwidth, which other connections of the same direction share.
        rng: Random numbers of this lane.
    """

    def __init__(self, link: LinkConfig, bucket: TokenBucket, rng: np.random.Generator) -> None:
        self._link, self._bucket, self._rng = link, bucket, rng
        self._latest = -np.inf

    def arrival(self, now: float, size: int) -> float:
        """When a chunk arrives that is sent now, in s; each call is one chunk.

        Args:
            now: The time, in s; it never goes back.
            size: Size of the chunk in bytes; 0 for the end of the connection, which is never lost.
        """
        link, rng = self._link, self._rng
        time = self._bucket.leave(now, size) + 1e-3 * (link.latency_ms + link.jitter_ms * rng.uniform(-1, 1))
        packets = -(-size // SEGMENT)
        if rng.random() < 1 - (1 - link.stall) ** packets:
            time += link.pause_s
        self._latest = max(self._latest, time)
        return float(self._latest)
