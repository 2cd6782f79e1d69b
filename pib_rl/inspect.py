"""Inspects a fabricated chip: python -m pib_rl.inspect --hw memristive:reram-es."""

from __future__ import annotations

import math
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from pib_rl import plots
from pib_rl.cli import UserError, mistakes, parse, run
from pib_rl.inspection import arrays, costs, figures, media
from pib_rl.inspection.config import InspectConfig
from pib_rl.inspection.probe import Chip, Finding, Probe
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.streams import Streams
from pib_rl.process import settle_in
from pib_rl.runs import RunFolder, write_atomically

NAME = "pib_rl.inspect"
PROBES: dict[str, Probe] = {
    "weights": arrays.weights, "steps": arrays.steps, "read_noise": arrays.read_noise,
    "weight_noise": arrays.weight_noise, "drift": arrays.drift,
    "transfer": media.transfer, "speckle": media.speckle, "medium_bits": media.bits, "array_bits": arrays.bits,
    "costs": costs.costs,
}


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(InspectConfig, arguments, NAME)
    with mistakes(RuntimeError, MemoryError, TypeError):
        chip = fabricate(config)
    folder = RunFolder.create(config)
    if folder.finished:
        print(f"{folder.path} holds this inspection already, finished:")
    else:
        with mistakes(RuntimeError):
            report(config, inspect(chip), folder)
    show(folder)


def fabricate(config: InspectConfig) -> Chip:
    """A medium, and an array behind it.

    Raises:
        ValueError: If the substrate, its preset or an option does not exist or does not fit.
    """
    substrate = registry.make(config.hw, config.options(), Streams(config.seed), Meter())
    medium = substrate.make_medium(config.size, config.size)
    return Chip(substrate, medium, substrate.make_array(medium.out_features, config.size))


@torch.inference_mode()
def inspect(chip: Chip) -> dict[str, Finding]:
    """What all probes find, by name; each draws anew, whatever the others drew."""
    found: dict[str, Finding] = {}
    for name, probe in PROBES.items():
        with chip.substrate.streams.aside(f"inspect-{name}"):
            finding = probe(chip)
        if finding is not None:
            found[name] = finding
    return found


def report(config: InspectConfig, found: dict[str, Finding], folder: RunFolder) -> None:
    """Figures and numbers."""
    title = plots.literal(f"{config.hw}, {config.size} drives, seed {config.seed}", 80)
    for name, finding in found.items():
        if finding.curves:
            write_atomically(folder.path / f"{name}.png", plots.as_png(figures.one(finding, title)))
    write_atomically(folder.path / "overview.png", plots.as_png(figures.overview(list(found.values()), title)))
    numbers = {name: value for finding in found.values() for name, value in finding.numbers.items()}
    plain: dict[str, Any] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    folder.save_result({"hw": config.hw, "size": config.size, "seed": config.seed, "numbers": plain})


def show(folder: RunFolder) -> None:
    """The table of a finished inspection."""
    result = folder.whole_result(("hw",), ("size", "seed"))
    numbers = result.get("numbers")
    if not isinstance(numbers, dict):
        raise UserError(f"{folder.path} holds no numbers of an inspection; choose another folder")
    table = Table(title=f"{result['hw']}, {result['size']} drives, seed {result['seed']}", title_style="")
    table.add_column("what")
    table.add_column("found", justify="right")
    for name, value in numbers.items():
        table.add_row(str(name).replace("[", r"\["), "no error" if value is None else f"{value:.4g}")
    console = Console()
    console.print(table)
    console.print(f"pictures: {folder.path / 'overview.png'} and beside it", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    run(NAME, main)
