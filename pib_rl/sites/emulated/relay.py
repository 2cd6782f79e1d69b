"""A long link on one machine: a relay of TCP connections that delivers bytes as late as the link would."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from pib_rl.sites.emulated.link import LinkConfig
from pib_rl.sites.emulated.stream import CHUNK, Direction, forward, stopped, together

T = TypeVar("T")


class Traffic(NamedTuple):
    """Bytes that have arrived: from clients at the target, and from the target at clients."""

    there: int
    back: int


class Relay:
    """Stands between clients and a server of TCP, as a link that is slow, narrow, or lost for some seconds.

    Clients connect to ``address`` in place of the server. A connection opens at once; all that it carries is late.
    Several connections share the bandwidth. Relays work in a thread of their own::

        with Relay(LinkConfig(latency_ms=100), to=("127.0.0.1", 5555)) as relay:
            connect(relay.address)

    Args:
        link: What the link is like.
        to: Host and port of the server. It may start later: until then connections end as soon as they are made.
        at: Host and port where clients connect; port 0 takes a free one.

    Raises:
        ValueError: On entering, if the relay can't listen at ``at``.
    """

    def __init__(self, link: LinkConfig, to: tuple[str, int], at: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.link, self.to, self.address = link, to, at
        self._directions = Direction(link, 0), Direction(link, 1)
        self._door: asyncio.Task[None] | None = None  # takes up new connections
        self._open: set[asyncio.Task[None]] = set()
        self._count = 0

    def __enter__(self) -> Relay:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pib_rl relay", daemon=True)
        self._thread.start()
        try:
            self._call(self._listen())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def traffic(self) -> Traffic:
        """Bytes that have arrived so far, at both ends."""
        return Traffic(*(one.arrived for one in self._directions))

    def cut(self) -> None:
        """The link goes away: connections break, what is on its way is lost, and new ones are refused."""
        self._call(self._drop())

    def heal(self) -> None:
        """The link is there again, at the same address; on a link that is there this does nothing.

        Raises:
            ValueError: If another process took the port meanwhile.
        """
        self._call(self._listen())

    def close(self) -> None:
        """Ends all connections and the relay; a closed one stays closed."""
        if not self._loop.is_closed():
            self._call(self._drop())
            self._end()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        if self._door is not None:
            return
        try:
            listener = socket.create_server(self.address)
        except OSError as error:
            host, port = self.address
            raise ValueError(
                f"a relay cannot listen at {host}:{port}: {error.strerror or error}; choose another port"
            ) from None
        listener.setblocking(False)
        self.address = listener.getsockname()[:2]
        self._door = asyncio.create_task(self._admit(listener))

    async def _admit(self, listener: socket.socket) -> None:
        """Takes up every client until the link is cut."""
        with listener:
            while True:
                client, _ = await self._loop.sock_accept(listener)
                task = asyncio.create_task(self._connect(client, self._count))
                self._open.add(task)
                task.add_done_callback(self._open.discard)
                self._count += 1

    async def _connect(self, client: socket.socket, number: int) -> None:
        """Relays one connection until both ends have sent all, or one breaks off, or the link is cut."""
        writers: list[asyncio.StreamWriter] = []
        try:
            here, back = await asyncio.open_connection(sock=client, limit=CHUNK)
            writers.append(back)
            there, out = await asyncio.open_connection(*self.to, limit=CHUNK)
            writers.append(out)
            outward, homeward = self._directions
            await together(forward(here, out, outward, number), forward(there, back, homeward, number))
        except (OSError, asyncio.CancelledError):
            for writer in writers:
                writer.transport.abort()
        finally:
            for writer in writers:
                writer.close()

    async def _drop(self) -> None:
        if self._door is not None:
            await stopped(self._door)
            self._door = None
        await stopped(*self._open)
