"""Who may join, and what comes of those who may not, of damage, and of sites that lie."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
import zmq

from pib_rl.agents.split.message import Message
from pib_rl.common.stored import installed
from pib_rl.sites.hub import HELLO, TAKEN, WELCOME, Hub
from pib_rl.sites.keys import CoordinatorKeys, SiteKey, make_keys
from pib_rl.sites.line import SiteLine
from pib_rl.sites.session import Frame, LinkSession
from pib_rl.sites.wire import pack
from pib_rl.sites.worker import SiteWorker

PATIENCE_S = 20.0
SETUP = Message("setup", {"run": "r"}, {})


def until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.005)


class Client:
    """A site that a test speaks for, word by word."""

    def __init__(self, hub: Hub, key: SiteKey, identity: bytes = b"") -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if identity:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.curve_secretkey, self.socket.curve_publickey = key.secret, key.public
        self.socket.curve_serverkey = key.coordinator
        self.socket.connect(f"tcp://127.0.0.1:{hub.port}")
        self.session = LinkSession(5)
        self.peer = 0

    def send(self, *parts: bytes) -> None:
        self.socket.send_multipart(list(parts))

    def answer(self, payload: bytes) -> None:
        self.send(*self.session.send(payload).parts())

    def hello(self, **changed: object) -> None:
        about = {"knows": 0, "updates": 0, "run": "", "version": installed()} | changed
        self.send(*self.session.sign(HELLO + json.dumps(about).encode()).parts())

    def frame(self, wait_s: float = PATIENCE_S) -> Frame | None:
        if not self.socket.poll(int(1000 * wait_s)):
            return None
        return Frame.parse(self.socket.recv_multipart())

    def frames(self, wait_s: float) -> Iterator[Frame]:
        """All frames that come in so many seconds."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0 and (frame := self.frame(left)) is not None:
            yield frame

    def find(self, content: bytes) -> Frame:
        """The first frame whose payload has that in it."""
        return next(frame for frame in self.frames(PATIENCE_S) if content in frame.payload)

    def joined(self) -> Client:
        self.hello()
        self.find(WELCOME)
        return self

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
def folder(tmp_path):
    make_keys(tmp_path / "keys", ["a", "b", "c"])
    return tmp_path / "keys"


@pytest.fixture
def hub(folder, monkeypatch) -> Iterator[Hub]:
    monkeypatch.setattr("pib_rl.sites.hub.SIGN_S", 0.02)
    hub = Hub(("127.0.0.1", 0), CoordinatorKeys.load(folder), 8, False, PATIENCE_S)
    arrived = threading.Condition()
    for k, name in enumerate("ab"):
        hub.lines[name] = SiteLine(name, range(k, k + 1), arrived, hub, SETUP)
    hub.start()
    yield hub
    hub.close()


