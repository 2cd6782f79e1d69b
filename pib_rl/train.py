"""Trains a physical policy: python -m pib_rl.train CartPole-v1 --hw optical."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import yaml
from rich.console import Console
from rich.table import Table

from pib_rl.cli.cli import run
from pib_rl.cli.process import check_display, settle_in
from pib_rl.cli.signals import importing
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import decimals
from pib_rl.sites.hardware import with_hardware_of_sites
from pib_rl.sites.watch.record import told
from pib_rl.training.config import TrainConfig, from_arguments

if TYPE_CHECKING:
    from pib_rl.agents import PIB
    from pib_rl.playing.live import Live

NAME = "pib_rl.train"
NEEDED = (
    "env",
    "hw",
    "learner",
    "seed",
    "eval_mean",
    "eval_std",
    "eval_mean_noiseless",
    "best_eval_mean",
    "best_eval_mean_noiseless",
    "eval_episodes",
    "timesteps",
    "wall_s",
)


def main(arguments: list[str]) -> None:
    """The command."""
    config = from_arguments(arguments, NAME)
    if config.resume is None:
        config = with_hardware_of_sites(config, len(config.squares()) + config.units)
    carry_out(config)


def carry_out(config: TrainConfig) -> None:
    """Trains, or goes on, and shows the result. What trains is imported here: --help and mistakes need none of it."""
    with importing():  # late: --help and mistakes need none of it
        from pib_rl.agents.budget import NOTHING
        from pib_rl.runs.tensorboard import check_installed
        from pib_rl.training.forecast import forecast
        from pib_rl.training.loop import close
        from pib_rl.training.run import prepare, train

    settle_in()
    if config.tensorboard:
        check_installed()
    if config.render == "human":
        check_display("leave --render out")
    model = prepare(config)
    if config.print_config:
        close(model)
        print(yaml.safe_dump(config.identity(), sort_keys=False), end="")
        return
    live = window(config, model)
    try:
        folder = RunFolder.create(config) if config.resume is None else RunFolder.resume(config.resume)
        if folder.finished:
            print(f"{folder.path} holds this run already, finished:")
        else:
            for line in [] if config.resume else forecast(config, model):
                print(line)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", NOTHING)  # the forecast said so
                train(config, model, folder, config.faults(), live.attach if live else None)
    finally:
        if live is not None:
            live.close()
    show(folder)


def window(config: TrainConfig, model: PIB) -> Live | None:
    """The window that shows the training, if it is to be shown.

    Raises:
        UserError: If it can't be opened, or the environment can't be drawn.
    """
    if config.render == "none":
        return None
    from pib_rl.playing.live import Live

    return Live(model.policy, config)


def show(folder: RunFolder) -> None:
    """The table of a finished run."""
    from pib_rl.agents.network.costs import COST_FIELDS, format_costs
    from pib_rl.training.wafer_summary import wafer_summary

    result = folder.result(*NEEDED, *COST_FIELDS)
    which = f"seed {result.seed}" if result.chips is None else f"{result.chips} chips"
    table = Table(title=f"{result.env} on {result.hw} ({result.learner}, {which})", title_style="")
    for column in ("policy", "noisy", "mean read"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    assert result.eval_mean is not None
    spread = f"{result.eval_std:.{decimals(result.eval_mean)}f}"
    table.add_row("last", f"{result.text('eval_mean')} ± {spread}", result.text("eval_mean_noiseless"))
    table.add_row("best checkpoint", result.text("best_eval_mean"), result.text("best_eval_mean_noiseless"))
    solved = "-" if result.solved_at_step is None else f"{result.solved_at_step:,}"
    what, of_chip = ("greedy return", "") if result.chips is None else ("mean of all chips", " of each chip")
    table.caption = (
        f"{what}, {result.eval_episodes} fresh episodes each\n"
        f"{result.timesteps:,} steps{of_chip} in {result.wall_s:.1f} s, solved at {solved}"
    )
    console = Console()
    console.print(table)
    for line in [] if result.chips is None else wafer_summary(folder, result):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.print(format_costs(result.plain(), result.control_period_s), soft_wrap=True, highlight=False)
    if result.sites:
        console.print(told(result.sites), soft_wrap=True, highlight=False, markup=False)
    console.print(f"run folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


if __name__ == "__main__":
    run(NAME, main)
