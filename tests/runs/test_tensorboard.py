"""Event files of train and learn, read back: the same numbers as progress.csv, and pictures that show something."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest
from one_line import stops
from PIL import Image
from safetensors.numpy import load_file

from pib_rl import learn, train
from pib_rl.common.streams import READ
from pib_rl.figures.curves import as_pixels, information_plane, learning_curve, read_progress
from pib_rl.figures.weights import arrays_of, weight_figure
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.tensorboard import make_logger, weight_pictures, write_events
from pib_rl.training import run as training_run
from pib_rl.training.config import from_arguments
from pib_rl.training.loop import close

pytestmark = pytest.mark.usefixtures("few_steps")

TRAIN = [
    "CartPole-v1",
    "--hw",
    "memristive",
    "--width",
    "8",
    "--n-envs",
    "8",
    "--n-steps",
    "64",
    "--timesteps",
    "1400",
    "--looks",
    "1",
    "--eval-episodes",
    "2",
    "--no-progress",
    "--seed",
    "3",
]
LEARN = ["--width", "8", "--units", "2", "--epochs", "3", "--no-progress"]
CLOCK = {"time/fps", "time/time_elapsed"}  # differ from run to run
UNSHOWN = {"time/iterations", "time/time_elapsed", "time/total_timesteps", "eval/timesteps"}  # they are the steps
EVALUATED = {"eval/mean_reward"}  # at steps of their own
ARRAYS = ["weights/readout", "weights/unit1", "weights/unit2"]


def events(folder):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder), {reader.IMAGES: 0, reader.SCALARS: 0})
    found.Reload()
    return found


def rows(folder):
    with (folder / "progress.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def pixels(event):
    picture = Image.open(io.BytesIO(event.encoded_image_string))
    assert picture.size == (event.width, event.height)
    return np.asarray(picture.convert("RGB")).astype(int)


def inside(picture):
    """The middle of a picture: no title, no numbers."""
    return picture[60:380, 80:400]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same training without event files and with them."""
    pytest.importorskip("tensorboard")
    folder = tmp_path_factory.mktemp("runs")
    train.main([*TRAIN, "--out", str(folder / "without")])
    train.main([*TRAIN, "--tensorboard", "--out", str(folder / "with")])
    return folder / "without", folder / "with"


def test_the_training_is_the_same_bit_for_bit(both):
    without, with_events = both
    assert {path.name for path in with_events.iterdir()} == {path.name for path in without.iterdir()} | {"tensorboard"}
    for name in ("config.yaml", "policy.safetensors", "best.safetensors", "evaluations.csv", "information_plane.png"):
        assert (with_events / name).read_bytes() == (without / name).read_bytes(), name
    tables = [list(csv.DictReader((folder / "progress.csv").open(newline=""))) for folder in both]
    assert [*tables[0][0]] == [*tables[1][0]]
    for first, second in zip(*tables, strict=True):
        assert {**first, **dict.fromkeys(CLOCK)} == {**second, **dict.fromkeys(CLOCK)}


def test_scalars_are_those_of_progress_csv(both):
    found, table = events(both[1] / "tensorboard"), rows(both[1])
    plain = {name for row in table for name in row} - UNSHOWN
    assert set(found.Tags()["scalars"]) == plain
    for name in plain - EVALUATED:
        wanted = [(row["time/total_timesteps"], row[name]) for row in table if name in row]
        assert [(event.step, event.value) for event in found.Scalars(name)] == [
            (step, pytest.approx(value, rel=1e-6)) for step, value in wanted
        ], name


def test_evaluations_stand_at_their_own_steps_with_pictures(both):
    found = events(both[1] / "tensorboard")
    table = [row for row in rows(both[1]) if "eval/timesteps" in row]
    steps = [row["eval/timesteps"] for row in table]
    assert steps == [1024, 1536]
    assert [(event.step, event.value) for event in found.Scalars("eval/mean_reward")] == [
        (row["eval/timesteps"], pytest.approx(row["eval/mean_reward"], rel=1e-6)) for row in table
    ]
    assert found.Tags()["images"] == ["pictures/information_plane", *ARRAYS]
    for name in found.Tags()["images"]:
        assert [event.step for event in found.Images(name)] == steps


