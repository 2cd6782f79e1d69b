"""python -m pib_rl.play, in this process."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from pib_rl import learn, play, train
from pib_rl.cli.cli import UserError
from pib_rl.playing.film import Gif, Mp4
from pib_rl.viewer import colours
from pib_rl.viewer.layout import Layout

pytestmark = pytest.mark.usefixtures("few_steps")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(
        [
            "CartPole-v1",
            "--hw",
            "optical",
            "--timesteps",
            "1500",
            "--width",
            "8",
            "--distractors",
            "2",
            "--eval-episodes",
            "2",
            "--hw-options",
            "photons=500",
            "--out",
            str(path),
            "--no-progress",
        ]
    )
    return path


@pytest.mark.parametrize("best", [[], ["--best"]])
def test_returns_are_repeatable_in_mean_read(folder, capsys, best):
    said = []
    for _ in range(2):
        play.main([str(folder), "--read", "mean", "--no-progress", *best])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].count(",") == 2  # three episodes


def test_a_play_without_an_end_says_so(folder, capsys):
    play.main([str(folder), "--steps", "3", "--no-progress"])
    assert capsys.readouterr().out == "returns: none, no episode ended within 3 steps\n"


def kept(said, steps):
    """Frames of a film that keeps every second state, the last one, and those that end an episode.

    Args:
        said: What the play printed: of CartPole, a return is the length of an episode.
        steps: Steps played.
    """
    lengths = [
        int(float(part))
        for part in said.partition("returns: ")[2].partition(" (")[0].split(", ")
        if not part.startswith("none")
    ]
    ends = np.cumsum(lengths).astype(int) + np.arange(len(lengths))  # each episode has a state more than steps
    last = steps + len(lengths) - (steps == sum(lengths))
    return len({*range(0, last + 1, 2), *ends.tolist(), last})


def test_gif_shows_task_and_hardware_and_moves(folder, capsys):
    play.main([str(folder), "--render", "gif", "--steps", "21", "--no-progress"])
    count = kept(capsys.readouterr().out, 21)
    with Image.open(folder / "play.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (count, (960, 540), 40)  # 50 steps a second
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(count - 1)
        last = np.asarray(film.convert("RGB")).astype(int)
    layout = Layout((960, 540))
    for rect in (layout.frame, layout.hardware, layout.header):
        assert (first - last)[rect.top : rect.bottom, rect.left : rect.right].any()


def test_a_film_has_the_hues_of_panels_and_plays_back_what_was_painted(tmp_path):
    rng, frames = np.random.default_rng(0), []
    reel = Gif(tmp_path / "a.gif", 25)
    for step in range(4):
        frame = colours.coloured(rng.random((60, 80)), 1.0, step % 2 == 0) if step < 2 else frames[-1].copy()
        frame[10:20, 10 + step : 20 + step] = colours.HUES[step]
        frames.append(frame)
        reel.take(frame)
    reel.close()
    with Image.open(tmp_path / "a.gif") as film:
        for step, frame in enumerate(frames):
            film.seek(step)
            seen = np.asarray(film.convert("RGB")).astype(int)
            assert (seen[10:20, 10 + step : 20 + step] == colours.HUES[step]).all()
            assert np.abs(seen - frame).mean() < 8


@pytest.fixture(scope="module")
def bandit(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(
        [
            "pib_rl/ContextBandit-v0",
            "--hw",
            "digital",
            "--timesteps",
            "256",
            "--n-steps",
            "16",
            "--width",
            "8",
            "--eval-episodes",
            "1",
            "--out",
            str(path),
            "--no-progress",
        ]
    )
    return path


@pytest.mark.parametrize("view", ["both", "task"])
def test_a_film_shows_the_state_that_ends_an_episode(bandit, view):
    """The arms of a bandit are grey until one is pulled, then the right one is green."""
    play.main([str(bandit), "--render", "gif", "--episodes", "3", "--view", view, "--no-progress"])
    with Image.open(bandit / "play.gif") as film:
        assert film.n_frames == 6
        pulled = []
        for index in range(6):
            film.seek(index)
            pulled.append(green(film, 0.4 if view == "both" else 1.0))
    assert pulled == [False, True] * 3


@pytest.mark.parametrize("view", ["both", "task"])
def test_png_has_the_state_that_ends_the_play(bandit, view):
    play.main([str(bandit), "--render", "png", "--episodes", "2", "--view", view, "--no-progress"])
    with Image.open(bandit / "play.png") as picture:
        assert green(picture, 0.4 if view == "both" else 1.0)


def green(picture, share):
    """Whether the right arm is told, in the left part of a picture."""
    seen = np.asarray(picture.convert("RGB")).astype(int)
    seen = seen[:, : round(share * seen.shape[1])]
    return bool((np.abs(seen - colours.GREEN).max(2) < 12).sum() > 20)


def test_png_is_the_picture_of_the_last_step(folder, tmp_path):
    play.main(
        [
            str(folder),
            "--render",
            "png",
            "--steps",
            "11",
            "--fault",
            "dead-unit:1@5",
            "--size",
            "1000x600",
            "--no-progress",
            "--file",
            str(tmp_path / "a.png"),
        ]
    )
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1000, 600)
        rect = Layout((1000, 600)).costs
        red = np.abs(
            np.asarray(picture.convert("RGB"))[rect.top : rect.bottom, rect.left : rect.right].astype(int) - colours.RED
        ).sum(2)
    assert (red < 30).any()  # it tells of the fault


def test_the_task_alone_is_filmed_as_the_environment_draws_it(folder, tmp_path):
    play.main([str(folder), "--view", "task", "--render", "gif", "--episodes", "1", "--no-progress"])
    with Image.open(folder / "play.gif") as film:
        assert film.n_frames > 3
        assert film.width == 400
    play.main(
        [
            str(folder),
            "--view",
            "task",
            "--render",
            "png",
            "--episodes",
            "1",
            "--no-progress",
            "--file",
            str(tmp_path / "a.png"),
        ]
    )
    with Image.open(tmp_path / "a.png") as picture:
        assert abs(picture.width / picture.height - 4 * 600 / (2 * 400)) < 0.01  # four frames by two


def test_mp4_has_every_second_step(folder, tmp_path, capsys):
    pytest.importorskip("imageio")
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    play.main(
        [
            str(folder),
            "--render",
            "mp4",
            "--steps",
            "20",
            "--size",
            "641x361",
            "--no-progress",
            "--file",
            str(tmp_path / "a.mp4"),
        ]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4"))
    about = next(reader)
    assert about["source_size"] == (640, 360)
    assert about["fps"] == 25
    assert len(list(reader)) == kept(capsys.readouterr().out, 20)


def test_mp4_without_its_package_is_told_with_the_cure(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"pip install 'pib-rl\[video\]'"):
        play.main([str(folder), "--render", "mp4", "--no-progress"])


def test_mp4_that_cannot_be_put_in_its_place_leaves_nothing(folder, tmp_path):
    pytest.importorskip("imageio")
    pytest.importorskip("imageio_ffmpeg")
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "play.mp4").mkdir()
    before = sorted((tmp_path / "run").iterdir())
    with pytest.raises(UserError, match=r"cannot write .*play\.mp4: Is a directory"):
        play.main([str(tmp_path / "run"), "--render", "mp4", "--steps", "3", "--no-progress"])
    assert sorted((tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize("ffmpeg", ["nowhere/ffmpeg", "/bin/true"])
def test_mp4_by_an_ffmpeg_that_does_not_run_is_told(folder, tmp_path, monkeypatch, ffmpeg):
    pytest.importorskip("imageio")
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", ffmpeg)
    imageio_ffmpeg._io.get_first_available_h264_encoder.cache_clear()
    with pytest.raises(UserError, match="ffmpeg does not run"):
        play.main([str(folder), "--render", "mp4", "--steps", "3", "--no-progress", "--file", str(tmp_path / "a.mp4")])
    assert not list(tmp_path.iterdir())


def test_mp4_that_is_not_whole_takes_no_place(tmp_path):
    """As on a full disk: ffmpeg's end is told by nobody."""
    pytest.importorskip("imageio")
    pytest.importorskip("imageio_ffmpeg")
    reel = Mp4(tmp_path / "a.mp4", 25)
    (tmp_path / "a.mp4").write_bytes(b"the film of before")
    for grey in range(5):
        reel.take(np.full((64, 64, 3), 40 * grey, np.uint8))
    reel._writer.close()
    reel._part.write_bytes(reel._part.read_bytes()[:200])
    with pytest.raises(UserError, match="the film is not whole"):
        reel.close()
    reel.abandon()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the film of before"]


