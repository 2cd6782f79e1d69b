"""Two ends that lose nothing: messages have numbers, are kept until the other end has them, and are sent again.

Each end keeps what it sent until the other end says that it is done with it. When a connection was lost and is there
again, the two tell each other how far they got, and send what is missing. What comes twice is dropped.

A frame is a header and a payload. The header: the name of the sender's life (a process that was started again has
another one), the number of the message, and how many messages of the other end the sender is done with. A frame without
a message, a sign of life, has the number -1 - n after n messages: the other end then knows whether it lacks any. As
long as it does, it takes nothing as done, since the answer may be among what it lacks.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

HEADER = struct.Struct("!Qqq")


class FrameError(ValueError):
    """Bytes that are no frame."""


class Frame(NamedTuple):
    """One frame.

    Args:
        life: Of its sender.
        number: Of its message, from 0; -1 - n for a sign of life after n of them.
        done: How many messages of the receiver the sender is done with.
        payload: The message.
    """

    life: int
    number: int
    done: int
    payload: bytes

    @property
    def sign(self) -> bool:
        """Whether it carries no message."""
        return self.number < 0

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
        if done < 0:
            raise FrameError("the number of messages done is negative")
        return cls(life, number, done, parts[1])


class LinkSession:
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

    def sign(self, payload: bytes = b"") -> Frame:
        """A frame without a message; its payload is lost if the connection is."""
        return Frame(self.life, -1 - self._next, self.done, payload)

    def receive(self, frame: Frame) -> bytes | None:
        """Takes a frame; its message if it is the next one, None if it came before, too early, or there is none."""
        if frame.sign:
            if -1 - frame.number <= self.got:
                self._forget(frame.done)
            return None
        if frame.number != self.got:
            return None
        self.got += 1
        self._forget(frame.done)
        return frame.payload

    def _forget(self, done: int) -> None:
        while self._sent and self._sent[0].number < done:
            self._sent.popleft()

    def again(self) -> Iterator[Frame]:
        """All that is kept, to be sent again."""
        return iter(list(self._sent))

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
