"""CPU time to solve CartPole-v1: PIB on every substrate beside PPO of Stable-Baselines3 and frozen units, in turns.

    python scripts/solve_time.py [--seeds S ...]

PIB and frozen units have the settings that are shipped. PPO has those of rl-baselines3-zoo, once on the `DummyVecEnv`
that the zoo makes and once on the vectorised environment that PIB uses. All are evaluated alike: every 2048 steps, 20
greedy episodes; solved at the first mean of 475, and given up after as many steps as the settings say. The time is that
of training alone, without evaluations, one torch thread; a training that was given up counts with all of its time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import zoo_ppo
from stable_baselines3.common.base_class import BaseAlgorithm
from timing import HARDWARE, Aim, Parser, Report, cpu, progress, ratio, show, table, whole

from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in
from pib_rl.cli.settings import RunSettings
from pib_rl.common.streams import EVALUATION
from pib_rl.physical.substrate import Read
from pib_rl.training.baselines import Player
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.config import settle
from pib_rl.training.evaluation import evaluate, greedy_returns
from pib_rl.training.loop import close
from pib_rl.training.run import build, environments

EVERY, EPISODES, SOLVED = 2048, 20, 475.0
PPO, VECTORISED = "PPO (zoo), DummyVecEnv", "PPO (zoo), vectorised CartPole"
AIMS = {"digital": 0.05, "memristive": 0.12, "optical": 0.3}
SEEDS = (200, 201, 202, 203, 204)


class Solved(NamedTuple):
    """CPU seconds of a training without its evaluations, and the step of the evaluation that solved it, if one did."""

    seconds: float
    step: int | None


class UntilSolved(Evaluation):
    """Ends the training at the first evaluation that solves the task; counts the CPU seconds of evaluations.

    Args:
        returns: Greedy returns of the policy as it is now, shape (episodes,).
        steps: Environment steps after which it evaluates.
    """

    def __init__(self, returns: Callable[[], np.ndarray], steps: Iterable[int]) -> None:
        self.seconds = 0.0
        super().__init__(returns, list(steps), SOLVED)

    def _on_step(self) -> bool:
        return self.solved_at is None

    def evaluate_now(self) -> None:
        self.seconds += cpu(super().evaluate_now)


def solve(agent: BaseAlgorithm, config: RunSettings, returns: Callable[[], np.ndarray]) -> Solved:
    """Trains until solved, for the steps of ``config`` at most."""
    watch = UntilSolved(returns, range(EVERY, config.timesteps + 1, EVERY))
    seconds = cpu(lambda: agent.learn(config.timesteps, callback=watch))
    close(agent)
    return Solved(seconds - watch.seconds, watch.solved_at)


def solve_ppo(make: Callable[[int], BaseAlgorithm], seed: int) -> Solved:
    """A training by PPO."""
    agent, config = make(seed), zoo_ppo.config(seed)
    heldout = partial(environments, config, stream=EVALUATION)
    return solve(agent, config, lambda: greedy_returns(Player(agent), heldout, EPISODES))


def solve_units(learner: str, hw: str, seed: int) -> Solved:
    """A training of units by PIB, or with the units as fabricated."""
    config = settle(zoo_ppo.ENV, learner, hw, {"seed": seed})
    agent, heldout = build(config), partial(environments, config, stream=EVALUATION)
    return solve(agent, config, lambda: evaluate(agent.policy, heldout, EPISODES, Read.NOISY))


def report(seeds: Iterable[int] = SEEDS) -> Report:
    """All trainings."""
    agents: dict[str, Callable[[int], Solved]] = {
        PPO: partial(solve_ppo, zoo_ppo.make),
        VECTORISED: partial(solve_ppo, zoo_ppo.vectorised),
        **{f"frozen units, {hw}": partial(solve_units, "frozen", hw) for hw in HARDWARE},
        **{f"PIB, {hw}": partial(solve_units, "pib", hw) for hw in HARDWARE},
    }
    found: dict[str, list[Solved]] = {name: [] for name in agents}
    for seed, name in progress([(seed, name) for seed in seeds for name in agents], "training"):
        found[name].append(agents[name](seed))
    seconds = {name: [one.seconds for one in runs] for name, runs in found.items()}
    rows = []
    for name, runs in found.items():
        each = ", ".join(f"{one.seconds:.2f}" for one in runs)
        steps = ", ".join("-" if one.step is None else f"{one.step:,}" for one in runs)
        over = (f"{ratio(seconds, name, base):.3f}" for base in (PPO, VECTORISED))
        rows.append((name, each, steps, f"{statistics.median(seconds[name]):.2f}", *over))
    return Report(
        table(("", "CPU s of each seed", "steps", "median s", "of PPO", "of PPO, vectorised"), rows),
        [
            Aim(f"CPU time to solve CartPole, {hw}, over PPO", ratio(seconds, f"PIB, {hw}", PPO), AIMS[hw])
            for hw in AIMS
        ],
    )


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=whole(0), nargs="+", default=list(SEEDS), metavar="S")
    settle_in()
    show(report(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    run("solve_time", main)
