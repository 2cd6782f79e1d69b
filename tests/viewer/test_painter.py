"""The picture of task and hardware: what is collected, and what changes where."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled

from pib_rl.agents.network.faults import inject
from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.physical.faults import Fault
from pib_rl.physical.substrate import Read
from pib_rl.viewer import (
    Canvas,
    Decision,
    Heatmap,
    Learning,
    Overlay,
    Painter,
    Probe,
    Status,
    canvas,
    colours,
    dependencies,
    draw_scene,
)
from pib_rl.viewer.costs import age
from pib_rl.viewer.decision import visible_actions
from pib_rl.viewer.layout import Layout
from pib_rl.viewer.units import MOST, columns, visible

SUBSTRATES = ("digital", "memristive", "memristive:pcm", "optical", "mzi", "oscillator")
FRAME = np.full((40, 60, 3), (10, 200, 30), np.uint8)


def policy(hw="optical", space=None, **kwargs):
    space = gym.make("CartPole-v1").action_space if space is None else space
    return PIBPolicy(spaces.Box(-1, 1, (4,)), space, hw=hw, width=8, **kwargs)


def probe(hw="optical", steps=3, **kwargs):
    found, rng = Probe(policy(hw, **kwargs)), np.random.default_rng(0)
    for _ in range(steps):
        found.act(rng.normal(size=4).astype(np.float32))
    return found


def region(picture, rect):
    return picture[rect.top : rect.bottom, rect.left : rect.right]


def changed(scene, other, size=(1280, 720)):
    """Names of the places that look different."""
    one, two, layout = draw_scene(scene, FRAME, size), draw_scene(other, FRAME, size), Layout(size)
    names = ("header", "decision", "history", "hardware", "energy", "costs", "footer")
    return {name for name in names if (region(one, getattr(layout, name)) != region(two, getattr(layout, name))).any()}


@pytest.mark.parametrize("hw", SUBSTRATES)
def test_every_substrate_shows_all_its_parts_in_any_size(hw):
    scene = probe(hw).scene(Status("a title"))
    assert [unit.name for unit in scene.units] == ["unit 1", "unit 2", "readout"]
    for size in ((480, 270), (1280, 720), (1000, 900)):
        picture = draw_scene(scene, FRAME, size)
        assert (picture.shape, picture.dtype) == ((size[1], size[0], 3), np.uint8)
        layout = Layout(size)
        assert (region(picture, layout.frame) == (10, 200, 30)).all(2).mean() > 0.5
        assert len(np.unique(region(picture, layout.hardware).reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("hw", ["digital", "optical"])
@pytest.mark.parametrize("read", list(Read))
def test_a_probe_acts_as_a_reader_does(hw, read):
    watched, plain = policy(hw), policy(hw)
    other, rng = Probe(watched, read), np.random.default_rng(1)
    for step in range(40):
        obs = rng.normal(size=4).astype(np.float32)
        assert other.act(obs)[0] == Reader(plain, read).predict(obs, deterministic=True)[0][0]
        if step % 7 == 0:
            other.scene()
    states = zip(watched.state_dict().values(), plain.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in states)


@pytest.mark.parametrize("space", [spaces.Box(-2, 2, (3,)), spaces.Box(-np.inf, np.inf, (3,))])
def test_a_probe_acts_as_a_reader_does_with_continuous_actions(space):
    watched, plain = (policy("digital", space) for _ in range(2))
    for each in (watched, plain):
        each.model.readout.array.program(torch.full((4, 17), 2.0))
    for obs in np.random.default_rng(3).normal(size=(10, 4)).astype(np.float32):
        expected = Reader(plain, Read.NOISY).predict(obs, deterministic=True)[0]
        assert np.array_equal(Probe(watched).act(obs), expected)
        assert np.abs(expected).max() > 1


def test_what_changes_is_seen_where_it_belongs():
    watched = probe()
    scene = watched.scene(Status("a title", message="nothing yet"))
    assert changed(scene, scene) == set()
    for status, place in (
        (replace(scene.status, message="something"), {"footer"}),
        (replace(scene.status, tags=("paused",)), {"header"}),
        (replace(scene.status, reward=3.0), {"header", "history"}),
        (replace(scene.status, returns=(1.0, 2.0), marks=(1,)), {"history"}),
        (replace(scene.status, learning=Learning(5, 10, (1.0, 2.0))), {"history"}),
        (replace(scene.status, faults=("stuck 0.5",)), {"costs"}),
        (replace(scene.status, age_s=1e5), {"costs"}),
    ):
        assert changed(scene, replace(scene, status=status)) == place
    assert changed(scene, replace(scene, energy={"light": 1.0})) == {"energy"}
    assert changed(scene, replace(scene, decision=replace(scene.decision, value=9.0))) == {"decision"}


def test_weights_are_seen_in_their_own_column_only():
    watched = probe("digital")
    scene = watched.scene()
    watched.policy.model.network.chain[1].array.program(torch.full((8, 8), 0.3))
    before, after = draw_scene(scene, FRAME), draw_scene(watched.scene(), FRAME)
    layout = Layout((1280, 720))
    places = columns(layout.hardware, 3, Canvas((1280, 720), layout.scale))
    for index, column in enumerate(places):
        assert (region(before, column.array) != region(after, column.array)).any() == (index == 1)
        assert (region(before, column.medium) == region(after, column.medium)).all()


def test_painting_on_gives_the_same_picture_as_painting_anew():
    watched, painter, rng = probe(), Painter(), np.random.default_rng(2)
    table = Overlay("a menu", (("1", "this"), ("2", "that")))
    for step in range(6):
        watched.act(rng.normal(size=4).astype(np.float32))
        status = Status("t", step, reward=step, message=f"step {step // 2}", overlay=table if step in (2, 3) else None)
        scene, frame = watched.scene(status), np.roll(FRAME, step)
        rects = painter.paint(scene, frame)
        assert rects
        assert (painter.array() == draw_scene(scene, frame)).all()
    assert painter.paint(scene, frame) == []


def test_a_copy_of_a_painter_begins_with_an_empty_picture():
    painter, scene = Painter((640, 360)), probe().scene()
    empty = painter.array()
    painter.paint(scene, FRAME)
    other = copy.deepcopy(painter)
    assert (other.array() == empty).all()
    other.paint(scene, FRAME)
    assert (other.array() == painter.array()).all()


def test_all_of_a_new_picture_has_changed():
    painter = Painter()
    assert painter.surface.get_rect() in painter.paint(probe().scene(), FRAME)
    assert painter.surface.get_rect() not in painter.paint(probe().scene(), np.roll(FRAME, 1))


def test_dead_pixels_are_dark_and_dead_units_are_named():
    watched = probe()
    inject(watched.policy.model, Fault("dead-pixels", 1.0))
    inject(watched.policy.model, Fault("dead-unit", 2))
    for _ in range(40):
        watched.act(np.zeros(4, np.float32))
    scene = watched.scene()
    assert np.nanmax(np.abs(scene.units[0].medium.values)) < 1e-5
    assert [unit.alive for unit in scene.units] == [True, False, True]
    draw_scene(scene)


def test_information_comes_with_the_steps():
    assert probe(steps=10).information() == []
    found = probe(steps=40).information()
    assert len(found) == 2
    assert all(point.on_input > 0 and np.isfinite(point).all() for point in found)


def test_continuous_actions_have_means_and_deviations():
    scene = probe("digital", space=spaces.Box(-2, 2, (3,))).scene()
    assert len(scene.decision.means) == len(scene.decision.stds) == 3
    assert scene.decision.probabilities == ()
    draw_scene(scene)


def blue(picture, size=(1280, 720)):
    """Rows of the decision that are marked, of at most six."""
    rect = Layout(size).decision
    marked = (region(picture, rect) == colours.BLUE).all(2).any(1)
    return int(np.diff(marked.astype(int), prepend=0).clip(0).sum())


@pytest.mark.parametrize("count", [2, 6, 7, 20])
def test_the_action_that_is_taken_is_marked_and_no_other(count):
    scene, even = probe().scene(), (1 / count,) * count
    pictures = {}
    for taken in range(count):
        assert taken in visible_actions(count, taken)
        assert len(set(visible_actions(count, taken))) == min(count, 5 if count > 6 else 6)
        pictures[taken] = draw_scene(replace(scene, decision=Decision(1.0, even, action=(taken,))), FRAME)
        assert blue(pictures[taken]) == 1
    assert len({picture.tobytes() for picture in pictures.values()}) == count
    assert blue(draw_scene(replace(scene, decision=Decision(1.0, even)), FRAME)) == 0


SEVERAL = {
    "choices": spaces.MultiDiscrete([3, 4], start=[1, -2]),
    "bits": spaces.MultiBinary([2, 2]),
    "few": spaces.Box(-5, 5, (2,), dtype=np.int32),
    "start": spaces.Discrete(3, start=5),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_actions_of_several_numbers_are_collected_and_drawn(name):
    space = SEVERAL[name]
    seen = probe(space=space)
    own = seen.scene().decision
    laws = own.choices or (own.probabilities,)
    assert len(laws) == max(1, int(np.prod(space.shape)))
    assert all(sum(law) == pytest.approx(1, abs=1e-5) for law in laws)
    assert all(taken in range(len(law)) for law, taken in zip(laws, own.action, strict=True))
    assert blue(draw_scene(seen.scene(), FRAME)) == len(laws)
    space.seed(0)
    given = {space.sample().tobytes(): None for _ in range(20)}
    for action in [np.frombuffer(one, dtype=space.dtype).reshape(space.shape) for one in given]:
        taken = seen.scene(action=action).decision
        assert [int(one) + low for one, low in zip(taken.action, taken.first, strict=True)] == action.ravel().tolist()


def test_a_row_of_several_values_shows_how_probable_each_is():
    scene = probe().scene()

    def width(law, taken):
        decision = Decision(1.0, choices=(law,), action=(taken,))
        seen = region(draw_scene(replace(scene, decision=decision), FRAME), Layout((1280, 720)).decision)
        return int((seen == colours.BLUE).all(2).any(0).sum())

    wide = [width((0.2, 0.5, 0.3), taken) for taken in range(3)]
    assert wide[1] > wide[2] > wide[0] > 0
    assert wide[1] / sum(wide) == pytest.approx(0.5, abs=0.03)


def test_names_of_values_count_from_the_first(monkeypatch):
    names, scene = [], probe().scene()
    real = Canvas.text
    monkeypatch.setattr(
        Canvas, "text", lambda self, text, *args, **more: (names.append(text), real(self, text, *args, **more))[1]
    )
    draw_scene(replace(scene, decision=Decision(1.0, (0.25, 0.75), action=(1,), first=(5,))), FRAME)
    draw_scene(
        replace(scene, decision=Decision(1.0, choices=((0.5, 0.5), (0.1, 0.9)), action=(0, 1), first=(-1, 3))), FRAME
    )
    assert {"action 5", "action 6", "-1: 50 %", "4: 90 %"} <= set(names)


def test_a_continuous_action_beside_its_mean_is_marked():
    scene = probe().scene()
    at, aside = (
        draw_scene(replace(scene, decision=Decision(1.0, means=(0.1,), stds=(0.3,), action=(action,))))
        for action in (0.1, -0.6)
    )
    assert (at != aside).any(2).sum() > 10


@pytest.mark.parametrize("size", [(480, 270), (1280, 720), (1000, 900)])
@pytest.mark.parametrize("mean", [0.06, -123.4])
def test_numbers_stand_beside_their_bars(size, mean):
    """Ink of letters right of the bars begins after a gap."""
    decision = Decision(1.0, means=(mean, -0.06, 0.0, 0.2), stds=(0.59,) * 4)
    rect = Layout(size).decision
    seen = region(draw_scene(replace(probe().scene(), decision=decision), FRAME, size), rect)[
        rect.height // 3 : -4, :-4
    ]
    right = np.flatnonzero((seen == colours.GROUND).all(2).any(0)).max()
    between = seen[:, right + 1 : right + 1 + max(2, round(5 * Layout(size).scale))]
    assert (between == colours.PAPER).all()


@pytest.mark.parametrize(
    ("value", "form", "told"),
    [(-0.0, ".3g", "0"), (-0.001, "+.2f", "+0.00"), (0.0, ".4g", "0"), (-1.5, ".3g", "-1.5"), (-1e-9, ".2f", "0.00")],
)
def test_zero_has_no_minus(value, form, told):
    assert canvas.number(value, form) == told


def written(words, width, monkeypatch, **kwargs):
    """Texts and sizes that are written into so many pixels; the last one stays."""
    tried, page = [], Canvas((1280, 720))
    render = Canvas._render
    monkeypatch.setattr(Canvas, "_render", lambda self, *all: tried.append(all) or render(self, *all))
    place = page.text(words, 0, 0, 22, width=width, **kwargs)
    assert place.width <= width
    return tried[-1][:2]


def test_long_titles_are_written_smaller_then_cut_between_words(monkeypatch):
    title = "pib_rl/ContextFlip-v0 on memristive:reram-array"
    words, size = written(title, 400, monkeypatch, least=12)
    assert words == title
    assert 12 <= size < 22
    assert written(title, 240, monkeypatch, least=12) == ("pib_rl/ContextFlip-v0 on…", 12)
    assert written("one", 400, monkeypatch, least=12) == ("one", 22)
    assert written("Supercalifragilistic", 100, monkeypatch)[0].startswith("Supe")


@pytest.mark.parametrize("size", [(480, 270), (1280, 720)])
def test_units_of_colours_are_written_out_in_four_columns(size, monkeypatch):
    cut = []
    render = Canvas._render
    monkeypatch.setattr(Canvas, "_render", lambda self, *all: cut.append(all[0]) or render(self, *all))
    draw_scene(probe("memristive", units=4).scene(), FRAME, size)
    assert not [words for words in cut if "…" in words]
    assert [words for words in cut if words.endswith("full scale")]


def test_of_many_units_the_first_and_the_readout_are_shown():
    scene = probe("digital", units=7).scene()
    assert len(scene.units) == 8
    assert [unit.name for unit in visible(scene.units)] == ["unit 1", "unit 2", "unit 3", "readout"]
    assert len(visible(scene.units)) == MOST
    draw_scene(scene)


def test_before_the_first_decision_there_is_a_picture_too():
    scene = Probe(policy()).scene()
    assert scene.decision is None
    assert draw_scene(scene).shape == (720, 1280, 3)


def test_text_outlives_a_shutdown_of_pygame_by_somebody_else():
    scene = probe().scene(Status("before"))
    draw_scene(scene)
    canvas.pygame.quit()
    assert draw_scene(replace(scene, status=Status("after"))).shape == (720, 1280, 3)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are not listed here")
def test_shutdowns_of_pygame_leave_no_open_files():
    scene, opened = probe().scene(Status("before")), []
    for at in range(4):
        draw_scene(replace(scene, status=Status(f"after {at}")))
        canvas.pygame.quit()
        opened.append(len(list(Path("/proc/self/fd").iterdir())))
    assert opened[1:] == opened[1:2] * 3


def test_colours_meet_their_ends():
    values = np.array([[-2.0, 0.0, 2.0, np.nan]])
    signed, rising = (colours.coloured(values, 1.0, kind)[0] for kind in (True, False))
    assert (signed[0] == colours.ramp(True)[0]).all()
    assert signed[1].min() > 235
    assert (rising[1] == colours.ramp(False)[0]).all()
    assert (rising[2] == colours.ramp(False)[-1]).all()
    assert (signed[3] == colours.GROUND).all()


@pytest.mark.parametrize(("size", "name"), [((100, 720), "width"), ((1280, 10_000), "height")])
def test_sizes_out_of_range_are_refused(size, name):
    with pytest.raises(ValueError, match=f"the {name} of a panel must be in .* pixels, got"):
        draw_scene(probe().scene(), None, size)


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="limit must be a finite number > 0, got 0"):
        Heatmap("x", np.zeros((1, 1)), 0, True, "")


def test_two_pygames_are_told_with_the_cure(monkeypatch):
    monkeypatch.setattr(dependencies, "version", lambda name: "1")
    with pytest.raises(DependencyNotInstalled, match="pip uninstall -y pygame pygame-ce, then pip install pygame-ce"):
        Painter()


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "as made"), (86400, "1 day"), (172800, "2 days"), (0.5, "0.5 seconds"), (1e6, "11.6 days")],
)
def test_ages_are_told_in_the_unit_that_fits(seconds, told):
    assert age(seconds) == told


@pytest.mark.parametrize("seen", [True, False])
def test_a_patch_unit_shows_its_image_and_what_the_medium_saw_at_each_square(seen):
    policy = PIBPolicy(spaces.Box(0, 1, (5, 6, 2), dtype=bool), spaces.Discrete(2), width=8, patches=[(3, 3, 1)])
    found, obs = Probe(policy), np.zeros((5, 6, 2), dtype=bool)
    obs[1, 4, 1] = True
    if seen:
        found.act(obs)
    first, second, *_ = found.scene().units
    assert (first.drive.title, first.drive.values.shape) == ("image: 5 x 6 x 2", (5, 13))
    assert second.drive.values.shape == (1, 90)
    outputs = min(9, policy.model.network.chain[0].medium.out_features)
    assert first.medium.title.endswith(f": {outputs} of {policy.model.network.chain[0].medium.out_features}")
    if seen:
        assert first.drive.values[1, 7 + 4] == np.nanmax(first.drive.values) > 0
        shown = policy.model.network.chain[0].medium.shown(found.measured[1].h[0])
        np.testing.assert_array_equal(first.medium.values[:5, :6].ravel(), shown[:, 0].numpy())
        np.testing.assert_array_equal(first.medium.values[:5, 7:13].ravel(), shown[:, 1].numpy())
    assert draw_scene(found.scene(), FRAME).shape == (720, 1280, 3)
