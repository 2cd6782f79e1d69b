"""The window that shows a training: what it shows, its keys, its share of time, and a training that stays the same."""

from __future__ import annotations

import csv
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pygame
import pytest
import torch
from safetensors.numpy import load_file

from pib_rl import train
from pib_rl.cli.cli import UserError
from pib_rl.cli.settings_files import from_plain
from pib_rl.playing import live as module
from pib_rl.playing.frame_budget import FrameBudget
from pib_rl.playing.live import HELP, MOST, POINTS, Live
from pib_rl.runs.folder import RunFolder
from pib_rl.training import run as training_run
from pib_rl.training.config import TrainConfig, from_arguments
from pib_rl.training.loop import close
from pib_rl.viewer import colours
from pib_rl.viewer.sizes import SMALLEST

pytestmark = pytest.mark.usefixtures("few_steps")

TASK = [
    "CartPole-v1",
    "--hw",
    "memristive",
    "--width",
    "8",
    "--n-envs",
    "8",
    "--n-steps",
    "32",
    "--timesteps",
    "1024",
    "--eval-episodes",
    "2",
    "--no-progress",
    "--seed",
    "3",
    "--fault",
    "stuck:0.2@512",
    "--clock",
    "control",
]
TIMES = {"time/fps", "time/time_elapsed"}  # differ from run to run


class Ticks:
    """A clock that is set by hand, or that goes on by itself at each look at it."""

    def __init__(self, each=0.0):
        self.now, self.each = 0.0, each

    def __call__(self):
        self.now += self.each
        return self.now


@pytest.fixture(autouse=True)
def dummy(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def make():
    made = []

    def live(*arguments, budget=None):
        config = from_arguments([*TASK, *arguments], train.NAME)
        model = training_run.build(config)
        made.append((Live(model.policy, config, budget), model))
        made[-1][0].init_callback(model)
        return made[-1][0]

    yield live
    for one, model in made:
        one.close()
        close(model)


def key(window, *codes):
    for code in codes:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code))
    window.update(0.02)


def picture(window):
    return pygame.surfarray.array3d(pygame.display.get_surface())


