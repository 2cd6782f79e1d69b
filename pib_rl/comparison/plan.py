"""What a comparison consists of: its configuration and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from pib_rl.agents.rivals import MODES
from pib_rl.cli import UserError, mistakes
from pib_rl.comparison.baselines import ALGORITHMS, SOFTWARE, BaselineConfig, check_able
from pib_rl.config import TrainConfig
from pib_rl.envs.make import find_spec
from pib_rl.physical.options import nearest
from pib_rl.physical.registry import names
from pib_rl.runs import RunConfig
from pib_rl.train import read_arguments
from pib_rl.tuned import tuned


@dataclass(frozen=True)
class CompareConfig:
    """Compares PIB with rivals on the same hardware and with software agents, over several seeds."""

    env: tyro.conf.Positional[str]
    """Id of a Gymnasium environment, such as CartPole-v1."""
    hw: tuple[str, ...] = ("memristive", "optical")
    """Substrates on which PIB and its rivals train."""
    against: tuple[str, ...] = ("frozen", "ppo")
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
        for name, least in (("seeds", 1), ("first_seed", 0), ("timesteps", 1), ("width", 1), ("units", 1),
                            ("distractors", 0), ("eval_episodes", 1), ("jobs", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name.replace('_', '-')} must be {least} or more, got {value}")
        contenders = [*MODES, *ALGORITHMS]
        for name in self.against:
            if name not in contenders:
                raise UserError(f"unknown contender {name!r} in --against; {nearest(name, contenders)}")
        for name in self.hw:
            if name not in names():
                raise UserError(f"unknown substrate {name!r} in --hw; {nearest(name, names())}")
        if not self.hw:
            raise UserError(f"--hw needs at least one substrate: {', '.join(names())}")

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

    def substance(self) -> dict[str, Any]:
        """What all runs of a folder must share; contenders, substrates and seeds may be added later."""
        return {"env": self.env, "timesteps": self.steps, "width": self.width, "units": self.units,
                "distractors": self.distractors, "eval_episodes": self.eval_episodes}


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
        return f"{self.contender}-{self.hw}-s{self.seed}"

    @property
    def module(self) -> str:
        """The command that does it: ``python -m`` this."""
        return "pib_rl.comparison.baselines" if self.hw == SOFTWARE else "pib_rl.train"

    def config(self) -> RunConfig:
        """The configuration that the command will have."""
        if self.hw == SOFTWARE:
            return tyro.cli(BaselineConfig, args=self.arguments)
        return read_arguments(list(self.arguments))


def contenders(config: CompareConfig) -> list[str]:
    """PIB first, then whom it meets, each once."""
    return list(dict.fromkeys(["pib", *config.against]))


def plan(config: CompareConfig) -> list[Job]:
    """All runs, seed by seed, so that an early stop leaves something of everything.

    Raises:
        UserError: If the environment, a contender on it, or a setting does not work.
    """
    with mistakes():
        find_spec(config.env)
    for name in config.against:
        if name in ALGORITHMS:
            check_able(name, config.env)
    return list(_jobs(config))


def _jobs(config: CompareConfig) -> Iterator[Job]:
    common = (config.env, "--timesteps", str(config.steps), "--distractors", str(config.distractors),
              "--eval-episodes", str(config.eval_episodes), "--no-progress")
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        for name in contenders(config):
            own = (*common, "--seed", str(seed))
            if name in ALGORITHMS:
                yield Job(name, SOFTWARE, seed, (*own, "--algo", name))
                continue
            for hw in dict.fromkeys(config.hw):
                yield Job(name, hw, seed, (*own, "--mode", name, "--hw", hw, "--width", str(config.width),
                                           "--units", str(config.units)))


def settings_of(job: Job) -> dict[str, Any]:
    """The learning settings of a job that do not depend on its seed, for the report."""
    config = job.config()
    substance = config.substance()
    if isinstance(config, TrainConfig):
        return {name: substance[name] for name in ("n_envs", "n_steps", "learning_rate", "log_std_init",
                                                    "noise_correlation", "rule") if substance[name] not in (None, {})}
    found: dict[str, Any] = substance["settings"]
    return {name: value for name, value in found.items() if name != "n_timesteps"}
