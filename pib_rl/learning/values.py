"""Learning from real values: explained variance on held-out and on test samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from pib_rl.agents.estimators.supervised import PIBRegressor
from pib_rl.agents.estimators.wafer import r2_scores
from pib_rl.cli.cli import UserError
from pib_rl.figures import curves as plots
from pib_rl.learning import figures
from pib_rl.learning.data import Data
from pib_rl.learning.task import FinalScores, LearningTask, Split, held_count
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import RunFolder

FEWEST = 2  # samples that explained variance can be taken of


class ValuesTask(LearningTask):
    """The units' target is a real value, or several, standardised."""

    kind = PIBRegressor
    validated, scored = "validation_r2", "variance explained (R2)"
    shown = ("test_r2", "test_r2_noiseless")

    def hold_out(self, data: Data) -> tuple[Split, Split]:
        """Any samples."""
        if data.y_train is None or data.y_test is None:
            raise UserError("these data hold no values to learn; give some, or choose --target views")
        if len(data.y_test) < FEWEST:
            raise UserError(f"explained variance needs {FEWEST} test samples or more, got {len(data.y_test)}")
        count = held_count(len(data.y_train), FEWEST)
        if not np.ptp(data.y_train, axis=0).any():
            raise UserError("the values of all training samples are the same; there is nothing to learn")
        x, x_held, y, y_held = train_test_split(
            data.x_train, data.y_train, test_size=count, random_state=self.split_seed
        )
        return Split(x, y), Split(x_held, y_held)

    def broadcast(self, part: Split) -> dict[str, Any]:
        """Values."""
        return {"y": part.y}

    def evaluate(self, data: Data, model: PIBRegressor, fitted: Split, folder: RunFolder) -> FinalScores:
        """R2 = 1 - (mean squared error) / (variance), mean over the values where there are several; two pictures."""
        title, truth, guess = self.config.title, np.asarray(data.y_test), model.predict(data.x_test)
        first = model.of_chip(0)
        each = {
            "test_r2": r2_scores(truth, guess),
            "test_r2_noiseless": model.set_params(read=Read.MEAN.value).chip_scores(data.x_test, truth),
        }
        guess = guess.reshape(-1, *truth.shape)[0]
        inputs = torch.as_tensor(data.x_test[: figures.SHOWN]).to(model.device)
        for name, figure in (
            ("predictions", figures.predictions(truth, guess, f"Test samples: {title}")),
            ("hardware", figures.hardware(first.model_, inputs, data.image, f"What the hardware saw: {title}")),
        ):
            folder.save_picture(name, plots.as_png(figure))
        return FinalScores(each, {})