@pytest.fixture
def client(hub, folder) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(name: str, **more: bytes) -> Client:
        made.append(Client(hub, SiteKey.load(folder / f"{name}.key"), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_site_with_a_key_is_welcome_and_gets_its_setup(hub, client):
    site = client("a").joined()
    frame = site.frame()
    assert frame.number == 0
    assert b"setup" in frame.payload
    assert hub.lines["a"].traffic.there
    assert not hub.lines["b"].traffic.there


def still_works(hub: Hub, client: Callable[..., Client]) -> None:
    client("b").joined()
    assert hub._thread.is_alive()
    assert not hub.lines["b"].lost()


def test_strangers_get_nothing(hub, folder, client, tmp_path):
    make_keys(tmp_path / "others", ["a"])
    stranger = SiteKey.load(tmp_path / "others" / "a.key")
    own = SiteKey.load(folder / "a.key")
    posing = Client(hub, SiteKey("a", stranger.public, stranger.secret, own.coordinator))
    posing.hello()
    unused = client("c")  # a key that is authorised, of a site that the run has not
    unused.hello()
    plain = zmq.Context()
    bare = plain.socket(zmq.DEALER)
    bare.linger = 0
    bare.connect(f"tcp://127.0.0.1:{hub.port}")
    bare.send(HELLO)
    with socket.create_connection(("127.0.0.1", hub.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(1000))
        until(lambda: hub.refused >= 2)
        still_works(hub, client)
    assert posing.frame(0.05) is None
    assert unused.frame(0.05) is None
    assert not bare.poll(50)
    assert hub.lines["a"].traffic.lives == 0
    posing.close()
    bare.close()
    plain.term()


GARBAGE = [
    [b""],
    [b"x"],
    [b"x" * 24],
    [b"x" * 23, b"y"],
    [b"x" * 24, b"y", b"z"],
    [b"\xff" * 24, b""],
    [Frame(5, -1, 0, HELLO + b"{").parts()[0], HELLO + b"{"],
    Frame(5, -1, 0, HELLO + b"[" * 100_000).parts(),
    Frame(5, -1, 0, HELLO + b'{"knows": 1e999, "updates": 0, "run": "", "version": ""}').parts(),
    Frame(5, -1, 0, HELLO + b'{"knows": null, "updates": 0, "run": "", "version": ""}').parts(),
]


def test_garbage_of_an_authorised_site_is_refused(hub, client):
    site = client("a")
    for parts in GARBAGE:
        site.send(*parts)
    until(lambda: hub.refused >= len(GARBAGE))
    assert hub.lines["a"].traffic.lives == 0
    still_works(hub, client)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"garbage", "no answer"),
        (pack(Message("output", {"token": "0"}, {})), "without its number"),
        (pack(Message("output", {"token": 0, "updates": -1}, {})), "without its number"),
        (pack(Message("output", {}, {})), "without its number"),
        (pack(Message("error", {"text": "the laser is out"}, {})), "site a: the laser is out"),
        (pack(Message("error", {"text": ["x" * 9999]}, {})), "site a: "),
    ],
    ids=["garbage", "text", "negative", "nothing", "error", "long error"],  # bytes have their header in any order
)
def test_answers_that_are_none_end_the_run_with_one_line(hub, client, payload, said):
    client("a").joined().answer(payload)
    line = hub.lines["a"]
    until(line.lost)
    assert said in line.lost()
    assert "\n" not in line.lost()
    assert len(line.lost()) < 400
    still_works(hub, client)


def test_answers_that_nobody_asked_for_are_dropped(hub, client):
    site, line = client("a").joined(), hub.lines["a"]
    for token in range(50):
        site.answer(pack(Message("output", {"token": token}, {"drive": torch.zeros(2, 2)})))
        site.answer(pack(Message("whatever", {"token": token}, {})))
        site.answer(pack(Message("handed", {"token": token}, {"slope": torch.zeros(2, 2)})))
    until(lambda: line.traffic.refused == 150)
    assert not line._came
    assert not line.lost()


def test_an_answer_counts_once(hub, client):
    site, line = client("a").joined(), hub.lines["a"]
    line.submit(Message("report", {"token": 4}, {}))
    for _ in range(3):
        site.answer(pack(Message("report", {"token": 4}, {})))
    until(lambda: line.traffic.refused == 2)
    assert line.pop("report", 4) is not None
    assert line.pop("report", 4) is None


def test_no_site_can_pose_as_another(hub, client):
    """The key decides who is who: what names a connection gives itself changes nothing."""
    honest = client("a").joined()
    route = hub.lines["a"].route
    for identity in (b"a", b"somebody"):
        liar = client("b", identity=identity).joined()
        assert hub.lines["a"].route == route
        hub.lines["a"].submit(Message("report", {"token": 1}, {}))
        assert not any(b"report" in frame.payload for frame in liar.frames(0.1))
    assert honest.find(b"report").life == hub.lines["a"].session.life


def test_an_older_process_of_the_same_name_is_told(hub, client):
    older = client("a").joined()
    newer = client("a")
    newer.session = LinkSession(6)
    newer.joined()
    older.send(*older.session.sign().parts())
    older.find(TAKEN)
    assert hub.lines["a"].traffic.lives == 2


def test_another_version_at_the_other_end_is_one_line(hub, client):
    client("a").hello(version="0.0.1")
    until(hub.lines["a"].lost)
    assert "it has pib-rl 0.0.1, the run has" in hub.lines["a"].lost()


