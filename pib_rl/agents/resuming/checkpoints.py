"""Checkpoints in a run folder: states of a training that went on, the last two."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from pib_rl.common import stored
from pib_rl.common.tree import Flat

FOLDER, ENDING = "checkpoints", ".safetensors"
KIND = "checkpoint"
KEPT = 2
POLICY = "agent/policy/"  # names of the tensors of a policy begin so


class Checkpoint(NamedTuple):
    """A state of a training.

    Args:
        step: Environment steps, or epochs, by then.
        of: Those of the whole training.
        parts: States by name, such as "agent".
    """

    step: int
    of: int
    parts: dict[str, Flat]

    @property
    def policy(self) -> dict[str, Tensor]:
        """The state dict of the policy."""
        tensors = self.parts["agent"].tensors
        start = POLICY.removeprefix("agent")
        return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def save_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint into a run folder, atomically, and removes all but the last `KEPT`.

    Raises:
        OSError: If it can't be written; earlier ones are still there.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    tensors = {f"{part}{name}": one for part, flat in checkpoint.parts.items() for name, one in flat.tensors.items()}
    about: Mapping[str, Any] = {
        "step": checkpoint.step,
        "of": checkpoint.of,
        "parts": {part: flat.plain for part, flat in checkpoint.parts.items()},
    }
    stored.write(folder / f"{checkpoint.step:012d}{ENDING}", tensors, KIND, about)
    for old in checkpoint_files(run)[KEPT:]:
        old.unlink(missing_ok=True)


def checkpoint_files(run: Path) -> list[Path]:
    """The checkpoints of a run folder, the newest first."""
    return sorted((run / FOLDER).glob(f"[0-9]*{ENDING}"), reverse=True)


def newest_checkpoint(run: Path) -> Checkpoint | None:
    """The newest checkpoint of a run folder that can be read; None if there is none at all.

    Raises:
        ValueError: If there are some, and all are damaged; one line says what is wrong with the newest.
    """
    problems = []
    for path in checkpoint_files(run):
        try:
            return _read(path)
        except ValueError as error:
            problems.append(error)
    if problems:
        raise problems[0]
    return None


def remove_checkpoints(run: Path) -> None:
    """Removes all checkpoints: the run is finished."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def _read(path: Path) -> Checkpoint:
    tensors, about = stored.read(path, KIND)
    parts = about.get("parts")
    if not isinstance(parts, dict) or not all(type(about.get(name)) is int for name in ("step", "of")):
        raise ValueError(f"{path} is damaged: it does not say which step it is of")
    if not {"agent", "run"} <= parts.keys() or not all(isinstance(plain, dict) for plain in parts.values()):
        raise ValueError(f"{path} is damaged: it does not hold the states of an agent and of a run")
    return Checkpoint(
        about["step"],
        about["of"],
        {
            part: Flat(
                {name.removeprefix(part): one for name, one in tensors.items() if name.startswith(f"{part}/")}, plain
            )
            for part, plain in parts.items()
        },
    )
