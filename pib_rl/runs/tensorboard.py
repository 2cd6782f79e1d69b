"""TensorBoard: event files of a run, written by the logger of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Image, Logger, TensorBoardOutputFormat, configure

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import UserError
from pib_rl.figures import curves as plots
from pib_rl.figures.weights import arrays_of, weight_figure

EVENTS = "tensorboard"  # the folder of event files in a run folder
OTHERS = ("stdout", "log", "json", "csv")  # formats of the logger that can't hold a picture


def check_installed() -> None:
    """Makes sure that event files can be written.

    Raises:
        UserError: If TensorBoard can't be imported.
    """
    try:
        import_module("torch.utils.tensorboard")  # as Stable-Baselines3 does
    except ImportError as error:
        raise UserError(
            f"--tensorboard needs the package tensorboard ({error}): pip install 'pib-rl[log]', or leave "
            "--tensorboard out"
        ) from None


def make_logger(folder: Path, formats: Sequence[str], tensorboard: bool) -> Logger:
    """A logger into a run folder.

    Args:
        folder: The run folder.
        formats: Formats of Stable-Baselines3, such as "csv".
        tensorboard: Write event files too, into a folder of their own.
    """
    logger = configure(str(folder), list(formats))
    if tensorboard:
        logger.output_formats.append(TensorBoardOutputFormat(str(folder / EVENTS)))
    return logger


def write_events(logger: Logger, values: Mapping[str, float | np.ndarray], step: int) -> None:
    """Writes values to TensorBoard at once, at a step of their own; nothing where the logger has no event files.

    What is recorded for the logger's next dump stays as it is, and other formats see nothing.

    Args:
        logger: The logger, as `make_logger` makes it.
        values: By name, numbers, or pictures of shape (height, width, 3), uint8.
        step: Their place on the axis of steps.
    """
    wrapped = {name: Image(value, "HWC") if isinstance(value, np.ndarray) else value for name, value in values.items()}
    for output in logger.output_formats:
        if isinstance(output, TensorBoardOutputFormat):
            output.write(wrapped, dict.fromkeys(wrapped, ()), step)


def weight_pictures(model: PhysicalModel, when: str) -> dict[str, np.ndarray]:
    """What every array holds, as pictures by name; of a wafer, the arrays of its first chip.

    An array that draws noise for it draws aside, nothing is metered.
    """
    first = (0,) * len(model.streams.chips)
    with model.streams.aside("pictures"), model.meter.paused():
        held = {name: array.weights()[first].detach().cpu().numpy() for name, array in arrays_of(model).items()}
    return {
        f"weights/{name}": plots.as_pixels(
            weight_figure(weights, f"weights of {name}{' of chip 0' if first else ''}, {when}")
        )
        for name, weights in held.items()
    }


def training_pictures(model: BaseAlgorithm, progress: Path, title: str) -> dict[str, np.ndarray]:
    """What a training looks like by now: the information plane, if the mode has one, and the weights of every array.

    Args:
        model: The agent; its logger holds what is not in progress.csv yet.
        progress: The progress.csv so far.
        title: Name of the run, for people.
    """
    assert isinstance(model.policy, PIBPolicy)
    when = f"after {model.num_timesteps:,} steps"
    pictures = weight_pictures(model.policy.model, when)
    written = plots.read_progress(progress)
    plane = {
        name: np.append(written.get(name, []), value)
        for name, value in model.logger.name_to_value.items()
        if name.startswith("information/")
    }
    if plane:
        pictures["pictures/information_plane"] = plots.as_pixels(plots.information_plane(plane, title, when))
    return pictures


def saved_pictures(folder: Path) -> dict[str, np.ndarray]:
    """The figures of a run folder by name."""
    return {
        f"pictures/{path.stem}": np.asarray(Picture.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))
    }
