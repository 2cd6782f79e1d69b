"""Run folders: what a training leaves behind. Plain data and safetensors, written atomically, safe to load."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml

from pib_rl.agents import saved_settings
from pib_rl.agents.saved_settings import read_settings
from pib_rl.cli.cli import UserError, mistakes, read_yaml
from pib_rl.cli.signals import importing
from pib_rl.common.atomic import write_atomically, write_once
from pib_rl.common.options import read_json
from pib_rl.runs.result import RunResult
from pib_rl.runs.versions import versions

if TYPE_CHECKING:
    from torch import Tensor, nn

if sys.platform != "win32":
    import fcntl

CONFIG, LAST, BEST = saved_settings.CONFIG, saved_settings.LAST, saved_settings.BEST
RESULT, EVALUATIONS = "result.json", "evaluations.csv"


class EvaluationPoint(NamedTuple):
    """One evaluation: after how many environment steps and physical measurements, and the mean return."""

    timesteps: int
    mean_reward: float
    measurements: int


class RunConfig(Protocol):
    """What a run folder asks of the configuration of its run."""

    @property
    def out(self) -> Path | None:
        """The folder to make; None for one of its own under runs/."""

    @property
    def stem(self) -> str:
        """Name of such a folder."""

    def identity(self) -> dict[str, Any]:
        """What defines the run, as plain data."""


def adaptation_of(path: Path) -> Path | None:
    """The folder of the adaptation that a run folder is, or is a part of; None for other runs."""
    for folder in (path, path.parent):
        if (folder / CONFIG).is_file():
            with mistakes():
                if "run" in read_settings(folder):  # who learns on
                    return folder
    return None


def make_folder(path: Path) -> None:
    """Makes a folder with all above it.

    Raises:
        UserError: If that is impossible.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror or error}") from None


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as the content of a .csv file with the first row's names as its first line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class RunFolder:
    """One run's folder.

    Files: config.yaml, progress.csv, evaluations.csv, policy.safetensors (last), best.safetensors, result.json and
    figures.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __del__(self) -> None:
        self.release()

    @classmethod
    def create(cls, config: RunConfig) -> RunFolder:
        """Makes the folder of a run, or returns the finished one of the same configuration.

        Of several processes that ask for one folder, one gets it. It holds it until it ends, see `hold`.

        Raises:
            UserError: If ``config.out`` exists and holds something else or an unfinished run.
        """
        if config.out is None:
            return cls._fresh(config)
        folder = cls(config.out)
        try:
            new = not folder.path.exists() or (folder.path.is_dir() and not any(folder.path.iterdir()))
        except OSError as error:
            raise UserError(f"cannot use --out {folder.path}: {error.strerror or error}") from None
        if new and folder._begin(config):
            return folder
        if not (folder.path / CONFIG).is_file():
            raise UserError(f"--out {folder.path} exists and is not a run folder; choose another")
        if folder.identity() != config.identity():
            raise UserError(
                f"--out {folder.path} holds a run with another configuration "
                f"({', '.join(folder._differences(config))} differ); choose another folder"
            )
        if not folder.finished:
            raise UserError(
                f"--out {folder.path} holds an unfinished run of this configuration, or one that is at work; "
                f"{folder._cure}; or choose another folder"
            )
        return folder

    @classmethod
    def resume(cls, path: Path) -> RunFolder:
        """The folder of a run to go on with, held as `hold` says; a finished one as it is.

        Raises:
            UserError: If it is none, or another process works in it.
        """
        folder = cls(path)
        if not (path / CONFIG).is_file():
            raise UserError(f"--resume {path} is not a run folder: it lacks {CONFIG}; give that of a run")
        if not folder.finished:
            folder.hold()
            before, now = folder.versions(), versions()
            changed = [name for name in now if before.get(name) != now[name]]
            if changed:
                print(f"{path} was begun with other versions of {', '.join(changed)}; what follows may differ for it")
        return folder

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run, or with the adaptation that it is a part of."""
        whole = adaptation_of(self.path)
        if whole is not None:
            return f"python -m pib_rl.adapt --resume {whole}"
        return f"python -m pib_rl.{'learn' if 'data' in self.identity() else 'train'} --resume {self.path}"

    @property
    def _cure(self) -> str:
        """What to do with an unfinished run."""
        if "algo" in self.identity():  # of baselines
            return "once it is at work no more, delete it to begin anew"
        return f"{self.resume_command} goes on with it"

    @classmethod
    def _fresh(cls, config: RunConfig) -> RunFolder:
        path, count = Path("runs") / config.stem, 1
        while path.exists() or not (folder := cls(path))._begin(config):
            count += 1
            path = Path("runs") / f"{config.stem}-{count}"
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder.

        Raises:
            UserError: If it is none.
        """
        with importing():  # late: it imports torch
            from pib_rl.agents import saved

        with mistakes():
            saved.check_run(path)
            note = saved.unfinished_note(path)
        if note:
            print(note)
        return cls(path)

    def _begin(self, config: RunConfig) -> bool:
        """Makes the folder with its config.yaml, which one process alone can do; whether this one did."""
        content = yaml.safe_dump(config.identity() | {"versions": versions()}, sort_keys=False)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            made = write_once(self.path / CONFIG, content.encode())
        except OSError as error:
            raise UserError(f"cannot make the run folder {self.path}: {error.strerror or error}") from None
        if made:
            self.hold()
        return made

    def hold(self) -> None:
        """Keeps other processes from working in this folder until this one ends, however it ends.

        Raises:
            UserError: If another one does.
        """
        if sys.platform == "win32":
            return
        try:
            handle = os.open(self.path / CONFIG, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"cannot use {self.path}: {error.strerror or error}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise UserError(f"another process works in {self.path}; wait for it, or choose another folder") from None
        except OSError:  # a file system without locks
            os.close(handle)
            return
        self._lock = handle

    def release(self) -> None:
        """Lets other processes work in this folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def identity(self) -> dict[str, Any]:
        """The configuration of the run, as `TrainConfig.identity` gives it."""
        with mistakes():
            return read_settings(self.path)

    def versions(self) -> dict[str, str]:
        """The versions that the run was made with, as `versions` gives them.

        Raises:
            UserError: If config.yaml can't be read or holds something else in their place.
        """
        found = read_yaml(self.path / CONFIG).get("versions", {})
        if not isinstance(found, dict):
            raise UserError(f"versions in {self.path / CONFIG} must be a mapping (package: version), got {found!r}")
        return {str(name): str(number) for name, number in found.items()}

    def _differences(self, config: RunConfig) -> list[str]:
        stored, wanted = self.identity(), config.identity()
        return sorted(key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key))

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return (self.path / RESULT).is_file()

    def result(self, *needs: str) -> RunResult:
        """The content of result.json.

        Args:
            needs: Fields of the result that must be there.

        Raises:
            UserError: If the file is missing or broken, or one of ``needs`` is not there.
        """
        path = self.path / RESULT
        cure = f"delete {self.path} to make the run again, or choose another --out"
        try:
            content = read_json(path)
        except ValueError as error:
            raise UserError(f"{error}; {cure}") from None
        if not isinstance(content, dict):
            raise UserError(f"{path} must hold an object, got {type(content).__name__}")
        try:
            return RunResult.from_plain(content, *needs)
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}); {cure}") from None

    def save_result(self, result: RunResult) -> None:
        """Writes result.json; with it the run counts as finished."""
        write_atomically(self.path / RESULT, result.as_json().encode())

    def save_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes a .csv file whose columns are the names of the first row; without rows nothing is written."""
        if rows:
            write_atomically(self.path / name, as_csv(rows))

    def save_picture(self, name: str, content: bytes) -> None:
        """Writes a picture, NAME.png."""
        write_atomically(self.path / f"{name}.png", content)

    def save_evaluations(self, points: Sequence[EvaluationPoint]) -> None:
        """Writes evaluations.csv."""
        self.save_rows(EVALUATIONS, [point._asdict() for point in points])

    def evaluations(self) -> list[EvaluationPoint]:
        """The content of evaluations.csv.

        Raises:
            UserError: If it is missing or broken.
        """
        try:
            with (self.path / EVALUATIONS).open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            return [
                EvaluationPoint(int(row["timesteps"]), float(row["mean_reward"]), int(row["measurements"]))
                for row in rows
            ]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise UserError(f"{self.path / EVALUATIONS} cannot be read: {error}") from None

    def save_policy(self, state: dict[str, Tensor], name: str = LAST) -> None:
        """Writes a state dict, with a note of what chip config.yaml says it is of."""
        from pib_rl.agents import saved  # late: it imports torch

        saved.write_state(self.path / name, state, self.identity())

    def load_policy(self, name: str = LAST) -> dict[str, Tensor]:
        """The state dict of a saved policy.

        Raises:
            UserError: If the file is missing or broken.
        """
        from pib_rl.agents import saved  # late: it imports torch

        with mistakes():
            return saved.read_state(self.path / name, self.identity())


def load_into(module: nn.Module, state: dict[str, Tensor], source: Path) -> None:
    """Loads a state dict.

    Raises:
        UserError: If it does not fit the module.
    """
    from pib_rl.agents import saved  # late: it imports torch

    with mistakes():
        saved.load_state(module, state, source)
