"""What a comparison consists of: its configuration and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from stable_baselines3.common.base_class import BaseAlgorithm
from tyro.constructors import PrimitiveConstructorSpec

from pib_rl.agents.images import parse_patches
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.ray_session import LOCAL
from pib_rl.cli.settings import TaskSettings
from pib_rl.common.options import nearest
from pib_rl.envs.make import find_spec
from pib_rl.physical import registry
from pib_rl.training import baselines, run
from pib_rl.training.baselines import ALGORITHMS, SOFTWARE, BaselineConfig
from pib_rl.training.config import TrainConfig, settle
from pib_rl.training.loop import close
from pib_rl.training.tuned import tuned

WHOM = f"Whom PIB meets: on hardware {', '.join(LEARNERS)}; software agents {', '.join(ALGORITHMS)}."
SHARED = ("env", "timesteps", "distractors", "eval_episodes", "looks")  # settings of every run
ON_CHIP = ("width", "units", "patches")  # and of those on hardware


def _one_address(words: list[str]) -> str:
    if len(words) > 1:
        raise ValueError(f"takes one address or none, got {' '.join(words)}")
    return words[0] if words else LOCAL


# The address of a cluster of Ray, "local" where --ray stands alone.
RayAddress = Annotated[
    str | None,
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="[ADDRESS]",
        instance_from_str=_one_address,
        is_instance=lambda value: value is None or isinstance(value, str),
        str_from_instance=lambda value: [] if value is None else [value],
    ),
]


@dataclass(frozen=True, kw_only=True)
class CompareConfig(TaskSettings):
    """Compares PIB with other learners on the same hardware and with software agents, over several seeds."""

    hw: tuple[str, ...] = ("memristive", "optical")
    """Substrates on which PIB and the other learners train; one may be a mix of one for each unit, such as
    optical,memristive."""
    learner: Annotated[tuple[str, ...], tyro.conf.arg(help=WHOM)] = ("frozen", "ppo")
    seeds: int = 5
    """Runs of each learner on each substrate, each with a seed of its own."""
    first_seed: int = 100
    """First seed; the following ones count up. Tuning used 0-19 and some more (see pib.yml): report others."""
    timesteps: int | None = None
    """Environment steps of each run; by default what the environment's tuned settings say."""
    width: int = 64
    """Outputs of each unit on hardware."""
    units: int = 2
    """Number of units in series on hardware."""
    patches: tuple[str, ...] = ()
    """Units in front of them that look at squares of an image, CHANNELS:SIZE:STRIDE each, or none; by default what the
    environment's tuned settings say."""
    eval_episodes: int = 100
    """Fresh episodes that each final policy plays."""
    looks: int | None = None
    """Evaluations during each run, the same number for all; by default as train has it, see its help."""
    jobs: int | None = None
    """Processes side by side; by default one per processor, or with --ray as many as the cluster has room for."""
    ray: RayAddress = None
    """Make the runs through Ray: --ray HOST:PORT or --ray auto on a cluster that runs, --ray alone on this machine. All
    machines must share the folder of --out."""
    ray_cpus: float = 1.0
    """Processors that each process takes of the cluster."""
    ray_retries: int = 2
    """How often a run goes on elsewhere whose machine or process went away; one that fails by itself does not."""
    wafers: bool = True
    """Train the seeds of one learner on one substrate together, as the chips of a wafer, where both can; --no-wafers
    gives each seed a process of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with mistakes():
            parse_patches(self.patches)
        known = [*LEARNERS, *ALGORITHMS]
        for name in self.learner:
            if name not in known:
                raise UserError(f"unknown learner {name!r} in --learner; {nearest(name, known)}")
        for name in self.hw:
            try:
                registry.check(name)
            except ValueError as error:
                raise UserError(f"--hw: {error}") from None
        if not self.hw:
            raise UserError(f"--hw needs at least one substrate: {', '.join(registry.names())}")

    @property
    def all_imports(self) -> tuple[str, ...]:
        """Modules that runs import: those of --import, and that of the environment."""
        module = self.env.rpartition(":")[0]
        return (*self.imports, module) if module else self.imports

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
        """What all runs of a folder must share; learners, substrates and seeds may be added later."""
        looks = {} if self.looks is None else {"looks": self.looks}
        patches = {"patches": list(self.patches)} if self.patches else {}
        return {
            "env": self.env,
            "timesteps": self.steps,
            "width": self.width,
            "units": self.units,
            "distractors": self.distractors,
            "eval_episodes": self.eval_episodes,
            **looks,
            **patches,
        }


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
