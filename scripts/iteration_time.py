"""Where the CPU time of one iteration of training goes, as a table and a stacked bar.

    python scripts/iteration_time.py [--figure docs/pictures/iteration_time.png]

Trains CartPole-v1 with the settings that are shipped, on every substrate, one torch thread, and adds up the CPU time of
the steps of an iteration; the first iteration does not count.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.vec_env import VecEnvWrapper
from timing import HARDWARE, Parser, Report, picture_path, progress, show, table, whole

from pib_rl.agents.rule.iteration import Rule
from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in
from pib_rl.common.palette import PALETTE
from pib_rl.figures.curves import new_figure
from pib_rl.training.config import settle
from pib_rl.training.run import build

ENV = "CartPole-v1"
PARTS = {  # method of the rule: what it does, in the order of the bar
    "_decide": "acting",
    "step_wait": "environments",
    "_with_advantages": "values, advantages",
    "_update_units": "units",
    "_refit": "re-fit of the readout",
    "_improve": "readout",
    "rest": "everything else",
}


class Watch:
    """CPU seconds by name of what is called through `timed`."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds[name] += time.process_time() - start

        return run


class TimedEnv(VecEnvWrapper):
    """Environments whose steps are timed."""

    def __init__(self, venv: Any, watch: Watch) -> None:
        super().__init__(venv)
        self.step_wait = watch.timed("step_wait", venv.step_wait)  # type: ignore[method-assign]

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        raise NotImplementedError


def measure(hw: str, iterations: int) -> dict[str, float]:
    """CPU milliseconds per 1000 environment steps, by part of an iteration."""
    config = settle(ENV, "pib", hw, {"seed": 0})
    agent, watch = build(config), Watch()
    samples = agent.n_steps * agent.envs_per_chip
    agent.learn(samples)
    agent.env = TimedEnv(agent.env, watch)
    rule: Rule = agent.rule
    for name in ("_with_advantages", "_update_units", "_refit", "_improve"):
        setattr(rule, name, watch.timed(name, getattr(rule, name)))
    agent._decide = watch.timed("_decide", agent._decide)  # type: ignore[method-assign]
    start = time.process_time()
    agent.learn(samples * iterations, reset_num_timesteps=False)
    watch.seconds["rest"] = time.process_time() - start - sum(watch.seconds.values())
    return {name: 1e6 * watch.seconds[name] / (samples * iterations) for name in PARTS}


def draw(found: dict[str, dict[str, float]], path: Path) -> None:
    """The stacked bars."""
    figure = new_figure(8.0, 3.2)
    axes = figure.add_subplot()
    names = list(found)
    left = [0.0] * len(names)
    for place, (part, label) in enumerate(PARTS.items()):
        width = [found[name][part] for name in names]
        axes.barh(names, width, left=left, label=label, color=[*PALETTE, "#90a4ae"][place])
        left = [a + b for a, b in zip(left, width, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("CPU milliseconds per 1000 environment steps")
    axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.45, -0.22), frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def report(iterations: int = 10, picture: Path | None = None) -> Report:
    """All substrates; the picture of it where a path says so."""
    found = {hw: measure(hw, iterations) for hw in progress(HARDWARE, "substrate")}
    if picture:
        draw(found, picture)
    rows = [
        (hw, *(f"{parts[name]:.1f}" for name in PARTS), f"{sum(parts.values()):.1f}") for hw, parts in found.items()
    ]
    return Report(table(("CPU ms per 1000 steps", *PARTS.values(), "all"), rows), [])


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--iterations", type=whole(1), default=10)
    parser.add_argument("--figure", type=picture_path, metavar="PNG")
    given = parser.parse_args(arguments)
    settle_in()
    show(report(given.iterations, given.figure))


if __name__ == "__main__":
    run("iteration_time", main)
