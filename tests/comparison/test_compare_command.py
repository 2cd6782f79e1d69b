"""python -m pib_rl.compare: runs, resuming, failing runs, and a user's mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from here import PROCESSES

from pib_rl import compare, train
from pib_rl.agents import PIB, pib
from pib_rl.cli.cli import UserError, parse
from pib_rl.comparison import figures, processes, runner
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.folder import LOCK, ComparisonFolder
from pib_rl.comparison.groups import Group
from pib_rl.comparison.plan import Job, plan
from pib_rl.comparison.results import ALL, collect, standings
from pib_rl.training import run as train_run

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = [
    "CartPole-v1",
    "--hw",
    "digital",
    "memristive",
    "--learner",
    "frozen",
    "ppo",
    "--seeds",
    "2",
    "--timesteps",
    "600",
    "--looks",
    "1",
    "--width",
    "8",
    "--eval-episodes",
    "3",
    "--no-progress",
]


@pytest.fixture(scope="module", autouse=True)
def short_rollouts():
    """Two of them in so short a training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pib, "SAMPLES_PER_ROLLOUT", 512)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished comparison whose runs needed no processes of their own."""
    folder = tmp_path_factory.mktemp("comparison") / "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "subprocess", PROCESSES)
        compare.main([*SMALL, "--out", str(folder)])
    return folder


@pytest.fixture
def copy(done, tmp_path, monkeypatch):
    """A copy of it; the figures of its report are not drawn again."""
    monkeypatch.setattr(figures, "as_svg", lambda _: b"<svg/>")
    shutil.copytree(done, tmp_path / "copy")
    return tmp_path / "copy"


def test_everything_is_written(done):
    rows = list(csv.DictReader((done / "results.csv").open()))
    assert {(row["learner"], row["hw"], row["seed"]) for row in rows} == {
        (name, hw, seed)
        for name, hw in (
            ("pib", "digital"),
            ("pib", "memristive"),
            ("frozen", "digital"),
            ("frozen", "memristive"),
            ("ppo", "software"),
        )
        for seed in ("100", "101")
    }
    for row in rows:
        name = f"{row['learner']}-{row['hw']}-s{row['seed']}"
        result = json.loads((done / "runs" / name / "result.json").read_text())
        assert float(row["eval_mean"]) == result["eval_mean"]
        assert (row["measurements"] == "") == (row["hw"] == "software")
    curves = list(csv.DictReader((done / "curves.csv").open()))
    assert len(curves) == 10 * 2  # an evaluation within and one at the end
    text = (done / "table.md").read_text()
    assert "python -m pib_rl.compare CartPole-v1 --hw digital memristive" in text
    assert "torch 2." in text
    assert text.count("**pib**") == 3
    assert not list((done / "unfinished").iterdir())


def test_report_is_self_contained(done):
    page = (done / "report.html").read_text()
    assert page.count('src="data:image/svg+xml;base64,') == 4
    for word in ("http://", "https://", "<script", 'src="/'):
        assert word not in page.split("</style>")[1].replace("base64", ""), word
    assert "runs are missing" not in page


def test_writes_count_per_device(done):
    config = CompareConfig(
        env="CartPole-v1",
        hw=("digital", "memristive"),
        learner=("frozen", "ppo"),
        seeds=2,
        width=8,
        timesteps=600,
        looks=1,
        eval_episodes=3,
        out=done,
    )
    lines = standings(collect(plan(config), ComparisonFolder.create(config)))
    by = {(line.learner, line.hw): line for line in lines}
    result = json.loads((done / "runs" / "pib-memristive-s100" / "result.json").read_text())
    # two units of width 8 (4 and 8 inputs) and a readout of 3 outputs on 16 taps and a bias, two devices per weight
    assert result["devices"] == 2 * (8 * 4 + 8 * 8 + 3 * 17)
    other = json.loads((done / "runs" / "pib-memristive-s101" / "result.json").read_text())
    both = (result["writes"] + other["writes"]) / 2 / result["devices"]
    assert by["pib", "memristive"].means["writes_mean_per_device"] == pytest.approx(both)
    assert by["ppo", "software"].means["measurements"] is None
    assert len(by["pib", ALL].finals) == 4
    assert ("ppo", ALL) not in by
    assert by["pib", "digital"].against is None


def test_finished_runs_are_not_repeated(copy, monkeypatch, capsys):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a run was repeated"))
    compare.main([*SMALL, "--out", str(copy)])
    assert "10 of 10 runs are finished already" in capsys.readouterr().out


def test_missing_runs_are_made_and_what_was_left_of_them_goes(copy, monkeypatch):
    (copy / "unfinished" / "ppo-software-s100").write_text("no folder")
    shutil.rmtree(copy / "runs" / "ppo-software-s100")
    shutil.move(copy / "runs" / "ppo-software-s101", copy / "unfinished" / "ppo-software-s101")
    (copy / "unfinished" / "ppo-software-s101" / "result.json").unlink()
    started = []
    start = processes.start
    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    monkeypatch.setattr(processes, "start", lambda group, folder: started.append(group.name) or start(group, folder))
    compare.main([*SMALL, "--out", str(copy)])
    assert started == ["ppo-software-s100", "ppo-software-s101"]
    assert (copy / "runs" / "ppo-software-s101" / "result.json").is_file()


def test_an_unfinished_run_goes_on_where_it_was(copy, monkeypatch):
    name = "pib-digital-s100"
    shutil.rmtree(copy / "runs" / name)
    job = next(job for job in plan(parse(CompareConfig, SMALL, "pib_rl.compare")) if job.name == name)
    settings = copy / "logs" / f"{name}.yaml"
    settings.write_text(yaml.safe_dump(job.settings().plain()))
    alone = ["--config", str(settings), "--no-progress", "--out"]
    train.main([*alone, str(copy / "whole")])
    whole = json.loads((copy / "whole" / "result.json").read_text())
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "draw", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train.main([*alone, str(copy / "unfinished" / name)])
    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    monkeypatch.setattr(PIB, "_step", lambda *_: pytest.fail("trained anew"))
    compare.main([*SMALL, "--out", str(copy)])
    found = json.loads((copy / "runs" / name / "result.json").read_text())
    assert whole | {"wall_s": 0} == found | {"wall_s": 0}


def test_a_failing_run_is_reported_and_the_others_go_on(copy, monkeypatch, capsys):
    for name in ("pib-digital-s100", "ppo-software-s100"):
        shutil.rmtree(copy / "runs" / name)
    start = processes.start

    def sabotage(group, folder):
        broken = SimpleNamespace(plain=lambda: group.settings().plain() | {"width": 0}, imports=())
        bad = Group((replace(group.jobs[0], config=broken),)) if group.name == "pib-digital-s100" else group
        return start(bad, folder)

    monkeypatch.setattr(processes, "subprocess", PROCESSES)
    monkeypatch.setattr(processes, "start", sabotage)
    with pytest.raises(SystemExit) as stopped:
        compare.main([*SMALL, "--out", str(copy)])
    assert stopped.value.code == 1
    assert (copy / "runs" / "ppo-software-s100" / "result.json").is_file()
    said = capsys.readouterr().err
    assert "failed: pib-digital-s100: pib_rl.train: error: --width must be 1 or more, got 0" in said
    assert "pib-digital-s100" in (copy / "report.html").read_text()
    assert "1 runs are missing" in (copy / "report.html").read_text()


def test_interruption_stops_the_processes_and_keeps_what_is_finished(copy, monkeypatch):
    shutil.rmtree(copy / "runs" / "pib-digital-s100")
    running = []
    start = processes.start
    monkeypatch.setattr(processes, "start", lambda group, folder: running.append(start(group, folder)) or running[-1])

    sleep, interrupted = runner.time.sleep, []

    def interrupt(seconds):  # once: waiting for the processes to end sleeps too
        if interrupted:
            return sleep(seconds)
        interrupted.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.time, "sleep", interrupt)
    with pytest.raises(UserError, match="the same command goes on there"):
        compare.main([*SMALL, "--out", str(copy)])
    assert [one.process.poll() is not None for one in running] == [True]
    assert not (copy / "runs" / "pib-digital-s100").exists()
    assert (copy / "runs" / "ppo-software-s100" / "result.json").is_file()


def test_more_learners_and_seeds_may_join(copy, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "pib_rl.comparison.runner.run_all", lambda groups, *_: asked.extend(group.name for group in groups) or []
    )
    compare.main([*SMALL, "--seeds", "3", "--learner", "frozen", "ppo", "dfa", "--out", str(copy)])
    assert asked == [
        "dfa-digital-s100",
        "dfa-memristive-s100",
        "dfa-digital-s101",
        "dfa-memristive-s101",
        "pib-digital-s102",
        "pib-memristive-s102",
        "frozen-digital-s102",
        "frozen-memristive-s102",
        "ppo-software-s102",
        "dfa-digital-s102",
        "dfa-memristive-s102",
    ]


def test_runs_of_earlier_commands_stay_in_the_report(copy):
    before = content(copy)
    compare.main(
        ["CartPole-v1", "--hw", "memristive", "--learner", "frozen", "--seeds", "1", *SMALL[-9:], "--out", str(copy)]
    )
    after = content(copy)
    assert after[copy / "results.csv"].splitlines()[0] == before[copy / "results.csv"].splitlines()[0]
    assert sorted(after[copy / "results.csv"].splitlines()) == sorted(before[copy / "results.csv"].splitlines())
    assert "2 seeds" in (copy / "table.md").read_text().splitlines()[0]


def test_one_comparison_at_a_time_in_a_folder(copy, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a run was started"))
    with ComparisonFolder(copy).alone(), pytest.raises(UserError, match="another comparison is at work in"):
        compare.main([*SMALL, "--out", str(copy)])
    compare.main([*SMALL, "--out", str(copy)])


def test_runs_of_another_version_are_named(copy, capsys):
    path = copy / "runs" / "frozen-digital-s101" / "config.yaml"
    stored = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(stored | {"versions": stored["versions"] | {"pib-rl": "0.0.1"}}))
    compare.main([*SMALL, "--out", str(copy)])
    said = capsys.readouterr().err
    assert "note: another version of pib-rl made 1 finished runs, such as frozen-digital-s101; move them out of" in said


def test_a_request_to_end_counts_as_an_interruption(tmp_path):
    out = tmp_path / "new"
    one = ["CartPole-v1", "--hw", "digital", "--learner", "frozen", "--width", "4", "--seeds", "1", "--jobs", "1"]
    command = [
        sys.executable,
        "-m",
        "pib_rl.compare",
        *one,
        "--timesteps",
        "900000",
        "--no-progress",
        "--out",
        str(out),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size for path in out.glob("unfinished/*/progress.csv")):
        assert process.poll() is None
        time.sleep(0.1)
    process.terminate()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert said.count("\n") == 1
    assert "interrupted; finished runs are in" in said
    logs = [path.read_text() for path in (out / "logs").iterdir()]
    assert any("--resume" in text or "stays unfinished" in text for text in logs)


def test_steps_come_from_the_tuned_settings_by_default():
    assert CompareConfig(env="Acrobot-v1").identity()["timesteps"] == 200_000
    assert str(CompareConfig(env="Acrobot-v1", width=16, distractors=2).folder) == "comparisons/Acrobot-v1-d2-w16"


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != LOCK}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["CartPole-v1", "--learner", "frozn"], "unknown learner 'frozn' in --learner; did you mean frozen?"),
        (["CartPole-v1", "--hw", "optcal"], "--hw: unknown substrate 'optcal'; did you mean optical?"),
        (["CartPol-v1"], "unknown environment 'CartPol-v1'"),
        (["CartPole-v1", "--seeds", "0"], "--seeds must be 1 or more, got 0"),
        (["CartPole-v1", "--distractors", "99999999999"], "--distractors must be 1000000 or less, got 99999999999"),
        (["Blackjack-v1"], "observation space must be Box"),
        (["CartPole-v1", "--jobs", "0"], "--jobs must be 1 or more, got 0"),
        (["Pendulum-v1", "--learner", "dqn"], "dqn can only give actions that are Discrete, and Pendulum-v1 has Box"),
    ],
)
def test_mistakes_leave_nothing(arguments, said, tmp_path):
    with pytest.raises(UserError) as caught:
        compare.main([*arguments, "--out", str(tmp_path / "new")])
    assert said in str(caught.value)
    assert not (tmp_path / "new").exists()


def spoil_result(folder):
    (folder / "runs" / "pib-digital-s100" / "result.json").write_text('{"eval_mean": 3')


def lose_a_figure(folder):
    (folder / "runs" / "pib-digital-s100" / "result.json").write_text('{"kind": "train", "eval_mean": 3.0}')


def blur_a_figure(folder):
    (folder / "runs" / "pib-digital-s100" / "result.json").write_text(
        '{"kind": "train", "eval_mean": "high", "wall_s": 1.0}'
    )


def cut_looks(folder):
    path = folder / "runs" / "pib-digital-s100" / "evaluations.csv"
    path.write_text(path.read_text().rstrip().rpartition(",")[0] + "\n")


def empty_looks(folder):
    (folder / "runs" / "pib-digital-s100" / "evaluations.csv").write_text("timesteps,mean_reward,measurements\n")


def spoil_mark(folder):
    (folder / "comparison.yaml").write_text("env: [")


def empty_mark(folder):
    (folder / "comparison.yaml").write_text("")


def halve_run(folder):
    (folder / "runs" / "pib-digital-s100" / "result.json").unlink()


def change_settings(folder):
    path = folder / "runs" / "pib-digital-s100" / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"n_envs": 3}))


def lose_writes(folder):
    path = folder / "runs" / "pib-digital-s100" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"writes": "many"}))


def lose_mark(folder):
    (folder / "comparison.yaml").unlink()


def add_a_stranger(folder):
    shutil.copytree(folder / "runs" / "pib-digital-s100", folder / "runs" / "pib-digital-s7")


def add_half_a_run(folder):
    (folder / "runs" / "pib-digital-s7").mkdir()


def spoil_versions(folder):
    path = folder / "runs" / "pib-digital-s100" / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"versions": 3}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (add_a_stranger, "pib-digital-s7 holds the run pib-digital-s100; move it away"),
        (add_half_a_run, "pib-digital-s7 is no finished run; move it away"),
        (spoil_versions, "config.yaml must be a mapping (package: version), got 3"),
        (spoil_result, "result.json cannot be read"),
        (spoil_mark, "comparison.yaml is not YAML"),
        (lose_a_figure, "is damaged (wall_s missing, unknown or of another kind); delete"),
        (blur_a_figure, "is damaged (eval_mean missing, unknown or of another kind); delete"),
        (lose_writes, "is damaged (writes missing, unknown or of another kind); delete"),
        (cut_looks, "is damaged: measurements in its evaluations.csv must be a column of finite numbers"),
        (empty_looks, "is damaged: timesteps in its evaluations.csv must be a column of finite numbers"),
        (empty_mark, "comparison.yaml must hold a mapping"),
        (halve_run, "is half a run; move it away"),
        (change_settings, "was made with other settings (n_envs)"),
        (lose_mark, "holds no comparison"),
    ],
)
def test_a_spoilt_folder_gets_one_line_and_stays_as_it_is(copy, spoil, said, monkeypatch):
    spoil(copy)
    before = content(copy)
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a run was started"))
    with pytest.raises(UserError) as caught:
        compare.main([*SMALL, "--out", str(copy)])
    assert said in str(caught.value)
    assert content(copy) == before


def test_a_folder_in_the_way_of_the_report_is_one_line(copy):
    (copy / "report.html").unlink()
    (copy / "report.html").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*report\.html: Is a directory; make room for it"):
        compare.main([*SMALL, "--out", str(copy)])


def test_another_task_is_refused(copy):
    before = content(copy)
    with pytest.raises(UserError, match=r"compares another task \(timesteps 600 there, 9000 here\)"):
        compare.main([*SMALL, "--timesteps", "9000", "--out", str(copy)])
    assert content(copy) == before


def test_steps_of_a_run_that_is_just_writing(tmp_path):
    folder = ComparisonFolder(tmp_path)
    job = Job("pib", "digital", 1, ())
    one = processes.Running(Group((job,)), subprocess.Popen(["true"]), (tmp_path / "log").open("wb"))
    assert runner.steps_of(one, folder) == 0
    path = folder.unfinished / job.name / "progress.csv"
    path.parent.mkdir(parents=True)
    path.write_text("time/total_timesteps,eval/mean_reward\n2048,\n4096,1.5\n61")
    assert runner.steps_of(one, folder) == 4096
    one.process.wait()
    one.log.close()
