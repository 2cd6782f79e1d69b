"""`pib-rl hub`: safe files go to a hub and come back; everything else stays. The hub is a folder here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from one_line import stops

from pib_rl import hub, play, train
from pib_rl.hub.transfer import is_safe

pytestmark = pytest.mark.usefixtures("few_steps")

huggingface_hub = pytest.importorskip("huggingface_hub")
REPO = ["--repo", "me/cartpole"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    small = ["--timesteps", "2048", "--looks", "0", "--eval-episodes", "2", "--width", "8", "--no-progress"]
    train.main(["CartPole-v1", *small, "--out", str(folder)])
    return folder


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A hub whose repositories are folders."""
    place = tmp_path / "hub"

    class Api:
        def create_repo(self, repo: str, private: bool, exist_ok: bool) -> str:
            (place / repo).mkdir(parents=True, exist_ok=exist_ok)
            return f"https://hub/{repo}"

        def upload_folder(self, repo_id: str, folder_path: str, commit_message: str) -> None:
            shutil.copytree(folder_path, place / repo_id, dirs_exist_ok=True)

        def list_repo_files(self, repo: str, revision: str | None) -> list[str]:
            if not (place / repo).exists():
                raise OSError(f"no repository {repo}")
            return [str(path.relative_to(place / repo)) for path in (place / repo).rglob("*") if path.is_file()]

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repo, name, revision: str(place / repo / name))
    return place


def test_a_run_goes_there_and_comes_back(run, shelf, tmp_path, capsys):
    (run / "notes.pkl").write_bytes(b"cos\nsystem\n")
    hub.main(["push", str(run), *REPO])
    there = {path.name for path in (shelf / "me/cartpole").iterdir()}
    assert {"config.yaml", "policy.safetensors", "result.json", "README.md"} <= there
    assert "notes.pkl" not in there
    assert "| id of the environment | CartPole-v1 |" in (shelf / "me/cartpole/README.md").read_text()
    (shelf / "me/cartpole/model.py").write_text("raise SystemExit")
    (shelf / "me/cartpole/deep").mkdir()
    (shelf / "me/cartpole/deep/config.yaml").write_text("env: x")
    back = tmp_path / "back"
    hub.main(["pull", str(back), *REPO])
    assert (back / "policy.safetensors").read_bytes() == (run / "policy.safetensors").read_bytes()
    assert {path.name for path in back.iterdir()} == there - {"README.md"}
    play.main([str(back), "--steps", "20", "--no-progress"])
    assert "me/cartpole is in" in capsys.readouterr().out


def test_what_can_not_be_is_one_line_and_nothing_is_made(run, shelf, tmp_path, monkeypatch, capsys):
    new = str(tmp_path / "new")
    for arguments, said in (
        (["push", str(tmp_path), *REPO], "is not a run folder"),
        (["pull", str(run), *REPO], "exists; choose another folder"),
        (["pull", new, "--repo", "cartpole"], "--repo must be USER/NAME, such as me/cartpole-optical, got 'cartpole'"),
        (["pull", new, "--repo", "../x"], "--repo must be USER/NAME"),
        (["pull", new, "--repo", "a/.."], "--repo must be USER/NAME"),
        (["pull", new, *REPO], "no repository me/cartpole"),
    ):
        assert said in stops(hub, arguments, monkeypatch, capsys)
    (shelf / "me/cartpole").mkdir(parents=True)
    (shelf / "me/cartpole/config.yaml").write_text("env: CartPole-v1")
    assert "holds no run of this package" in stops(hub, ["pull", new, *REPO], monkeypatch, capsys)
    (shelf / "me/cartpole/policy.safetensors").write_bytes(b"nothing")
    stops(hub, ["pull", new, *REPO], monkeypatch, capsys)
    assert not Path(new).exists()


@pytest.mark.parametrize("what", ["push", "pull"])
def test_without_a_network_it_is_one_line(what, run, tmp_path):
    folder = run if what == "push" else tmp_path / "got"
    command = [sys.executable, "-m", "pib_rl", "hub", what, str(folder), *REPO]
    fresh = subprocess.run(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True)
    assert fresh.returncode == 2
    assert fresh.stderr.startswith("pib_rl.hub: error: ")
    assert fresh.stderr.count("\n") == 1
    assert "offline mode" in fresh.stderr
    assert not (tmp_path / "got").exists()


def test_only_files_of_the_folder_itself_that_run_nothing_are_safe():
    assert is_safe("config.yaml")
    for name in ("model.py", "data.pkl", "../config.yaml", "/etc/x.yaml", "a/b.csv", ".hidden.yaml", "weights.bin"):
        assert not is_safe(name)
