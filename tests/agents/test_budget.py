"""Trainings too short to learn from: what is said of them."""

from __future__ import annotations

import warnings

import pytest

from pib_rl import PIB, make_vec_env
from pib_rl.agents.budget import too_short

SMALL = {"n_steps": 16, "width": 4, "units": 1, "seed": 0}


def agent(**settings) -> PIB:
    return PIB("MlpPolicy", make_vec_env("CartPole-v1", 2, seed=0), **SMALL | settings)


@pytest.mark.parametrize("steps", [8, 32])
def test_a_training_of_one_rollout_warns_once_and_indeed_changes_no_weight(steps):
    model = agent()
    with pytest.warns(UserWarning, match="nothing would be learned") as said:
        model.learn(steps)
    assert len([one for one in said if "nothing" in str(one.message)]) == 1
    assert model.policy.meter.totals()["writes"] == 0


@pytest.mark.parametrize(("settings", "steps"), [({}, 33), ({"learning_rate": 0.3}, 32)])
def test_where_something_is_learned_there_is_no_warning(settings, steps):
    model = agent(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.learn(steps)
    assert model.policy.meter.totals()["writes"] > 0


def test_rates_that_do_not_fall_are_not_said_to():
    assert agent(rule={"hidden_decay": 0.0}).too_short(32) == ""


def test_the_end_of_a_longer_training_is_none_that_learns_nothing():
    model = agent().learn(64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.learn(32, reset_num_timesteps=False)


def test_the_advice_gives_rollouts_that_fit():
    assert "lower n_steps to 32 or raise total_timesteps to 8,192 or more" in too_short(256, 2, 1024)
    assert "2,048; raise total_timesteps" in too_short(1, 2, 1024)
    assert "2,048; raise --timesteps" in too_short(256, 2, 1024, shorter="", longer="--timesteps")
    assert too_short(2049, 2, 1024) == ""
