"""One training, watched: log, progress bar, regular evaluations. The same for hardware and for software baselines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from pib_rl.agents import PIB
from pib_rl.agents.resuming.failures import environment_failure
from pib_rl.cli.cli import mistakes
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.tensorboard import make_logger
from pib_rl.training.callbacks import Evaluation, Progress
from pib_rl.training.resuming.checkpoint import Checkpoints
from pib_rl.training.resuming.failures import close_environment, environment_failures

HELDOUT_EPISODES = 20
NEW_EPISODES = (
    "the environments can't be brought to where they were: they begin new episodes, so that the result is that of "
    "another run"
)


def learn(
    model: BaseAlgorithm,
    timesteps: int,
    folder: RunFolder,
    evaluations: Evaluation,
    progress: bool,
    others: Sequence[BaseCallback] = (),
    tensorboard: bool = False,
    checkpoints: Checkpoints | None = None,
) -> float:
    """Trains, evaluates and logs into the run folder; closes the environments, also after an interruption.

    Callbacks ``others`` come after the evaluation and before the bar. ``tensorboard`` writes event files too.
    ``checkpoints`` saves the training on the way, and may begin in the middle.

    Returns:
        Seconds of training, evaluations included.

    Raises:
        UserError: If an environment fails, or something that the user can mend is wrong.
    """
    model.set_logger(make_logger(folder.path, ["csv"], tensorboard))
    bar = Progress(timesteps)
    start = time.perf_counter()
    before: list[BaseCallback] = [] if checkpoints is None else [checkpoints]
    callbacks = CallbackList([*before, evaluations, *others, *([bar] if progress else [])])
    try:
        with mistakes(), environment_failures(model.get_env()), files_of(folder):
            if checkpoints is not None and checkpoints.start is not None:
                assert isinstance(model, PIB)
                checkpoints.resume(model)
                if not checkpoints.exact:
                    print(NEW_EPISODES)
                model.learn(timesteps - model.num_timesteps, callbacks, reset_num_timesteps=False)
            else:
                model.learn(timesteps, callbacks)
        wall = time.perf_counter() - start if checkpoints is None else checkpoints.saver.wall_s
        with mistakes(), environment_failures():
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
        close_environment(env)


@contextmanager
def files_of(folder: RunFolder) -> Iterator[None]:
    """An error of the file system that does not say which file it is about, as those of loggers, names the folder."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None and environment_failure(error) is None:
            error.filename = str(folder.path)
        raise
