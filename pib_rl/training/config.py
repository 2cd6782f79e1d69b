"""The configuration of a training run: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import tyro
import yaml
from stable_baselines3.common.utils import LinearSchedule

from pib_rl.cli.cli import UserError, mistakes, read_yaml
from pib_rl.common.limits import SIZES
from pib_rl.common.options import LARGEST, nearest
from pib_rl.physical.faults import LONGEST, Fault, parse_all

# Where and how a run is shown or stored; two runs that differ only here are the same run.
PRESENTATION = ("config", "out", "progress", "tensorboard", "render", "device", "print_config")

PATHS = ("config", "out", "init")

CONTROL = "control"  # --clock: as much time per step as the environment says

MAPPED = ("hw_options", "objective_options", "rule")  # settings that are mappings, NAME=VALUE on the command line

RANGES = {name: SIZES[name] for name in ("n_envs", "width", "units", "distractors", "seed")} | {
    "timesteps": (1, 10**12),
    "n_steps": (1, 10**6),
    "eval_episodes": (1, 10**6),
    "seeds": (1, 10_000),
    "first_seed": (0, 2**62),
    "jobs": (1, 10_000),
    "epochs": (1, 10**6),
    "batch_size": (4, 10**6),
}


@dataclass(frozen=True)
class TrainConfig:
    """Trains a physical policy on an environment by PIB."""

    env: tyro.conf.Positional[str]
    """Id of a Gymnasium environment, such as CartPole-v1."""
    hw: str = "digital"
    """Substrate: digital, memristive, optical, mzi, oscillator, remote, or one of an installed package;
    SUBSTRATE:PRESET, such as memristive:pcm, for published hardware."""
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
    n_steps: int | None = None
    """Steps per environment and rollout; by default 2048 samples per rollout in all."""
    learning_rate: str = "lin_0.6"
    """Rate of the readout, in units of 1/(number of its inputs); lin_X falls from X to 0 over the training."""
    log_std_init: float = -0.5
    """Initial log standard deviation of continuous actions, in half ranges of the action."""
    noise_correlation: float = 0.0
    """Correlation of the exploration noise of continuous actions in successive steps, 0..1."""
    objective: str = "gaussian"
    """Objective of the units: gaussian, pointwise, cka, renyi or ridge."""
    objective_options: tuple[str, ...] = ()
    """Settings of the objective that differ from its default, as NAME=VALUE."""
    learner: str = "pib"
    """pib, or a rival that trains the units in its place; frozen leaves them as fabricated."""
    distractors: int = 0
    """Standard normal noise dimensions appended to each observation."""
    eval_episodes: int = 100
    """Episodes of each final evaluation."""
    hw_options: tuple[str, ...] = ()
    """Settings of the substrate that differ from its default, as NAME=VALUE."""
    rule: tuple[str, ...] = ()
    """Settings of the learning rule that differ from its default, as NAME=VALUE."""
    fault: tuple[str, ...] = ()
    """What breaks and after how many environment steps, as KIND:SIZE@STEP, such as stuck:0.5@20000."""
    clock: str = "0"
    """Simulated seconds that pass for the hardware per environment step (it ages after each rollout), or control: the
    environment's control period."""
    init: Path | None = None
    """Run folder of learn or train whose units this run goes on with, on the same chip."""
    config: Path | None = None
    """YAML file with any of these settings by name; the command line overrides it."""
    out: Path | None = None
    """Run folder to make; by default one under runs/."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    progress: bool = True
    """Show a progress bar."""
    tensorboard: bool = False
    """Write event files for TensorBoard too, into the run folder (needs the extra log)."""
    render: Literal["none", "human"] = "none"
    """human opens a window that shows the training while it goes on (H lists its keys)."""
    print_config: bool = False
    """Print the settings that would be used, as YAML for --config, and stop."""

    def __post_init__(self) -> None:
        check_ranges(self)
        self.rate()
        self.faults()
        self.pace()
        if not abs(self.log_std_init) <= LARGEST:
            raise UserError(f"--log-std-init must be a finite number, got {self.log_std_init}")
        if not 0 <= self.noise_correlation < 1:
            raise UserError(f"--noise-correlation must be in 0..1 (1 excluded), got {self.noise_correlation}")

    @property
    def stem(self) -> str:
        """Name of the run, for its folder."""
        return run_stem(self.env, self.distractors, self.hw, self.learner, self.seed)

    @property
    def title(self) -> str:
        """Name of the run, for people."""
        return f"{self.env}, {self.hw}, {self.learner}, seed {self.seed}"

    def rate(self) -> float | LinearSchedule:
        """The readout's rate: a number, or a schedule of the remaining progress.

        Raises:
            UserError: If it is neither a positive number nor lin_ followed by one.
        """
        text = str(self.learning_rate)
        try:
            value = float(text.removeprefix("lin_"))
        except ValueError:
            value = math.nan
        if not 0 < value <= LARGEST:
            raise UserError(f"--learning-rate must be a number > 0 or lin_ and a number, such as lin_0.6, got {text!r}")
        return LinearSchedule(value, 0.0, 1.0) if text.startswith("lin_") else value

    def faults(self) -> list[Fault]:
        """What breaks, in the order in which it does.

        Raises:
            UserError: If a fault is none, or would happen after the end.
        """
        with mistakes():
            return parse_all(self.fault, self.timesteps)

    def pace(self) -> float | None:
        """Simulated seconds per environment step; None for the environment's control period.

        Raises:
            UserError: If it is neither.
        """
        if self.clock == CONTROL:
            return None
        try:
            seconds = float(self.clock)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= LONGEST:
            raise UserError(f"--clock must be seconds per step in 0..{LONGEST:g}, or {CONTROL}, got {self.clock!r}")
        return seconds

    def identity(self) -> dict[str, Any]:
        """What defines the run, as plain data: everything but where and how it is shown."""
        plain = {key: value for key, value in asdict(self).items() if key not in PRESENTATION}
        origin = plain.pop("init")
        plain |= {} if origin is None else {"init": str(origin)}
        plain |= {"fault": list(self.fault)} if plain.pop("fault") else {}
        pace = self.pace()
        del plain["clock"]
        plain |= {} if pace == 0 else {"clock": CONTROL if pace is None else pace}
        return plain | {name: pairs(getattr(self, name), name.replace("_", "-")) for name in MAPPED}


def check_ranges(config: Any) -> None:
    """Makes sure that the sizes and counts of a configuration are such as a machine can hold.

    Args:
        config: An instance of a dataclass, of whose fields those in `RANGES` are checked; None passes.

    Raises:
        UserError: If one lies outside its range.
    """
    for name, (least, most) in RANGES.items():
        value = getattr(config, name, None)
        if value is None or least <= value <= most:
            continue
        limit = f"{least} or more" if value < least else f"{most} or less"
        raise UserError(f"--{name.replace('_', '-')} must be {limit}, got {value}")


def run_stem(env: str, distractors: int, hw: str, learner: str, seed: int) -> str:
    """Name of a run that may be a file name."""
    extra = f"-d{distractors}" if distractors else ""
    return f"{env.replace('/', '-')}{extra}-{hw}-{learner}-s{seed}".replace(":", "-")


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


def as_pairs(mapping: dict[str, Any]) -> tuple[str, ...]:
    """A mapping as NAME=VALUE items: the inverse of `pairs`."""
    return tuple(
        f"{name}={yaml.safe_dump(value, default_flow_style=True, width=math.inf).splitlines()[0]}"
        for name, value in mapping.items()
    )


def _value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a YAML file such as the config.yaml of a run.

    Raises:
        UserError: If it can't be read or is no mapping.
    """
    settings = read_yaml(path)
    settings.pop("versions", None)
    return settings