def rows(folder):
    with (folder / "progress.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same training without the window and with it, a look at every step."""
    folder = tmp_path_factory.mktemp("runs")
    train.main([*TASK, "--out", str(folder / "without")])
    seen = []

    class Eager(Live):
        def __init__(self, policy, config):
            super().__init__(policy, config, FrameBudget(fraction=1.0, rate=1e9, clock=Ticks(1.0)))
            seen.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDL_VIDEODRIVER", "dummy")
        patch.setattr(module, "Live", Eager)
        train.main([*TASK, "--render", "human", "--out", str(folder / "with")])
    return folder / "without", folder / "with", seen[0]


def test_the_training_is_the_same_bit_for_bit(both):
    without, shown, window = both
    assert window.frames == 1024 // 8
    assert window.preview.steps >= 1024 // 8
    assert rows(without) == rows(shown)
    for name in ("policy", "best"):
        one, other = (load_file(folder / f"{name}.safetensors") for folder in (without, shown))
        assert one.keys() == other.keys()
        assert not [part for part in one if not np.array_equal(one[part], other[part])]
    results = [RunFolder.open(folder).result(*train.NEEDED).plain() for folder in (without, shown)]
    assert results[0] | {"wall_s": 0} == results[1] | {"wall_s": 0}
    assert RunFolder.open(without).identity() == RunFolder.open(shown).identity()
    assert not {"render", "progress"} & RunFolder.open(shown).identity().keys()


def test_it_tells_of_progress_faults_and_age_and_closes_at_the_end(both):
    window = both[2]
    assert not window.open
    assert not pygame.display.get_init()
    status = window._status()
    assert status.faults == ("stuck 0.2",)
    assert status.message == "step 512: stuck 0.2"
    assert status.age_s == pytest.approx(1024 * 0.02)
    assert 1 <= len(window._means) <= 1024 // 256


def test_a_look_moves_the_picture_at_the_pace_of_the_task(make):
    window = make()
    before = picture(window)
    assert tuple(before[1, 1]) == colours.GROUND
    window.update(0.04)
    assert window.preview.steps == 2  # CartPole has 50 steps a second
    assert (picture(window) != before).mean() > 0.001
    window.update(0.0)
    assert window.preview.steps == 3
    window.update(60.0)
    assert window.preview.steps == 3 + MOST


def test_the_picture_stands_still_while_progress_is_told(make):
    window = make()
    key(window, pygame.K_SPACE)
    place, header = window.display.painter.layout.frame, window.display.painter.layout.header
    before, steps = picture(window), window.preview.steps
    window.num_timesteps = 1280
    window.update(1.0)
    after = picture(window)

    def same(rect):
        inside = np.s_[rect.left : rect.right, rect.top : rect.bottom]
        return np.array_equal(before[inside], after[inside])

    assert (window.preview.steps, same(place), same(header)) == (steps, True, False)
    key(window, pygame.K_SPACE)
    assert window.preview.steps > steps


def test_help_names_every_key_and_goes_with_the_next(make):
    window = make()
    key(window, pygame.K_h)
    assert window.keys.overlay.rows == HELP
    key(window, pygame.K_ESCAPE)
    assert (window.keys.overlay, window.open) == (None, True)
    key(window, pygame.K_h, pygame.K_SPACE)
    assert (window.keys.overlay, window.keys.paused) == (None, True)


@pytest.mark.parametrize(
    "event", [(pygame.KEYDOWN, {"key": pygame.K_ESCAPE}), (pygame.KEYDOWN, {"key": pygame.K_q}), (pygame.QUIT, {})]
)
def test_who_closes_the_window_does_not_end_the_training(make, capsys, event):
    window = make(budget=FrameBudget(clock=Ticks(1.0)))
    pygame.event.post(pygame.event.Event(event[0], **event[1]))
    assert window.on_step()
    assert not window.open
    assert window.preview.steps == 0
    assert capsys.readouterr().out == "the window is closed; the training goes on\n"
    assert window.on_step()
    assert window.frames == 1


def test_a_display_that_fails_does_not_end_the_training(make, capsys):
    window = make(budget=FrameBudget(clock=Ticks(1.0)))
    pygame.display.quit()
    assert window.on_step()
    assert not window.open
    assert "the training goes on" in capsys.readouterr().out


def test_another_size(make):
    window = make()
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, w=100, h=100, size=(100, 100)))
    window.update(0.02)
    assert window.display.painter.surface.get_size() == SMALLEST


def test_the_curve_of_means_has_so_many_points_at_most(make):
    window = make("--timesteps", "100000")
    window.model.ep_info_buffer = [{"r": 1.0}, {"r": 2.0}]
    for step in range(0, 100_001, 100):
        window.num_timesteps = step
        window.on_rollout_start()
    assert len(window._means) == POINTS + 1
    assert window._means[0] == 1.5


def test_looks_take_their_share_of_time_and_no_more():
    clock, spent, looks = Ticks(), 0.0, 0
    budget = FrameBudget(fraction=0.1, rate=30, clock=clock)
    while clock.now < 100:
        if budget.due:
            with budget.frame():
                looks += 1
                clock.now += 0.02 * (1 + looks % 3)
                spent += 0.02 * (1 + looks % 3)
        clock.now += 0.001
    assert 0.09 < spent / clock.now <= 0.1


def test_time_without_a_look_is_made_up_for_up_to_a_second():
    clock = Ticks()
    budget, looks = FrameBudget(fraction=0.1, rate=100, clock=clock), 0
    clock.now = 60.0
    while clock.now < 61:
        if budget.due:
            with budget.frame():
                looks += 1
                clock.now += 0.02
        clock.now += 0.001
    assert looks == 10  # 0.1 of the second that passed, and of one before it


