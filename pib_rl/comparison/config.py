"""The configuration of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.patches import parse_patches
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.ray_session import LOCAL
from pib_rl.cli.settings import TaskSettings
from pib_rl.common.options import nearest
from pib_rl.physical import registry
from pib_rl.training.settings.software import ALGORITHMS
from pib_rl.training.tuned import tuned

WHOM = f"Whom PIB meets: on hardware {', '.join(LEARNERS)}; software agents {', '.join(ALGORITHMS)}."


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