def test_pictures_without_pygame_are_refused_and_returns_need_none(folder, monkeypatch, capsys):
    drawing = ("pygame", "pib_rl.viewer", "pib_rl.playing.modes", "pib_rl.playing.session", "pib_rl.playing.film")
    for name in [name for name in sys.modules if name.startswith(drawing)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygame", None)
    play.main([str(folder), "--episodes", "1", "--no-progress"])
    assert "returns:" in capsys.readouterr().out
    with pytest.raises(UserError, match="pip install"):
        play.main([str(folder), "--render", "gif", "--no-progress"])


def test_what_happens_in_a_play_is_repeatable(folder, capsys):
    said = []
    for _ in range(2):
        play.main(
            [
                str(folder),
                "--steps",
                "150",
                "--fault",
                "dead-pixels:0.8@20",
                "--learn-from",
                "40",
                "--learn-every",
                "60",
                "--learn-steps",
                "3000",
                "--no-progress",
            ]
        )
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    play.main([str(folder), "--steps", "150", "--no-progress"])
    assert capsys.readouterr().out != said[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--episodes", "0"], "--episodes must be 1 or more, got 0"),
        (["--steps", "0"], "--steps must be 1 or more, got 0"),
        (["--steps", "5", "--episodes", "2"], "give one of them"),
        (["--learn-from", "-1"], "--learn-from must be 0 or more, got -1"),
        (["--learn-every", "0"], "--learn-every must be 1 or more, got 0"),
        (["--learn-steps", "10"], "give --learn-from STEP too"),
        (["--size", "big"], "--size must be WIDTHxHEIGHT in pixels, such as 1920x1080, got 'big'"),
        (
            ["--render", "png", "--size", "99x99"],
            "--size 99x99: the width of a panel must be in 480..7680 pixels, got 99",
        ),
        (["--size", "800x600"], "--size is that of a window or picture with hardware: give --render"),
        (["--render", "png", "--view", "task", "--size", "800x600"], "and no --view task"),
        (["--fault", "stuck:0.5@3"], "optical hardware can't have the fault stuck; choose among adc-bits"),
        (["--fault", "stuck:7"], "must be in 0..1, got 7"),
        (["--fault", "dead-unit:1@30", "--steps", "20"], "would happen after the end"),
        (["--learn-from", "30", "--steps", "20"], "--learn-from 30 would be after the end: 20 steps are played"),
        (["--file", "x.png"], "--file is for pictures"),
        (["--render", "png", "--file", "nowhere/x.png"], "there is no folder nowhere"),
        (["--render", "gif", "--file", "x.mp4"], "--file must end with .gif, as --render gif makes it, got x.mp4"),
        (["--render", "png", "--file", ""], "--file must end with .png"),
    ],
)
def test_bad_input_is_told(folder, arguments, told):
    with pytest.raises(UserError) as caught:
        play.main([str(folder), "--no-progress", *arguments])
    assert told in str(caught.value)


