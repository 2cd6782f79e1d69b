"""The configuration of a training run: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tyro
import yaml

from pib_rl.cli import UserError, read_yaml
from pib_rl.physical.options import nearest

# Where and how a run is shown or stored; two runs that differ only here are the same run.
PRESENTATION = ("config", "out", "progress", "device")


@dataclass(frozen=True)
class TrainConfig:
    """Trains a physical policy on an environment by PIB."""

    env: tyro.conf.Positional[str]
    """Id of a Gymnasium environment, such as CartPole-v1."""
    hw: str = "digital"
    """Substrate: digital, memristive, optical, or one of an installed package."""
    seed: int = 0
    """Seed of the chip, its noise, exploration and environments."""
    timesteps: int = 80_000
    """Environment steps to train for."""
    n_envs: int = 8
    """Environments that run side by side."""
    width: int = 64
    """Outputs of each unit."""
    units: int = 2
    """Number of units in series."""
    objective: str = "gaussian"
    """Objective of the units: gaussian, pointwise, cka or renyi."""
    mode: str = "pib"
    """pib, or a rival that trains the units in its place; frozen leaves them as fabricated."""
    distractors: int = 0
    """Standard normal noise dimensions appended to each observation."""
    eval_episodes: int = 100
    """Episodes of each final evaluation."""
    hw_options: tuple[str, ...] = ()
    """Settings of the substrate that differ from its default, as NAME=VALUE."""
    rule: tuple[str, ...] = ()
    """Settings of the learning rule that differ from its default, as NAME=VALUE."""
    config: Path | None = None
    """YAML file with any of these settings by name; the command line overrides it."""
    out: Path | None = None
    """Run folder to make; by default one under runs/."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        for name in ("timesteps", "n_envs", "width", "units", "eval_episodes"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        for name in ("seed", "distractors"):
            if getattr(self, name) < 0:
                raise UserError(f"--{name} must be 0 or more, got {getattr(self, name)}")

    def substance(self) -> dict[str, Any]:
        """What defines the run, as plain data: everything but where and how it is shown."""
        plain = {key: value for key, value in asdict(self).items() if key not in PRESENTATION}
        return plain | {"hw_options": pairs(self.hw_options, "hw-options"), "rule": pairs(self.rule, "rule")}


def pairs(items: tuple[str, ...], flag: str) -> dict[str, Any]:
    """NAME=VALUE items as a mapping, values read as YAML scalars (1e-3 and none included).

    Raises:
        UserError: If an item has no "=".
    """
    result: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UserError(f"--{flag} takes NAME=VALUE, got {item!r}")
        try:
            result[name.replace("-", "_")] = _value(value)
        except yaml.YAMLError:
            raise UserError(f"--{flag} takes NAME=VALUE with a number or a word as value, got {item!r}") from None
    return result


def _value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)


def from_file(path: Path) -> TrainConfig:
    """The configuration of a YAML file; without ``env`` its environment is empty.

    Raises:
        UserError: If a name is unknown (the message offers the nearest) or a value has the wrong type.
    """
    settings = read_yaml(path)
    settings.pop("versions", None)
    return from_plain(settings, path)


def from_plain(settings: dict[str, Any], source: Path) -> TrainConfig:
    """The configuration of plain data, as `TrainConfig.substance` gives it.

    Raises:
        UserError: As `from_file`.
    """
    settings = {"env": ""} | settings
    for name in ("hw_options", "rule"):
        value = {} if settings.get(name) is None else settings[name]
        if not isinstance(value, dict):
            raise UserError(f"{source}: {name} must be a mapping, got {value!r}")
        settings[name] = tuple(f"{key}={'none' if one is None else one}" for key, one in value.items())
    for name in ("config", "out"):
        if settings.get(name) is not None:
            settings[name] = Path(str(settings[name]))
    known: dict[str, type] = {field.name: type(field.default) for field in fields(TrainConfig)} | {"env": str}
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"{source}: unknown setting {name!r}; {nearest(str(name), list(known))}")
        if known[name] in (int, str, bool) and type(value) is not known[name]:
            raise UserError(f"{source}: {name} must be {known[name].__name__}, got {value!r}")
    return TrainConfig(**settings)
