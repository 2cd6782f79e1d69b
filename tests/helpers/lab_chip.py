"""A chip behind a small SCPI server on a socket: it computes as the digital substrate does, and fails as it is told."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class LabChip(socketserver.ThreadingTCPServer):
    """A chip with tanh media and W h arrays in any number of channels.

    Attributes:
        log: All messages so far, in order.
        weights: Weights by channel, as they were written.
        faults: What to do in place of answering: command, such as MEAS:MED?, to a function of the true reply that
            returns another one, or None for silence, or raises ConnectionError to hang up. A fault may remove itself.
        noise: Standard deviation of the noise of each reading.
        errors: Error queue.
        connections: Sessions so far.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Conversation)
        self.log: list[str] = []
        self.weights: dict[int, np.ndarray] = {}
        self.faults: dict[str, Callable[[str], str | None]] = {}
        self.noise = 0.0
        self.connections = 0
        self._shapes: dict[int, tuple[int, int]] = {}
        self._inputs: dict[int, np.ndarray] = {}
        self.errors: list[str] = []
        self._generator = np.random.default_rng(0)

    @property
    def resource(self) -> str:
        return f"TCPIP::127.0.0.1::{self.server_address[1]}::SOCKET"

    @property
    def options(self) -> dict[str, Any]:
        return {"resource": self.resource, "timeout_s": 5.0}

    def power_cycle(self) -> None:
        """Forgets everything but the log."""
        self.weights, self._shapes, self._inputs = {}, {}, {}

    def answer(self, line: str) -> str | None:
        """The reply to one message, or None."""
        self.log.append(line)
        command, _, rest = line.partition(" ")
        try:
            reply = self._obey(command, rest.split(","))
        except (KeyError, ValueError) as error:
            self.errors.append(f'-200,"Execution error; {error!r}"')
            reply = "0" if command.endswith("?") else None
        if reply is not None and command in self.faults:
            return self.faults[command](reply)
        return reply

    def _obey(self, command: str, words: list[str]) -> str | None:
        if command == "*IDN?":
            return "Example Lab,Chip,7,1.0"
        if command == "SYST:ERR?":
            return self.errors.pop(0) if self.errors else '0,"No error"'
        if command == "*CLS":
            self.errors.clear()
            return None
        channel = int(words[0])
        if command == "CONF":
            self._shapes[channel] = int(words[2]), int(words[3])
            self.weights[channel] = np.full((int(words[3]), int(words[2])), np.nan)
        elif command == "DRIV":
            self._inputs[channel] = np.array(words[1:], dtype=float).reshape(-1, self._shapes[channel][0])
        elif command == "WEIG":
            self.weights[channel][int(words[1])] = np.array(words[2:], dtype=float)
        elif command == "MEAS:MED?":
            turned = np.arange(self._shapes[channel][1]) % self._shapes[channel][0]
            return self._text(np.tanh(self._inputs[channel][:, turned]))
        elif command == "MEAS:ARR?":
            return self._text(self._inputs[channel] @ self.weights[channel].T)
        else:
            raise ValueError(command)
        return None

    def _text(self, values: np.ndarray) -> str:
        noise = self.noise * self._generator.normal(size=values.shape) if self.noise else 0.0
        return ",".join(f"{value:.9g}" for value in (values + noise).flatten().tolist())


class Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, LabChip)
        server.connections += 1
        with contextlib.suppress(ConnectionError):
            for line in self.rfile:
                reply = server.answer(line.decode().strip())
                if reply is not None:
                    self.wfile.write(f"{reply}\n".encode())


@contextlib.contextmanager
def lab_chip() -> Iterator[LabChip]:
    """A chip that is running, for a while; sessions with it are closed at the end."""
    from pib_rl.physical.remote.instrument import link_to

    with LabChip() as chip:
        threading.Thread(target=chip.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield chip
        finally:
            link_to(chip.resource, "py").close()
            chip.shutdown()
