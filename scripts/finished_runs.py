"""Finished trainings with their last policies, for scripts that look at them once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import UserError
from pib_rl.cli.process import settle_in
from pib_rl.runs.folder import CONFIG, LAST, RunFolder, load_into
from pib_rl.training.config import TrainConfig, from_arguments
from pib_rl.training.run import build


class Finished(NamedTuple):
    """A run folder, its configuration and its last policy."""

    path: Path
    config: TrainConfig
    policy: PIBPolicy


def finished(runs: list[str]) -> Iterator[Finished]:
    """The trainings in these folders; UserError if none is given, or one is no training."""
    if not runs:
        raise UserError("expected RUN [RUN ...], folders that python -m pib_rl.train made, got none")
    settle_in()
    for folder in [RunFolder.open(Path(path)) for path in runs]:
        config = from_arguments(["--config", str(folder.path / CONFIG)], "train")
        policy = build(config).policy
        load_into(policy, folder.load_policy(LAST), folder.path / LAST)
        yield Finished(folder.path, config, policy)
