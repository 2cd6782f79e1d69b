"""The configuration of a training run: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from pib_rl.agents.saved_settings import chip_settings, policy_arguments
from pib_rl.cli.cli import UserError, mistakes, parse
from pib_rl.cli.settings import OBJECTIVE, LearnerSettings, RunSettings
from pib_rl.cli.settings_files import from_plain, layered, named_file, prepare_imports, read_settings
from pib_rl.common.options import LARGEST
from pib_rl.envs.lookup import find_spec
from pib_rl.physical.faults import LONGEST, Fault, parse_all
from pib_rl.physical.registry import file_name
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.runs.minari_names import names_data
from pib_rl.runs.resuming import Every, named_run, resumed
from pib_rl.training.tuned import tuned

if TYPE_CHECKING:
    from stable_baselines3.common.utils import LinearSchedule

CONTROL = "control"  # --clock: as much time per step as the environment says
MAPPINGS = ("hw_options", "objective_options", "rule")  # the command line adds to them by name


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunSettings, LearnerSettings):
    """Trains a physical policy on an environment by PIB."""

    UNLESS_SET: ClassVar[frozenset[str]] = RunSettings.UNLESS_SET | {
        "init",
        "fault",
        "clock",
        "chips",
        "patches",
        "sites",
    }

    width: int = 64
    """Outputs of each unit."""
    units: int = 2
    """Number of units in series."""
    n_envs: int = 16
    """Environments that run side by side, of each chip."""
    env_processes: int = 1
    """Processes that share the environments, for those that take long for a step; what is learned is the same."""
    n_steps: int | None = None
    """Steps per environment and rollout; by default 2048 samples per rollout in all."""
    learning_rate: float | str = "lin_0.6"
    """Rate of the readout, in units of 1/(number of its inputs); lin_X falls from X to 0 over the training."""
    log_std_init: float = -0.5
    """Initial log standard deviation of continuous actions, in half ranges of the action."""
    noise_correlation: float = 0.0
    """Correlation of the exploration noise in successive steps, 0..1: 0.97 keeps to an action for some 30 steps, where
    single steps to and fro never reach a reward."""
    objective: Annotated[str, tyro.conf.arg(help=f"{OBJECTIVE}.")] = "decoder"
    fault: tuple[str, ...] = ()
    """What breaks and after how many environment steps, as KIND:SIZE@STEP, such as stuck:0.5@20000. FIRST..LAST in
    place of SIZE gives the chips of a wafer sizes from FIRST to LAST, such as stuck:0.1..0.5@start."""
    clock: float | str = 0.0
    """Simulated seconds that pass for the hardware per environment step (it ages after each rollout), or control: the
    environment's control period."""
    checkpoint_every: str = "5min"
    """How often the training is saved, for --resume: a time such as 30s, 5min or 1h, or a number of environment
    steps."""
    resume: Path | None = None
    """Run folder of an unfinished training to go on with; everything but how it is shown is as it was."""
    init: Path | None = None
    """Run folder of learn or train whose units this run goes on with, on the same chip; or minari:NAME, a data set of
    Minari on this machine, from whose observations the units learn first, without labels (needs the extra minari)."""
    config: Path | None = None
    """YAML file with any of these settings by name; the command line overrides it."""
    render: Literal["none", "human"] = "none"
    """human opens a window that shows the training while it goes on (H lists its keys)."""
    chip: int = 0
    """With --render human and several chips: the one that the window shows, counted from 0."""
    print_config: bool = False
    """Print the settings that would be used, as YAML for --config, and stop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.first_rate()
        self.faults()
        self.pace()
        with mistakes():
            Every.parse(self.checkpoint_every)
        if self.chip and self.chips == 1:
            raise UserError(f"--chip chooses one of several chips, got --chip {self.chip}; give --chips too")
        if not 0 <= self.chip < self.chips:
            raise UserError(f"--chip must be in 0..{self.chips - 1}, one of the --chips {self.chips}, got {self.chip}")
        with mistakes():
            for fault in self.faults():
                fault.on((self.chips,) if self.chips > 1 else ())
        if not abs(self.log_std_init) <= LARGEST:
            raise UserError(f"--log-std-init must be a finite number, got {self.log_std_init}")
        if not 0 <= self.noise_correlation < 1:
            raise UserError(f"--noise-correlation must be in 0..1 (1 excluded), got {self.noise_correlation}")

    @property
    def stem(self) -> str:
        """Name of the run, for its folder."""
        wafer = f"-c{self.chips}" if self.chips > 1 else ""
        return run_stem(self.env, self.distractors, self.hw, self.learner, self.seed) + wafer

    @property
    def title(self) -> str:
        """Name of the run, for people."""
        wafer = f", {self.chips} chips" if self.chips > 1 else ""
        return f"{self.env}, {self.hw}, {self.learner}, seed {self.seed}{wafer}"

    def first_rate(self) -> float:
        """The readout's rate at the beginning.

        Raises:
            UserError: If the rate is neither a positive number nor lin_ followed by one.
        """
        text = str(self.learning_rate)
        try:
            value = float(text.removeprefix("lin_"))
        except ValueError:
            value = math.nan
        if not 0 < value <= LARGEST:
            raise UserError(f"--learning-rate must be a number > 0 or lin_ and a number, such as lin_0.6, got {text!r}")
        return value

    def rate(self) -> float | LinearSchedule:
        """The readout's rate: a number, or a schedule of the remaining progress."""
        from stable_baselines3.common.utils import LinearSchedule  # late: it imports torch

        falls = str(self.learning_rate).startswith("lin_")
        return LinearSchedule(self.first_rate(), 0.0, 1.0) if falls else self.first_rate()

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
            raise UserError(f"--clock must be seconds per step in 0..{LONGEST:g}, or {CONTROL}, got {self.clock}")
        return seconds

    def plain(self) -> dict[str, Any]:
        pace = self.pace()
        clock = {} if pace == 0 else {"clock": CONTROL if pace is None else pace}
        return {name: value for name, value in super().plain().items() if name != "clock"} | clock


