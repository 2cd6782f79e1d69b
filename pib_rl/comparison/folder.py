"""The folder of a comparison: marked, resumable, never overwritten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.cli.cli import UserError, read_yaml
from pib_rl.common.atomic import write_atomically
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.groups import Group
from pib_rl.comparison.plan import Job
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.runs.versions import versions
from pib_rl.training.config import TrainConfig
from pib_rl.training.settings.software import SOFTWARE
from pib_rl.training.split import split

MARK, LOCK = "comparison.yaml", ".lock"


class ComparisonFolder:
    """Files: comparison.yaml (what all runs share), runs/ (finished), unfinished/, wafers/, logs/, and the report.

    A run is made under ``unfinished`` and moved to ``runs`` when it is whole, so that nothing in ``runs`` is half. A
    wafer is taken apart first: each chip is a run, and what was the wafer's goes to ``wafers``.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs, self.unfinished, self.logs = path / "runs", path / "unfinished", path / "logs"
        self.wafers = path / "wafers"

    @classmethod
    def create(cls, config: CompareConfig) -> ComparisonFolder:
        """Makes the folder, or takes up the one that holds runs of the same task.

        Raises:
            UserError: If it holds something else, or another task.
        """
        folder = cls(config.folder)
        path = folder.path
        try:
            if not path.exists() or (path.is_dir() and not any(path.iterdir())):
                path.mkdir(parents=True, exist_ok=True)
                write_atomically(path / MARK, yaml.safe_dump(config.identity(), sort_keys=False).encode())
            elif not (path / MARK).is_file():
                raise UserError(f"{path} exists and holds no comparison (no {MARK}); choose another --out")
            stored = read_yaml(path / MARK)
            for part in (folder.runs, folder.unfinished, folder.logs):
                part.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot use --out {path}: {error.strerror or error}") from None
        wanted = config.identity()
        other = [
            f"{key} {stored.get(key)} there, {wanted.get(key)} here"
            for key in sorted(stored.keys() | wanted.keys())
            if stored.get(key) != wanted.get(key)
        ]
        if other:
            raise UserError(f"{path} compares another task ({'; '.join(other)}); choose another --out")
        return folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other comparisons out of the folder.

        Raises:
            UserError: If one is at work there.
        """
        try:
            with FileLock(self.path / LOCK, timeout=0):
                yield
        except Timeout:
            raise UserError(
                f"another comparison is at work in {self.path}; wait for it, or choose another --out"
            ) from None

    def others(self, jobs: list[Job]) -> list[Job]:
        """Runs of the folder that are not among ``jobs``: what earlier commands made of the same task.

        Raises:
            UserError: If one can't be read.
        """
        wanted = {job.name for job in jobs}
        found = []
        for path in sorted(self.runs.iterdir()):
            if path.name in wanted:
                continue
            run = RunFolder(path)
            if not run.finished:
                raise UserError(f"{path} is no finished run; move it away")
            stored = run.identity()
            name, hw = ("algo", SOFTWARE) if "algo" in stored else ("learner", str(stored.get("hw")))
            job = Job(str(stored.get(name)), hw, stored["seed"])
            if job.name != path.name:
                raise UserError(f"{path} holds the run {job.name}; move it away")
            found.append(job)
        return found

    def older(self, jobs: list[Job]) -> list[Job]:
        """Those of the finished ``jobs`` that other code made than what is installed."""
        now = versions()["pib-rl"]
        return [job for job in jobs if RunFolder(self.runs / job.name).versions().get("pib-rl", now) != now]

    def finished(self, job: Job) -> bool:
        """Whether a job's run is here, whole and made with the settings that it would have now.

        Raises:
            UserError: If there is one with other settings, or one that can't be read.
        """
        run = RunFolder(self.runs / job.name)
        if not run.path.exists():
            return False
        if not (run.path / CONFIG).is_file() or not run.finished:
            raise UserError(f"{run.path} is half a run; move it away, and the same command makes it anew")
        run.result()
        stored, wanted = run.identity(), job.settings().identity()
        if stored != wanted:
            keys = sorted(key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key))
            raise UserError(
                f"{run.path} was made with other settings ({', '.join(keys)}); choose another --out, or "
                "move that folder away to make it anew"
            )
        return True

    def goes_on(self, group: Group) -> bool:
        """Whether an interrupted attempt left a checkpoint that this code can go on from as if nothing had happened."""
        settings, run = group.settings(), RunFolder(self.unfinished / group.name)
        if not isinstance(settings, TrainConfig) or not (run.path / CONFIG).is_file():
            return False
        try:
            same = run.identity() == settings.identity() and run.versions() == versions()
            return same and (run.finished or newest_checkpoint(run.path) is not None)
        except (UserError, ValueError):  # damaged: made anew
            return False

    def begin(self, work: Group | Job) -> Path:
        """Where runs are to be made; what an interrupted attempt left there goes."""
        path = self.unfinished / work.name
        _remove(path)
        return path

    def finish(self, group: Group) -> None:
        """Moves whole runs to their places.

        Raises:
            UserError: If a wafer can't be taken apart.
        """
        made = self.unfinished / group.name
        if len(group.jobs) == 1:
            made.rename(self.runs / group.name)
            return
        chips = [replace(_on_chip(job), out=self.begin(job)) for job in group.jobs]
        split(RunFolder(made), chips)
        for job in group.jobs:
            (self.unfinished / job.name).rename(self.runs / job.name)
        self.wafers.mkdir(exist_ok=True)
        _remove(self.wafers / group.name)
        made.rename(self.wafers / group.name)


def _on_chip(job: Job) -> TrainConfig:
    config = job.settings()
    assert isinstance(config, TrainConfig)
    return config


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
