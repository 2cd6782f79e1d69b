"""A run whose units live at sites: everything that has to be there while it learns."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from pib_rl.agents.learners.backprop import Backprop
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.split.backward import SplitBackprop, make_segment
from pib_rl.agents.split.learner import SplitPIB
from pib_rl.agents.split.lines import Line, LocalLine
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.network import SplitNetwork
from pib_rl.agents.split.pipeline import Pipeline
from pib_rl.agents.split.segment import KEPT
from pib_rl.cli.cli import note
from pib_rl.common.atomic import write_atomically
from pib_rl.sites.check import check_split
from pib_rl.sites.config import SiteConfig, SitesConfig
from pib_rl.sites.emulated.relay import Relay
from pib_rl.sites.hub import Hub
from pib_rl.sites.keys import CoordinatorKeys, make_keys
from pib_rl.sites.line import SiteLine
from pib_rl.sites.processes import SiteProcesses, Start

STATES = "sites"  # folder, in a run folder, of the states of sites that the run started


class SplitRun:
    """While it is open, the units of a model learn at their sites; afterwards the model is as any other again.

    Args:
        config: The sites.
        model: The model whose units go there; its state is sent to them.
        learner: What trains the hidden arrays.
        folder: The run folder.
        taps: Whether the readout learns from the same passes as the units, see `SplitPIB`.

    Attributes:
        learner: What takes the learner's place.
        hub: Where sites join.
        processes: Those of the sites that the run started.
        relays: Emulated links, by the names of their sites.

    Raises:
        ValueError: If the model or the learner can't be split, or sites do not fit the network.
    """

    def __init__(self, config: SitesConfig, model: PhysicalModel, learner: Learner, folder: Path, taps: bool) -> None:
        check_split(config, model, learner)
        self._config, self._model, self._folder, self._taps = config, model, folder, taps
        self._groups = config.groups(len(model.network.chain))
        self._whole, self._original = model.network, learner
        self.learner: Learner = learner
        self.hub: Hub | None = None
        self.processes: SiteProcesses | None = None
        self.relays: dict[str, Relay] = {}
        self._stack = ExitStack()

    def site_lines(self) -> list[SiteLine]:
        """The lines to all sites; none before it is open."""
        return [] if self.hub is None else list(self.hub.lines.values())

    def __enter__(self) -> SplitRun:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.learner.memory.state_dict()
                self._model.network.state_dict()  # the last states come here
        finally:
            self._stack.close()
            self._model.network = self._whole

    def _open(self, stack: ExitStack) -> None:
        config, arrived = self._config, threading.Condition()
        sites = [site for _, site in self._groups if site is not None]
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pib_rl-keys-")))
        folder, keys = self._keys(sites, private)
        hub = self.hub = Hub(config.address, keys, config.bits, config.deflate, config.patience_s)
        stack.callback(hub.close)
        lines: list[Line] = []
        for units, site in self._groups:
            if site is None:
                lines.append(LocalLine(make_segment(self._model, units, self._original, self._kept), units, arrived))
                continue
            line = SiteLine(site.name, units, arrived, hub, self._setup(site))
            hub.lines[site.name] = line
            lines.append(line)
        hub.start()
        everywhere = config.address[0] in ("0.0.0.0", "::")
        starts, here = [], ("127.0.0.1" if everywhere else config.address[0], hub.port)
        for site in sites:
            if site.elsewhere:
                host = socket.gethostname() if everywhere else here[0]
                note(
                    f"waiting for site {site.name}: on its machine, with the file {site.name}.key of {folder}, type: "
                    f"pib-rl site --name {site.name} --connect {host}:{hub.port} --key {site.name}.key"
                )
                continue
            address = here
            if site.link is not None:
                relay = self.relays[site.name] = stack.enter_context(Relay(site.link, here))
                address = relay.address
            start = Start(site.name, address, folder / f"{site.name}.key", self._folder / STATES, site.threads)
            starts.append(start)
        processes = self.processes = SiteProcesses(starts, note, lambda name, why: hub.lines[name].fail(why))
        processes.start()
        stack.callback(processes.close)
        stack.callback(hub.finish)
        network = SplitNetwork(self._whole, Pipeline(lines, arrived, config.staleness))
        self._model.network = network
        if isinstance(self._original, Backprop):
            self.learner = SplitBackprop(self._original, self._model)
        elif isinstance(self._original, PIBLearner):
            self.learner = SplitPIB(self._model, self._original.config, self._taps)
            self.learner.memory.load_state_dict(self._original.memory.state_dict())
        network.push()
        network.pipeline.ask("report", "report")  # all are there before anything begins

    def _keys(self, sites: list[SiteConfig], private: Path) -> tuple[Path, CoordinatorKeys]:
        """The folder of keys that the sites file names, or one that is made for this run alone; and what is in it."""
        folder = self._config.keys
        if folder is None:
            folder = private
            make_keys(folder, [site.name for site in sites])
        known = CoordinatorKeys.load(folder)
        for site in sites:
            if site.name not in known.sites:
                raise ValueError(
                    f"{folder} holds no key of site {site.name}; pib-rl keys --out {folder} --site {site.name} makes "
                    "one"
                )
        return folder, known

    def _setup(self, site: SiteConfig) -> Message:
        model = self._model
        about = {
            "run": self._run_name(),
            "chip": _plain_chip(model),
            "in_features": model.normaliser.mean.shape[-1],
            "target_inputs": model.target_inputs,
            "target_features": model.target_features,
            "learner": next(name for name, kind in LEARNERS.items() if type(self._original) is kind),
            "options": asdict(self._original.options),
            "kept": self._kept,
            "units": [site.range.start, site.range.stop],
            "bits": self._config.bits,
            "deflate": self._config.deflate,
            "threads": site.threads,
            "device": "cpu",
        }
        return Message("setup", about, {})

    @property
    def _kept(self) -> int:
        """Passes whose activations groups keep: those whose gradients may be under way, and some more."""
        return KEPT + self._config.staleness

    def _run_name(self) -> str:
        """A name that only this run has; a run that goes on has the same."""
        file = self._folder / STATES / "run"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, secrets.token_hex(8).encode())
        return file.read_text(encoding="ascii")


def _plain_chip(model: PhysicalModel) -> dict[str, object]:
    chip = asdict(model.chip)
    chip["patches"] = [list(patch) for patch in model.chip.patches]
    chip["image"] = None if model.chip.image is None else list(model.chip.image)
    return chip
