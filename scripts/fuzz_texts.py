"""Targets of fuzzing that read what people and instruments write: tables, settings, faults, replies, environments."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from fuzz_inputs import SPLIT, refusals

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.characterisation.config import CharacteriseConfig
from pib_rl.cli.cli import mistakes
from pib_rl.cli.imports import check_imported
from pib_rl.cli.settings import parse_options
from pib_rl.cli.settings_files import from_plain, read_settings
from pib_rl.common.options import configure
from pib_rl.common.streams import Streams
from pib_rl.comparison.config import CompareConfig
from pib_rl.envs.make import make_vec_env
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data.load import load
from pib_rl.physical import registry
from pib_rl.physical.faults import parse, parse_all
from pib_rl.physical.meter import Meter
from pib_rl.physical.remote.channel import Channel
from pib_rl.physical.remote.config import RemoteConfig
from pib_rl.physical.remote.instrument import Link
from pib_rl.physical.substrate import Read
from pib_rl.training.config import TrainConfig
from pib_rl.training.settings.software import BaselineConfig

CONFIGS = (TrainConfig, LearnConfig, AdaptConfig, CompareConfig, CharacteriseConfig, BaselineConfig)


class Text:
    """A target whose inputs are texts; ``place`` is a folder of its own."""

    json = False

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp())

    def close(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


class Table(Text):
    """.csv and .npz: the first byte says which; z is an .npz made of parts, so that its sums are right."""

    def seeds(self) -> list[bytes]:
        draw = np.random.default_rng(0)
        x, y = draw.normal(size=(12, 2)).round(2), np.arange(12) % 2
        lines = "\n".join(f"{one[0]},{one[1]},{label}" for one, label in zip(x, y, strict=True)).encode()
        whole = io.BytesIO()
        np.savez(whole, x_train=x, y_train=y, x_test=x, y_test=y)
        with zipfile.ZipFile(whole) as archive:
            parts = SPLIT.join(part for name in archive.namelist() for part in (name.encode(), archive.read(name)))
        return [b"c" + lines, b"va,b,y\n" + lines, b"z" + parts, b"Z" + parts, b"n" + whole.getvalue()]

    def use(self, given: bytes) -> None:
        kind, content = given[:1], given[1:]
        if kind in b"zZ" and kind:
            parts, whole = content.split(SPLIT), io.BytesIO()
            with zipfile.ZipFile(whole, "w") as archive:
                for name, part in zip(parts[::2], parts[1::2], strict=False):
                    archive.writestr(zipfile.ZipInfo(name.decode("latin-1") or "x"), part)
            content = whole.getvalue()
        path = self.place / ("data.csv" if kind in b"cv" else "data.npz")
        path.write_bytes(content)
        found = load(str(path), real=kind in b"vZ")
        assert np.isfinite(found.x_train).all()


class Settings(Text):
    """A file for --config, and NAME=VALUE options behind it."""

    def seeds(self) -> list[bytes]:
        texts = [
            "env: CartPole-v1\nhw: memristive:pcm\nwidth: 8\nrule:\n  gamma: 0.9\nfault: ['stuck:0.5@10']\n",
            "data: digits\nhw: optical\nviews: {noise: 0.1}\nlearning_rate: lin_1e-1\nclock: 2\n",
            "run: here\nfault: [stuck:0.1]\n---\nwrite_noise=1e-3\na=none\n",
            "env: CartPole-v1\nhw: [digital]\nlearner: [ppo]\n",
            "env: a:B-v0\nhw: mzi\nhw_options: {adc_bits: 6}\npatches: ['8:3:1']\nout: ~/x\n",
            "a: &a [1, 2]\nb: *a\nc: !!float 1e5\nd: !!python/object:os.system {}\n",
        ]
        return [text.encode() for text in texts]

    def use(self, given: bytes) -> None:
        text, split, options = given.partition(b"---\n")
        path = self.place / "settings.yaml"
        path.write_bytes(text)
        settings = read_settings(path)
        for kind in CONFIGS:
            with refusals():
                config: Any = from_plain(kind, dict(settings), path)
                yaml.safe_dump(config.identity())
        for name, made in (("rule", RuleConfig), ("hw_options", None)):
            with refusals():
                content = settings.get(name)
                if made is not None and isinstance(content, dict):
                    configure(made, content, "rule")
                elif isinstance(content, dict) and settings.get("hw") != "remote":
                    registry.make(str(settings.get("hw")), content, Streams(0), Meter())
        if split:
            parse_options(options.decode("latin-1").splitlines())


class Faults(Text):
    """Fault strings, one a line."""

    def seeds(self) -> list[bytes]:
        return [
            b"stuck:0.5@20000\ndrift:3600s",
            b"dead-unit:1@start",
            b"stuck:0.1..0.5@3\nadc-bits:4",
            b"shift-camera:2e0",
        ]

    def use(self, given: bytes) -> None:
        for fault in parse_all(given.decode("latin-1").split("\n"), 10**6):
            assert parse(str(fault)) == fault
            assert fault.of_chip(1, 3).last is None
            assert fault.label
            assert fault.about


class Session:
    """An instrument that answers everything with the same bytes."""

    write_termination = "\n"

    def __init__(self, reply: bytes, error: bytes) -> None:
        self.reply, self.error, self.asked = reply, error, ""

    def write(self, message: str) -> None:
        self.asked = message

    def read(self) -> str:
        return (self.error if "ERR" in self.asked else self.reply).decode("ascii")

    def close(self) -> None:
        pass


class Replies(Text):
    """What an instrument answers to a measurement, and to a question for errors behind it."""

    def seeds(self) -> list[bytes]:
        return [b'0.5,1e-3,-2,0.25\n\0\n0,"No error"', b"1,2,3,4,\r\n\0\n\0\n+0", b'1;2\n\0\n-113,"Undefined header"']

    def use(self, given: bytes) -> None:
        reply, _, error = given.partition(SPLIT)
        link = Link("TCPIP::0.0.0.0::1::SOCKET", "py")
        link._session = Session(reply, error)
        channel = Scripted(
            RemoteConfig(resource=link.resource, identify=None, clear=None, configure=None, retries=0), 0
        )
        channel.line = link
        found = channel.measure(torch.zeros(2, 3), Read.NOISY)
        assert found.isfinite().all()


class Scripted(Channel):
    """A channel with a line that is given to it."""

    line: Link

    def __init__(self, config: RemoteConfig, number: int) -> None:
        super().__init__(config, number, "MED", 3, 2)

    @property
    def link(self) -> Link:
        return self.line


class Environments(Text):
    """Ids of environments, as a file of settings names them."""

    def seeds(self) -> list[bytes]:
        names = (
            "CartPole-v1",
            "pib_rl/ContextBandit-v0",
            "gymnasium.envs:Pendulum-v1",
            "os:x-v0",
            "MinAtar/Breakout-v1",
        )
        return [name.encode() for name in names]

    def use(self, given: bytes) -> None:
        name = given.decode("utf-8", "surrogateescape")
        check_imported(name, self.place)
        with mistakes():
            make_vec_env(name, 1, seed=0).close()


TARGETS = {
    "data": Table,
    "settings": Settings,
    "faults": Faults,
    "replies": Replies,
    "environments": Environments,
}
