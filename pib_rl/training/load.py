"""A trained policy read back, with its environments and its configuration."""

from __future__ import annotations

from pib_rl.agents import PIB
from pib_rl.agents.saved import policy_arguments
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.settings import from_plain
from pib_rl.runs.folder import CONFIG, RunFolder, load_into
from pib_rl.training.config import TrainConfig
from pib_rl.training.run import build


def load(folder: RunFolder, name: str) -> tuple[PIB, TrainConfig]:
    """The model of a run with the saved policy, and its configuration.

    Raises:
        UserError: If the folder's files do not fit together.
    """
    settings = {"env": ""} | folder.identity()
    with mistakes():
        policy_arguments(settings, folder.path)
    task = from_plain(TrainConfig, settings, folder.path / CONFIG)
    if not task.env:
        raise UserError(f"{folder.path / CONFIG} names no environment")
    with mistakes(RuntimeError, AssertionError):
        model = build(task)
    load_into(model.policy, folder.load_policy(name), folder.path / name)
    return model, task
