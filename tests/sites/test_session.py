"""Two ends over a channel that loses, cuts and restarts: every message arrives once, in order."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.sites.session import Frame, FrameError, LinkSession


class Ends:
    """A hub's end and a site's end of a connection. The site does a command when it is asked to, and answers it.

    Args:
        frames that are on their way are lost when the connection is.
    """

    def __init__(self) -> None:
        self.hub, self.site = LinkSession(1), LinkSession(2)
        self.out: deque[Frame] = deque()
        self.back: deque[Frame] = deque()
        self.waiting: deque[bytes] = deque()
        self.answers: list[bytes] = []
        self.sent = 0
        self.connected = True
        self.lives = 2

    def send(self) -> None:
        self._out(self.hub.send(b"%d" % self.sent))
        self.sent += 1

    def sign(self) -> None:
        self._out(self.hub.sign())
        self._back(self.site.sign())

    def deliver_out(self) -> None:
        if self.out and (payload := self.site.receive(self.out.popleft())) is not None:
            self.waiting.append(payload)

    def deliver_back(self) -> None:
        if self.back and (payload := self.hub.receive(self.back.popleft())) is not None:
            self.hub.done = self.hub.got
            self.answers.append(payload)

    def work(self) -> None:
        if self.waiting:
            command = self.waiting.popleft()
            self.site.done = self.site.got - len(self.waiting)
            self._back(self.site.send(command))

    def cut(self) -> None:
        """What is on its way is lost; what is given to it meanwhile is lost, too."""
        self.connected = False
        self.out.clear()
        self.back.clear()

    def heal(self) -> None:
        """The two tell each other how far they got, and send again."""
        if self.connected:
            return
        self.connected = True
        self.hub.receive(self.site.sign())
        for frame in self.hub.again():
            self._out(frame)
        for frame in self.site.again():
            self._back(frame)

    def restart(self) -> None:
        """The site's process dies and comes back with nothing but what it is sent."""
        self.cut()
        self.lives += 1
        self.site = LinkSession(self.lives)
        self.waiting.clear()
        self.hub.begin_again(100 + self.lives)
        self.heal()

    def _out(self, frame: Frame) -> None:
        if self.connected:
            self.out.append(Frame.parse(frame.parts()))

    def _back(self, frame: Frame) -> None:
        if self.connected:
            self.back.append(Frame.parse(frame.parts()))


STEPS = ["send", "sign", "deliver_out", "deliver_back", "work", "cut", "heal", "restart"]


@given(st.lists(st.sampled_from(STEPS), max_size=150))
def test_every_command_is_answered_once_and_in_order(steps):
    ends = Ends()
    for step in steps:
        getattr(ends, step)()
    ends.heal()
    for _ in range(3 * ends.sent + 5):
        ends.deliver_out()
        ends.work()
        ends.deliver_back()
    assert ends.answers == [b"%d" % number for number in range(ends.sent)]
    for _ in range(2):
        ends.sign()
        while ends.out or ends.back:
            ends.deliver_out()
            ends.deliver_back()
    assert ends.hub.kept == ends.site.kept == 0


def test_a_sign_does_not_free_a_command_whose_answer_is_lost():
    hub, site = LinkSession(1), LinkSession(2)
    site.receive(hub.send(b"work"))
    site.done = 1
    site.send(b"answer")  # and it is lost
    hub.receive(site.sign())
    assert hub.kept == 1
    for frame in site.again():
        assert hub.receive(frame) == b"answer"
    assert hub.kept == 0


def test_what_comes_twice_or_too_early_is_dropped():
    one, other = LinkSession(1), LinkSession(2)
    first, second = one.send(b"a"), one.send(b"b")
    assert other.receive(second) is None
    assert other.receive(first) == b"a"
    assert other.receive(first) is None
    assert other.receive(second) == b"b"


def test_first_messages_of_a_new_life_come_before_what_is_kept():
    session = LinkSession(1)
    session.send(b"kept")
    session.begin_again(7, [b"setup"])
    assert [(frame.life, frame.number, frame.payload) for frame in session.again()] == [
        (7, 0, b"setup"),
        (7, 1, b"kept"),
    ]
    session.begin_again(8, keep=False)
    assert session.kept == 0


@pytest.mark.parametrize("parts", [[], [b""], [b"x" * 24], [b"x" * 23, b""], [b"x" * 24, b"", b""]])
def test_what_is_no_frame(parts):
    with pytest.raises(FrameError):
        Frame.parse(parts)


def test_a_negative_count_is_no_frame():
    with pytest.raises(FrameError, match="negative"):
        Frame.parse(Frame(1, 0, -1, b"").parts())