def test_quick_looks_keep_to_the_rate_of_frames():
    clock, looks, told = Ticks(), 0, []
    budget = FrameBudget(fraction=0.1, rate=30, clock=clock)
    while clock.now < 10:
        if budget.due:
            with budget.frame() as passed:
                told.append(passed)
            looks += 1
        clock.now += 0.001
    assert 280 <= looks <= 300
    assert told[-1] == pytest.approx(1 / 30, abs=0.002)


def test_a_look_that_fails_counts_too():
    clock = Ticks()
    budget = FrameBudget(fraction=0.5, clock=clock)
    with suppress(ValueError), budget.frame():
        clock.now += 1.0
        raise ValueError
    assert not budget.due
    clock.now += 1.0
    assert budget.due


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fraction": 0.0}, "fraction must be in 0..1"),
        ({"fraction": 1.1}, "fraction"),
        ({"rate": 0.0}, "rate must be > 0"),
    ],
)
def test_budgets_that_are_none(wrong, said):
    with pytest.raises(ValueError, match=said):
        FrameBudget(**wrong)


def test_without_a_display_nothing_is_made(monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.name", "posix")
    with pytest.raises(UserError, match="needs a display and there is none; leave --render out"):
        train.main([*TASK, "--render", "human", "--out", str(tmp_path / "run")])
    assert list(tmp_path.iterdir()) == []


def test_a_display_that_is_not_there_is_told_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pib_rl.train", *TASK, "--render", "human", "--out", str(tmp_path / "run")],
        env={"DISPLAY": ":987", "SDL_VIDEODRIVER": "x11", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said = done.stderr.splitlines()
    assert said[-1].startswith("pib_rl.train: error: cannot open a window")
    assert said[-1].endswith("; leave --render out")
    assert list(tmp_path.iterdir()) == []


def test_a_settings_file_may_ask_for_the_window_in_its_words(tmp_path):
    given = {"env": "CartPole-v1", "render": "human"}
    assert from_plain(TrainConfig, dict(given), tmp_path) == TrainConfig(env="CartPole-v1", render="human")
    with pytest.raises(UserError, match="render must be none or human, got 'gif'"):
        from_plain(TrainConfig, given | {"render": "gif"}, tmp_path)


def test_of_a_wafer_the_window_shows_the_chip_that_is_asked_for(make):
    window = make("--chips", "4", "--chip", "2")
    shown, arrays = window.preview.policy, [unit.array for unit in window.model.policy.model.network.chain]
    assert (shown.model.chip.chips, shown.model.chip.seed) == (1, 3 + 2)
    assert pygame.display.get_caption()[0] == "pib_rl: training CartPole-v1 on memristive, chip 2"
    before = shown.model.network.chain[0].array.weights().clone()
    assert torch.equal(before, arrays[0].weights()[2])
    arrays[0].program(torch.full_like(arrays[0].weights(), 0.1))
    window.on_rollout_start()
    after = shown.model.network.chain[0].array.weights()
    assert torch.equal(after, arrays[0].weights()[2])
    assert not torch.equal(after, before)
    window.update(0.1)
    assert window.preview.steps > 0


def test_a_wafer_that_is_shown_trains_the_same(tmp_path, monkeypatch):
    tiny = [*TASK, "--timesteps", "512", "--chips", "2"]
    monkeypatch.setattr(module, "FrameBudget", lambda: FrameBudget(fraction=1.0, rate=1e9, clock=Ticks(1.0)))
    train.main([*tiny, "--out", str(tmp_path / "without")])
    train.main([*tiny, "--render", "human", "--chip", "1", "--out", str(tmp_path / "with")])
    first, second = (load_file(tmp_path / name / "policy.safetensors") for name in ("without", "with"))
    for name, value in first.items():  # a chip that is taken out to be shown rounds the energy of the wafer once more
        np.testing.assert_allclose(value, second[name], rtol=1e-12 if name.endswith("meter.energy") else 0)
