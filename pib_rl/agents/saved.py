"""What trainings left behind, read back: policies and units from run folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gymnasium import spaces
from torch import Tensor, nn

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel, own_state
from pib_rl.agents.network.wafer import chip_state
from pib_rl.agents.observations import as_learned
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.resuming.checkpoints import checkpoint_files, newest_checkpoint
from pib_rl.agents.saved_settings import (
    BEST,
    CHIP,
    CONFIG,
    LAST,
    MORE,
    chip_settings,
    fabricated,
    picked,
    policy_arguments,
    read_settings,
)
from pib_rl.common import stored
from pib_rl.common.options import shown, whole
from pib_rl.common.state import check_state

KIND, FABRICATED = "policy", "chip"  # what the files of a run hold, and where they say on which chip


def check_run(path: Path) -> None:
    """Raises ValueError unless there is a run folder of ``train`` or ``learn`` whose files are of one chip."""
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder; give the run folder of a training")
    if not (path / CONFIG).is_file():
        raise ValueError(
            f"{path} is not a run folder: it lacks {CONFIG}; python -m pib_rl.train or pib_rl.learn makes one"
        )
    if not (path / LAST).is_file():
        if not checkpoint_files(path):
            raise ValueError(
                f"{path} is not a run folder with a policy: it is without {LAST} or a checkpoint; nothing was trained "
                "yet, it was stopped before its first checkpoint, or another command made it; give another run"
            )
        return
    settings = read_settings(path)
    with _mendable(path / LAST):
        about = stored.peek(path / LAST, KIND)
    _check_chip(about, settings, path / LAST)


def write_state(path: Path, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Writes the state dict of a run with these settings; they are noted, so that no others can be put in their place.

    Raises:
        OSError: If it can't be written.
    """
    stored.write(path, state, KIND, {FABRICATED: fabricated(settings)})


