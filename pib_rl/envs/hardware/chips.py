"""Chips that environments hold: fabricated to order, or read from a run; and what they draw and spend."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.observations import as_learned, as_matrix, batched
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.saved import check_run
from pib_rl.agents.saved_settings import read_settings
from pib_rl.common.finite import Origin
from pib_rl.common.limits import sized, within_memory
from pib_rl.common.options import shown
from pib_rl.common.streams import CALIBRATION, Streams

Source = str | Path
LARGE = ("width", "units", "distractors")  # what to lower where memory does not suffice


@dataclass(frozen=True)
class FreshChip:
    """A chip as fabricated, untrained.

    Args:
        hw: Name of a substrate, or SUBSTRATE:PRESET.
        width: Outputs of each unit.
        units: Number of units.
        hw_options: What differs from the substrate's default configuration.
        seed: Seed of the fabrication.
        samples: Observations of random actions from which a network gets its statistics, 2 or more.

    Raises:
        ValueError: If a number is not whole or outside its range (`SIZES`), ``hw`` is no text, or options are no
            mapping of names. Making the chip checks the rest, memory included.
    """

    hw: str = "digital"
    width: int = 64
    units: int = 2
    hw_options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    samples: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", sized("samples", self.samples))
        for name, value in self.settings.items():
            object.__setattr__(self, name, value)

    @property
    def chip(self) -> ChipConfig:
        """The chip with its network."""
        return ChipConfig(hw=self.hw, hw_options=self.hw_options, width=self.width, units=self.units, seed=self.seed)

    @property
    def settings(self) -> dict[str, Any]:
        """What is asked of the chip, checked: arguments of `PIBPolicy`."""
        chip = self.chip
        return {name: getattr(chip, name) for name in ("hw", "width", "units", "hw_options", "seed")}

    def policy(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> PIBPolicy:
        """A policy on it whose readout is blank: all actions are equally likely, the mean of continuous ones is 0."""
        with within_memory(*LARGE):
            return PIBPolicy(as_learned(observation_space), action_space, **self.settings)

    def network(self, env: gym.Env[Any, Any]) -> PhysicalModel:
        """Units on it, their statistics and gain controls set from random actions in a copy of an environment."""
        with within_memory(*LARGE, "samples"):
            model = PhysicalModel(self.chip, spaces.flatdim(env.observation_space), 1)
            model.fit_statistics(torch.from_numpy(random_observations(env, self.samples, self.seed)))
        return model


def random_observations(env: gym.Env[Any, Any], samples: int, seed: int) -> np.ndarray:
    """Flat observations of random actions, shape (samples, features), in a copy of ``env``; ValueError without one."""
    try:
        own = copy.deepcopy(env)
    except Exception as error:  # whatever an environment holds
        raise ValueError(
            f"{env} can't be copied to gather statistics of its observations ({error}); give a network "
            "that has its own: a run folder, or a model"
        ) from error
    own.unwrapped.render_mode = None
    streams = Streams(seed)
    own.action_space.seed(streams.integer(CALIBRATION))
    obs, _ = own.reset(seed=streams.integer(f"{CALIBRATION}/environment"))
    seen: list[Tensor] = []

    def see(obs: Any) -> None:
        seen.append(as_matrix(batched(obs), env.observation_space, Origin(len(seen))))

    see(obs)
    while len(seen) < samples:
        obs, _, terminated, truncated, _ = own.step(own.action_space.sample())
        see(obs)
        if (terminated or truncated) and len(seen) < samples:
            obs, _ = own.reset()
            see(obs)
    own.close()
    return torch.cat(seen).numpy()


def reseed(streams: Streams, random: np.random.Generator) -> None:
    """All that a chip draws from now on follows from an environment's generator, of which nothing is consumed."""
    streams.restart(int(random.spawn(1)[0].integers(2**32)))


def chosen(run: Source | None, samples: int = 1000, **given: Any) -> str | FreshChip:
    """The chip of a run folder, or a fresh one where ``run`` is None.

    The settings are those of `FreshChip`, None where they are left open; those that contradict the run raise
    ValueError.
    """
    wanted = {name: value for name, value in given.items() if value is not None}
    fresh = FreshChip(samples=samples, **wanted)
    if run is None:
        return fresh
    folder = run_folder(run)
    check_run(folder)
    settings = read_settings(folder)
    for name in wanted:
        if settings.get(name) != (value := getattr(fresh, name)):
            raise ValueError(
                f"{name} {value} is asked for, but the run {run} has {settings.get(name)}; leave {name} "
                "out, or give another run"
            )
    return str(folder)


def check_single(model: PhysicalModel, name: str) -> None:
    """Raises ValueError if a model is a wafer of several chips; ``name`` is that of the argument."""
    chips = model.chip.chips
    if chips > 1:
        raise ValueError(f"{name} must be of one chip, got a wafer of {chips}; give PIBPolicy.of_chip(number)")


def run_folder(source: Any, name: str = "run", others: str = "") -> Path:
    """The path of a run folder; ValueError says that ``name`` must be one, or one of ``others``."""
    if not isinstance(source, (str, os.PathLike)) or not str(source):
        raise ValueError(f"{name} must be the path of a run folder{others}, got {shown(source)}")
    return Path(source)
