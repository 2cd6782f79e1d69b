"""``tensorboard_log`` of the agent: the mechanism of Stable-Baselines3, with what the hardware did."""

from __future__ import annotations

import pytest

from pib_rl.agents import PIB, make_agent

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = {"n_steps": 32, "width": 4, "seed": 0}


def events(folder):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder))
    found.Reload()
    return found


def test_every_call_of_learn_has_a_folder_with_hardware_in_it(tmp_path):
    pytest.importorskip("tensorboard")
    agent = PIB("MlpPolicy", "CartPole-v1", hw="memristive", tensorboard_log=str(tmp_path), **SMALL)
    agent.learn(96)
    counted = agent.policy.meter.totals()["measurements"]
    agent.learn(64)
    agent.learn(32, tb_log_name="other")
    assert {path.name for path in tmp_path.iterdir()} == {"PIB_1", "PIB_2", "other_1"}
    found = events(tmp_path / "PIB_1")
    assert {
        "hardware/measurements",
        "hardware/writes",
        "train/learning_rate",
        "information/input_unit1",
        "rollout/ep_rew_mean",
    } <= set(found.Tags()["scalars"])
    shown = found.Scalars("hardware/measurements")
    assert [event.step for event in shown] == [64, 96]  # what a rollout taught is written after the next
    assert 0 < shown[0].value < shown[1].value < counted


def test_going_on_stays_in_the_folder(tmp_path):
    pytest.importorskip("tensorboard")
    agent = PIB("MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path), **SMALL)
    agent.learn(64).learn(64, reset_num_timesteps=False)
    assert [path.name for path in tmp_path.iterdir()] == ["PIB_1"]
    steps = [event.step for event in events(tmp_path / "PIB_1").Scalars("time/fps")]
    assert sorted(steps) == [32, 64, 96, 128]  # two files of one second are read in the order of their names


def test_another_loop_bears_its_own_name(tmp_path):
    pytest.importorskip("tensorboard")
    make_agent("es", "MlpPolicy", "CartPole-v1", tensorboard_log=str(tmp_path), **SMALL).learn(32)
    assert [path.name for path in tmp_path.iterdir()] == ["ES_1"]
