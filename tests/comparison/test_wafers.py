"""Comparisons whose seeds train as the chips of a wafer: which do, what they leave, and what happens when one fails."""

from __future__ import annotations

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from here import PROCESSES

from pib_rl import compare
from pib_rl.agents import pib
from pib_rl.comparison import figures, groups, processes, runner
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import grouped
from pib_rl.comparison.plan import Job, plan
from pib_rl.runs.folder import BEST, LAST, RunFolder
from pib_rl.training.load import load
from pib_rl.training.loop import close

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["CartPole-v1", "--hw", "memristive", "--learner", "dfa", "--timesteps", "512", "--looks", "1", "--width", "4"]
SMALL += ["--eval-episodes", "3", "--no-progress"]
SETTINGS = {"env": "CartPole-v1", "hw": ("memristive",), "learner": ("dfa",), "timesteps": 512, "width": 4}
SETTINGS |= {"looks": 1, "eval_episodes": 3}


@pytest.fixture(scope="module", autouse=True)
def short_rollouts():
    """Several of them in so short a training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pib, "SAMPLES_PER_ROLLOUT", 128)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished comparison of 3 seeds."""
    folder = tmp_path_factory.mktemp("comparison") / "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "subprocess", PROCESSES)
        compare.main([*SMALL, "--seeds", "3", "--out", str(folder)])
    return folder


@pytest.fixture
def copy(done, tmp_path, monkeypatch):
    """A copy of it; the figures of its report are not drawn again."""
    monkeypatch.setattr(figures, "as_svg", lambda _: b"<svg/>")
    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    shutil.copytree(done, tmp_path / "copy")
    return tmp_path / "copy"


def jobs(*wanted):
    return [Job(learner, hw, seed) for learner, hw, seed in wanted]


def names(found):
    return [group.name for group in found]


@pytest.mark.parametrize(
    ("learner", "hw", "shares"),
    [
        ("pib", "digital", True),
        ("frozen", "memristive:pcm", True),
        ("backprop", "digital", False),
        ("pib", "remote", False),
        ("ppo", "software", False),
    ],
)
def test_learner_and_substrate_must_both_be_able_to_share_a_wafer(learner, hw, shares):
    found = grouped(jobs((learner, hw, 7), (learner, hw, 8)))
    assert [len(group.jobs) for group in found] == ([2] if shares else [1, 1])


def test_wafers_hold_consecutive_seeds_in_the_order_of_their_first_run():
    wanted = [(learner, hw, seed) for seed in (4, 5, 7) for learner in ("pib", "dfa") for hw in ("digital", "mzi")]
    found = names(grouped(jobs(*wanted)))
    assert found[:4] == ["pib-digital-s4-5", "pib-mzi-s4-5", "dfa-digital-s4", "dfa-mzi-s4"]
    assert found[4:] == ["dfa-digital-s5", "dfa-mzi-s5", "pib-digital-s7", "pib-mzi-s7", "dfa-digital-s7", "dfa-mzi-s7"]
    assert names(grouped(jobs(*wanted), wafers=False)) == [f"{learner}-{hw}-s{seed}" for learner, hw, seed in wanted]


def test_a_wafer_holds_so_many_chips_at_most(monkeypatch):
    monkeypatch.setattr(groups, "MOST", 2)
    found = grouped(jobs(*[("pib", "digital", seed) for seed in range(5)]))
    assert names(found) == ["pib-digital-s0-1", "pib-digital-s2-3", "pib-digital-s4"]


def test_every_seed_has_a_run_folder_with_the_settings_of_a_run_alone(done):
    config = CompareConfig(**SETTINGS, seeds=3, out=done)
    folder = ComparisonFolder.create(config)
    assert all(folder.finished(job) for job in plan(config))
    assert not list((done / "unfinished").iterdir())
    assert [path.name for path in (done / "wafers").iterdir()] == ["pib-memristive-s100-102"]
    for name in ("yield.png", "progress.csv", "chips.csv"):
        assert (done / "wafers" / "pib-memristive-s100-102" / name).is_file()


def test_numbers_of_a_chip_are_those_of_its_row_and_its_meter(done):
    wafer = done / "wafers" / "pib-memristive-s100-102"
    whole, rows = json.loads((wafer / "result.json").read_text()), list(csv.DictReader((wafer / "chips.csv").open()))
    looks = list(csv.DictReader((wafer / "chip_curves.csv").open()))
    results = [json.loads((done / "runs" / f"pib-memristive-s{100 + k}" / "result.json").read_text()) for k in range(3)]
    for chip, (result, row) in enumerate(zip(results, rows, strict=True)):
        assert (result["seed"], result["wafer_seed"], result["wafer_chips"]) == (100 + chip, 100, 3)
        for name in ("eval_mean", "eval_std", "eval_mean_noiseless", "best_eval_mean", "writes"):
            assert result[name] == float(row[name]), name
        assert result["energy_j"] == pytest.approx(float(row["energy_j"]))
        assert result["writes_max_per_device"] == float(row["writes_max_per_device"])
        assert result["measurements"] == whole["measurements"] / 3
        assert result["wall_s"] == pytest.approx(whole["wall_s"] / 3, abs=1e-3)
        assert "worst_chip" not in result
        assert "chips" not in result
        points = RunFolder(done / "runs" / f"pib-memristive-s{100 + chip}").evaluations()
        assert [point.mean_reward for point in points] == [float(look[f"chip{chip}"]) for look in looks]
        assert points[-1].measurements == result["measurements"]
    for name in ("writes", "devices", "energy_j", "reference_j"):
        assert sum(result[name] for result in results) == pytest.approx(whole[name]), name
    assert len({(result["writes"], result["energy_j"]) for result in results}) == 3