def run_stem(env: str, distractors: int, hw: str, learner: str, seed: int) -> str:
    """Name of a run that may be a file name."""
    extra = f"-d{distractors}" if distractors else ""
    return f"{env.replace('/', '-')}{extra}-{file_name(hw)}-{learner}-s{seed}".replace(":", "-")


def from_arguments(arguments: list[str], name: str) -> TrainConfig:
    """The configuration of a command line, over ``--config``, over the chip of ``--init``, over tuned settings.

    Args:
        arguments: What was typed.
        name: The command, for its help.

    Raises:
        UserError: If something does not exist or does not fit.
    """
    run = named_run(arguments)
    if run is not None:
        return resumed(TrainConfig, run, arguments, name, lambda settings: _check_kind(settings, run))
    file = named_file(arguments)
    given = {} if file is None else {"env": ""} | read_settings(file)
    wish = parse(TrainConfig, arguments, name, from_plain(TrainConfig, given, file) if file else None)
    if not wish.env:
        raise UserError(f"no environment: give its id on the command line or as env in {file}")
    prepare_imports(wish, given, file)  # before anything asks what the environment is
    wish.check_names(wish.objective)
    with mistakes():
        find_spec(wish.env)
    chip = {} if wish.init is None or names_data(wish.init) else chip_of(RunFolder.open(wish.init))
    own = {"hw_options": wish.hw_options}  # with what a file of the user's hardware holds
    default = settle(
        wish.env, wish.learner, chip.get("hw", wish.hw), own, chip, given, source=file or Path("hyperparams")
    )
    config = parse(TrainConfig, arguments, name, default)
    merged = {mapping: getattr(default, mapping) | getattr(config, mapping) for mapping in MAPPINGS}
    if config.objective != default.objective:  # options of another objective are of no use
        kept = config.objective_options != default.objective_options
        merged["objective_options"] = config.objective_options if kept else {}
    config = replace(config, **merged)
    asked = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(config).items()}
    for setting, value in chip.items():
        if (wanted := asked[setting]) != value:
            raise UserError(
                f"--init {config.init} has {setting} {value}, this run asks for {wanted}; leave "
                f"--{setting.replace('_', '-')} out"
            )
    return config


def _check_kind(settings: Mapping[str, Any], run: Path) -> None:
    """Raises ValueError if a run is none of ``train``."""
    policy_arguments(settings, run)
    if not settings.get("env") or "run" in settings or "algo" in settings:
        raise ValueError(f"{run / CONFIG} is not of a run that python -m pib_rl.train began; give one")


def settle(
    env: str, learner: str, hw: str, *layers: Mapping[str, Any], source: Path = Path("hyperparams")
) -> TrainConfig:
    """The configuration of a run: tuned settings, then layers of plain settings, each over those before it.

    Args:
        env: Environment id.
        learner: What trains the hidden arrays.
        hw: Substrate.
        layers: Settings by name, as `TrainConfig.identity` gives them.
        source: Where they are from, for messages.

    Raises:
        UserError: If a setting does not exist or does not fit.
    """
    plain = {"env": env, "learner": learner, "hw": hw} | tuned(env, learner, hw)
    for layer in layers:
        plain = layered(plain, dict(layer))
    return from_plain(TrainConfig, plain, source)


def chip_of(folder: RunFolder) -> dict[str, Any]:
    """The settings of a run that say what chip it was.

    Raises:
        UserError: If the folder's config.yaml does not tell, or one of ``train`` holds what is no setting of it.
    """
    settings = folder.identity()
    try:
        chip = chip_settings(settings, folder.path)
    except ValueError as error:
        raise UserError(f"--init {error}") from None
    if "data" not in settings:
        from_plain(TrainConfig, {"env": ""} | settings, folder.path / CONFIG)
    return chip
