"""One direction of a relay: reads chunks, holds each until it arrives, and hands it on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np

from pib_rl.sites.emulated.link import Lane, LinkConfig, TokenBucket

CHUNK = 2**14  # bytes that are read at once, at most
WINDOW = 2**20  # bytes of a direction of a connection that are on their way, at most; then its sender must wait


class Direction:
    """What all connections of one direction share: the bandwidth, and the count of bytes.

    Args:
        link: What the link is like.
        number: 0 from clients to the server, 1 back: each has random numbers of its own.
    """

    def __init__(self, link: LinkConfig, number: int) -> None:
        self._link, self._number = link, number
        self._bucket = TokenBucket(link.mbit)
        self.arrived = 0  # bytes

    def lane(self, connection: int) -> Lane:
        """The law of one connection, by its number from 0."""
        return Lane(self._link, self._bucket, np.random.default_rng([self._link.seed, connection, self._number]))


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, connection: int
) -> None:
    """Hands on what one end sends until it sends no more, each chunk when the link delivers it.

    Args:
        reader: Where chunks come from.
        writer: Where they go.
        direction: The direction of both.
        connection: The number of their connection, from 0.
    """
    way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    room = Room(WINDOW)
    loop, lane = asyncio.get_running_loop(), direction.lane(connection)

    async def send() -> None:
        chunk = b" "
        while chunk:
            chunk = await reader.read(CHUNK)
            await room.take(len(chunk))
            way.put_nowait((lane.arrival(loop.time(), len(chunk)), chunk))

    async def deliver() -> None:
        while True:
            time, chunk = await way.get()
            await asyncio.sleep(time - loop.time())
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
            direction.arrived += len(chunk)
            room.give(len(chunk))

    await together(send(), deliver())


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Does several things at the same time; as soon as one fails, the others end too."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await stopped(*tasks)


async def stopped(*tasks: asyncio.Task[None]) -> None:
    """Cancels tasks and waits until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Room:
    """Bytes that may be on their way: those who want more wait.

    Args:
        size: How many, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = asyncio.Event()

    async def take(self, size: int) -> None:
        """Waits until so many bytes are free, and takes them."""
        while self._free < size:
            self._changed.clear()
            await self._changed.wait()
        self._free -= size

    def give(self, size: int) -> None:
        """Gives bytes back."""
        self._free += size
        self._changed.set()
