"""Settings of commands: plain values and mappings inside, text at the command line alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import tyro
import yaml
from tyro.constructors import PrimitiveConstructorSpec

from pib_rl.agents.learners.registry import LEARNERS, check_learner
from pib_rl.agents.objectives import OBJECTIVES, check_objective
from pib_rl.agents.patches import NO_PATCHES, Patch, parse_patches
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import ImportSettings
from pib_rl.common.limits import SIZES
from pib_rl.common.options import UNREADABLE
from pib_rl.common.yaml_numbers import load_yaml
from pib_rl.physical import registry

S = TypeVar("S", bound="Settings")

RANGES = {name: SIZES[name] for name in ("n_envs", "width", "units", "chips", "distractors", "seed")} | {
    "timesteps": (1, 10**12),
    "n_steps": (1, 10**6),
    "eval_episodes": (1, 10**6),
    "eval_steps": (1, 10**12),
    "looks": (0, 10**6),
    "look_every": (1, 10**6),
    "seeds": (1, 10_000),
    "first_seed": (0, 2**62),
    "jobs": (1, 10_000),
    "env_processes": SIZES["processes"],
    "ray_cpus": (0.1, 1024),
    "ray_retries": (0, 100),
    "epochs": (1, 10**6),
    "batch_size": (4, 10**6),
}


FINAL_STEPS = 200_000  # of the final evaluations of a short training: 400 episodes of 500 steps
NOTHING = ("none", "null", "~")  # words of options for no value
SUBSTRATE = (
    f"Substrate: {', '.join(registry.names())}; SUBSTRATE:PRESET, such as memristive:pcm, for published hardware "
    "(pib-rl list substrates); SUBSTRATE:FILE.yaml, such as memristive:my-device.yaml, for what you measured "
    "(pib-rl fit); or one for each unit, such as optical,memristive:pcm."
)
OBJECTIVE = f"Objective of the units: {', '.join(OBJECTIVES)}"


def parse_options(items: list[str]) -> dict[str, Any]:
    """NAME=VALUE items as a mapping, values read as YAML scalars (1e-3 and none included).

    Raises:
        ValueError: If an item has no "=" or no value, or it is neither number nor word.
    """
    result: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ValueError(f"takes NAME=VALUE, got {item!r}")
        try:
            found = _scalar(value)
        except (*UNREADABLE, RecursionError):
            raise ValueError(f"takes NAME=VALUE with a number or a word as value, got {item!r}") from None
        if found is None and value.strip().lower() not in NOTHING:
            raise ValueError(f"takes NAME=VALUE, got {item!r} without a value; give one, such as {name}=none")
        result[name.replace("-", "_")] = found
    return result


def format_options(options: dict[str, Any]) -> list[str]:
    """A mapping as NAME=VALUE items: the inverse of `parse_options`."""
    return [
        f"{name}={yaml.safe_dump(value, default_flow_style=True, width=math.inf).splitlines()[0]}"
        for name, value in options.items()
    ]


def _scalar(text: str) -> Any:
    return None if text.lower() == "none" else load_yaml(text)


# A mapping of settings by name: NAME=VALUE items at the command line, a mapping in files.
Options = Annotated[
    dict[str, Any],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="[NAME=VALUE ...]",
        instance_from_str=parse_options,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=format_options,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of a command: a frozen dataclass whose field texts are the command line's help.

    Attributes:
        SHOWN: Fields that say where and how a run is shown or stored; runs that differ only there are the same run.
        UNLESS_SET: Fields that do not count as long as they are at their default.
    """

    SHOWN: ClassVar[frozenset[str]] = frozenset(
        {
            "config",
            "out",
            "progress",
            "tensorboard",
            "render",
            "chip",
            "device",
            "print_config",
            "imports",
            "checkpoint_every",
            "resume",
            "env_processes",
        }
    )
    UNLESS_SET: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        """Makes sure that sizes and counts are such as a machine can hold; paths may begin with ~, the home folder.

        Raises:
            UserError: If one lies outside its range, or nobody has a home folder of that name.
        """
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Path):
                with mistakes(RuntimeError):
                    object.__setattr__(self, one.name, value.expanduser())  # the way to assign in a frozen dataclass
        for name, (least, most) in RANGES.items():
            value = getattr(self, name, None)
            if value is None or least <= value <= most:
                continue
            limit = f"{least} or more" if value < least else f"{most} or less"
            raise UserError(f"--{name.replace('_', '-')} must be {limit}, got {value}")

    def identity(self) -> dict[str, Any]:
        """What defines the run, as plain data: two runs of the same identity are the same run."""
        return self.plain()

    def plain(self) -> dict[str, Any]:
        """The settings by name, as a file for ``--config`` holds them, but for where and how the run is shown."""
        found = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in self.SHOWN and (one.name not in self.UNLESS_SET or value != one.default):
                found[one.name] = _plain(value)
        return found


