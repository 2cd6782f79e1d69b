"""The folder of an exported chip: tables for a bench, and all that makes the policy again."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pib_rl.agents import PIB
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.common.atomic import write_atomically
from pib_rl.exporting.arrays import named_arrays, rows, way
from pib_rl.exporting.config import ExportConfig, RestoreConfig
from pib_rl.physical.substrate import Array
from pib_rl.runs.folder import BEST, LAST, RunFolder, as_csv
from pib_rl.training.config import TrainConfig
from pib_rl.training.load import load
from pib_rl.training.loop import close
from pib_rl.training.run import build

ARRAYS = "arrays.npz"  # settings of all arrays by name, such as "unit1.conductance_us"


def export(config: ExportConfig) -> dict[str, Array]:
    """Makes the folder; gives back the arrays.

    Raises:
        UserError: If there is no such run, or the folder holds something.
    """
    model, task = load(RunFolder.open(config.run), BEST if config.best else LAST, config.chip)
    with mistakes():
        fresh = build(task)
    folder = _new_folder(config.out, task)
    arrays, before = named_arrays(model.policy.model), named_arrays(fresh.policy.model)
    content: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        key, values = array.settings()
        content[f"{name}.{key}"] = values.numpy()
        route = way(before[name], array)
        if route is not None:
            content[f"{name}.{route[0]}"] = route[1].numpy()
        write_atomically(folder.path / f"{name}.csv", as_csv(rows(array, route)))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)  # type: ignore[arg-type]
    folder.save_policy(model.policy.state_dict())
    write_atomically(folder.path / ARRAYS, buffer.getvalue())
    _end(folder, model, fresh)
    return arrays


def restore(config: RestoreConfig) -> dict[str, int]:
    """Makes the run folder; gives back how many settings of each array were changed since the export.

    Raises:
        UserError: If there is no such folder, or a table does not fit its array.
    """
    source = RunFolder.open(config.folder)
    content = _read(config.folder / ARRAYS)
    model, task = load(source, LAST)
    changed = {}
    for name, array in named_arrays(model.policy.model).items():
        key, values = array.settings()
        wanted = _fitting(content, f"{name}.{key}", values, config.folder / ARRAYS)
        changed[name] = int((wanted != values).sum())
        if changed[name]:
            array.adopt(wanted)
    folder = _new_folder(config.out, task)
    folder.save_policy(model.policy.state_dict())
    _end(folder, model)
    return changed


def _new_folder(path: Path, task: TrainConfig) -> RunFolder:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"--out {path} exists; choose another folder")
    return RunFolder.create(replace(task, out=path))


def _end(folder: RunFolder, *models: PIB) -> None:
    folder.release()
    for model in models:
        close(model)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read: {error}; give a folder that pib-rl export made") from None


def _fitting(content: dict[str, np.ndarray], name: str, values: torch.Tensor, path: Path) -> torch.Tensor:
    """The table of that name; UserError unless it has the shape of ``values`` and finite numbers."""
    table = content.get(name)
    if table is None or table.shape != tuple(values.shape) or table.dtype.kind not in "fiu":
        came = "nothing" if table is None else f"{table.dtype} of shape {table.shape}"
        raise UserError(f"{path}: {name} must be numbers of shape {tuple(values.shape)}, got {came}; export again")
    if not np.isfinite(table).all():
        raise UserError(f"{path}: {name} must hold finite numbers alone; mend it, or export again")
    return torch.from_numpy(table.astype(np.float32))
