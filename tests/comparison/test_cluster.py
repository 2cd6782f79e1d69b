"""compare --ray: runs through Ray, which is started once for this file."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from ray_toy import ToyJob

from pib_rl import compare
from pib_rl.cli.ray_session import connected
from pib_rl.comparison import cluster, runner
from pib_rl.comparison.folder import ComparisonFolder
from pib_rl.comparison.groups import Group
from pib_rl.comparison.plan import plan
from pib_rl.runs.versions import versions

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """Ray, with a home of its own for its token, on two processors."""
    pytest.importorskip("ray", reason="needs the extra distributed")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")]))
        before = signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # as in the background of a shell: its processes inherit it
        with connected("local", 2, 1.0) as module:
            signal.signal(signal.SIGINT, before)
            token = home / ".ray" / "auth_token"
            assert token.stat().st_mode & 0o777 == 0o600
            yield module


@pytest.fixture
def folder(tmp_path):
    made = ComparisonFolder(tmp_path)
    for part in (made.runs, made.unfinished, made.logs):
        part.mkdir()
    return made


def toy(name):
    return Group((ToyJob(name),))


def test_a_failing_run_is_reported_a_killed_one_is_made_again_and_the_others_go_on(ray, folder):
    pool = cluster.RayPool(ray, cpus=1, retries=1)
    groups = [toy(name) for name in ("fails", "killed-once", "killed-always", "whole")]
    failures = runner.run_all(groups, folder, 1, 4, False, pool)
    found = {failure.job.name: failure.reason for failure in failures}
    assert found.keys() == {"fails", "killed-always"}
    assert found["fails"] == "no light"
    assert found["killed-always"].startswith("ProcessLostError: killed by signal 9 on ")
    assert sorted(path.name for path in folder.runs.iterdir()) == ["killed-once", "whole"]
    attempts = {path.stem: path.read_text() for path in folder.path.glob("*.attempts")}
    assert attempts == {"killed-once": "xx", "killed-always": "xx"}


def test_an_interruption_ends_what_runs_which_saves_itself_and_starts_nothing(ray, folder, monkeypatch):
    at_work, sleep = folder.unfinished / "waits-1" / "at-work", runner.time.sleep

    def interrupt(seconds):
        if at_work.exists():
            monkeypatch.undo()
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(runner.time, "sleep", interrupt)
    pool = cluster.RayPool(ray, cpus=2, retries=1)
    with pytest.raises(KeyboardInterrupt):
        runner.run_all([toy("waits-1"), toy("waits-2")], folder, 1, 2, False, pool)
    assert (folder.unfinished / "waits-1" / "saved").exists()
    assert not (folder.unfinished / "waits-2").exists()
    assert not list(folder.runs.iterdir())


def test_a_comparison_through_ray(ray, tmp_path, capsys, monkeypatch):
    out = tmp_path / "comparison"
    command = ["CartPole-v1", "--hw", "digital", "--learner", "frozen", "--seeds", "1", "--timesteps", "1024"]
    command += ["--looks", "0", "--width", "8", "--eval-episodes", "1", "--no-progress", "--out", str(out), "--ray"]
    monkeypatch.setattr("pib_rl.comparison.plan.plan", lambda config: plan(config)[:1])
    compare.main(command)
    assert json.loads((out / "runs" / "pib-digital-s100" / "result.json").read_text())["kind"] == "train"
    capsys.readouterr()
    monkeypatch.setattr(compare, "connected", lambda *_: pytest.fail("there was nothing to do"))
    compare.main(command)
    assert "1 of 1 runs are finished already" in capsys.readouterr().out


def test_a_machine_that_does_not_see_the_folder_or_has_other_versions_is_told_in_one_line(folder):
    made = cluster.make(toy("whole"), str(folder.path), versions() | {"torch": "0.1"})
    assert "has other versions (torch " in made
    shutil.rmtree(folder.logs)
    made = cluster.make(toy("whole"), str(folder.path), {})
    assert f"does not see {folder.path}; choose an --out on a disk that" in made


def test_a_run_that_ended_somewhere_else_is_told_in_one_line(folder):
    class Elsewhere:
        group = toy("whole")

        def reason(self):
            return None

    assert "all machines must share the folder of --out" in runner.settle(Elsewhere(), folder)