@dataclass(frozen=True, kw_only=True)
class OutputSettings(Settings):
    """Where a run goes."""

    out: Path | None = None
    """Run folder to make; by default one under runs/."""
    progress: bool = True
    """Show a progress bar."""


@dataclass(frozen=True, kw_only=True)
class TaskSettings(OutputSettings, ImportSettings):
    """A task that an agent learns."""

    env: tyro.conf.Positional[str]
    """Id of a Gymnasium environment, such as CartPole-v1."""
    distractors: int = 0
    """Standard normal noise dimensions appended to each observation."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(TaskSettings):
    """One training of one agent."""

    UNLESS_SET: ClassVar[frozenset[str]] = frozenset({"looks", "eval_steps"})

    seed: int = 0
    """Seed of everything that is drawn: of the agent, its chip and its environments."""
    timesteps: int = 80_000
    """Environment steps to train for."""
    eval_episodes: int = 100
    """Episodes of each final evaluation."""
    eval_steps: int | None = None
    """Steps of all final evaluations together, of each chip, after which no more episodes begin; whole rounds of 10
    episodes are played, one at least. By default as many as the training has, and 200000 at least."""
    looks: int | None = None
    """Evaluations during the training, evenly spread; by default one for every 80 longest episodes that the training
    lasts, 20 at most, so that they take about a tenth of its time at most; 0 leaves only the one at the end."""

    @property
    def final_steps(self) -> int:
        """Steps of the final evaluations together, see ``eval_steps``."""
        return max(self.timesteps, FINAL_STEPS) if self.eval_steps is None else self.eval_steps


@dataclass(frozen=True, kw_only=True)
class HardwareSettings(OutputSettings):
    """A chip."""

    hw: Annotated[str, tyro.conf.arg(help=SUBSTRATE)] = "digital"
    hw_options: Options = field(default_factory=dict)
    """Settings of the substrate that differ from its default, as NAME=VALUE; with a substrate for each unit as
    UNIT.NAME=VALUE, such as 2.adc_bits=6."""
    seed: int = 0
    """Seed of the chip and of everything that is drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with mistakes():
            hw, options = registry.resolve(self.hw, self.hw_options)
        object.__setattr__(self, "hw", hw)  # the way to assign in a frozen dataclass
        object.__setattr__(self, "hw_options", options)


@dataclass(frozen=True, kw_only=True)
class LearnerSettings(HardwareSettings):
    """A network on a chip, and what trains it."""

    chips: int = 1
    """Chips of a wafer, simulated side by side: each is fabricated from a seed of its own (seed, seed + 1, ...) and
    learns by itself."""
    learner: Annotated[str, tyro.conf.arg(help=f"What trains the hidden arrays: {', '.join(LEARNERS)}.")] = "pib"
    patches: tuple[str, ...] = ()
    """Units in front of the others that look at squares of an image, one array for all: CHANNELS:SIZE:STRIDE each, or
    none."""
    objective_options: Options = field(default_factory=dict)
    """Settings of the objective that differ from its default, as NAME=VALUE."""
    rule: Options = field(default_factory=dict)
    """Settings of the learning rule that differ from its default, as NAME=VALUE."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    sites: Path | None = None
    """YAML file that says which units live in other processes or places (needs the extra distributed)."""
    tensorboard: bool = False
    """Write event files for TensorBoard too, into the run folder (needs the extra log)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.squares()
        if self.patches == (NO_PATCHES,):
            object.__setattr__(self, "patches", ())  # the way to assign in a frozen dataclass

    def check_names(self, objective: str | None) -> None:
        """Makes sure that learner, objective and substrate are known; none is imported for that, but for presets.

        Raises:
            UserError: If one is not; modules of ``--import``, which may bring a substrate, must be there by now.
        """
        with mistakes():
            check_learner(self.learner)
            if objective is not None:
                check_objective(objective)
            registry.check_resolved(self.hw)

    def squares(self) -> tuple[Patch, ...]:
        """Channels, size and stride of each unit of ``patches``.

        Raises:
            UserError: If one is no three whole numbers.
        """
        with mistakes():
            return parse_patches(self.patches)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
