"""Units of another run, with which a training begins."""

from __future__ import annotations

from pib_rl.agents import PIB
from pib_rl.agents.resuming.checkpoints import newest_checkpoint
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.runs.folder import LAST, RunFolder
from pib_rl.runs.minari_names import names_data
from pib_rl.training.config import TrainConfig
from pib_rl.training.starting.logged import read_logged


def inherit(config: TrainConfig, model: PIB) -> None:
    """Takes over the units of ``--init``, if there is one; logged observations are only looked at, see `learn_logged`.

    A run that goes on has its units in its checkpoint, if it was saved at all.

    Raises:
        UserError: If they are of other sizes.
    """
    if config.init is None or _saved(config):
        return
    if names_data(config.init):
        read_logged(config.init, model.policy.model)
        return
    folder = RunFolder.open(config.init)
    try:
        model.policy.model.inherit(folder.load_policy(LAST))
    except ValueError as error:
        raise UserError(
            f"--init {folder.path} does not fit {config.env} with {config.distractors} distractors, learner "
            f"{config.learner}: {error}"
        ) from None


def _saved(config: TrainConfig) -> bool:
    with mistakes():
        return config.resume is not None and newest_checkpoint(config.resume) is not None