def test_pictures_are_not_blank_and_show_one_array_each(both):
    found = events(both[1] / "tensorboard")
    shown = {name: [pixels(event) for event in found.Images(name)] for name in ARRAYS}
    for name, pictures in shown.items():
        red, _, blue = np.moveaxis(pictures[-1], 2, 0)
        assert (red - blue > 60).mean() > 0.02, name  # negative weights
        assert (blue - red > 60).mean() > 0.02, name  # positive weights
    first, second = (inside(shown[name][-1]) for name in ARRAYS[1:])
    assert (np.abs(first - second).max(2) > 50).mean() > 0.1
    first, last = map(inside, shown["weights/readout"])
    assert (first != last).any()  # it learned
    plane = [pixels(event) for event in found.Images("pictures/information_plane")]
    assert (plane[-1].max(2) - plane[-1].min(2) > 60).mean() > 0.0005
    assert (inside(plane[0]) != inside(plane[-1])).any()
    whole = information_plane(
        read_progress(both[1] / "progress.csv"), "CartPole-v1, memristive, pib, seed 3", "after 1,536 steps"
    )
    assert np.array_equal(plane[-1], as_pixels(whole))


def test_the_last_pictures_are_of_the_weights_that_were_saved(both):
    model = training_run.build(from_arguments(TRAIN, train.NAME))
    close(model)
    model.policy.load_state_dict(RunFolder(both[1]).load_policy())
    found = events(both[1] / "tensorboard")
    for name, array in arrays_of(model.policy.model).items():
        figure = weight_figure(array.weights().numpy(), f"weights of {name}, after 1,536 steps")
        assert np.array_equal(pixels(found.Images(f"weights/{name}")[-1]), as_pixels(figure)), name


@pytest.mark.parametrize("hw", ["digital", "optical", "mzi", "oscillator"])
def test_every_substrate_has_pictures_of_its_arrays(hw, tmp_path):
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    train.main(
        [
            "CartPole-v1",
            "--hw",
            hw,
            "--width",
            "4",
            "--units",
            "1",
            "--n-envs",
            "1",
            "--n-steps",
            "16",
            "--timesteps",
            "32",
            "--eval-episodes",
            "1",
            "--no-progress",
            "--tensorboard",
            "--out",
            str(out),
        ]
    )
    found = events(out / "tensorboard")
    assert found.Tags()["images"] == ["pictures/information_plane", "weights/readout", "weights/unit1"]
    for name in found.Tags()["images"]:
        assert np.ptp(pixels(found.Images(name)[0])) > 200


@pytest.mark.parametrize(
    ("weights", "limit"),
    [([[2.0, -2.0], [0.0, 1.0]], 2.0), ([[0.0, 0.0], [0.0, 0.0]], 1.0), ([[-0.5, np.nan], [0.25, 0.0]], 0.5)],
)
def test_colours_of_weights_are_symmetric_about_white(weights, limit):
    figure = weight_figure(np.array(weights), "weights")
    picture, axes = as_pixels(figure), figure.axes[0]
    assert axes.images[0].norm.vmin == -axes.images[0].norm.vmax == pytest.approx(-limit, rel=0.03)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        right, up = axes.transData.transform((column, row))
        red, green, blue = picture[len(picture) - 1 - int(up), int(right)].astype(int)
        if not weights[row][column] or np.isnan(weights[row][column]):
            assert min(red, green, blue) > 240
        else:
            assert np.sign(blue - red) == np.sign(weights[row][column])


def test_no_pixel_mixes_outputs_of_a_wide_array():
    figure = weight_figure(np.array([[1.0], [-1.0]]).repeat(2000, 1), "weights")
    picture = inside(as_pixels(figure)).astype(int)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2


