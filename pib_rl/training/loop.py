"""One training, watched: log, progress bar, regular evaluations. The same for hardware and for software baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from pib_rl.cli.cli import mistakes
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.tensorboard import make_logger
from pib_rl.training.callbacks import Evaluation, Progress

HELDOUT_EPISODES = 20


def learn(
    model: BaseAlgorithm,
    timesteps: int,
    folder: RunFolder,
    evaluations: Evaluation,
    progress: bool,
    others: Sequence[BaseCallback] = (),
    tensorboard: bool = False,
) -> float:
    """Trains, evaluates and logs into the run folder; closes the environments, also after an interruption.

    Callbacks ``others`` come after the evaluation and before the bar. ``tensorboard`` writes event files too.

    Returns:
        Seconds of training, evaluations included.
    """
    model.set_logger(make_logger(folder.path, ["csv"], tensorboard))
    bar = Progress(timesteps)
    start = time.perf_counter()
    try:
        with mistakes(OSError):
            model.learn(timesteps, callback=CallbackList([evaluations, *others, *([bar] if progress else [])]))
        wall = time.perf_counter() - start
        with mistakes():
            evaluations.evaluate_now()
        model.logger.record("time/total_timesteps", model.num_timesteps, exclude="tensorboard")
        model.logger.dump(model.num_timesteps)
    finally:
        bar.close()
        close(model)
    model.logger.close()
    folder.save_evaluations(evaluations.points)
    return wall


def close(model: BaseAlgorithm) -> None:
    """Closes the agent's environments."""
    env = model.get_env()
    if env is not None:
        env.close()
