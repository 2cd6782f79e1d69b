"""Units that learn from logged observations, without labels, before a training begins."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.runs.minari_names import data_name
from pib_rl.runs.minari_sets import read_pairs

OF_UNITS = {"objective", "objective_options"}  # of the training; what learns without labels has its own


def read_logged(init: object, model: PhysicalModel) -> tuple[np.ndarray, np.ndarray]:
    """Observations and those of the next step, shape (n, features) each, as the model sees them.

    Raises:
        UserError: If the data set is not here, or its observations have another size.
    """
    now, later = (part.reshape(len(part), -1) for part in read_pairs(data_name(init)))
    wanted = model.normaliser.mean.shape[-1]
    if now.shape[1] != wanted:
        raise UserError(
            f"--init {init} holds observations of {now.shape[1]} numbers, and the hardware of this run sees {wanted} "
            "(with --distractors and frames that are stacked); give a data set of the same task"
        )
    return now, later


def learn_logged(init: object, model: PhysicalModel, progress: bool) -> None:
    """Lets units on a chip like that of the model learn from a data set; the model goes on with them.

    Args:
        init: "minari:NAME".
        model: Of a training that has not begun.
        progress: Whether a bar is shown.

    Raises:
        UserError: If the data set is not here or does not fit, or units of this learner can't be taken over.
    """
    now, later = read_logged(init, model)
    chip = {one.name: getattr(model.chip, one.name) for one in fields(ChipConfig) if one.name not in OF_UNITS}
    with mistakes():
        encoder = PIBEncoder(
            **chip,
            scaling="common" if model.chip.image else "feature",
            device=str(model.normaliser.mean.device),
            verbose=progress,
        ).fit(now, other=later)
        model.inherit(encoder.model_.state_dict())
    measured = encoder.model_.meter.totals()["measurements"]
    print(
        f"the units have learned from {len(now):,} logged observations, {measured:,} measurements that the run does "
        "not count"
    )