def test_learn_writes_its_epochs_and_the_final_figures(tmp_path):
    pytest.importorskip("tensorboard")
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    np.savez(tmp_path / "small.npz", x_train=x + 3 * np.eye(3, 4)[y], y_train=y, x_test=x[:12], y_test=y[:12])
    for name, flags in (("without", []), ("with", ["--tensorboard"])):
        learn.main([str(tmp_path / "small.npz"), *LEARN, *flags, "--out", str(tmp_path / name)])
    for name in ("config.yaml", "progress.csv"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes(), name
    first, second = (load_file(tmp_path / name / "policy.safetensors") for name in ("with", "without"))
    assert all(np.array_equal(value, second[key]) for key, value in first.items())
    found, table = events(tmp_path / "with" / "tensorboard"), rows(tmp_path / "with")
    assert set(found.Tags()["scalars"]) == set(table[0]) - {"epoch"}
    for name in found.Tags()["scalars"]:
        assert [(event.step, event.value) for event in found.Scalars(name)] == [
            (row["epoch"], pytest.approx(row[name], rel=1e-6)) for row in table
        ], name
    saved = [f"pictures/{path.stem}" for path in sorted((tmp_path / "with").glob("*.png"))]
    assert len(saved) == 5
    assert found.Tags()["images"] == [*saved, *ARRAYS]
    for name in saved:
        original = np.asarray(Image.open(tmp_path / "with" / f"{name.removeprefix('pictures/')}.png").convert("RGB"))
        (event,) = found.Images(name)
        assert event.step == 3
        assert np.array_equal(pixels(event), original)
    first, second = (inside(pixels(found.Images(name)[0])) for name in ARRAYS[1:])
    assert (np.abs(first - second).max(2) > 50).mean() > 0.1


def test_arrays_that_draw_and_count_when_asked_for_weights_change_nothing(monkeypatch):
    config = from_arguments(TRAIN, train.NAME)
    model, other = training_run.build(config), training_run.build(config)
    array, policy = model.policy.model.readout.array, model.policy
    held = array.weights()

    def weights():
        policy.meter.read(1, 1)
        return held + policy.streams.normal(READ, held)

    monkeypatch.setattr(array, "weights", weights)
    before = policy.meter.totals()
    weight_pictures(policy.model, "now")
    assert policy.meter.totals() == before
    assert np.array_equal(policy.streams.normal(READ, held), other.policy.streams.normal(READ, held))
    for one in (model, other):
        close(one)


def test_a_logger_without_event_files_keeps_what_is_recorded_and_shows_nothing(tmp_path):
    logger = make_logger(tmp_path, ["csv"], tensorboard=False)
    logger.record("train/loss", 1.5)
    write_events(logger, {"picture": np.zeros((2, 2, 3), np.uint8), "number": 2.0}, 7)
    logger.dump(8)
    logger.close()
    assert rows(tmp_path) == [{"train/loss": 1.5}]
    assert [path.name for path in tmp_path.iterdir()] == ["progress.csv"]


@pytest.mark.parametrize(("command", "arguments"), [(train, TRAIN), (learn, LEARN)])
def test_a_missing_package_is_told_before_anything_is_made(command, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = stops(command, [*arguments, "--tensorboard"], monkeypatch, capsys)
    assert "pip install 'pib-rl[log]'" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "title",
    [
        "pib_rl.envs:pib_rl/ContextFlip-v0, memristive:reram-array, pib, seed 0",
        "Information plane: pib_rl.envs:pib_rl/ContextFlip-v0, memristive:reram-array, pib, seed 0",
        "x" * 300,
    ],
)
def test_long_titles_stay_in_their_picture(title):
    for figure in (information_plane({}, title), learning_curve({}, title, None)):
        picture, axes = as_pixels(figure), figure.axes[0]
        place = axes.title.get_window_extent()
        assert place.x0 > 0
        assert place.x1 < picture.shape[1]
        assert (axes.get_title() == title) == (len(title) < 300)
    assert information_plane({}, "CartPole-v1, memristive, pib, seed 3").axes[0].title.get_fontsize() == 12