def test_a_file_that_exists_is_never_overwritten(folder, tmp_path):
    mine = tmp_path / "mine.png"
    mine.write_text("mine")
    with pytest.raises(UserError, match=r"mine\.png exists; choose another, or move it away"):
        play.main([str(folder), "--render", "png", "--steps", "3", "--no-progress", "--file", str(mine)])
    assert mine.read_text() == "mine"


def test_what_never_came_is_told(folder, capsys):
    late = ["--episodes", "1", "--fault", "dead-unit:1@5000", "--learn-from", "6000", "--no-progress"]
    play.main([str(folder), *late])
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("note: the fault dead-unit:1@5000 never came: the play ended after ")
    assert second.startswith("note: learning from step 6000 on never came")
    play.main([str(folder), "--steps", "8", "--fault", "dead-unit:1@8", "--learn-from", "8", "--no-progress"])
    assert capsys.readouterr().err == ""


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
    with pytest.raises(UserError, match=r"is of a chip with width 8, and its config\.yaml says 9; restore"):
        play.main([str(copy), "--no-progress"])


def test_window_without_display_is_refused(folder, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="--render gif"):
        play.main([str(folder), "--render", "human", "--no-progress"])


@pytest.mark.skipif(sys.platform != "linux", reason="displays of X and Wayland")
def test_a_display_that_does_not_answer_is_refused(folder, monkeypatch):
    for name in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":7777")
    with pytest.raises(UserError, match=r"a display and none answers .*--render gif"):
        play.main([str(folder), "--render", "human", "--steps", "3", "--no-progress"])
