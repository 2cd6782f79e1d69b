"""What people want to know of a trained wafer: how many chips work, and how to look at the worst one."""

from __future__ import annotations

import shlex

from pib_rl.cli.cli import mistakes
from pib_rl.physical.faults import parse_all
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.runs.result import RunResult, format_return


def wafer_summary(folder: RunFolder, result: RunResult) -> list[str]:
    """Lines for the terminal: share of good chips, median, the worst chip, and the commands that show it.

    Args:
        folder: The finished run of a wafer.
        result: Its result.

    Raises:
        UserError: If its config.yaml can't be read.
    """
    chips, worst = result.chips, result.worst_chip
    assert chips is not None
    assert worst is not None
    assert result.seed is not None
    with mistakes():
        faults = [fault.of_chip(worst, chips) for fault in parse_all(folder.identity().get("fault", []))]
    seed = result.seed + worst
    broken = "".join(f", {fault.kind} {fault.size:.3g}" for fault in faults)
    play = f"python -m pib_rl.play {shlex.quote(str(folder.path))} --chip {worst} --render human"
    alone = f"python -m pib_rl.train --config {shlex.quote(str(folder.path / CONFIG))} --chips 1 --seed {seed}"
    return [
        f"chips: {solved(result)}median {_return(result.chips_median)}, worst {_return(result.worst_chip_mean)}: "
        f"chip {worst} (seed {seed}{broken})",
        f"watch the worst chip: {play}",
        f"train it alone: {alone}" + (f" --fault {' '.join(map(str, faults))}" if faults else ""),
    ]


def solved(result: RunResult) -> str:
    """How many chips solved the task at the end; empty where the task has no threshold."""
    if result.chips_solved is None or result.chips is None:
        return ""
    return f"{round(result.chips_solved * result.chips)} of {result.chips} solved the task at the end, "


def _return(value: float | None) -> str:
    return "-" if value is None else format_return(value)
