"""PPO's arguments in PIB: which of its own settings each one is, and what to use for those that it has no use for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN
from stable_baselines3.common.utils import FloatSchedule
from torch import nn, optim

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.common.options import shown, whole

# Arguments of PPO, and the settings of the rule that they are.
RULE_NAMES = {
    "batch_size": "batch_size",
    "n_epochs": "epochs",
    "gamma": "gamma",
    "gae_lambda": "gae_lambda",
    "clip_range": "clip_range",
    "clip_range_vf": "clip_range_vf",
    "normalize_advantage": "normalize_advantage",
    "ent_coef": "ent_coef",
    "vf_coef": "vf_coef",
    "target_kl": "target_kl",
}
SCHEDULED = ("clip_range", "clip_range_vf")  # of these, those that may be functions of the remaining progress
TINY = 1e-9  # least clipping: what a schedule that ends at 0 ends at; in 32 bits nothing moves any further then
# Arguments that say nothing here: what PPO has by default, which is accepted as None is, and what to do instead.
NO_BUFFER = "PIB keeps its rollouts by itself; leave it out, and read agent.rollout"
NO_SDE = "exploration does not depend on the state here; policy_kwargs=dict(noise_correlation=0.9) makes it smooth"
UNUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "max_grad_norm": ((0.5,), "a step moves every weight by about the learning rate at most; lower learning_rate"),
    "use_sde": ((False,), NO_SDE),
    "sde_sample_freq": ((-1,), NO_SDE),
    "rollout_buffer_class": ((), NO_BUFFER),
    "rollout_buffer_kwargs": (({},), NO_BUFFER),
}
NO_EXTRACTOR = "nothing is trained in front of the units; choose hw, width and units, or patches for images"
NO_OPTIMISER = "each array has an optimiser of its own; set learning_rate, and hidden_rate in rule"
# The same of policy_kwargs.
UNUSED_BY_POLICY: dict[str, tuple[tuple[Any, ...], str]] = {
    "activation_fn": ((nn.Tanh,), "the medium of the substrate is the nonlinearity; choose hw"),
    "ortho_init": ((True,), "weights are as the chip was fabricated; choose hw and hw_options"),
    "use_sde": ((False,), NO_SDE),
    "full_std": ((True,), NO_SDE),
    "use_expln": ((False,), NO_SDE),
    "squash_output": ((False,), "bounded actions are clipped to their bounds; leave it out"),
    "features_extractor_class": ((FlattenExtractor, NatureCNN, CombinedExtractor), NO_EXTRACTOR),
    "features_extractor_kwargs": (({},), NO_EXTRACTOR),  # but for EXTRACTOR_SIZES
    "optimizer_class": ((optim.Adam,), NO_OPTIMISER),
    "optimizer_kwargs": (({},), NO_OPTIMISER),
}


EXTRACTOR_SIZES = ("features_dim", "cnn_output_dim")  # outputs of PPO's own convolutions: there are none here
SMALL_RATE = 0.01  # learning rates below are such as PPO takes


class ArgumentError(ValueError, AssertionError):
    """An argument is not as it has to be. Where PPO asserts it, code that catches AssertionError catches this, too."""


@contextmanager
def as_assertions() -> Iterator[None]:
    """Raises `ArgumentError` in the place of ValueError, where PPO raises AssertionError."""
    try:
        yield
    except ValueError as error:
        raise ArgumentError(*error.args) from error


def refuse(unused: Mapping[str, tuple[tuple[Any, ...], str]], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of ``given`` without the arguments of PPO that have no meaning here.

    Raises:
        ValueError: If one of them is not as PPO has it by default; the message says what to use.
    """
    for name, value in given.items():
        if name in unused and value is not None and value not in unused[name][0]:
            raise ValueError(f"{name}={_called(value)} has no meaning on hardware: {unused[name][1]}")
    return {name: value for name, value in given.items() if name not in unused}


