"""A relay between real sockets: everything arrives, in order, no earlier than it may; cuts, heals and ends."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
import time

import pytest

from pib_rl.sites.emulated.link import LinkConfig
from pib_rl.sites.emulated.relay import Relay
from pib_rl.sites.emulated.stream import CHUNK, WINDOW, Direction, Room, forward

PATIENCE = 20.0  # s, until a test gives up


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(2**16):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 32

    def handle_error(self, *_):
        """A connection that breaks is what some tests are about."""


@pytest.fixture(scope="module")
def echo():
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address
        server.shutdown()


def connect(relay):
    return socket.create_connection(relay.address, PATIENCE)


def receive(client, size):
    found = b""
    while len(found) < size and (part := client.recv(size - len(found))):
        found += part
    return found


def ended(client):
    """Whether the other end is gone, politely or not."""
    try:
        return client.recv(1) == b""
    except OSError:
        return True


def settled(relay, there, back):
    """The traffic, once it is as expected or time is up: bytes count just after they are there."""
    deadline = time.monotonic() + PATIENCE
    while relay.traffic != (there, back) and time.monotonic() < deadline:
        time.sleep(0.01)
    return relay.traffic


def test_bytes_arrive_whole_in_order_and_late(echo):
    link = LinkConfig(latency_ms=30, jitter_ms=10, mbit=200)
    content = bytes(range(256)) * 5000
    with Relay(link, to=echo) as relay, connect(relay) as client:
        start = time.monotonic()
        threading.Thread(target=client.sendall, args=(content,)).start()
        assert receive(client, len(content)) == content
        # Each way: the shortest latency; the bandwidth without the packet that goes at once.
        assert time.monotonic() - start >= 2 * 0.020 + (len(content) - 1500) * 8 / 200e6
        assert settled(relay, len(content), len(content)) == (len(content), len(content))


def test_several_connections_at_once_do_not_mix(echo):
    with Relay(LinkConfig(latency_ms=5, jitter_ms=5), to=echo) as relay:
        clients = [connect(relay) for _ in range(8)]
        for number, client in enumerate(clients):
            client.sendall(bytes([number]) * 3000)
        assert [receive(client, 3000) for client in clients] == [bytes([number]) * 3000 for number in range(8)]
        for client in clients:
            client.close()


def test_an_end_that_sends_no_more_still_hears_the_rest(echo):
    with Relay(LinkConfig(latency_ms=20), to=echo) as relay, connect(relay) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 100) == b"last words"  # and then the end


def test_a_cut_link_refuses_until_it_heals(echo):
    with Relay(LinkConfig(latency_ms=1), to=echo) as relay:
        address = relay.address
        with connect(relay) as client:
            client.sendall(b"before")
            assert receive(client, 6) == b"before"
            relay.cut()
            assert ended(client)
        with pytest.raises(ConnectionRefusedError):
            connect(relay)
        relay.cut()  # it is away already
        relay.heal()
        relay.heal()
        assert relay.address == address
        with connect(relay) as client:
            client.sendall(b"after")
            assert receive(client, 5) == b"after"
        assert settled(relay, 11, 11) == (11, 11)


def test_what_is_on_its_way_when_the_link_is_cut_is_lost(echo):
    with Relay(LinkConfig(latency_ms=60_000), to=echo) as relay, connect(relay) as client:
        client.sendall(b"never to arrive")
        relay.cut()
        assert ended(client)
        assert relay.traffic == (0, 0)


def test_a_sender_waits_when_too_much_is_on_its_way():
    async def taken():
        reader = asyncio.StreamReader(limit=4 * WINDOW)
        reader.feed_data(b"x" * 3 * WINDOW)
        work = asyncio.ensure_future(forward(reader, None, Direction(LinkConfig(latency_ms=60_000), 0), 0))
        for _ in range(10 * WINDOW // CHUNK):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        reader.feed_eof()
        return 3 * WINDOW - len(await reader.read())

    assert asyncio.run(taken()) == WINDOW + CHUNK  # the last chunk waits in the hand


def test_room_goes_to_who_waits_for_it():
    async def steps():
        room = Room(10)
        await room.take(8)
        waiting = asyncio.ensure_future(room.take(5))
        await asyncio.sleep(0)
        room.give(2)
        await asyncio.sleep(0)
        before = waiting.done()
        room.give(1)
        await waiting
        return before

    assert asyncio.run(steps()) is False


def test_a_server_that_is_not_there_ends_the_connection_and_not_the_relay(echo):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with Relay(LinkConfig(), to=free.getsockname()) as relay:
            for _ in range(2):
                with connect(relay) as client:
                    assert ended(client)


def test_closing_leaves_no_thread_and_no_connection(echo):
    before = threading.active_count()
    with Relay(LinkConfig(latency_ms=1), to=echo) as relay:
        client = connect(relay)
        client.sendall(b"x")
        receive(client, 1)
    assert ended(client)
    client.close()
    relay.close()
    assert "pib_rl relay" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= before + 1  # the server's, which ends by itself


def test_a_port_in_use_is_one_line(echo):
    with pytest.raises(
        ValueError, match=rf"^a relay cannot listen at 127\.0\.0\.1:{echo[1]}: .*; choose another port$"
    ):
        Relay(LinkConfig(), to=echo, at=echo).__enter__()
    assert "pib_rl relay" not in {thread.name for thread in threading.enumerate()}
