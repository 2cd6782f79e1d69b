"""The report: one HTML file with everything inside, and the same as Markdown and CSV."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from pib_rl.comparison import figures, table
from pib_rl.comparison.baselines import ALGORITHMS
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.plan import CompareConfig, Job, settings_of
from pib_rl.comparison.results import Run, Standing, collect, curves_csv, results_csv, standings, versions_of
from pib_rl.comparison.runner import Failure
from pib_rl.envs.make import find_spec
from pib_rl.runs import write_atomically


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Args:
        name: Its id in the page.
        caption: What it shows.
        svg: Its content.
    """

    name: str
    caption: str
    svg: bytes

    @property
    def source(self) -> str:
        """The figure as a data URI."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()


def write_report(config: CompareConfig, jobs: list[Job], folder: ComparisonFolder, failures: list[Failure],
                 command: str) -> list[Standing]:
    """Writes report.html, table.md, results.csv and curves.csv from what is finished.

    Args:
        config: Configuration.
        jobs: All runs that were wanted.
        folder: Where they are and where the report goes.
        failures: What failed this time.
        command: The command, as typed.

    Returns:
        The standings; none if no run is finished, and then nothing is written.
    """
    runs = collect(jobs, folder)
    if not runs:
        return []
    lines = standings(runs)
    versions = versions_of(runs, folder)
    write_atomically(folder.path / "results.csv", results_csv(runs))
    write_atomically(folder.path / "curves.csv", curves_csv(runs))
    made_with = ", ".join(f"{name} {version}" for name, version in versions.items())
    text = f"{title(config)}\n\n{table.markdown(lines)}\n`{command}`\n\n{made_with}\n"
    write_atomically(folder.path / "table.md", text.encode())
    template = Environment(loader=PackageLoader("pib_rl.comparison"), autoescape=True,
                           undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).get_template("report.html")
    page = template.render(
        title=title(config), header=table.header(lines), lines=list(zip(lines, table.rows(lines), strict=True)),
        pictures=pictures(config, runs, lines), failures=failures, missing=len(jobs) - len(runs), command=command,
        versions=versions, task=config.substance(), settings=settings(jobs), software=sorted(
            {job.contender for job in jobs} & set(ALGORITHMS)), runs=len(runs))
    write_atomically(folder.path / "report.html", page.encode())
    return lines


def title(config: CompareConfig) -> str:
    """What is compared, in one line."""
    noise = f" with {config.distractors} noise dimensions" if config.distractors else ""
    return f"{config.env}{noise}, width {config.width}, {config.steps:,} steps, {config.seeds} seeds"


def pictures(config: CompareConfig, runs: list[Run], lines: list[Standing]) -> list[Picture]:
    """All figures."""
    threshold = find_spec(config.env).reward_threshold
    over = "Greedy return on noisy hardware during training, interquartile mean over seeds with 95 % interval, over"
    made = [
        ("finals", "Return of the final policies.", figures.finals(lines)),
        ("steps", f"{over} environment steps.", figures.curves(runs, "timesteps", threshold)),
        ("measurements", f"{over} physical measurements (hardware only).",
         figures.curves(runs, "measurements", threshold)),
        ("costs", "What training cost.", figures.costs(lines)),
    ]
    return [Picture(name, caption, figures.as_svg(figure)) for name, caption, figure in made]


def settings(jobs: list[Job]) -> dict[str, str]:
    """The learning settings of every contender, as YAML."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.contender, job)
    return {name: _yaml(settings_of(job)) for name, job in first.items()}


def _yaml(plain: dict[str, Any]) -> str:
    return yaml.safe_dump(plain, sort_keys=False).strip() if plain else "defaults"
