"""Sites without processes: the hub and every site in threads of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from pib_rl.agents.estimators.samples.label_samples import ClassSamples
from pib_rl.agents.estimators.trainer import FitConfig, Trainer
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.sites import split_run, worker
from pib_rl.sites.config import SitesConfig
from pib_rl.sites.keys import SiteKey
from pib_rl.sites.worker import SiteWorker

N, D, CLASSES = 320, 5, 2
PATIENCE_S = 30.0  # until a test gives up


class KilledError(Exception):
    """What ends a site's thread as a signal ends a process: nothing is saved."""


class Threads:
    """In place of `Processes`: sites in threads, which a test can kill and start again.

    Attributes:
        said: What sites said, by name.
        seeds: Chips of other seeds, for the next start of a site.
        ended: What a thread ended with, by name.
    """

    made: Threads

    def __init__(self, starts, note, give_up) -> None:
        self.starts, self.give_up = {one.name: one for one in starts}, give_up
        self.sites: dict[str, SiteWorker] = {}
        self.threads: dict[str, threading.Thread] = {}
        self.said: dict[str, list[str]] = {name: [] for name in self.starts}
        self.seeds: dict[str, int] = {}
        self.ended: dict[str, BaseException] = {}
        self._killed: set[str] = set()
        Threads.made = self

    def start(self) -> None:
        for name in self.starts:
            self.begin(name)

    def begin(self, name: str) -> None:
        one = self.starts[name]
        one.folder.mkdir(parents=True, exist_ok=True)
        self._killed.discard(name)
        site = SiteWorker(SiteKey.load(one.key), one.address, one.folder, self.seeds.get(name), self.said[name].append)
        work, save = site._work_once, site.save

        def work_once() -> None:
            if name in self._killed:
                raise KilledError
            work()

        site._work_once, site.save = work_once, lambda: None if name in self._killed else save()
        self.sites[name] = site
        self.threads[name] = threading.Thread(target=self._run, args=(name, site), daemon=True)
        self.threads[name].start()

    def _run(self, name: str, site: SiteWorker) -> None:
        try:
            site.run()
        except KilledError:
            pass
        except Exception as error:
            self.ended[name] = error
            self.give_up(name, str(error))

    def kill(self, name: str) -> None:
        self._killed.add(name)
        self.threads[name].join(PATIENCE_S)
        assert not self.threads[name].is_alive()

    def close(self) -> None:
        for name, thread in self.threads.items():
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), f"site {name} does not end"


def in_threads(monkeypatch) -> None:
    """Runs start their sites in threads, which give signs of life often."""
    monkeypatch.setattr(split_run, "SiteProcesses", Threads)
    monkeypatch.setattr(worker, "SIGN_S", 0.02)
    monkeypatch.setattr("pib_rl.sites.hub.SIGN_S", 0.02)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(N, D, generator=generator)
    return x, (x[:, 0] + x[:, 1] > 0).long()


def toy(hw: str = "digital", epochs: int = 3, learner: type = PIBLearner) -> Trainer:
    """A tiny network and what trains it, before anything is learned."""
    model = PhysicalModel(ChipConfig(hw=hw, width=8, units=3), D, CLASSES, target_features=CLASSES)
    config = FitConfig(epochs=epochs, batch_size=40)
    model.normaliser.update(data()[0])
    return Trainer(model, config, learner(model, config))


def learn(trainer: Trainer, watch: Callable[[int], None] = lambda epoch: None) -> float:
    """Trains; the accuracy on fresh samples."""
    model = trainer.model
    model.network.calibrate(model.inputs(data()[0]))
    trainer.fit(ClassSamples(model, *data()), watch=lambda epoch, log: watch(epoch))
    return accuracy(model)


def accuracy(model: PhysicalModel) -> float:
    x, y = data(1)
    taps = model.network.measure(model.inputs(x)).taps
    return float((model.readout.measure(taps).argmax(-1) == y).float().mean())


@contextmanager
def at_sites(trainer: Trainer, folder: Path, config: SitesConfig) -> Iterator[tuple[split_run.SplitRun, Threads]]:
    """The trainer's units live at sites inside; the run, and the threads of its sites."""
    own = trainer.learner
    with split_run.SplitRun(config, trainer.model, own, folder, taps=True) as run:
        trainer.learner = run.learner
        yield run, Threads.made
    trainer.learner = own
