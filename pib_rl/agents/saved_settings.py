"""The settings of a run as its folder holds them: what chip it was, and what policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.patches import parse_patches
from pib_rl.common.options import admit, read_yaml

CONFIG, LAST, BEST = "config.yaml", "policy.safetensors", "best.safetensors"
CHIP: dict[str, Any] = {"hw": str, "hw_options": dict, "width": int, "units": int}  # what says which chip it was
MORE: dict[str, Any] = {"chips": int, "patches": list}  # and, where there are any: chips of a wafer, patch units
POLICY: dict[str, Any] = (
    CHIP
    | MORE
    | {
        "seed": int,
        "learner": str,
        "objective": str,
        "objective_options": dict,
        "rule": dict,
        "log_std_init": float,
        "noise_correlation": float,
    }
)


def read_settings(run: Path) -> dict[str, Any]:
    """The settings of a run folder, versions left out; ValueError if config.yaml can't be read."""
    settings = read_yaml(run / CONFIG)
    settings.pop("versions", None)
    return settings


def fabricated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of a run that say how its chip was made, and thereby how large its state is.

    Options that are words, such as the address of an instrument, are left out: they may change.
    """
    found: dict[str, Any] = {"chips": 1, "patches": [], "seed": 0} | {name: settings.get(name) for name in CHIP}
    found |= {name: settings[name] for name in found if settings.get(name) is not None}
    options: dict[str, Any] = found["hw_options"] or {}
    return found | {"hw_options": {name: value for name, value in options.items() if not isinstance(value, str)}}


def chip_settings(settings: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Those settings of a run that say what chip it was: those of `CHIP`, and ``patches``, empty where it has none.

    Raises:
        ValueError: If its units can't go on elsewhere, or a setting of it is missing.
    """
    if settings.get("target") in ("labels", "values"):
        raise ValueError(
            f"{run}: its units learned from labels; give a run of learn --target views "
            "on logged observations, or one of train"
        )
    missing = [name for name in CHIP if name not in settings]
    if missing:
        raise ValueError(f"{run}: {CONFIG} lacks {', '.join(missing)}")
    return {"patches": []} | picked(CHIP | MORE, settings, run)


def policy_arguments(settings: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Arguments of `PIBPolicy` from the settings of a run of ``train``; what is missing has its default.

    Raises:
        ValueError: If there is nothing of a policy in the run, or a setting is of another type.
    """
    if "data" in settings:
        raise ValueError(
            f"{run} is a run of python -m pib_rl.learn, with nothing to play in it; give one "
            "that python -m pib_rl.train made"
        )
    found = picked(POLICY, settings, run)
    if "patches" in found:
        found["patches"] = parse_patches(found["patches"])
    rule, learner = found.pop("rule", {}), find_learner(found.pop("learner", "pib"))
    gamma = {"gamma": rule["gamma"]} if "gamma" in rule else {}
    return found | gamma | {"action_inputs": learner.target_inputs}


def picked(wanted: dict[str, Any], settings: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Those settings that are wanted (name to type) and there."""
    found = {name: settings[name] for name in wanted if settings.get(name) is not None}
    return admit(wanted, found, str(run / CONFIG))
