"""The folder of a characterised chip: a picture per measurement, one of all, and the numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pib_rl.characterisation.bits import EffectiveBits
from pib_rl.characterisation.config import CharacteriseConfig
from pib_rl.characterisation.costs import MeasurementCosts
from pib_rl.characterisation.drift import Drift
from pib_rl.characterisation.measurement import Measurement
from pib_rl.characterisation.noise import ReadNoise
from pib_rl.characterisation.speckle import Speckle
from pib_rl.characterisation.steps import StepResponse
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.characterisation.transfer import Transfer
from pib_rl.characterisation.weights import Weights
from pib_rl.characterisation.writes import Writes
from pib_rl.cli.cli import UserError
from pib_rl.common.atomic import write_atomically
from pib_rl.common.options import read_json
from pib_rl.figures.curves import as_png, literal, new_figure
from pib_rl.runs.versions import versions

REPORT, OVERVIEW = "report.json", "overview.png"
WIDTH, HEIGHT = 7.4, 3.6  # inches of one measurement's picture
MEASUREMENTS: tuple[type[Measurement], ...] = (
    Weights,
    StepResponse,
    Writes,
    ReadNoise,
    Drift,
    Transfer,
    Speckle,
    EffectiveBits,
    MeasurementCosts,
)


def make_folder(config: CharacteriseConfig) -> Path:
    """The folder for the report: a new or empty one, or that of the same chip, made before.

    Raises:
        UserError: If it holds something else, or can't be made.
    """
    folder = config.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except FileExistsError:
        raise UserError(f"--out {folder} is a file; choose another") from None
    except OSError as error:
        raise UserError(f"cannot use --out {folder}: {error.strerror or error}") from None
    if not empty and _stored(folder) != config.identity():
        raise UserError(f"--out {folder} holds something else than the report of this chip; choose another folder")
    return folder


def _stored(folder: Path) -> Any:
    """The chip that the report in a folder is of; None where there is none."""
    try:
        return read_json(folder / REPORT)["chip"]
    except (ValueError, KeyError, TypeError):
        return None


def measure(chip: TestChip, progress: bool) -> list[Measurement]:
    """All measurements that the chip has."""
    bar = tqdm(MEASUREMENTS, unit="figure", disable=not progress, dynamic_ncols=True)
    return [found for kind in bar if (found := kind.measure(chip)) is not None]


def write(folder: Path, config: CharacteriseConfig, measurements: list[Measurement]) -> None:
    """Fills the folder; the numbers last."""
    for found in measurements:
        figure = new_figure(WIDTH, HEIGHT)
        found.draw(figure)
        write_atomically(folder / f"{found.name}.png", as_png(figure))
    write_atomically(folder / OVERVIEW, as_png(overview(config, measurements)))
    names = [found.name for found in measurements]
    report = {
        "chip": config.identity(),
        "versions": versions(),
        "absent": [kind.name for kind in MEASUREMENTS if kind.name not in names],
        **{found.name: finite(found.numbers()) for found in measurements},
    }
    write_atomically(folder / REPORT, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def overview(config: CharacteriseConfig, measurements: list[Measurement]) -> Any:
    """All pictures in one, two side by side."""
    lines = math.ceil(len(measurements) / 2)
    figure = new_figure(2 * WIDTH, lines * HEIGHT + 0.4)
    options = " ".join(config.hw_options)
    figure.suptitle(
        f"{literal(config.hw)}, {config.size} drives, seed {config.seed}  {literal(options, 100)}", fontsize=13
    )
    for canvas, found in zip(figure.subfigures(lines, 2, squeeze=False).flat, measurements, strict=False):
        found.draw(canvas)
    return figure


def finite(value: Any) -> Any:
    """Plain data in which numbers that are none are None: JSON has no others."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
