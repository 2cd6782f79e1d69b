"""Colours and markers: what differs looks different, and one learner looks alike everywhere."""

from __future__ import annotations

import numpy as np

from pib_rl.adaptation.figures import recovery_figure
from pib_rl.adaptation.recovery import RecoveryCurve
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.common.palette import BLUE
from pib_rl.comparison.figures import costs_figure, curves_figure, finals_figure
from pib_rl.comparison.intervals import Estimate
from pib_rl.comparison.plan import Job
from pib_rl.comparison.results import Run, Standing
from pib_rl.figures.curves import line_figure
from pib_rl.figures.styles import in_order, learner_style, style
from pib_rl.learning.figures import features
from pib_rl.runs.result import RunResult
from pib_rl.training.settings.software import ALGORITHMS

KNOWN = [*LEARNERS, *ALGORITHMS]


def test_all_learners_have_looks_of_their_own():
    looks = [tuple(learner_style(name).values()) for name in KNOWN]
    assert len(set(looks)) == len(looks)
    assert [look[0] for look in looks].count(BLUE) == 1
    assert len({tuple(style(index).values()) for index in range(42)}) == 42


def test_the_order_is_the_same_whoever_is_asked_about():
    assert in_order(list(reversed(KNOWN))) == KNOWN
    assert in_order(["mine", "ppo", "pib", "ppo"]) == ["pib", "ppo", "mine"]
    assert learner_style("mine") == learner_style("mine") != learner_style("pib")


def colour_of(axes, label):
    return next(line.get_color() for line in axes.get_lines() if str(line.get_label()).startswith(label))


def test_a_learner_keeps_its_colour_in_every_figure():
    names = ["spsa", "pib", "dfa"]
    looks = {"timesteps": np.arange(3), "measurements": np.arange(1, 4), "mean_reward": np.arange(3.0)}
    runs = [Run(Job(name, "optical", 0), {}, RunResult(kind="train"), looks) for name in names]
    means = {"wall_s": 1.0, "measurements": 5.0, "writes_mean_per_device": 2.0}
    score = Estimate(1.5, 1.0, 2.0)
    lines = [Standing(name, "optical", np.array([1.0, 2.0]), score, None, means) for name in names]
    recovery = {name: RecoveryCurve(1.0, [(0, 0.1), (1, 0.9)]) for name in names}
    many = curves_figure(runs, "timesteps", None).axes[0]
    few = curves_figure(runs[:1], "timesteps", None).axes[0]
    recovered = recovery_figure(recovery, 1.0, "epochs", "accuracy", "title", True).axes[0]
    finals, costs = finals_figure(lines).axes[0], costs_figure(lines).axes[0]
    assert [text.get_text() for text in many.get_legend().get_texts()] == ["pib", "dfa", "spsa"]
    assert [text.get_text().split(",")[0] for text in finals.get_yticklabels()] == ["pib", "dfa", "spsa"]
    for row, name in enumerate(["pib", "dfa", "spsa"]):
        colour = learner_style(name)["color"]
        assert colour_of(many, name) == colour_of(recovered, name) == colour
        assert finals.get_lines()[3 * row].get_color() == colour
        assert np.allclose(costs.patches[row].get_facecolor()[:3], np.array(list(bytes.fromhex(colour[1:]))) / 255)
    assert colour_of(few, "spsa") == learner_style("spsa")["color"]


def test_classes_of_a_map_differ_in_their_markers_too():
    values = np.random.default_rng(0).normal(size=(40, 3))
    axes = features(values, np.arange(40) % 10, 0, "title").axes[0]
    looks = {(str(dots.get_facecolor()), len(dots.get_paths()[0].vertices)) for dots in axes.collections}
    assert len(axes.collections) == len(axes.get_legend().get_texts()) == 10
    assert len(looks) == 10


def test_unknown_values_leave_no_gap_and_a_reference_is_named():
    axes = line_figure({"a": ([1, 2, 3], [1.0, np.nan, 3.0])}, "title", "x", "y", ("solved: 2", 2.0)).axes[0]
    assert list(axes.get_lines()[1].get_xdata()) == [1, 3]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["solved: 2", "a"]
