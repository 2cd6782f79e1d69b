"""Draws the picture of the README from the runs of `scripts/benchmark_rl.sh cartpole-noise`.

python scripts/readme_figure.py comparisons/cartpole-noise docs/pictures/noise_dimensions.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pib_rl.cli.cli import UserError, run
from pib_rl.common.atomic import write_atomically
from pib_rl.common.palette import AMBER, BLUE, GREY
from pib_rl.figures.curves import as_png, new_figure, read_progress
from pib_rl.runs.folder import EVALUATIONS

LEARNERS = {"pib": ("units trained by PIB", BLUE), "frozen": ("the same units, frozen", AMBER)}


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise UserError(f"expected COMPARISON and PICTURE, got {len(arguments)} arguments")
    comparison, picture = map(Path, arguments)
    figure = new_figure(10.0, 3.5)
    panels = figure.subplots(1, 3, sharey=True)
    for axes, hw in zip(panels, ("digital", "memristive", "optical"), strict=True):
        for learner, (label, colour) in LEARNERS.items():
            curves = []
            runs = sorted((comparison / "runs").glob(f"{learner}-{hw}-s*"))
            if not runs:
                raise UserError(
                    f"{comparison} has no runs of {learner} on {hw} hardware; expected the comparison that "
                    'scripts/benchmark_rl.sh cartpole-noise makes with HW="digital memristive optical"'
                )
            for folder in runs:
                looks = read_progress(folder / EVALUATIONS)
                steps, returns = looks["timesteps"], looks["mean_reward"]
                axes.plot(steps / 1000, returns, color=colour, alpha=0.3, linewidth=0.8)
                curves.append(returns)
            shortest = min(map(len, curves))
            middle = np.median([curve[:shortest] for curve in curves], axis=0)
            axes.plot(steps[:shortest] / 1000, middle, color=colour, linewidth=2.2, label=label)
        axes.axhline(475, color=GREY, linestyle="--", linewidth=1)
        axes.set(title=hw, xlabel="environment steps [1000]")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("greedy return on noisy hardware")
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=2)
    figure.suptitle("CartPole with 32 noise dimensions, two units of width 16: every seed, and the median", fontsize=11)
    try:
        write_atomically(picture, as_png(figure))
    except OSError as error:
        raise UserError(f"cannot write {picture}: {error.strerror or error}") from None


if __name__ == "__main__":
    run("readme_figure", main)
