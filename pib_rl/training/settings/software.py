"""Agents in software by name, and the settings of one of their trainings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from gymnasium import spaces

from pib_rl.cli.cli import UserError
from pib_rl.cli.settings import RunSettings
from pib_rl.common.options import nearest
from pib_rl.training.config import run_stem
from pib_rl.training.tuned import FOLDER, entry

SOFTWARE = "software"  # what stands where hardware runs have the name of their substrate


@dataclass(frozen=True)
class Algorithm:
    """Where an algorithm is found and what it can do."""

    module: str
    actions: tuple[type[spaces.Space[Any]], ...] = (
        spaces.Box,
        spaces.Discrete,
        spaces.MultiDiscrete,
        spaces.MultiBinary,
    )


ALGORITHMS = {
    "ppo": Algorithm("stable_baselines3"),
    "a2c": Algorithm("stable_baselines3"),
    "dqn": Algorithm("stable_baselines3", (spaces.Discrete,)),
    "ars": Algorithm("sb3_contrib", (spaces.Box, spaces.Discrete)),
}


@dataclass(frozen=True, kw_only=True)
class BaselineConfig(RunSettings):
    """Trains one Stable-Baselines3 agent in software, with the settings of rl-baselines3-zoo."""

    algo: Annotated[str, tyro.conf.arg(help=f"Agent: {', '.join(ALGORITHMS)}.")] = "ppo"
    config: Path | None = None
    """YAML file with any of these settings by name; the command line overrides it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.algo not in ALGORITHMS:
            raise UserError(f"unknown algorithm {self.algo!r}; {nearest(self.algo, list(ALGORITHMS))}")

    @property
    def stem(self) -> str:
        """Name of the run, for its folder."""
        return run_stem(self.env, self.distractors, SOFTWARE, self.algo, self.seed)

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"settings": zoo_settings(self.env, self.algo)}


def zoo_settings(env_id: str, algo: str) -> dict[str, Any]:
    """The zoo's settings; none, so the defaults of Stable-Baselines3, for an environment that it does not know."""
    return entry(FOLDER / f"{algo}.yml", env_id)
