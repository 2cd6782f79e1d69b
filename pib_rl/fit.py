"""Fits a device to measured pulses: python -m pib_rl.fit pulses.csv --out my-device.yaml."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.fitting import report
from pib_rl.fitting.config import PulseFitConfig
from pib_rl.fitting.laws import LAWS
from pib_rl.fitting.pulses import read_pulses
from pib_rl.fitting.selection import choose
from pib_rl.fitting.tracks import make_tracks
from pib_rl.physical.memristive.own_device import from_plain

NAME = "pib_rl.fit"


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse(PulseFitConfig, arguments, NAME)
    tracks = make_tracks(read_pulses(config.data))
    with tqdm(total=len(LAWS), unit="law", disable=not config.progress, dynamic_ncols=True) as bar:
        choice = choose(tracks, step=bar.update)
    content = report.plain_device(choice, tracks)
    with mistakes():
        from_plain(report.values(content))
    if not report.write(config, content, tracks):
        raise UserError(f"--out {config.out} exists; delete it, or choose another name")
    show(content)
    console = Console()
    console.print(f"picture: {config.picture}", soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"device: {config.out}, for --hw memristive:{config.out}", soft_wrap=True, highlight=False, markup=False
    )


def show(content: dict[str, Any]) -> None:
    """The tables of laws and of parameters."""
    console = Console()
    laws = Table(title=f"{content['devices']} devices, {content['readings']} readings", title_style="")
    laws.add_column("law")
    laws.add_column("predicts held-out readings worse by", justify="right")
    for name, row in content["heldout"].items():
        mark = "  <- chosen" if name == content["law"] else ""
        laws.add_row(name + mark, f"{row['behind']:.4f} ± {row['standard_error']:.4f}")
    laws.caption = f"logarithm of the probability, per reading; residual {content['residual_us']:.3g} uS"
    console.print(laws)
    table = Table(title="the device", title_style="")
    table.add_column("parameter")
    table.add_column("value ± standard error", justify="right")
    for name, value in {**content["parameters"], "stuck": content["stuck"]}.items():
        table.add_row(escape(name), escape(_text(value)))
    console.print(table)


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    numbers, errors = (one if isinstance(one, list) else [one] for one in value.values())
    return ", ".join(f"{number:.3g} ± {error:.2g}" for number, error in zip(numbers, errors, strict=True))


if __name__ == "__main__":
    run(NAME, main)
