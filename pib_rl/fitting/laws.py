"""The step laws that a fit tries, as functions of their parameters.

All give the size of a step relative to that of the same device at weight 0. Weights w are those of `Tracks`; W and W'
are the upper and the lower end of a device's range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Values = Mapping[str, np.ndarray]  # parameters by name, each of a shape that fits the weights
POINTS = 5  # of a table of steps
TINY = 1e-3  # least distance of an end from weight 0, and least step


@dataclass(frozen=True)
class Law:
    """A step law.

    Attributes:
        factor: Size of upward and downward steps at weights, relative to those at weight 0, from weights and
            parameters.
        starts: Parameters that all devices share: where a fit starts. Several sets are tried.
        own: Parameters that each device has for itself, and their starts.
        width: Standard deviation of what is taken for possible around the starts: wide.
    """

    factor: Callable[[np.ndarray, Values], tuple[np.ndarray, np.ndarray]]
    starts: tuple[dict[str, float], ...] = ({},)
    own: dict[str, float] | None = None
    width: float = 3.0


def _ends(p: Values) -> tuple[np.ndarray, np.ndarray]:
    return np.minimum(p["low"], -TINY), np.maximum(p["high"], TINY)


def _constant(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    return np.ones_like(w), np.ones_like(w)


def _linear(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    return 1 - p["bend_up"] * w, 1 + p["bend_down"] * w


def _soft_bounds(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    low, high = _ends(p)
    return 1 - w / high, 1 - w / low


def _exponential(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    """(1 - q) + q exp(g x) with x = 2 w/(W - W') upwards, and of -x downwards; not below 0.

    q = 1 - exp(-part) is less than 1: with the offset A = q/(q - 1) that is (1 - A exp(g x))/(1 - A).
    """
    x = 2 * w / np.maximum(p["high"] - p["low"], TINY)
    found = []
    for way, place in (("up", x), ("down", -x)):
        q = 1 - np.exp(-p[f"part_{way}"])
        found.append(np.maximum(1 + q * np.expm1(np.clip(p[f"gamma_{way}"] * place, -20, 20)), 0))
    return found[0], found[1]


def _power(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    low, high = _ends(p)
    above, below = (np.clip(1 - w / end, 1e-9, None) for end in (high, low))
    return above ** np.exp(p["power_up"]), below ** np.exp(p["power_down"])


def _piecewise(w: np.ndarray, p: Values) -> tuple[np.ndarray, np.ndarray]:
    x = np.clip((w - p["low"]) / np.maximum(p["high"] - p["low"], TINY), 0, 1) * (POINTS - 1)
    return tuple(_read([np.exp(p[f"{way}_{k}"]) for k in range(POINTS)], x) for way in ("up", "down"))  # type: ignore[return-value]


def _read(table: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.asarray(sum(value * np.maximum(1 - np.abs(x - k), 0) for k, value in enumerate(table)))


MIDDLE = POINTS // 2
LAWS = {  # from the simplest on: of laws that predict equally well the first is chosen
    "constant": Law(_constant),
    "soft-bounds": Law(_soft_bounds),
    "linear": Law(_linear, own={"bend_up": 0.1, "bend_down": 0.1}),
    "power": Law(_power, ({"power_up": 0.0, "power_down": 0.0},)),
    "exponential": Law(
        _exponential,
        tuple(
            {"part_up": part, "part_down": part, "gamma_up": gamma, "gamma_down": gamma}
            for part, gamma in ((0.7, -2.0), (-0.4, 2.0))
        ),
    ),
    "piecewise": Law(
        _piecewise,
        (
            {
                f"{way}_{k}": 0.3 * (MIDDLE - k) * (1 if way == "up" else -1)
                for way in ("up", "down")
                for k in range(POINTS)
            },
        ),
    ),
}
FIXED = {"piecewise": {"up_2", "down_2"}}  # parameters that are not fitted