def layered(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two sets of plain settings, ``above`` first; mappings are merged by name."""
    mapped = {
        name: below[name] | above[name]
        for name in MAPPED
        if isinstance(below.get(name), dict) and isinstance(above.get(name), dict)
    }
    return below | above | mapped


def from_plain(settings: dict[str, Any], source: Path) -> TrainConfig:
    """The configuration of plain data, as `TrainConfig.identity` gives it; without ``env`` it is empty.

    Raises:
        UserError: If a name is unknown (the message offers the nearest) or a value has the wrong type.
    """
    settings = {"env": ""} | settings
    for name in MAPPED:
        value = {} if settings.get(name) is None else settings[name]
        if not isinstance(value, dict):
            raise UserError(f"{source}: {name} must be a mapping, got {value!r}")
        settings[name] = as_pairs(value)
    for name in ("learning_rate", "clock"):
        if type(settings.get(name)) in (int, float):
            settings[name] = str(settings[name])
    for name in PATHS:
        if settings.get(name) is not None:
            settings[name] = Path(str(settings[name]))
    faults = settings.get("fault", [])
    if not isinstance(faults, list) or not all(isinstance(one, str) for one in faults):
        raise UserError(f"{source}: fault must be a list of KIND:SIZE@STEP, got {faults!r}")
    settings["fault"] = tuple(faults)
    known = get_type_hints(TrainConfig)
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"{source}: unknown setting {name!r}; {nearest(str(name), list(known))}")
        kinds = get_args(known[name]) or (known[name],)
        if name in (*MAPPED, *PATHS, "fault") or type(value) in kinds or (isinstance(value, str) and value in kinds):
            continue
        if not (float in kinds and type(value) is int):
            named = ("none" if kind is type(None) else getattr(kind, "__name__", str(kind)) for kind in kinds)
            names = " or ".join(named)
            raise UserError(f"{source}: {name} must be {names}, got {value!r}")
    return TrainConfig(**settings)