def read_state(path: Path, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict in a file of a run; ValueError if the file is missing or broken, or of a run of other settings."""
    if path.name == LAST and not path.exists() and (unfinished := newest_checkpoint(path.parent)) is not None:
        return unfinished.policy
    with _mendable(path):
        found = stored.read(path, KIND)
    _check_chip(found.about, settings, path)
    return found.tensors


def unfinished_note(run: Path) -> str:
    """What to say of a run that has no last policy yet, whose newest checkpoint stands for it; else nothing.

    Raises:
        ValueError: If no checkpoint can be read.
    """
    found = None if (run / LAST).exists() else newest_checkpoint(run)
    if found is None:
        return ""
    return f"{run} is unfinished: this is its checkpoint of step {found.step} of {found.of}"


def _check_chip(about: Mapping[str, Any], settings: Mapping[str, Any], path: Path) -> None:
    """Raises ValueError unless a file was written for the chip of these settings, before anything is made of them."""
    there = about.get(FABRICATED)
    if there is None:
        return
    here = fabricated(picked(CHIP | MORE | {"seed": int}, settings, path.parent))
    if not isinstance(there, dict) or there.keys() != here.keys():
        raise ValueError(f"{path} does not say what chip it is of")
    for name, value in here.items():
        if there[name] != value:
            raise ValueError(
                f"{path} is of a chip with {name} {shown(there[name])}, and its {CONFIG} says {shown(value)}; restore "
                f"{CONFIG}"
            )


@contextmanager
def _mendable(path: Path) -> Iterator[None]:
    """Adds to what is wrong with a file what to do."""
    try:
        yield
    except ValueError as error:
        cure = "take the last policy" if path.name == BEST else f"make the run again from {path.parent / CONFIG}"
        raise ValueError(f"{error}; {cure}, or give another run") from None


def load_state(module: nn.Module, state: dict[str, Tensor], source: Path) -> None:
    """Loads a state dict that was read from ``source``; ValueError if it does not fit the module."""
    try:
        check_state(module, state)
        module.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the policy in {source} does not fit its {CONFIG} (another width, number of units, environment, hw or "
            f"version of pib_rl made it): {first_difference(error)}; restore {CONFIG}, or train again with this version"
        ) from None


def first_difference(error: Exception) -> str:
    """What torch says first of a state dict that does not fit, on one line."""
    first = str(error).splitlines()[1:2] or [str(error)]
    return first[0].strip().rstrip(". ")[:160]


def check_observations(settings: Mapping[str, Any], state: dict[str, Tensor], features: int, run: Path) -> None:
    """Raises ValueError if a run saw observations of another size than a task's, ``features`` numbers."""
    mean = own_state(state).get("normaliser.mean")
    if mean is not None and mean.shape[-1:] != (features,):
        size = mean.shape[-1] if mean.ndim else 0
        raise ValueError(
            f"{_origin(settings, run)}observations of {size} numbers, and the task has {features}; "
            f"give {_cure(settings)}"
        )


def check_actions(
    settings: Mapping[str, Any], state: Mapping[str, Tensor], own: Mapping[str, Tensor], run: Path
) -> None:
    """Raises ValueError if the policy of a run, state dict ``state``, gives other actions than one of a task, ``own``.

    The readout has the outputs that the head of the actions needs, and one for the value.
    """
    rows = "model.readout.optimiser.first"
    if rows not in state or rows not in own or state[rows].ndim < 2:
        return
    there, here = (_actions(known, known[rows].shape[-2] - 1) for known in (state, own))
    if there != here:
        raise ValueError(f"{_origin(settings, run)}{there}, and the task has {here}; give {_cure(settings)}")


def _actions(state: Mapping[str, Tensor], outputs: int) -> str:
    """The actions that a policy gives, by its state dict and how many outputs of its readout they have."""
    if "head.log_std" in state:
        return f"continuous actions of size {outputs}"
    sizes = state.get("head.sizes")
    if sizes is None:
        return f"{outputs} discrete actions"
    numbers = [int(size) for size in sizes.flatten().tolist()]
    if len(numbers) == outputs:
        return f"actions of {outputs} times yes or no"
    return f"actions of {len(numbers)} choices among {', '.join(map(str, numbers))}"


def _task(settings: Mapping[str, Any]) -> str:
    """The task of a run, with its noise dimensions; empty where settings name none."""
    count = settings.get("distractors")
    return f"{settings['env']} {f'with {count}' if count else 'without'} distractors" if settings.get("env") else ""


def _origin(settings: Mapping[str, Any], run: Path) -> str:
    of = _task(settings) or (f"learn on {settings['data']}" if settings.get("data") else "another task")
    return f"{run} is a run of {of}: it has "


def _cure(settings: Mapping[str, Any]) -> str:
    task = _task(settings)
    return f"the task {task}, or a run of your task" if task else "a run of your task"


def chosen_chip(settings: Mapping[str, Any], chip: int | None, run: Path) -> int:
    """Number of the chip that is meant, the first one where it is None; ValueError if a run has no such chip."""
    return 0 if chip is None else whole(f"chip (of the run {run})", chip, 0, settings.get("chips", 1) - 1)


def _of_chip(state: dict[str, Tensor], single: nn.Module, chip: int) -> dict[str, Tensor]:
    """The state of one chip of a wafer, as far as a module for one chip has the same names."""
    return chip_state(state, {name: value for name, value in single.state_dict().items() if name in state}, chip)


def load_policy(
    run: str | Path,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    name: str = LAST,
    chip: int | None = None,
) -> PIBPolicy:
    """The policy of a run of ``train``, on its chip; of a wafer, that of one of its chips.

    Args:
        run: The run folder.
        observation_space: What the environment shows.
        action_space: What it takes.
        name: File of the policy, `LAST` or `BEST`.
        chip: Number of the chip, from 0; None for the first one.

    Raises:
        ValueError: If there is no such run or chip, a file is missing or broken, or the policy has other spaces.
    """
    run = Path(run)
    check_run(run)
    settings = read_settings(run)
    arguments, state, space = (
        policy_arguments(settings, run),
        read_state(run / name, settings),
        as_learned(observation_space),
    )
    check_observations(settings, state, spaces.flatdim(space), run)
    number, chips = chosen_chip(settings, chip, run), arguments.pop("chips", 1)
    policy = PIBPolicy(space, action_space, **arguments | {"seed": arguments.get("seed", 0) + number})
    check_actions(settings, state, policy.state_dict(), run)
    load_state(policy, _of_chip(state, policy, number) if chips > 1 else state, run / name)
    return policy


def load_units(run: str | Path, features: int, chip: int | None = None) -> PhysicalModel:
    """The units of a run of ``learn --target views`` or of ``train``, on their chip, with a blank readout.

    Args:
        run: The run folder.
        features: Numbers of an observation.
        chip: Of a wafer, the number of the chip, from 0; None for the first one.

    Raises:
        ValueError: If there is no such run or chip, a file is missing or broken, or an observation of the run was not
            of ``features`` numbers.
    """
    run = Path(run)
    check_run(run)
    settings = read_settings(run)
    own, state = chip_settings(settings, run), own_state(read_state(run / LAST, settings))
    if own.pop("patches"):
        raise ValueError(f"{run}: its units look at squares of images, and here observations are vectors; give another")
    check_observations(settings, state, features, run)
    number, chips = chosen_chip(settings, chip, run), own.pop("chips", 1)
    model = PhysicalModel(ChipConfig(**own, seed=settings.get("seed", 0) + number), features, 1)
    try:
        model.inherit(_of_chip(state, model, number) if chips > 1 else state)
    except ValueError as error:
        raise ValueError(f"the units of {run} do not fit observations of {features} numbers: {error}") from None
    return model
