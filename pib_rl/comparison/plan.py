"""What a comparison consists of: its configuration and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from stable_baselines3.common.base_class import BaseAlgorithm

from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.common.options import nearest
from pib_rl.envs.make import find_spec
from pib_rl.physical import registry
from pib_rl.train import build, read_arguments
from pib_rl.training import baselines
from pib_rl.training.baselines import ALGORITHMS, SOFTWARE, BaselineConfig
from pib_rl.training.config import TrainConfig, check_ranges
from pib_rl.training.loop import close
from pib_rl.training.tuned import tuned


@dataclass(frozen=True)
class CompareConfig:
    """Compares PIB with rivals on the same hardware and with software agents, over several seeds."""

    env: tyro.conf.Positional[str]
    """Id of a Gymnasium environment, such as CartPole-v1."""
    hw: tuple[str, ...] = ("memristive", "optical")
    """Substrates on which PIB and its rivals train."""
    learner: tuple[str, ...] = ("frozen", "ppo")
    """Whom PIB meets: rivals on hardware (frozen, backprop, dfa, es, ...) and software agents (ppo, a2c, dqn, ars)."""
    seeds: int = 5
    """Runs of each contender on each substrate, each with a seed of its own."""
    first_seed: int = 100
    """First seed; the following ones count up. Tuning used 0-19 and some more (see pib.yml): report others."""
    timesteps: int | None = None
    """Environment steps of each run; by default what the environment's tuned settings say."""
    width: int = 64
    """Outputs of each unit on hardware."""
    units: int = 2
    """Number of units in series on hardware."""
    distractors: int = 0
    """Standard normal noise dimensions appended to each observation."""
    eval_episodes: int = 100
    """Fresh episodes that each final policy plays."""
    out: Path | None = None
    """Folder of the comparison; by default one under comparisons/, named after the task."""
    jobs: int | None = None
    """Runs side by side; by default one per processor."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        check_ranges(self)
        contenders = [*LEARNERS, *ALGORITHMS]
        for name in self.learner:
            if name not in contenders:
                raise UserError(f"unknown contender {name!r} in --learner; {nearest(name, contenders)}")
        for name in self.hw:
            try:
                registry.check(name)
            except ValueError as error:
                raise UserError(f"--hw: {error}") from None
        if not self.hw:
            raise UserError(f"--hw needs at least one substrate: {', '.join(registry.names())}")

    @property
    def steps(self) -> int:
        """Environment steps of each run."""
        return self.timesteps or int(tuned(self.env, "pib")["timesteps"])

    @property
    def folder(self) -> Path:
        """Folder of the comparison."""
        if self.out is not None:
            return self.out
        extra = (f"-d{self.distractors}" if self.distractors else "") + (f"-w{self.width}" if self.width != 64 else "")
        return Path("comparisons") / (self.env.replace("/", "-").replace(":", "-") + extra)

    def identity(self) -> dict[str, Any]:
        """What all runs of a folder must share; contenders, substrates and seeds may be added later."""
        return {
            "env": self.env,
            "timesteps": self.steps,
            "width": self.width,
            "units": self.units,
            "distractors": self.distractors,
            "eval_episodes": self.eval_episodes,
        }


@dataclass(frozen=True)
class Job:
    """One run.

    Args:
        contender: "pib", a rival, or a software agent.
        hw: Substrate, or "software".
        seed: Seed.
        arguments: Arguments of the command that does it, but for ``--out``.
    """

    contender: str
    hw: str
    seed: int
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.contender}-{self.hw.replace(':', '-')}-s{self.seed}"

    @property
    def module(self) -> str:
        """The command that does it: ``python -m`` this."""
        return "pib_rl.training.baselines" if self.hw == SOFTWARE else "pib_rl.train"

    def config(self) -> TrainConfig | BaselineConfig:
        """The configuration that the command will have."""
        if self.hw == SOFTWARE:
            return tyro.cli(BaselineConfig, args=self.arguments)
        return read_arguments(list(self.arguments))

    def build(self) -> BaseAlgorithm:
        """Its agent and environments, as the command will make them."""
        config = self.config()
        return build(config) if isinstance(config, TrainConfig) else baselines.build(config)


def contenders(config: CompareConfig) -> list[str]:
    """PIB first, then whom it meets, each once."""
    return list(dict.fromkeys(["pib", *config.learner]))


def plan(config: CompareConfig) -> list[Job]:
    """All runs, seed by seed, so that an early stop leaves something of everything.

    Raises:
        UserError: If the environment, a contender on it, or a setting does not work.
    """
    jobs = list(_jobs(config))
    with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
        find_spec(config.env)
        for name in contenders(config):
            close(next(job for job in jobs if job.contender == name).build())
    return jobs


def _jobs(config: CompareConfig) -> Iterator[Job]:
    common = (
        config.env,
        "--timesteps",
        str(config.steps),
        "--distractors",
        str(config.distractors),
        "--eval-episodes",
        str(config.eval_episodes),
        "--no-progress",
    )
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        for name in contenders(config):
            own = (*common, "--seed", str(seed))
            if name in ALGORITHMS:
                yield Job(name, SOFTWARE, seed, (*own, "--algo", name))
                continue
            for hw in dict.fromkeys(config.hw):
                yield Job(
                    name,
                    hw,
                    seed,
                    (*own, "--learner", name, "--hw", hw, "--width", str(config.width), "--units", str(config.units)),
                )