def agreed(first: Mapping[str, Any], second: Mapping[str, Any], where: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Settings from two places as one.

    Args:
        first: Arguments by name; None is not given.
        second: Settings from the other place, by their own names.
        where: What the other place is called.
        names: The setting that each argument is.

    Raises:
        ValueError: If one is given in both places, with different values.
    """
    settings = dict(second)
    for name, value in first.items():
        if value is None:
            continue
        setting = names.get(name, name)
        if setting in settings and settings[setting] != value:
            there = _called(settings[setting])
            raise ValueError(f"{name} is {_called(value)}, and {setting} in {where} is {there}; give one of the two")
        settings[setting] = value
    return settings


def is_sequence(value: Any) -> bool:
    """Whether a width names one for each unit."""
    listed = _listed(value)
    return isinstance(listed, Sequence) and not isinstance(listed, str)


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def network_size(net_arch: Any, name: str = "net_arch") -> dict[str, int]:
    """Width and number of units of PPO's ``net_arch``: [64, 64] is two units of width 64, None is nothing said.

    So it is with a ``width`` that is a list or an array; ``name`` is what messages call it.

    Units are shared by policy and value, are equally wide, and there is one or more. Other layers become those of the
    smallest such network that has as many and as wide ones everywhere, and a warning says so.

    Raises:
        ValueError: If it is no list of layers.
    """
    if net_arch is None:
        return {}
    net_arch = _listed(net_arch)
    old = isinstance(net_arch, Sequence) and len(net_arch) == 1 and isinstance(net_arch[0], Mapping)
    arch = net_arch[0] if old else net_arch
    parts = [_listed(part) for part in arch.values()] if isinstance(arch, Mapping) else [arch]
    if not parts or not all(isinstance(part, Sequence) and not isinstance(part, str) for part in parts):
        raise ValueError(f"{name} must be a list of widths, such as [64, 64], got {shown(net_arch)}")
    layers = [[whole(f"every layer of {name}", width, 1) for width in part] for part in parts]
    size = {"units": max([1, *map(len, layers)])}
    if any(layers):
        size["width"] = max(map(max, filter(None, layers)))
    meant = [size.get("width", ChipConfig.width)] * size["units"]
    if old or any(part != meant for part in layers):
        why = (
            "units are equally wide"
            if name == "width"
            else "policy and value share one or more units of one width here"
        )
        warnings.warn(
            f"{why}: {name}={net_arch} becomes {meant}; give that to be rid of this warning",
            UserWarning,
            stacklevel=2,
        )
    return size


def moment(clipping: Any, remaining: float) -> Any:
    """Clipping when the fraction ``remaining`` of a training is to come: the value of a schedule, or what it is."""
    return max(TINY, FloatSchedule(clipping)(max(0.0, remaining))) if callable(clipping) else clipping


def policy_settings(policy_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """PPO's ``policy_kwargs`` as arguments of `PIBPolicy`; a warning where one changes nothing.

    Raises:
        ValueError: If one has no meaning here, or contradicts another one.
    """
    given = dict(policy_kwargs or {})
    extractor = given.get("features_extractor_kwargs")
    if extractor and set(extractor) <= set(EXTRACTOR_SIZES):
        _changes_nothing(given, "features_extractor_kwargs", "units read observations themselves, their size is width")
    if given.get("share_features_extractor", True) in (True, None):
        given.pop("share_features_extractor", None)
    else:
        _changes_nothing(given, "share_features_extractor", "policy and value read the same units")
    given = refuse(UNUSED_BY_POLICY, given)
    size = network_size(given.pop("net_arch", None))
    return agreed(size, given, "policy_kwargs", {})


def warn_of_small_rate(rate: float, inputs: int) -> None:
    """Warns if a learning rate looks like one of PPO.

    Args:
        rate: The readout's rate when the training begins.
        inputs: Inputs of the readout.
    """
    if 0 < rate < SMALL_RATE:
        warnings.warn(
            f"learning_rate={rate:g} is very small here: rates are in units of 1/(inputs of the readout), 1/{inputs}; "
            f"PPO's {rate:g} is {rate * inputs:.2g} of them; leave it out for 0.6 falling to 0",
            UserWarning,
            stacklevel=3,
        )


def _changes_nothing(given: dict[str, Any], name: str, why: str) -> None:
    """Takes an argument out and warns."""
    value = given.pop(name)
    warnings.warn(f"{name}={_called(value)} changes nothing: {why}; leave it out", UserWarning, stacklevel=3)


def _called(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else shown(value)
