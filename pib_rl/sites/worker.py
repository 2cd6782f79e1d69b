"""A site: a process that owns the chip of some units, joins a hub, and does what it is told."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import zmq
from torch import Tensor
from zmq.utils.monitor import recv_monitor_message

from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.split.backward import make_segment
from pib_rl.agents.split.message import Message, unit_names
from pib_rl.agents.split.segment import Segment
from pib_rl.agents.split.worklist import Worklist
from pib_rl.common import stored
from pib_rl.common.options import configure
from pib_rl.sites.hub import HEARTBEAT_MS, HELLO, PING, PONG, SIGN_S, TAKEN, TIMEOUT_MS, WELCOME
from pib_rl.sites.keys import SiteKey
from pib_rl.sites.session import Frame, FrameError, LinkSession
from pib_rl.sites.wire import MOST_ON_SOCKET, WireError, pack, unpack

KIND = "site"  # of its file
SAVED_S = 10.0  # between saves of the chip's state


class SiteWorker:
    """Joins, works, and keeps its chip's state in a folder of its own.

    Args:
        key: Who it is, and whom it trusts.
        address: Host and port of the hub.
        folder: Where its chip's state is kept.
        seed: Another chip than the run's: of this seed. None for the run's own.
        say: Gets a line when something happens.
        lifeline: A file descriptor; the site ends when what is at its other end does. None for none.
    """

    def __init__(
        self,
        key: SiteKey,
        address: tuple[str, int],
        folder: Path,
        seed: int | None = None,
        say: Callable[[str], None] = lambda line: None,
        lifeline: int | None = None,
    ) -> None:
        self.name, self.folder, self.seed, self._say, self._lifeline = key.name, folder, seed, say, lifeline
        self._address = address
        self._said: set[str] = set()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 1000),
            (zmq.SNDHWM, 0),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, TIMEOUT_MS),
            (zmq.RECONNECT_IVL, 200),
            (zmq.RECONNECT_IVL_MAX, 2000),
            (zmq.MAXMSGSIZE, MOST_ON_SOCKET),
        ):
            self._socket.setsockopt(option, value)
        self._socket.curve_secretkey, self._socket.curve_publickey = key.secret, key.public
        self._socket.curve_serverkey = key.coordinator
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_DISCONNECTED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        )
        host, port = address
        self._socket.connect(f"tcp://{f'[{host}]' if ':' in host else host}:{port}")
        self._session = LinkSession(secrets.randbits(63) + 1)
        self._peer = 0
        self._segment: Segment | None = None
        self._model: PhysicalModel | None = None
        self._about: dict[str, Any] = {}
        self._list = Worklist()
        self._arrived = 0  # messages taken from the session
        self._saved = time.monotonic()
        self._bits, self._deflate = 8, False

    def run(self) -> None:
        """Works until the hub says goodbye.

        Raises:
            ValueError: If the hub does not accept its key, or what it is told to be does not fit.
        """
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        if self._lifeline is not None:
            poller.register(self._lifeline, zmq.POLLIN)
        signed = time.monotonic()
        try:
            while True:
                ready = dict(poller.poll(0 if self._list.ready else int(SIGN_S * 1000)))
                if self._lifeline in ready and not os.read(self._lifeline or 0, 1024):
                    self._say("the run has ended without a word; the chip's state is kept")
                    return
                if self._monitor in ready:
                    self._connection(recv_monitor_message(self._monitor)["event"])
                if self._socket in ready:
                    while self._socket.poll(0):
                        if self._receive(self._socket.recv_multipart()):
                            return
                self._work_once()
                now = time.monotonic()
                if now - signed > SIGN_S and self._peer:
                    signed = now
                    self._socket.send_multipart(self._session.sign().parts())
                if now - self._saved > SAVED_S:
                    self.save()
        finally:
            try:
                self.save()
            finally:
                self.close()

    def close(self) -> None:
        """Ends the connection; `run` does so by itself."""
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._context.term()

    def save(self) -> None:
        """Keeps the chip's state on the site's own disk."""
        self._saved = time.monotonic()
        if self._segment is None:
            return
        state = {name: value for name, value in self._segment.parts.state_dict().items() if ".meter." not in name}
        stored.write(self._file, state, KIND, {"run": self._about["run"], "updates": self._segment.updates})

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    def _connection(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            known = {"run": "", "updates": 0}
            if self._segment is not None:
                known = {"run": self._about["run"], "updates": self._segment.updates}
            elif self._file.exists():
                known = stored.peek(self._file, KIND)
            hello = HELLO + json.dumps({"knows": self._peer, "version": stored.installed()} | known).encode()
            self._socket.send_multipart(self._session.sign(hello).parts())
        elif event == zmq.EVENT_DISCONNECTED:
            self._say_once("connection lost; trying again")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise ValueError(
                f"the run does not accept the key of site {self.name}: its sites file must name the site, and "
                f"authorised/{self.name}.pub in its folder of keys must be of this pair"
            )
        else:
            host, port = self._address
            self._say_once(
                f"{host}:{port} ends the connection at once: no run listens there, or one with another "
                "coordinator.key; trying again"
            )

    def _say_once(self, text: str) -> None:
        """Says something, once until the site has joined."""
        if text not in self._said:
            self._say(text)
        self._said.add(text)

    def _receive(self, parts: list[bytes]) -> bool:
        """Takes a frame; whether it was goodbye."""
        try:
            frame = Frame.parse(parts)
            if frame.sign and frame.payload == TAKEN:
                raise ValueError(
                    f"another process has joined as site {self.name}; one of the two must have another key"
                )
            if frame.sign and frame.payload == WELCOME:
                self._welcome(frame)
                return False
            if frame.life != self._peer:
                return False
            if frame.sign and frame.payload.startswith(PING):
                self._socket.send_multipart(self._session.sign(PONG + frame.payload[len(PING) :]).parts())
            payload = self._session.receive(frame)
            if payload is None:
                return False
            message = unpack(payload)
        except (FrameError, WireError) as error:
            self._fail(f"what came is no message: {error}")
            return False
        number, self._arrived = self._arrived, self._arrived + 1
        if message.kind == "bye":
            self._say("the run is over")
            return True
        if message.kind == "feed":
            for name, value in message.tensors.items():
                self._list.give(name, message.about["token"], value)
        else:
            self._list.add(message, number)
        self._session.done = self._list.first(self._arrived)
        return False

    def _welcome(self, frame: Frame) -> None:
        if frame.life != self._peer:  # it does not know this site, or is another run
            self._peer = frame.life
            self._session.begin_again(self._session.life, keep=False)
            self._list.clear()
            self._arrived = 0
            self._say("joined")
        else:
            self._say("joined again")
        self._said.clear()
        for kept in self._session.again():
            self._socket.send_multipart(kept.parts())

    def _work_once(self) -> None:
        work = self._list.next()
        if work is None:
            return
        command = work[0]
        try:
            answer = self._do(*work)
        except Exception as error:  # whatever it is, the run must hear of it
            self._fail(f"{command.kind}: {' '.join(str(error).split()) or type(error).__name__}")
            answer = None
        self._session.done = self._list.first(self._arrived)
        if answer is not None:
            updates = {} if self._segment is None else {"updates": self._segment.updates}
            answer.about.update(updates)
            payload = pack(answer, self._bits, self._deflate)
            self._socket.send_multipart(self._session.send(payload).parts())

    def _do(self, command: Message, value: Tensor | None) -> Message | None:
        if command.kind == "setup":
            self._set_up(command.about)
            return None
        if self._segment is None or self._model is None:
            raise ValueError("a command before the setup")
        if command.kind == "load" and self.seed is not None:
            return None  # the state of another chip
        with self._model.streams.aside(f"site {self._segment.first}"):  # draws of its own
            return self._segment.run(command, value)

    def _set_up(self, about: dict[str, Any]) -> None:
        """Fabricates the chip, or takes up its state from the site's disk, if that is of this run."""
        self._bits, self._deflate = int(about["bits"]), bool(about["deflate"])
        if self._segment is not None and self._about.get("run") == about["run"]:
            return  # the coordinator begins a new session; the chip is the same
        torch.set_num_threads(max(1, int(about["threads"])))
        chip = dict(about["chip"])
        if self.seed is not None:
            chip["seed"] = self.seed
        model = PhysicalModel(
            ChipConfig(**chip),
            int(about["in_features"]),
            1,
            target_features=int(about["target_features"]),
            target_inputs=int(about["target_inputs"]),
        ).to(about["device"])
        first, stop = about["units"]
        named = unit_names(range(first, stop))
        self._model, self._segment, self._about = model, self._make(model, range(first, stop), about), about
        if not self._file.exists():
            self._fresh(f"{named} on a fresh chip")
            return
        known = stored.read(self._file, KIND)
        if known.about.get("run") != about["run"]:
            self._fresh(f"{named} on a fresh chip; {self._file} is of another run, and is replaced")
            return
        self._segment.run(Message("load", {}, known.tensors))
        self._segment.updates = int(known.about["updates"])
        self._say(f"{named} go on after {self._segment.updates} steps")

    def _make(self, model: PhysicalModel, units: range, about: dict[str, Any]) -> Segment:
        kind = find_learner(str(about["learner"]))
        learner = kind(model, HiddenConfig(), configure(kind.Options, about["options"], "learner"))
        return make_segment(model, units, learner, int(about["kept"]))

    def _fresh(self, text: str) -> None:
        assert self._segment is not None
        self._segment.calibrates = self.seed is not None or bool(self._about["late"])
        self._say(text)

    def _fail(self, text: str) -> None:
        self._say(text)
        message = Message("error", {"token": 0, "text": text[:300]}, {})
        self._socket.send_multipart(self._session.send(pack(message)).parts())
