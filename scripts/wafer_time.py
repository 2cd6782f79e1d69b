"""CPU time of a wafer: many chips that learn CartPole-v1 side by side, over that of one chip.

    python scripts/wafer_time.py [--timesteps N] [--rounds N]

Trainings of so many steps per chip without evaluations, with the settings that are shipped: every chip has the
environments of its own that one chip has. The sizes of a substrate take turns in one process, one torch thread; figures
are medians over rounds.
"""

from __future__ import annotations

import statistics
from functools import partial

from steps_time import train
from timing import Aim, Report, ratio, run_alone, table, take_turns

HARDWARE = ("memristive", "digital")
CHIPS = (1, 4, 16, 64)
AIMS = {"memristive": 10.0}


def report(timesteps: int = 10_240, rounds: int = 3) -> Report:
    """All trainings."""
    rows, aims = [], []
    for hw in HARDWARE:
        calls = {str(chips): partial(train, hw, "pib", timesteps, chips=chips) for chips in CHIPS}
        seconds = take_turns(calls, range(rounds))
        for chips in CHIPS:
            over = ratio(seconds, str(chips), "1")
            spent = statistics.median(seconds[str(chips)])
            rows.append((hw, chips, f"{spent:.2f}", f"{over:.2f}", f"{over / chips:.2f}"))
        if hw in AIMS:
            aims.append(Aim(f"{CHIPS[-1]} {hw} chips over one chip", over, AIMS[hw]))
    return Report(table(("hardware", "chips", "CPU s", "over one chip", "of as many single chips"), rows), aims)


if __name__ == "__main__":
    run_alone("wafer_time", __doc__, report, timesteps=10_240, rounds=3)
