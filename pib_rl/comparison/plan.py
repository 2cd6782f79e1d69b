"""The runs that a comparison consists of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stable_baselines3.common.base_class import BaseAlgorithm

from pib_rl.cli.cli import mistakes
from pib_rl.comparison.config import CompareConfig
from pib_rl.envs.lookup import find_spec
from pib_rl.physical import registry
from pib_rl.training import baselines, run
from pib_rl.training.config import TrainConfig, settle
from pib_rl.training.loop import close
from pib_rl.training.settings.software import ALGORITHMS, SOFTWARE, BaselineConfig

SHARED = ("env", "timesteps", "distractors", "eval_episodes", "looks")  # settings of every run
ON_CHIP = ("width", "units", "patches")  # and of those on hardware


@dataclass(frozen=True)
class Job:
    """One run.

    Args:
        learner: "pib", another learner, or a software agent.
        hw: Substrate, or "software".
        seed: Seed.
        config: Its configuration; None of a run that is finished and not wanted now.
    """

    learner: str
    hw: str
    seed: int
    config: TrainConfig | BaselineConfig | None = None

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.learner}-{registry.file_name(self.hw)}-s{self.seed}"

    @property
    def module(self) -> str:
        """The command that does it: ``python -m`` this."""
        return baselines.NAME if self.hw == SOFTWARE else "pib_rl.train"

    def settings(self) -> TrainConfig | BaselineConfig:
        """Its configuration."""
        assert self.config is not None
        return self.config

    def build(self) -> BaseAlgorithm:
        """Its agent and environments, as the command will make them."""
        config = self.settings()
        return run.build(config) if isinstance(config, TrainConfig) else baselines.build(config)


def learners(config: CompareConfig) -> list[str]:
    """PIB first, then whom it meets, each once."""
    return list(dict.fromkeys(["pib", *config.learner]))


def plan(config: CompareConfig) -> list[Job]:
    """All runs, seed by seed, so that an early stop leaves something of everything.

    Raises:
        UserError: If the environment, a learner on it, or a setting does not work.
    """
    jobs = list(_jobs(config))
    with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
        find_spec(config.env)
        for job in jobs:
            if isinstance(job.config, TrainConfig):
                registry.check_units(job.hw, job.config.units + len(job.config.patches))
        for name in learners(config):
            close(next(job for job in jobs if job.learner == name).build())
    return jobs


def _jobs(config: CompareConfig) -> Iterator[Job]:
    shared = {name: value for name, value in config.identity().items() if name in SHARED}
    on_chip = {name: value for name, value in config.identity().items() if name in ON_CHIP}
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        own = shared | {"seed": seed}
        for name in learners(config):
            if name in ALGORITHMS:
                yield Job(name, SOFTWARE, seed, BaselineConfig(**own, algo=name, imports=config.all_imports))
                continue
            for hw in dict.fromkeys(config.hw):
                settled = settle(config.env, name, hw, own | on_chip)
                yield Job(name, settled.hw, seed, replace(settled, imports=config.all_imports))
