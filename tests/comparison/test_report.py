"""The report in a real browser, and what is in its figures."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import yaml

from pib_rl.agents.learners.registry import LEARNERS, rule_settings
from pib_rl.comparison import figures, table
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.intervals import Estimate
from pib_rl.comparison.plan import Job, plan
from pib_rl.comparison.report import settings_of, write_report
from pib_rl.comparison.results import Standing, collect, standings
from pib_rl.comparison.runner import Failure
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.runs.result import RunResult, format_return
from pib_rl.training.callbacks import EvaluationPoint

LEVELS = {"pib": 450.0, "frozen": 200.0, "dfa": 120.0, "ppo": 480.0, "ars": 400.0}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def made_up(folder: ComparisonFolder, job: Job, rng: np.random.Generator) -> None:
    """A finished run with a curve that rises to its learner's level."""
    run = RunFolder(folder.runs / job.name)
    run.path.mkdir(parents=True)
    (run.path / CONFIG).write_text(yaml.safe_dump(job.settings().identity() | {"versions": {"torch": "2.13.0"}}))
    level = LEVELS[job.learner] + rng.normal() * 20
    hardware = job.hw != "software"
    run.save_evaluations(
        [EvaluationPoint(2048 * at, level * at / 10, 8000 * at if hardware else 0) for at in range(1, 11)]
    )
    meter = {"measurements": 80_000, "writes": 500_000, "devices": 1000} if hardware else {}
    meter |= {"writes_mean_per_device": 500.0} if hardware else {}
    numbers = {"eval_mean": level, "eval_std": 5.0, "eval_episodes": 100, "wall_s": 12.5, "timesteps": 20_480}
    run.save_result(RunResult(kind="train" if hardware else "baseline", **numbers, **meter))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    config = CompareConfig(
        env="CartPole-v1",
        hw=("memristive", "optical"),
        learner=("frozen", "dfa", "ppo", "ars"),
        seeds=4,
        timesteps=20_480,
        out=tmp_path_factory.mktemp("report") / "one",
    )
    folder, jobs, rng = ComparisonFolder.create(config), plan(config), np.random.default_rng(0)
    for job in jobs[:-1]:
        made_up(folder, job, rng)
    failures = [Failure(jobs[-1], "a <b>bold</b> reason")]
    return config, jobs, folder, write_report(config, jobs, [], folder, failures, "python -m pib_rl.compare <x>")


def browser() -> str:
    """A Chromium on this machine; without one the test is skipped, unless PIB_RL_BROWSER demands one."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and os.environ.get("PIB_RL_BROWSER") != "required":
        pytest.skip(f"no browser found (looked for {', '.join(BROWSERS)})")
    assert found is not None
    return found


def test_a_browser_shows_every_figure_without_a_word_in_its_console(report, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    said: list[str] = []
    with sync_api.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=browser(), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
        )
        page.goto((report[2].path / "report.html").as_uri())
        images = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight, i.alt])")
        rows = page.locator("tbody tr").all_inner_texts()
        failed = page.locator(".failed").inner_text()
        wide = page.evaluate("document.documentElement.scrollWidth")
        chromium.close()
    assert said == []
    assert len(images) == 4
    assert all(complete and width > 300 and height > 100 and alt for complete, width, height, alt in images)
    assert len(rows) == 3 + 3 + 2 + 3
    assert rows[0].startswith("memristive\tpib\t")
    assert "a <b>bold</b> reason" in failed
    assert wide <= 1200


def test_standings_say_who_is_better(report):
    lines = {(line.learner, line.hw): line for line in report[3]}
    assert lines["frozen", "optical"].against == "better"
    assert lines["ars", "software"].against == "better"
    assert lines["pib", "all"].against is None
    assert len(lines["ars", "software"].finals) == 3
    assert lines["pib", "memristive"].means["writes_mean_per_device"] == 500


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_have_a_panel_per_substrate_and_software_only_over_steps(report):
    _, jobs, folder, _ = report
    runs = collect(jobs, folder)
    steps, measured = (figures.curves_figure(runs, across, 475.0) for across in ("timesteps", "measurements"))
    assert [axes.get_title() for axes in steps.axes] == ["memristive", "optical"]
    assert labels(steps.axes[0]) == ["pib", "frozen", "dfa", "ppo (software)", "ars (software)"]
    assert labels(measured.axes[0]) == ["pib", "frozen", "dfa"]
    pib = steps.axes[1].get_lines()[0]
    assert (pib.get_xdata()[0], pib.get_xdata()[-1]) == (2048, 20_480)
    values = np.sort([run.result.eval_mean for run in runs if (run.job.learner, run.job.hw) == ("pib", "optical")])
    assert pib.get_ydata()[-1] == pytest.approx(values[1:3].mean())


def test_the_same_runs_give_the_same_report(report):
    config, jobs, folder, _ = report
    before = (folder.path / "report.html").read_bytes()
    write_report(config, jobs, [], folder, [Failure(jobs[-1], "a <b>bold</b> reason")], "python -m pib_rl.compare <x>")
    assert (folder.path / "report.html").read_bytes() == before


def test_settings_are_those_that_a_run_learnt_with(report):
    _, jobs, folder, _ = report
    runs = {run.job.learner: run for run in collect(jobs, folder)}
    pib = settings_of(runs["pib"])
    assert (pib["rule"]["hidden_rate"], pib["rule"]["epochs"], pib["learning_rate"]) == (0.003, 10, "lin_0.6")
    assert settings_of(runs["dfa"])["rule"]["hidden_decay"] == LEARNERS["dfa"].defaults["hidden_decay"]
    assert settings_of(runs["ppo"])["n_steps"] == 32
    runs["pib"].settings["rule"] = {"forgotten": 1}
    assert settings_of(runs["pib"])["rule"] == {"forgotten": 1}
    assert "perturbation" in asdict(rule_settings("spsa", {})[1])


def test_energy_has_a_column_where_a_meter_gives_it(report):
    _, jobs, folder, _ = report
    assert "energy" not in (folder.path / "table.md").read_text()
    runs = collect(jobs, folder)
    for at, run in enumerate(runs):
        if run.job.hw == "optical":
            joules = 2.5e-3 if run.job.learner == "pib" else 1.0
            runs[at] = replace(run, result=replace(run.result, energy_j=joules))
    text = table.markdown(standings(runs))
    assert "energy [J]" in text.splitlines()[0]
    assert "| 2.5 m |" in text


def test_without_a_finished_run_there_is_no_report(tmp_path):
    config = CompareConfig(env="CartPole-v1", out=tmp_path / "empty")
    folder = ComparisonFolder.create(config)
    assert write_report(config, plan(config), [], folder, [], "x") == []
    assert not (folder.path / "report.html").exists()


def test_small_returns_are_told_more_finely():
    small = Standing("pib", "digital", np.array([0.25, 0.75]), Estimate(0.5, 0.25, 0.75), None, {})
    large = Standing("pib", "digital", np.array([9.25, 499.75]), Estimate(250.0, 9.25, 499.0), None, {})
    assert table.cells(small, ())[2:4] == ["0.50 [0.25, 0.75]", "0.25, 0.75"]
    assert table.cells(large, ())[2:4] == ["250.0 [9.2, 499.0]", "9, 500"]
    assert [format_return(value) for value in (0.875, -1.5, 10.04, -200)] == ["0.88", "-1.50", "10.0", "-200.0"]