def test_every_chip_keeps_its_own_policies(done):
    wafer, chip = done / "wafers" / "pib-memristive-s100-102", RunFolder(done / "runs" / "pib-memristive-s102")
    for name in (LAST, BEST):
        expected, _ = load(RunFolder(wafer), name, 2)
        found, task = load(chip, name)
        assert task.seed == 102
        state = found.policy.state_dict()
        assert all(np.array_equal(value, state[key]) for key, value in expected.policy.state_dict().items())
        close(expected)
        close(found)


def test_the_report_says_which_runs_were_chips_of_wafers(done):
    rows = list(csv.DictReader((done / "results.csv").open()))
    assert {(row["learner"], row["wafer_chips"]) for row in rows} == {("pib", "3"), ("dfa", "")}
    for name in ("table.md", "report.html"):
        assert "3 of 6 runs were trained as chips of wafers" in (done / name).read_text()


def test_without_wafers_each_seed_has_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    compare.main([*SMALL, "--learner", "pib", "--seeds", "2", "--no-wafers", "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new" / "wafers").exists()
    assert "chips of wafers" not in (tmp_path / "new" / "table.md").read_text()
    stored = yaml.safe_load((tmp_path / "new" / "runs" / "pib-memristive-s101" / "config.yaml").read_text())
    assert "chips" not in stored


def test_only_missing_seeds_are_made_and_the_rest_stays(copy, monkeypatch):
    before = (copy / "runs" / "pib-memristive-s102" / "result.json").read_bytes()
    for seed in (100, 101):
        shutil.rmtree(copy / "runs" / f"pib-memristive-s{seed}")
    started, start = [], processes.start
    monkeypatch.setattr(processes, "start", lambda group, folder: started.append(group.name) or start(group, folder))
    compare.main([*SMALL, "--seeds", "3", "--out", str(copy)])
    assert started == ["pib-memristive-s100-101"]
    assert (copy / "runs" / "pib-memristive-s102" / "result.json").read_bytes() == before
    assert (copy / "runs" / "pib-memristive-s101" / "result.json").is_file()


def test_runs_of_a_wafer_that_fails_are_made_alone(copy, monkeypatch, capsys):
    for seed in (100, 101):
        shutil.rmtree(copy / "runs" / f"pib-memristive-s{seed}")
    started, start = [], processes.start

    def sabotage(group, folder):
        started.append(group.name)
        if len(group.jobs) > 1:
            settings = SimpleNamespace(plain=lambda: group.settings().plain() | {"width": 0}, imports=())
            members = {name: getattr(group, name) for name in ("name", "module", "jobs", "alone")}
            return start(SimpleNamespace(**members, settings=lambda: settings), folder)
        return start(group, folder)

    monkeypatch.setattr(processes, "start", sabotage)
    compare.main([*SMALL, "--seeds", "3", "--out", str(copy)])
    assert started == ["pib-memristive-s100-101", "pib-memristive-s100", "pib-memristive-s101"]
    assert "note: pib-memristive-s100-101 failed" in capsys.readouterr().err
    result = json.loads((copy / "runs" / "pib-memristive-s101" / "result.json").read_text())
    assert "wafer_chips" not in result


def test_a_wafer_that_cannot_be_taken_apart_is_no_finished_run(copy, monkeypatch, capsys):
    for seed in (100, 101):
        shutil.rmtree(copy / "runs" / f"pib-memristive-s{seed}")
    start = processes.start

    def spoil(group, folder):
        one = start(group, folder)
        if len(group.jobs) > 1:
            (folder.unfinished / group.name / "chip_curves.csv").unlink()
        return one

    monkeypatch.setattr(processes, "start", spoil)
    compare.main([*SMALL, "--seeds", "3", "--out", str(copy)])
    assert "chip_curves.csv cannot be read" in capsys.readouterr().err
    assert (copy / "runs" / "pib-memristive-s101" / "progress.csv").is_file()


def test_the_bar_counts_the_steps_of_all_chips(copy, monkeypatch):
    for seed in (100, 101):
        shutil.rmtree(copy / "runs" / f"pib-memristive-s{seed}")
    bars, bar = [], runner.tqdm

    def watched(**settings):
        bars.append(bar(**settings))
        return bars[-1]

    monkeypatch.setattr(runner, "tqdm", watched)
    compare.main([*SMALL[:-1], "--seeds", "3", "--out", str(copy)])
    assert [(one.n, one.total) for one in bars] == [(1024, 1024)]


def test_the_bar_moves_by_the_steps_of_all_chips_while_they_train(tmp_path, monkeypatch):
    folder = ComparisonFolder(tmp_path)
    group = grouped(jobs(("pib", "digital", 0), ("pib", "digital", 1)))[0]
    log = folder.unfinished / group.name / "progress.csv"
    log.parent.mkdir(parents=True)
    log.write_text("time/total_timesteps\n2048\n")
    ends, moved = [None, 0, 0], []
    process = SimpleNamespace(poll=lambda: ends.pop(0) if ends else 0, returncode=0)

    class Bar(runner.tqdm):
        def update(self, n=1):
            moved.append(n)
            return super().update(n)

    monkeypatch.setattr(runner, "tqdm", Bar)
    monkeypatch.setattr(runner, "PAUSE", 0.0)
    log = (tmp_path / "log").open("wb")
    monkeypatch.setattr(processes, "start", lambda group, _: processes.Running(group, process, log))
    monkeypatch.setattr(runner, "settle", lambda one, _: one.log.close())
    assert runner.run_all([group], folder, 2500, 1, True, processes.Processes()) == []
    assert moved == [2 * 2048, 2 * 2500 - 2 * 2048]
