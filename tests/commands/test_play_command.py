"""python -m pib_rl.play, in this process."""

from __future__ import annotations

import pytest
from PIL import Image

from pib_rl import learn, play, train
from pib_rl.cli import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(["CartPole-v1", "--hw", "optical", "--timesteps", "1500", "--width", "8", "--distractors", "2",
                "--eval-episodes", "2", "--hw-options", "photons=500", "--out", str(path), "--no-progress"])
    return path


@pytest.mark.parametrize("best", [[], ["--best"]])
def test_returns_are_repeatable_in_mean_read(folder, capsys, best):
    said = []
    for _ in range(2):
        play.main([str(folder), "--read", "mean", "--no-progress", *best])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].count(",") == 2  # three episodes


def test_gif_moves_and_png_shows_several_moments(folder, tmp_path):
    play.main([str(folder), "--render", "gif", "--episodes", "1", "--no-progress"])
    with Image.open(folder / "play.gif") as film:
        assert film.n_frames > 3
        first = film.convert("RGB").tobytes()
        film.seek(film.n_frames - 1)
        assert film.convert("RGB").tobytes() != first
    play.main([str(folder), "--render", "png", "--episodes", "1", "--no-progress", "--file", str(tmp_path / "a.png")])
    with Image.open(tmp_path / "a.png") as picture:
        assert abs(picture.width / picture.height - 4 * 600 / (2 * 400)) < 0.01  # four frames by two


def test_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        play.main([str(tmp_path / "nothing")])
    with pytest.raises(UserError, match="not a run folder"):
        play.main([str(tmp_path)])


def test_a_network_that_learned_from_labels_is_no_policy(tmp_path):
    learn.main(["--width", "4", "--units", "1", "--epochs", "1", "--no-progress", "--out", str(tmp_path / "run")])
    with pytest.raises(UserError, match=r"is a run of python -m pib_rl.learn, with nothing to play in it"):
        play.main([str(tmp_path / "run")])


def test_broken_policy_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.yaml").write_bytes((folder / "config.yaml").read_bytes())
    (copy / "policy.safetensors").write_bytes((folder / "policy.safetensors").read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be read"):
        play.main([str(copy), "--no-progress"])


def test_policy_of_another_configuration_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    text = (folder / "config.yaml").read_text().replace("width: 8", "width: 9")
    (copy / "config.yaml").write_text(text)
    (copy / "policy.safetensors").write_bytes((folder / "policy.safetensors").read_bytes())
    with pytest.raises(UserError, match="does not fit"):
        play.main([str(copy), "--no-progress"])


def test_window_without_display_is_refused(folder, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="--render gif"):
        play.main([str(folder), "--render", "human", "--no-progress"])
