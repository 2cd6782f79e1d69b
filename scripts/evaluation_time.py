"""What evaluations during a training cost: CPU seconds of `train` with the default `--looks` over those with none.

    python scripts/evaluation_time.py [--timesteps N] [--rounds N]

One process, one torch thread; runs with and without take turns, and the least of the rounds counts. The evaluation at
the end of a training is in neither. What it and the final evaluation of the last policy (100 episodes, two read modes)
take stands in the last column. "Within" is the same ratio from the runs with evaluations alone, whose seconds outside
them are known: it hardly scatters.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from timing import Aim, Report, cpu, progress, run_alone, table

from pib_rl.common.streams import EVALUATION
from pib_rl.envs.lookup import find_spec
from pib_rl.physical.substrate import Read
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.config import TrainConfig, settle
from pib_rl.training.evaluation import evaluate
from pib_rl.training.loop import HELDOUT_EPISODES, close
from pib_rl.training.run import environments, prepare
from pib_rl.training.schedule import look_steps

TASKS = {"CartPole-v1": ("digital", "memristive", "optical"), "Pendulum-v1": ("digital", "memristive")}
BOUND = 1.1


class Spent(NamedTuple):
    """CPU seconds of one training: all of it, its evaluations, their number, and the evaluations after it."""

    training: float
    looks: float
    count: int
    final: float


def spent(config: TrainConfig) -> Spent:
    """Trains once."""
    model, seconds = prepare(config), list[float]()

    def timed(episodes: int, read: Read) -> np.ndarray:
        start = time.process_time()
        returns = evaluate(model.policy, partial(environments, config, stream=EVALUATION), episodes, read)
        seconds.append(time.process_time() - start)
        return returns

    steps = look_steps(config.timesteps, config.looks, find_spec(config.env).max_episode_steps)
    watch = Evaluation(lambda: timed(HELDOUT_EPISODES, Read.NOISY), steps, None)
    training = cpu(lambda: model.learn(config.timesteps, callback=watch))
    looks, count = sum(seconds), len(seconds)
    timed(HELDOUT_EPISODES, Read.NOISY)
    for read in (Read.NOISY, Read.MEAN):
        timed(config.eval_episodes, read)
    close(model)
    return Spent(training, looks, count, sum(seconds) - looks)


def report(timesteps: int = 40_960, rounds: int = 3, tasks: Mapping[str, Sequence[str]] = TASKS) -> Report:
    """All trainings.

    Args:
        timesteps: Steps of each.
        rounds: Trainings with and without evaluations, of each hardware.
        tasks: What is trained: substrates by environment.
    """
    rows, aims = [], []
    for task, hw in [(task, hw) for task, hardware in tasks.items() for hw in hardware]:
        plans = [settle(task, "pib", hw, {"timesteps": timesteps} | more) for more in ({"looks": 0}, {})]
        runs = [[spent(plan) for plan in plans] for _ in progress(range(rounds), f"{hw} pair")]
        none, some = (min(run[at].training for run in runs) for at in (0, 1))
        within = statistics.median(run[1].training / (run[1].training - run[1].looks) for run in runs)
        after = statistics.median(one.final for run in runs for one in run)
        figures = (f"{none:.1f}", f"{some:.1f}", f"{some / none:.2f}", f"{within:.2f}", f"{after:.1f}")
        rows.append((task, hw, runs[0][1].count, *figures))
        aims.append(Aim(f"training with evaluations over without, {task}, {hw}", within, BOUND))
    head = (
        "task",
        "hardware",
        "looks",
        "without, s",
        "with, s",
        "with over without",
        "within",
        "evaluations after it, s",
    )
    return Report(table(head, rows), aims)


if __name__ == "__main__":
    run_alone("evaluation_time", __doc__, report, timesteps=40_960, rounds=3)
