"""Curves of a run, however few points they have."""

from __future__ import annotations

import numpy as np

from pib_rl.figures.curves import learning_curve

NAN = np.nan
PROGRESS = {
    "time/total_timesteps": np.array([10, 20, 30, 30]),
    "rollout/return": np.array([NAN, 3.0, 4.0, 4.0]),
    "rollout/ep_rew_mean": np.array([1.0, 1.0, 1.0, 1.0]),
    "eval/timesteps": np.array([NAN, NAN, NAN, 30.0]),
    "eval/mean_reward": np.array([NAN, NAN, NAN, 9.0]),
}


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].get_lines()}


def test_a_curve_with_one_evaluation_shows_it_and_the_training():
    shown = lines(learning_curve(PROGRESS, "run", None))
    training, evaluation = (shown[label] for label in sorted(shown, reverse=True))
    assert training.get_label() == "training episodes (exploring, mean of a rollout)"
    assert training.get_xydata().tolist() == [[20, 3], [30, 4], [30, 4]]
    assert evaluation.get_xydata().tolist() == [[30, 9]]
    assert evaluation.get_marker() not in ("None", ""), "a single point has no line to be seen by"
