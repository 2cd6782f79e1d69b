"""The folder of a comparison: marked, resumable, never overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from pib_rl.cli import UserError, read_yaml
from pib_rl.comparison.plan import CompareConfig, Job
from pib_rl.runs import CONFIG, RunFolder, write_atomically

MARK = "comparison.yaml"


class ComparisonFolder:
    """Files: comparison.yaml (what all runs share), runs/ (finished), unfinished/, logs/, and the report.

    A run is made under ``unfinished`` and moved to ``runs`` when it is whole, so that nothing in ``runs`` is half.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs, self.unfinished, self.logs = path / "runs", path / "unfinished", path / "logs"

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
                write_atomically(path / MARK, yaml.safe_dump(config.substance(), sort_keys=False).encode())
            elif not (path / MARK).is_file():
                raise UserError(f"{path} exists and holds no comparison (no {MARK}); choose another --out")
            stored = read_yaml(path / MARK)
            for part in (folder.runs, folder.unfinished, folder.logs):
                part.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot use --out {path}: {error.strerror or error}") from None
        wanted = config.substance()
        other = [f"{key} {stored.get(key)} there, {wanted.get(key)} here"
                 for key in sorted(stored.keys() | wanted.keys()) if stored.get(key) != wanted.get(key)]
        if other:
            raise UserError(f"{path} compares another task ({'; '.join(other)}); choose another --out")
        return folder

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
        stored, wanted = run.substance(), job.config().substance()
        if stored != wanted:
            keys = sorted(key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key))
            raise UserError(f"{run.path} was made with other settings ({', '.join(keys)}); choose another --out, or "
                            "move that folder away to make it anew")
        return True

    def begin(self, job: Job) -> Path:
        """Where a job's run is to be made; what an interrupted attempt left there goes."""
        path = self.unfinished / job.name
        if path.exists():
            shutil.rmtree(path)
        return path

    def finish(self, job: Job) -> None:
        """Moves a whole run to its place."""
        (self.unfinished / job.name).rename(self.runs / job.name)

    def result(self, job: Job) -> dict[str, Any]:
        """What a finished run measured."""
        return RunFolder(self.runs / job.name).result()