def test_a_port_in_use_is_one_line(hub, folder):
    with pytest.raises(ValueError, match=f"cannot listen at 127.0.0.1:{hub.port}: Address already in use"):
        Hub(("127.0.0.1", hub.port), CoordinatorKeys.load(folder), 8, False, 1.0)


def test_silence_is_told_apart_from_never_having_joined(hub, client):
    line = hub.lines["a"]
    hub.patience_s = 0.0
    assert "has not joined" in line.lost()
    client("a").joined()
    assert "no sign of life" in line.lost()


def test_round_trips_are_measured_and_lies_about_them_are_not(hub, client):
    site, line = client("a").joined(), hub.lines["a"]
    for payload in (b"pong", b"pong" + b"\xff" * 8, b"pong" + bytes(8), b"pong" + bytes(99)):
        site.send(*site.session.sign(payload).parts())
    stamp = site.find(b"ping").payload.removeprefix(b"ping")
    site.send(*site.session.sign(b"pong" + stamp).parts())
    until(lambda: line.traffic.round_trips)
    assert 0 < line.traffic.latency_s < PATIENCE_S
    assert len(line.traffic.round_trips) == 1


def test_keys_show_in_nothing_that_is_printed(folder, hub):
    keys = CoordinatorKeys.load(folder)
    assert keys.secret.decode() not in f"{keys!r}{vars(hub.lines['a'])!r}"


@pytest.fixture
def run_site(hub, tmp_path) -> Iterator[Callable[[SiteKey], tuple[list[str], list[Exception]]]]:
    """Runs a site in a thread, which ends with its lifeline; what it says, and what it ends with."""
    ends = []

    def run(key: SiteKey) -> tuple[list[str], list[Exception]]:
        said, ended = [], []
        far, near = os.pipe()
        one = SiteWorker(key, ("127.0.0.1", hub.port), tmp_path, say=said.append, lifeline=far)

        def work() -> None:
            try:
                one.run()
            except ValueError as error:
                ended.append(error)

        ends.append((threading.Thread(target=work, daemon=True), near, far))
        ends[-1][0].start()
        return said, ended

    yield run
    for thread, near, far in ends:
        os.close(near)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        os.close(far)


def test_a_site_whose_key_is_not_accepted_ends_with_one_line(folder, run_site):
    _, ended = run_site(SiteKey.load(folder / "c.key"))
    until(lambda: ended)
    assert "does not accept the key of site c" in str(ended[0])
    assert "authorised/c.pub" in str(ended[0])


def test_a_site_that_trusts_another_coordinator_says_so_and_waits(hub, folder, run_site, tmp_path):
    make_keys(tmp_path / "others", ["a"])
    own, other = SiteKey.load(folder / "a.key"), SiteKey.load(tmp_path / "others" / "a.key")
    said, ended = run_site(SiteKey("a", own.public, own.secret, other.coordinator))
    until(lambda: any("another coordinator.key" in line for line in said))
    assert hub.lines["a"].traffic.lives == 0
    assert not ended


def test_a_site_ends_when_another_takes_its_name(hub, folder, client, run_site):
    said, ended = run_site(SiteKey.load(folder / "a.key"))
    until(lambda: "joined" in said)
    client("a").joined()
    until(lambda: ended)
    assert "another process has joined as site a" in str(ended[0])


def test_a_site_ends_with_its_run(folder, run_site, hub):
    said, _ = run_site(SiteKey.load(folder / "a.key"))
    until(lambda: "joined" in said)


def test_answers_are_sent_again_when_the_connection_is_back(folder, hub, tmp_path):
    one, sent = SiteWorker(SiteKey.load(folder / "a.key"), ("127.0.0.1", hub.port), tmp_path), []
    real, one._socket = one._socket, SimpleNamespace(send_multipart=sent.append)
    one._peer = 7
    one._session.send(b"answer")
    one._welcome(Frame(7, -1, 0, WELCOME))
    assert [parts[1] for parts in sent] == [b"answer"]
    one._welcome(Frame(8, -1, 0, WELCOME))  # another run: it did not ask
    assert len(sent) == 1
    one._socket = real
    one.close()
