"""Devices that a user describes: plain values by name, in a file or among the options of the substrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

from pib_rl.common.options import admit, nearest, read_yaml, shown
from pib_rl.physical.memristive.devices import SOFT, Device
from pib_rl.physical.memristive.step_laws import ExponentialStep, LinearStep, PiecewiseStep, PowerStep, StepLaw

Values = Mapping[str, Any]
LEAST_POINTS = 2  # of a table of steps
DEVICE = {name: kind for name, kind in get_type_hints(Device).items() if name != "law"}
FLOATS = {
    "linear": ("bend_up", "bend_down", "bend_spread"),
    "exponential": ("gamma_up", "gamma_down", "offset_up", "offset_down", "slope", "shift"),
    "power": ("gamma_up", "gamma_down"),
}
TABLES = ("steps_up", "steps_down")  # of the law piecewise
NEUTRAL = {"bend_up": 0.0, "bend_down": 0.0, "bend_spread": 0.0, "slope": 1.0, "shift": 0.0}
LAWS: dict[str, Callable[[Values, tuple[float, float]], StepLaw]] = {  # from their own values, and the mean range
    "constant": lambda values, ends: LinearStep(),
    "linear": lambda values, ends: LinearStep(**values, ends=ends),
    "soft-bounds": lambda values, ends: SOFT,
    "exponential": lambda values, ends: ExponentialStep(**values),
    "power": lambda values, ends: PowerStep(**values),
    "piecewise": lambda values, ends: PiecewiseStep(*(tuple(values[name]) for name in TABLES)),
}


def from_plain(values: Values) -> Device:
    """A device of plain values: its ``law``, the values of that law, and fields of `Device`.

    Args:
        values: By name: ``law`` is one of `LAWS`. ``linear`` has bend_up, bend_down and bend_spread; ``exponential``
            gamma_up, gamma_down, offset_up, offset_down, and slope and shift where they are not 1 and 0; ``power``
            gamma_up and gamma_down; ``piecewise`` the lists steps_up and steps_down (see the laws of
            `pib_rl.physical.memristive.step_laws`). ``step`` must be there, other fields have their defaults.

    Raises:
        ValueError: If a name is unknown or missing, or a value has the wrong type or lies outside its range.
    """
    rest = dict(values)
    name = rest.pop("law", None)
    if name not in LAWS:
        hint = nearest(name, list(LAWS)) if isinstance(name, str) else f"known: {', '.join(LAWS)}"
        raise ValueError(f"device law must be the name of a step law, got {shown(name)}; {hint}")
    own = _law_values(name, rest)
    admitted = admit(DEVICE, rest, "device")
    if "step" not in admitted:
        raise ValueError("device lacks step, the mean step of a pulse at weight 0; add step: NUMBER")
    default = {one.name: one.default for one in fields(Device) if one.default is not MISSING}
    ends = tuple(admitted.get(end, default[end]) for end in ("low", "high"))
    return Device(LAWS[name](own, ends), **admitted)


def _law_values(law: str, rest: dict[str, Any]) -> dict[str, Any]:
    """Takes those values that are the law's own out of ``rest``."""
    if law == "piecewise":
        return {name: _table(name, rest.pop(name, None)) for name in TABLES}
    names = FLOATS.get(law, ())
    own = {name: rest.pop(name) for name in names if name in rest}
    missing = [name for name in names if name not in own and name not in NEUTRAL]
    if missing:
        raise ValueError(f"device law {law} needs {', '.join(names)}; it lacks {', '.join(missing)}")
    neutral = {name: NEUTRAL[name] for name in names if name in NEUTRAL}
    return neutral | admit(dict.fromkeys(names, float), own, f"device law {law}")


def _table(name: str, value: Any) -> list[float]:
    numbers = list(value) if isinstance(value, (list, tuple)) else []
    if len(numbers) < LEAST_POINTS or not all(_is_step(one) for one in numbers):
        raise ValueError(
            f"device {name} must be a list of {LEAST_POINTS} or more numbers, 0 or more each, got {shown(value)}"
        )
    return [float(one) for one in numbers]


def _is_step(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def read_device(path: Path) -> dict[str, Any]:
    """The values of the device in a file of ``pib-rl fit``, or of one written by hand, as `from_plain` takes them.

    The file holds ``law``, and under ``parameters`` the other values by name: each a number, or a mapping with the
    number as ``value``. Whatever else it holds is for people.

    Raises:
        ValueError: If the file can't be read or describes no device. The message names the file.
    """
    content = read_yaml(path)
    parameters = content.get("parameters")
    if "law" not in content or not isinstance(parameters, dict):
        raise ValueError(
            f"{path} describes no device: it needs law and a mapping parameters; pib-rl fit writes such a file"
        )
    values = {"law": content["law"]}
    for name, value in parameters.items():
        if isinstance(value, dict) and "value" not in value:
            raise ValueError(f"{path}: parameter {name} needs its value, got {shown(value)}")
        values[name] = value["value"] if isinstance(value, dict) else value
    try:
        from_plain(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return values


def read_stuck(path: Path) -> float | None:
    """The fraction of stuck devices in such a file, 0..1; None where it says nothing of them.

    Raises:
        ValueError: If it says something else.
    """
    told = read_yaml(path).get("stuck")
    value = told.get("value") if isinstance(told, dict) else told
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{path}: stuck must be the fraction of stuck devices, 0..1, got {shown(told)}")
    return float(value)
