"""Fits a device to measured pulses, or a camera to its photon transfer curve: python -m pib_rl.fit pulses.csv."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.signals import importing
from pib_rl.fitting.config import PulseFitConfig
from pib_rl.fitting.exposures import is_photon_transfer, read_exposures

NAME = "pib_rl.fit"
NAMED = 5  # stuck devices that are named, at most


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(PulseFitConfig, arguments, NAME)
    if is_photon_transfer(config.data):
        _camera(config)
    else:
        _device(config)


def _camera(config: PulseFitConfig) -> None:
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.fitting import camera_report
        from pib_rl.fitting.photon_transfer import fit_camera

    settle_in()
    out, data = config.file("camera.yaml"), read_exposures(config.data)
    camera = fit_camera(data)
    if not camera_report.write_camera(out, camera_report.plain_camera(camera, data), camera, data):
        raise UserError(f"--out {out} exists; delete it, or choose another name")
    camera_report.show_camera(camera, data)
    _tell(f"picture: {out.with_suffix('.png')}")
    _tell(f"camera: {out}, for bench.yaml, as camera: {out.name}")


def _device(config: PulseFitConfig) -> None:
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.fitting import report
        from pib_rl.fitting.laws import LAWS
        from pib_rl.fitting.pulses import read_pulses
        from pib_rl.fitting.selection import choose
        from pib_rl.fitting.tracks import make_tracks
        from pib_rl.physical.memristive.own_device import from_plain

    settle_in()
    out = config.file("my-device.yaml")
    tracks = make_tracks(read_pulses(config.data))
    with tqdm(total=len(LAWS), unit="law", disable=not config.progress, dynamic_ncols=True) as bar:
        choice = choose(tracks, step=bar.update)
    content = report.plain_device(choice, tracks)
    with mistakes():
        from_plain(report.values(content))
    if not report.write(out, config.seed, content, tracks):
        raise UserError(f"--out {out} exists; delete it, or choose another name")
    show(content)
    _tell(f"picture: {out.with_suffix('.png')}")
    _tell(f"device: {out}, for --hw memristive:{out}")


def _tell(line: str) -> None:
    Console().print(line, soft_wrap=True, highlight=False, markup=False)


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
    if still := content["stuck"]["devices"]:
        names = f"{', '.join(still[:NAMED])}{', ...' if len(still) > NAMED else ''}"
        _tell(f"{len(still)} of the devices do not move, and are left out of the fit: {names}")
    table = Table(title="the device", title_style="")
    table.add_column("parameter")
    table.add_column("value ± standard error", justify="right")
    stuck = {name: value for name, value in content["stuck"].items() if name != "devices"}
    for name, value in {**content["parameters"], "stuck": stuck}.items():
        table.add_row(escape(name), escape(_text(value)))
    console.print(table)


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    numbers, errors = (one if isinstance(one, list) else [one] for one in value.values())
    return ", ".join(f"{number:.3g} ± {error:.2g}" for number, error in zip(numbers, errors, strict=True))


if __name__ == "__main__":
    run(NAME, main)
