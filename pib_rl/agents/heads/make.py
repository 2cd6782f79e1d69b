"""Heads by the actions of a task."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from pib_rl.agents.heads.base import Head
from pib_rl.agents.heads.bernoulli import BernoulliHead
from pib_rl.agents.heads.discrete import DiscreteHead
from pib_rl.agents.heads.gaussian import GaussianHead
from pib_rl.agents.heads.product import ProductHead
from pib_rl.agents.heads.units import Numbered, action_units


def make_head(
    space: spaces.Space[Any],
    log_std_init: float = -0.5,
    noise_correlation: float = 0.0,
    chips: tuple[int, ...] = (),
) -> Head:
    """The head of an action space; ``log_std_init`` is of continuous actions, see `GaussianHead`.

    Raises:
        ValueError: If no head can give such actions, or a value is out of range.
    """
    units = action_units(space)
    if isinstance(space, spaces.Discrete):
        return DiscreteHead(int(space.n), noise_correlation)
    if isinstance(space, spaces.MultiBinary):
        return BernoulliHead(spaces.flatdim(space), noise_correlation)
    if isinstance(units, Numbered):
        return ProductHead(units.sizes.tolist(), noise_correlation)
    return GaussianHead(spaces.flatdim(space), log_std_init, noise_correlation, chips)
