"""What a fit leaves: the device's file, and a picture of measured and simulated pulses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pib_rl.common.atomic import write_atomically, write_once
from pib_rl.common.palette import BLUE, RED
from pib_rl.figures.curves import as_png, new_figure
from pib_rl.fitting.device import conductance_us, device_table
from pib_rl.fitting.estimate import Problem
from pib_rl.fitting.filter import predict
from pib_rl.fitting.population import Known
from pib_rl.fitting.selection import Choice
from pib_rl.fitting.simulated import simulate
from pib_rl.fitting.tracks import Tracks
from pib_rl.physical.memristive.own_device import from_plain

DIGITS = 5  # significant ones, in files
HEADER = """\
# A device fitted by pib-rl fit. Use it: pib-rl train CartPole-v1 --hw memristive:{name}
# Weights: 0 is {zero:.4g} uS, 1 is {unit:.4g} uS more. A parameter lies within two standard errors with a
# probability of 95 %.
"""


def plain_device(choice: Choice, tracks: Tracks) -> dict[str, Any]:
    """The content of the device's file."""
    fit = choice.fits[choice.chosen]
    table, words = device_table(fit, tracks)
    parameters: dict[str, Any] = {name: _plain(value) for name, value in table.items()}
    parameters |= words | {"max_conductance_us": _round(conductance_us(tracks)), "source": "measured pulses"}
    total, lost = len(tracks.names) + len(tracks.stuck), len(tracks.stuck)
    return {
        "law": choice.chosen,
        "parameters": parameters,
        "stuck": {
            "value": _round(lost / total),
            "standard_error": _round(_binomial(lost, total)),
            "devices": list(tracks.stuck),
        },
        "zero_conductance_us": _round(tracks.zero_us),
        "weight_conductance_us": _round(tracks.unit_us),
        "residual_us": _round(residual(choice, tracks)),
        "heldout": {
            name: dict(zip(("behind", "standard_error"), map(_round, choice.behind(name)), strict=True))
            for name in choice.fits
        },
        "devices": total,
        "readings": int(tracks.there.sum()),
    }


def residual(choice: Choice, tracks: Tracks) -> float:
    """Root mean square error of predicting each reading from those before it, in microsiemens."""
    fit = choice.fits[choice.chosen]
    problem = Problem.of(fit, tracks)
    error, _ = predict(problem.law, tracks, problem.values(fit.vector[problem.places()]))
    return float(np.sqrt((error[problem.seen] ** 2).mean()) * tracks.unit_us)


def values(content: dict[str, Any]) -> dict[str, Any]:
    """The device in such a content, as `from_plain` takes it."""

    def bare(value: Any) -> Any:
        return value["value"] if isinstance(value, dict) else value

    return {"law": content["law"]} | {name: bare(value) for name, value in content["parameters"].items()}


def write(out: Path, seed: int, content: dict[str, Any], tracks: Tracks) -> bool:
    """Writes the file ``out`` and a picture beside it, with pulses of that seed; whether the file was new."""
    text = HEADER.format(name=out.name, zero=content["zero_conductance_us"], unit=content["weight_conductance_us"])
    text += yaml.safe_dump(content, sort_keys=False)
    if not write_once(out, text.encode()):
        return False
    write_atomically(out.with_suffix(".png"), draw(content, tracks, seed))
    return True


def draw(content: dict[str, Any], tracks: Tracks, seed: int) -> bytes:
    """Measured and simulated pulses, as PNG."""
    figure = new_figure(7.4, 3.8)
    axes = figure.subplots()
    zero, unit = tracks.zero_us, tracks.unit_us
    simulated = simulate(from_plain(values(content)), tracks, seed)
    for rows, colour, label in ((tracks.weight, BLUE, "measured"), (simulated, RED, f"simulated ({content['law']})")):
        for k in range(len(rows)):
            seen = tracks.there[k]
            axes.plot(
                tracks.pulses[k][seen].cumsum() - 1,
                zero + unit * rows[k][seen],
                color=colour,
                alpha=0.5,
                linewidth=1.0,
                label=label if k == 0 else None,
            )
    axes.set_xlabel("pulses since the first reading of a cycle")
    axes.set_ylabel("conductance [uS]")
    axes.grid(alpha=0.25)
    axes.legend()
    return as_png(figure)


def _binomial(lost: int, total: int) -> float:
    """Standard error of a fraction; (n + 2)/(N + 4) stands for it, so that none of few is not taken for never."""
    fraction = (lost + 2) / (total + 4)
    return float((fraction * (1 - fraction) / (total + 4)) ** 0.5)


def _plain(value: Known | list[Known]) -> Any:
    if isinstance(value, list):
        return {"value": [_round(one.value) for one in value], "standard_error": [_round(one.error) for one in value]}
    return {"value": _round(value.value), "standard_error": _round(value.error)}


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
