"""The report: one HTML file with everything inside, and the same as Markdown and CSV."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from pib_rl.agents.learners.registry import rule_settings
from pib_rl.common.atomic import write_atomically
from pib_rl.comparison import figures, table
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.plan import Job
from pib_rl.comparison.results import ALL, Run, Standing, collect, curves_csv, results_csv, standings, versions_of
from pib_rl.comparison.runner import Failure
from pib_rl.envs.lookup import find_spec
from pib_rl.training.settings.software import ALGORITHMS, SOFTWARE


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


def write_report(
    config: CompareConfig,
    jobs: list[Job],
    others: list[Job],
    folder: ComparisonFolder,
    failures: list[Failure],
    command: str,
) -> list[Standing]:
    """Writes report.html, table.md, results.csv and curves.csv from what is finished.

    Args:
        config: Configuration.
        jobs: All runs that were wanted.
        others: Further finished runs of the same task, from earlier commands.
        folder: Where they are and where the report goes.
        failures: What failed this time.
        command: The command, as typed.

    Returns:
        The standings; none if no run is finished, and then nothing is written.
    """
    runs = collect([*jobs, *others], folder)
    if not runs:
        return []
    lines = standings(runs)
    versions = versions_of(runs, folder)
    write_atomically(folder.path / "results.csv", results_csv(runs))
    write_atomically(folder.path / "curves.csv", curves_csv(runs))
    made_with = ", ".join(f"{name} {version}" for name, version in versions.items())
    heading = title(config, lines)
    note = wafer_note(runs)
    text = f"{heading}\n\n{table.markdown(lines)}\n{note}`{command}`\n\n{made_with}\n"
    write_atomically(folder.path / "table.md", text.encode())
    template = Environment(
        loader=PackageLoader("pib_rl.comparison"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html")
    page = template.render(
        title=heading,
        header=table.header(lines),
        lines=list(zip(lines, table.rows(lines), strict=True)),
        pictures=pictures(config, runs, lines),
        failures=failures,
        missing=len(jobs) + len(others) - len(runs),
        command=command,
        versions=versions,
        task=config.identity(),
        settings=settings(runs),
        runs=len(runs),
        wafers=note,
        energy="energy_j" in table.shown(lines),
        software=sorted({run.job.learner for run in runs} & set(ALGORITHMS)),
    )
    write_atomically(folder.path / "report.html", page.encode())
    return lines


def wafer_note(runs: list[Run]) -> str:
    """What readers should know of runs that were chips of a wafer; empty where there are none."""
    count = sum(run.result.wafer_chips is not None for run in runs)
    if not count:
        return ""
    return (
        f"{count} of {len(runs)} runs were trained as chips of wafers. Their chips are those of their seeds; noise, "
        "exploration and the order of samples come from streams of the whole wafer. Their time is their share of the "
        "wafer's.\n\n"
    )


def title(config: CompareConfig, lines: list[Standing]) -> str:
    """What is compared, in one line."""
    seeds = max(len(line.finals) for line in lines if line.hw != ALL)
    noise = f" with {config.distractors} noise dimensions" if config.distractors else ""
    return f"{config.env}{noise}, width {config.width}, {config.steps:,} steps, {seeds} seeds"


def pictures(config: CompareConfig, runs: list[Run], lines: list[Standing]) -> list[Picture]:
    """All figures."""
    threshold = find_spec(config.env).reward_threshold
    over = (
        "Greedy return on noisy hardware during training, interquartile mean over seeds with 95 % interval (from "
        "three runs on), as far as all runs of a learner have been evaluated, over"
    )
    made = [
        ("finals", "Return of the final policies.", figures.finals_figure(lines)),
        ("steps", f"{over} environment steps.", figures.curves_figure(runs, "timesteps", threshold)),
        (
            "measurements",
            f"{over} physical measurements (hardware only).",
            figures.curves_figure(runs, "measurements", threshold),
        ),
        ("costs", "What training cost.", figures.costs_figure(lines)),
    ]
    return [Picture(name, caption, figures.as_svg(figure)) for name, caption, figure in made]


def settings(runs: list[Run]) -> dict[str, str]:
    """The learning settings of every learner, as YAML, as its first run has them."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.job.learner, run)
    return {name: _yaml(settings_of(run)) for name, run in first.items()}


def settings_of(run: Run) -> dict[str, Any]:
    """The learning settings of a run that do not depend on its seed, with what it left to defaults."""
    stored = run.settings
    if run.job.hw == SOFTWARE:
        return {name: value for name, value in stored["settings"].items() if name != "n_timesteps"}
    shown = {
        name: stored[name]
        for name in ("n_envs", "n_steps", "learning_rate", "objective", "log_std_init", "noise_correlation")
        if stored.get(name) is not None
    }
    try:
        rule, own = rule_settings(run.job.learner, stored["rule"])
    except ValueError:  # another version made it, with settings that are no longer known
        return shown | {"rule": stored["rule"]}
    return shown | {"rule": asdict(rule), **({"own": asdict(own)} if asdict(own) else {})}


def _yaml(plain: dict[str, Any]) -> str:
    return yaml.safe_dump(plain, sort_keys=False).strip() if plain else "defaults"
