"""A trained policy read back, with its environments and its configuration."""

from __future__ import annotations

from dataclasses import replace

from pib_rl.agents import PIB
from pib_rl.agents.network.wafer import chip_state
from pib_rl.agents.saved_settings import policy_arguments
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import check_imported
from pib_rl.cli.settings_files import from_plain
from pib_rl.runs.folder import CONFIG, RunFolder, load_into
from pib_rl.training.config import TrainConfig
from pib_rl.training.run import build


def load(folder: RunFolder, name: str, chip: int | None = None) -> tuple[PIB, TrainConfig]:
    """The model of a run with the saved policy, and its configuration; of a wafer, those of one of its chips.

    Args:
        folder: The run folder.
        name: File of the policy.
        chip: Number of the chip, from 0; None for the first one.

    Raises:
        UserError: If the folder's files do not fit together.
    """
    settings = {"env": ""} | folder.identity()
    with mistakes():
        policy_arguments(settings, folder.path)
    task = from_plain(TrainConfig, settings, folder.path / CONFIG)
    if not task.env:
        raise UserError(f"{folder.path / CONFIG} names no environment")
    check_imported(task.env, folder.path / CONFIG)
    chips = task.chips
    if chip is not None and not 0 <= chip < chips:
        raise UserError(f"--chip must be in 0..{chips - 1}, the chips of {folder.path}, got {chip}")
    task = replace(task, chips=1, seed=task.seed + (chip or 0), fault=task.fault if chips == 1 else ())
    state = folder.load_policy(name)
    with mistakes(RuntimeError, AssertionError):
        model = build(task)
    if chips > 1:
        state = chip_state(state, model.policy.state_dict(), chip or 0)
    load_into(model.policy, state, folder.path / name)
    return model, task
