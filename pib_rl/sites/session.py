"""Two ends that lose nothing: messages have numbers, are kept until the other end has them, and are sent again.

Each end keeps what it sent until the other end says that it is done with it. When a connection was lost and is there
again, the two tell each other how far they got, and send what is missing. What comes twice is dropped.

A frame is a header and a payload. The header: the name of the sender's life (a process that was started again has
another one), the number of the message (-1 for none), and how many messages of the other end the sender is done with.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

HEADER = struct.Struct("!Qqq")
NONE = -1


class FrameError(ValueError):
    """Bytes that are no frame."""


class Frame(NamedTuple):
    """One frame.

    Args:
        life: Of its sender.
        number: Of its message, from 0; -1 for a sign of life without one.
        done: How many messages of the receiver the sender is done with.
        payload: The message.
    """

    life: int
    number: int
    done: int
    payload: bytes

    def parts(self) -> list[bytes]:
        """What goes on a socket."""
        return [HEADER.pack(self.life, self.number, self.done), self.payload]

    @classmethod
    def parse(cls, parts: list[bytes]) -> Frame:
        """What came from one.

        Raises:
            FrameError: If it is none.
        """
        if len(parts) != 2 or len(parts[0]) != HEADER.size:
            raise FrameError("not a header and a payload")
        life, number, done = HEADER.unpack(parts[0])
        if number < NONE or done < 0:
            raise FrameError("numbers of messages are negative")
        return cls(life, number, done, parts[1])


class Session:
    """One end.

    Args:
        life: Name of this life.

    Attributes:
        done: How many messages of the other end are done with; who uses the session counts it up.
        got: How many came, in order.
    """

    def __init__(self, life: int) -> None:
        self.life = life
        self.done = self.got = 0
        self._sent: deque[Frame] = deque()
        self._next = 0

    @property
    def kept(self) -> int:
        """Messages that the other end is not done with."""
        return len(self._sent)

    def send(self, payload: bytes) -> Frame:
        """The frame of a new message, which is kept."""
        frame = Frame(self.life, self._next, self.done, payload)
        self._next += 1
        self._sent.append(frame)
        return frame

    def sign(self) -> Frame:
        """A frame without a message."""
        return Frame(self.life, NONE, self.done, b"")

    def receive(self, frame: Frame) -> bytes | None:
        """Takes a frame; its message if it is the next one, None if it came before, too early, or there is none."""
        while self._sent and self._sent[0].number < frame.done:
            self._sent.popleft()
        if frame.number != self.got:
            return None
        self.got += 1
        return frame.payload

    def again(self) -> Iterator[Frame]:
        """All that is kept, to be sent again."""
        return (frame._replace(done=self.done) for frame in list(self._sent))

    def begin_again(self, life: int, first: Sequence[bytes] = (), keep: bool = True) -> None:
        """The other end has begun a new life and knows nothing: numbers count from 0, under a new name of this end.

        Args:
            life: That name.
            first: Messages that it needs before all others.
            keep: Whether it gets what is kept, behind those.
        """
        payloads = [*first, *(frame.payload for frame in self._sent if keep)]
        self.life, self.done, self.got = life, 0, 0
        self._sent = deque(Frame(life, number, 0, payload) for number, payload in enumerate(payloads))
        self._next = len(self._sent)
