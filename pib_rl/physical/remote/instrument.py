"""The line to an instrument: one VISA session per address and process, timeouts, retries, one kind of error."""

from __future__ import annotations

import os
import re
import socket
import string
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
INSTALL = 'pip install "pib-rl[lab]"'
CHECK = "check the address (resource), that the instrument is on, and that nothing else holds it"
BLANK = string.whitespace + "\0"  # around a reply; some instruments send a NUL behind the end of a line
SHOWN = 60  # characters of a message or a reply in an error


class InstrumentError(RuntimeError):
    """An instrument cannot be reached, does not answer, refuses, or answers what cannot be. One line of text."""


class LineError(InstrumentError):
    """The line failed: silence, a broken connection, a garbled reply. Asking again may help."""


class Link:
    """The session with one instrument, opened when it is first needed and again after it was closed.

    Every failure closes it: what is left of an answer must not be taken for the answer to the next question.

    Args:
        resource: VISA address.
        library: PyVISA's backend, see `RemoteConfig`.

    Attributes:
        holders: Who configured and programmed each channel since the session was opened. It is no part of the holders'
            state: a copy of a network, or one loaded from a file, programs the chip before it measures.
    """

    def __init__(self, resource: str, library: str) -> None:
        self.resource = resource
        self.holders: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._library = f"@{library}" if re.fullmatch(r"\w+", library) else library
        self._stream = resource.upper().endswith("::SOCKET")
        self._waiting: list[str] = []
        self._session: Any = None

    def open(self, terminator: str, timeout_s: float, baud_rate: int | None = None) -> bool:
        """Opens the session unless it is open; returns whether it was closed before. Arguments as in `RemoteConfig`.

        Raises:
            InstrumentError: If PyVISA or its backend is not installed.
            LineError: If the instrument cannot be reached.
        """
        if self._session is not None:
            return False
        try:
            import pyvisa
        except ImportError:
            raise InstrumentError(f"a remote instrument needs PyVISA: {INSTALL}") from None
        try:
            manager = pyvisa.ResourceManager(self._library)
        except Exception as error:  # each backend has errors of its own
            raise InstrumentError(
                f"PyVISA cannot use its library {self._library!r}: {brief(error)}; for the one in Python: {INSTALL}"
            ) from error
        milliseconds = max(1, round(1000 * timeout_s))
        with self._converted(f"cannot be reached within {timeout_s:g} s"):
            self._session = manager.open_resource(self.resource, open_timeout=milliseconds)
            self._session.timeout = milliseconds
            self._session.read_termination = self._session.write_termination = terminator
            if baud_rate is not None:
                self._session.baud_rate = baud_rate
        if self._stream:
            _undelay(self._session)
        else:
            with suppress(Exception):  # few serial lines know it
                self._session.clear()  # drops what the instrument had to say to the session before
        return True

    def tell(self, message: str) -> None:
        """Notes a message that has no reply; it goes out with the next question or `flush`."""
        self._waiting.append(message)

    def flush(self) -> None:
        """Sends what waits; LineError if the connection breaks."""
        with self._converted("takes no messages"):
            self._send(self._waiting)
            self._waiting.clear()

    def ask(self, question: str) -> str:
        """Sends what waits, then a question; returns the reply, without its end.

        Raises:
            LineError: If it does not come in time, is empty, or the connection breaks.
        """
        with self._converted(f"gave no reply to {brief(question)}"):
            self._send([*self._waiting, question])
            self._waiting.clear()
            reply = str(self._session.read()).strip(BLANK)
        if not reply:
            raise LineError(f"instrument {self.resource} gave an empty reply to {brief(question)}")
        return reply

    def exchange(self, dialogue: Callable[[], T], retries: int = 0) -> T:
        """Holds a dialogue, and again from its start after the line failed; closes the session when it fails.

        Args:
            dialogue: Tells and asks; with retries it must be one that may be held twice.
            retries: How often to hold it again.

        Raises:
            InstrumentError: If the instrument refuses or answers what cannot be, or the line fails every time.
        """
        for left in range(retries, -1, -1):
            try:
                return dialogue()
            except LineError as error:
                self.close()
                if not left:
                    tries = f" ({retries + 1} tries)" if retries else ""
                    raise LineError(f"{error}{tries}; {CHECK}") from error
            except BaseException:
                self.close()
                raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Ends the session; nobody holds a channel any more."""
        session, self._session = self._session, None
        self._waiting.clear()
        self.holders.clear()
        if session is not None:
            with suppress(Exception):  # it is broken, as a rule
                session.close()

    def _send(self, messages: Sequence[str]) -> None:
        """On a stream all in one piece: the system would hold a second small one back until the first is confirmed."""
        if self._stream and messages:
            messages = [self._session.write_termination.join(messages)]
        for message in messages:
            self._session.write(message)

    @contextmanager
    def _converted(self, what: str) -> Iterator[None]:
        """Turns any error of PyVISA, its backend or the system into a LineError."""
        try:
            yield
        except Exception as error:  # each backend has errors of its own
            raise LineError(f"instrument {self.resource} {what}: {brief(error)}") from error


_links: dict[tuple[str, str, int], Link] = {}


def link_to(resource: str, library: str) -> Link:
    """The link of this process to an instrument: all networks share it, for many instruments accept one only."""
    key = resource, library, os.getpid()
    if key not in _links:
        _links[key] = Link(resource, library)
    return _links[key]


def _undelay(session: Any) -> None:
    """Lets a socket send small pieces at once; otherwise a message in two of them waits 40 ms for a confirmation."""
    from pyvisa.constants import ResourceAttribute

    with suppress(Exception):
        session.set_visa_attribute(ResourceAttribute.tcpip_nodelay, True)
        return
    with suppress(Exception):  # pyvisa-py 0.8 does not pass the attribute on
        session.visalib.sessions[session.session].interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def brief(what: object) -> str:
    """One short line of a message or an error."""
    text = re.sub(r"[\s\x00-\x1f\x7f]+", " ", str(what)).strip() or type(what).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
