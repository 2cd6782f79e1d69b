"""Where all sites join: one socket, one thread, and a line to each site."""

from __future__ import annotations

import json
import queue
import struct
import threading
import time

import zmq
from zmq.auth.thread import ThreadAuthenticator

from pib_rl.agents.split.message import Message
from pib_rl.common.stored import installed
from pib_rl.sites.keys import CoordinatorKeys
from pib_rl.sites.line import SiteLine, new_life
from pib_rl.sites.session import Frame, FrameError
from pib_rl.sites.wire import MOST_ON_SOCKET, WireError, pack, unpack

SIGN_S = 0.5  # between signs of life
HELLO, WELCOME, TAKEN = b"hello", b"welcome", b"taken"
PING, PONG, STAMP = b"ping", b"pong", struct.Struct("!d")  # a sign of life with the time, and what comes back
HEARTBEAT_MS, TIMEOUT_MS = 1000, 5000  # of ZeroMQ itself: a link that is silently gone is noticed


class Hub:
    """Accepts sites that have a key, keeps a `LinkSession` with each, and hands over what comes.

    Args:
        address: Host and port to listen at; port 0 takes a free one.
        keys: Who is who.
        bits, deflate: How messages are packed, see `pib_rl.sites.wire.pack`.
        patience_s: Seconds without a sign of life after which a site is lost.

    Attributes:
        port: Where it listens.
        refused: Connections and messages of strangers, or damaged ones.
    """

    def __init__(
        self, address: tuple[str, int], keys: CoordinatorKeys, bits: int, deflate: bool, patience_s: float
    ) -> None:
        self.patience_s = patience_s
        self.lines: dict[str, SiteLine] = {}
        self.refused = 0
        self._bits, self._deflate = bits, deflate
        self._keys = keys
        self._context = zmq.Context()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", credentials_provider=self)
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 1000)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        for option, value in (
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, TIMEOUT_MS),
            (zmq.MAXMSGSIZE, MOST_ON_SOCKET),
        ):
            self._socket.setsockopt(option, value)
        self._socket.curve_server = True
        self._socket.curve_secretkey, self._socket.curve_publickey = keys.secret, keys.public
        host, port = address
        try:
            self._socket.bind(f"tcp://{f'[{host}]' if ':' in host else host}:{port or '*'}")
        except zmq.ZMQError as error:
            self._authenticator.stop()
            self._socket.close()
            self._context.term()
            raise ValueError(f"cannot listen at {host}:{port}: {error}; give another one as listen") from None
        self.port = int(str(self._socket.getsockopt_string(zmq.LAST_ENDPOINT)).rpartition(":")[2])
        self._outbox: queue.SimpleQueue[tuple[SiteLine, bytes]] = queue.SimpleQueue()
        self._wake_lock = threading.Lock()
        self._wake_in, self._wake_out = (self._context.socket(zmq.PAIR) for _ in range(2))
        self._wake_in.bind("inproc://wake")
        self._wake_out.connect("inproc://wake")
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sites", daemon=True)

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether somebody with that public key may connect; called by the authenticator."""
        allowed = self._keys.site_of(key) in self.lines
        self.refused += not allowed
        return allowed

    def start(self) -> None:
        """Begins to listen; all lines are known by now."""
        now = time.monotonic()
        for line in self.lines.values():
            line.traffic.seen = now
        self._thread.start()

    def finish(self) -> None:
        """Says goodbye to all sites."""
        for line in self.lines.values():
            self.post(line, self.pack(Message("bye", {}, {})))

    def close(self) -> None:
        """Ends."""
        if self._thread.is_alive():
            self._closing = True
            self._wake()
            self._thread.join(10)
        self._authenticator.stop()
        for socket in (self._socket, self._wake_in, self._wake_out):
            socket.close()
        self._context.term()

    def pack(self, message: Message) -> bytes:
        """A message as bytes."""
        return pack(message, self._bits, self._deflate)

    def post(self, line: SiteLine, payload: bytes) -> None:
        """Sends a message to a site, now or when it is there again; any thread may."""
        self._outbox.put((line, payload))
        self._wake()

    def _wake(self) -> None:
        with self._wake_lock:
            self._wake_out.send(b"")

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as error:  # whatever it is: nobody may wait for what never comes
            for line in self.lines.values():
                line.fail(f"what connects sites has ended: {type(error).__name__}: {error}")
            raise

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._socket, self._wake_in):
            poller.register(socket, zmq.POLLIN)
        signed = time.monotonic()
        while True:
            ready = dict(poller.poll(int(SIGN_S * 1000)))
            if self._wake_in in ready:
                while self._wake_in.poll(0):
                    self._wake_in.recv()
            if self._socket in ready:
                while self._socket.poll(0):
                    self._receive(self._socket.recv_multipart(copy=False))
            self._send_all()
            now = time.monotonic()
            if now - signed > SIGN_S:
                signed = now
                for line in self.lines.values():
                    self._send(line, line.session.sign(PING + STAMP.pack(now)))
            if self._closing and self._outbox.empty():
                return

    def _send_all(self) -> None:
        while not self._outbox.empty():
            line, payload = self._outbox.get()
            self._send(line, line.session.send(payload))

    def _send(self, line: SiteLine, frame: Frame) -> None:
        if not line.route:
            return  # it is kept, and sent when the site is there
        line.traffic.bytes_out += len(frame.payload)
        self._socket.send_multipart([line.route, *frame.parts()])

    def _receive(self, parts: list[zmq.Frame]) -> None:
        """Takes what came: of a stranger or damaged, nothing."""
        try:
            name = self._keys.site_of(str(parts[0].get("User-Id")).encode())
            line = self.lines[name or ""]
            route = parts[0].bytes
            frame = Frame.parse([part.bytes for part in parts[1:]])
        except (FrameError, KeyError, zmq.ZMQError):
            self.refused += 1
            return
        if frame.sign and frame.payload.startswith(HELLO):
            self._greet(line, route, frame)
            return
        if frame.life != line.peer:
            if line.peer:  # another process took its place
                self._socket.send_multipart([route, *Frame(0, -1, 0, TAKEN).parts()])
            return
        line.traffic.seen = time.monotonic()
        line.traffic.bytes_in += len(frame.payload)
        if frame.sign and frame.payload.startswith(PONG):
            self._time(line, frame.payload[len(PONG) :])
        payload = line.session.receive(frame)
        if payload is not None:
            line.session.done = line.session.got
            self._deliver(line, payload)

    def _time(self, line: SiteLine, stamp: bytes) -> None:
        if len(stamp) == STAMP.size:
            taken = time.monotonic() - STAMP.unpack(stamp)[0]
            if 0 <= taken < self.patience_s:
                line.traffic.round_trips.append(taken)

    def _greet(self, line: SiteLine, route: bytes, frame: Frame) -> None:
        """A site is there, for the first time or again: it gets what it lacks."""
        try:
            about = json.loads(frame.payload[len(HELLO) :])
            knows, updates, version = int(about["knows"]), int(about["updates"]), str(about["version"])
            updates = updates if about["run"] == line.setup.about["run"] else 0
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            self.refused += 1
            return
        if version != installed():
            line.fail(f"it has pib-rl {version[:20]}, the run has {installed()}; install the same at both ends")
        traffic, line.route = line.traffic, route
        traffic.seen = time.monotonic()
        if frame.life == line.peer and knows == line.session.life:
            line.session.receive(frame)  # what it is done with
            traffic.again += 1
        else:
            if frame.life != line.peer:
                traffic.lives += 1
                traffic.lost += max(0, traffic.updates - updates)
            line.peer = frame.life
            later = traffic.lives > 1  # a fresh chip then sets its converters with the first batch that it gets
            first = [self.pack(Message("setup", line.setup.about | {"late": later}, {}))]
            line.session.begin_again(new_life(), first)
        session = line.session
        self._socket.send_multipart([route, *session.sign(WELCOME).parts()])
        for kept in session.again():
            self._send(line, kept)

    def _deliver(self, line: SiteLine, payload: bytes) -> None:
        try:
            line.take(unpack(payload))
        except WireError as error:
            line.traffic.refused += 1
            line.fail(f"it sent what is no answer: {error}")
