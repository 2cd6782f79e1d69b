"""The connection to Ray: mistakes in one line, the token kept private, nothing left changed. Ray is a stand-in."""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import SimpleNamespace

import pytest

from pib_rl.cli.cli import UserError, parse
from pib_rl.cli.ray_session import close_token, connected
from pib_rl.comparison.config import CompareConfig


class FakeRay(SimpleNamespace):
    """A machine of two processors."""

    exceptions = SimpleNamespace(RayError=LookupError)

    def __init__(self, running=False, error=None):
        super().__init__(running=running, error=error, calls=[])

    def is_initialized(self):
        return self.running

    def init(self, **settings):
        self.calls.append(settings)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.error:
            raise self.error
        self.running = True

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]

    def shutdown(self):
        self.running = False


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    return tmp_path


def stand_in(monkeypatch, **settings):
    ray = FakeRay(**settings)
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


def test_a_local_cluster_lasts_as_long_as_the_command_and_reports_to_nobody(monkeypatch):
    ray, before = stand_in(monkeypatch), signal.getsignal(signal.SIGTERM)
    with connected("local", 3, 1.0) as found:
        assert found is ray
        assert signal.getsignal(signal.SIGTERM) is before
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not ray.running
    (settings,) = ray.calls
    assert settings["address"] == "local"
    assert settings["num_cpus"] == 3
    assert settings["include_dashboard"] is False


def test_a_connection_that_was_there_stays(monkeypatch):
    ray = stand_in(monkeypatch, running=True)
    with connected("auto", 1, 1.0):
        pass
    assert ray.running
    assert ray.calls == []


def test_a_cluster_that_refuses_or_is_too_small_is_one_line(monkeypatch):
    ray = stand_in(monkeypatch, error=ConnectionError("no\nRay here"))
    with pytest.raises(UserError, match=r"^--ray auto: no Ray here$"), connected("auto", 1, 1.0):
        pass
    ray = stand_in(monkeypatch)
    with pytest.raises(UserError, match=r"--ray-cpus must be at most 2, .*, got 3"), connected("local", 2, 3.0):
        pass
    assert not ray.running


def test_an_address_where_nobody_answers_is_one_line_at_once(monkeypatch):
    ray = stand_in(monkeypatch)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match=f"^--ray {address}: nobody answers"), connected(address, 1, 1.0):
            pass
    for address in ("somewhere", "ray://host:10001", "host:port", ":6379"):
        with pytest.raises(UserError, match="--ray takes HOST:PORT, auto, or nothing"), connected(address, 1, 1.0):
            pass
    assert ray.calls == []


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    said = r"--ray needs ray: pip install 'pib-rl\[distributed\]'"
    with pytest.raises(UserError, match=said), connected("local", 1, 1.0):
        pass


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_token_is_for_its_owner_alone(home):
    close_token()
    assert (home / ".ray").stat().st_mode & 0o777 == 0o700
    token = home / ".ray" / "auth_token"
    token.write_text("secret")
    token.chmod(0o644)
    close_token()
    assert token.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "address"), [([], None), (["--ray"], "local"), (["--ray", "auto"], "auto"), (["--ray", "a:1"], "a:1")]
)
def test_the_address_at_the_command_line(words, address):
    assert parse(CompareConfig, ["CartPole-v1", *words], "pib_rl.compare").ray == address


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ray", "a:1", "b:1"], "takes one address or none, got a:1 b:1"),
        (["--ray-cpus", "0"], "--ray-cpus must be 0.1 or more, got 0"),
        (["--ray-retries", "-1"], "--ray-retries must be 0 or more, got -1"),
    ],
)
def test_mistakes_at_the_command_line(words, said):
    with pytest.raises(UserError) as caught:
        parse(CompareConfig, ["CartPole-v1", *words], "pib_rl.compare")
    assert said in str(caught.value)
