"""What the fit of a camera leaves: its file, and a picture of the photon transfer curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from pib_rl.common.atomic import write_atomically, write_once
from pib_rl.common.palette import BLUE, GREY, RED
from pib_rl.figures.curves import as_png, new_figure
from pib_rl.fitting.exposures import Exposures
from pib_rl.fitting.photon_transfer import ROUNDING, FittedCamera
from pib_rl.fitting.population import Known

HEADER = """\
# A camera fitted by pib-rl fit to a photon transfer curve. Use it in bench.yaml, as camera: {name}
# A value lies within two standard errors with a probability of 95 %.
"""
DIGITS = 5


def plain_camera(fit: FittedCamera, data: Exposures) -> dict[str, Any]:
    """The content of the camera's file."""
    content = {"gain_electrons_per_adu": _plain(fit.gain), "read_noise_electrons": _plain(fit.read_noise)}
    if fit.full_well is not None:
        content["full_well_electrons"] = _plain(fit.full_well)
    return content | {
        "offset_adu": _plain(fit.offset_adu),
        "residual": _round(fit.line.scatter),
        "points": int(fit.below.sum()),
        "saturated_points": int(fit.full.sum()),
        "source": "photon transfer curve",
    }


def write_camera(out: Path, content: dict[str, Any], fit: FittedCamera, data: Exposures) -> bool:
    """Writes the file ``out`` and a picture beside it; whether the file was new."""
    text = HEADER.format(name=out.name) + yaml.safe_dump(content, sort_keys=False)
    if not write_once(out, text.encode()):
        return False
    write_atomically(out.with_suffix(".png"), draw_camera(fit, data))
    return True


def show_camera(fit: FittedCamera, data: Exposures) -> None:
    """The table of values, and what is left of each point."""
    console = Console()
    table = Table(title=f"the camera, from {len(data.mean_adu)} exposures", title_style="")
    table.add_column("")
    table.add_column("value ± standard error", justify="right")
    rows = {
        "gain, electrons per code": fit.gain,
        "read noise, electrons": fit.read_noise,
        "full well, electrons": fit.full_well,
        "dark level, codes": fit.offset_adu,
    }
    for name, known in rows.items():
        table.add_row(name, "not reached" if known is None else f"{known.value:.4g} ± {known.error:.2g}")
    console.print(table)
    left = Table(title="residuals of the variance, relative to the line", title_style="")
    for name in ("mean, codes", "variance, codes^2", "residual", "weight"):
        left.add_column(name, justify="right")
    used = np.zeros(len(data.mean_adu))
    used[fit.below] = fit.line.used
    step = max(1, len(used) // 24)
    for mean, variance, line, weight in list(
        zip(data.mean_adu, data.variance_adu, fit.variance(data.mean_adu), used, strict=True)
    )[::step]:
        residual = f"{100 * (variance / line - 1):+.2f} %" if line > 0 else "-"
        left.add_row(f"{mean:.5g}", f"{variance:.5g}", residual, f"{weight:.2f}")
    left.caption = f"scatter {100 * fit.line.scatter:.2g} %; weight 0: not part of the fit"
    console.print(left)


def draw_camera(fit: FittedCamera, data: Exposures) -> bytes:
    """The curve on logarithmic axes, as PNG: points, the line, its two parts, and where pixels are full."""
    figure = new_figure(7.4, 4.0)
    axes = figure.subplots()
    signal = data.mean_adu - fit.offset_adu.value
    seen = (signal > 0) & (data.variance_adu > 0) & (data.exposure > 0)
    for part, colour, label in ((fit.below, BLUE, "measured"), (~fit.below, GREY, "measured, not fitted")):
        axes.plot(signal[part & seen], data.variance_adu[part & seen], "o", color=colour, markersize=4, label=label)
    across = np.geomspace(signal[seen].min() / 2, signal.max(), 200)
    axes.plot(across, fit.line.offset + fit.line.slope * across, color=RED, label="fit")
    axes.plot(across, fit.line.slope * across, "--", color=RED, linewidth=0.9, label="shot noise")
    if fit.line.offset > ROUNDING:
        axes.axhline(fit.line.offset, color=RED, linestyle=":", linewidth=0.9, label="read noise, with rounding")
    if fit.full_well is not None:
        axes.axvline(fit.full_well.value / fit.gain.value, color=GREY, linewidth=0.9, label="full well")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=data.variance_adu[seen].min() / 4)
    axes.set_xlabel("mean above dark [ADC codes]")
    axes.set_ylabel("variance [ADC codes squared]")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    return as_png(figure)


def _plain(known: Known) -> dict[str, float]:
    return {"value": _round(known.value), "standard_error": _round(known.error)}


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
