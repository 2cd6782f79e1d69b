"""Scripts that time trainings: settings are those that are shipped, evaluations don't count, ratios are PPO's."""

from __future__ import annotations

import evaluation_time
import iteration_time
import pytest
import solve_time
import steps_time
import timing
import wafer_time
import zoo_ppo
from stable_baselines3.common.vec_env import DummyVecEnv

from pib_rl.training.config import settle
from pib_rl.training.loop import close


def cells(report):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in report.lines[2:]]


def test_ppo_is_the_zoos():
    agent = zoo_ppo.make(3)
    assert (agent.n_envs, agent.n_steps, agent.batch_size, agent.n_epochs, agent.gamma) == (8, 32, 256, 20, 0.98)
    assert isinstance(agent.env.unwrapped, DummyVecEnv)
    assert (agent.learning_rate(1.0), agent.clip_range(0.5)) == (0.001, 0.1)
    assert zoo_ppo.config(3).timesteps == 100_000
    close(agent)


@pytest.mark.parametrize(("learner", "hw", "chips"), [("pib", "optical", 1), ("frozen", "memristive", 3)])
def test_a_training_has_the_settings_that_are_shipped(monkeypatch, learner, hw, chips):
    built = []
    build = steps_time.build
    monkeypatch.setattr(steps_time, "build", lambda config: built.append((config, build(config))) or built[-1][1])
    assert steps_time.train(hw, learner, 2048, 7, chips) > 0
    config, agent = built[0]
    assert config == settle("CartPole-v1", learner, hw, {"seed": 7, "timesteps": 2048, "looks": 0, "chips": chips})
    assert (agent.num_timesteps, agent.n_envs) == (2048, config.n_envs * chips)


def test_speed_is_relative_to_ppo(monkeypatch):
    monkeypatch.setattr(steps_time, "train_ppo", lambda steps, seed: 8.0)
    monkeypatch.setattr(steps_time, "train", lambda hw, learner, steps, seed: {"digital": 1.0}.get(hw, 4.0))
    report = steps_time.report(800, 2)
    assert cells(report)[:2] == [["PPO (zoo)", "100", "1.00"], ["digital, PIB", "800", "8.00"]]
    assert [(aim.found, aim.bound, aim.met) for aim in report.aims] == [(8, 8, True), (2, 6, False), (2, 3, False)]


def test_chips_are_relative_to_one(monkeypatch):
    monkeypatch.setattr(
        wafer_time, "train", lambda hw, learner, steps, seed, chips: (1 + chips) * {"digital": 2, "memristive": 1}[hw]
    )
    report = wafer_time.report(1, 1)
    assert cells(report)[3] == ["memristive", "64", "65.00", "32.50", "0.51"]
    assert [(aim.name, aim.found) for aim in report.aims] == [("64 memristive chips over one chip", 32.5)]


def test_a_training_ends_where_an_evaluation_solves_it_and_evaluations_do_not_count(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(timing.time, "process_time", lambda: 10.0 * next(clock))
    config = settle("CartPole-v1", "pib", "digital", {"seed": 0, "timesteps": 8192})
    means = iter([100.0, 475.0])
    agent = solve_time.build(config)
    found = solve_time.solve(agent, config, lambda: solve_time.np.array([next(means)]))
    assert found.step == 4096
    assert found.seconds == 50 - 2 * 10  # six looks at the clock: around the training and both evaluations


def test_a_training_that_is_not_solved_counts_with_all_of_its_time(monkeypatch):
    monkeypatch.setattr(solve_time, "solve_ppo", lambda make, seed: solve_time.Solved(10.0, 4096))
    monkeypatch.setattr(
        solve_time, "solve_units", lambda learner, hw, seed: solve_time.Solved(1.0, None if hw == "optical" else 2048)
    )
    report = solve_time.report([1, 2])
    assert cells(report)[-1] == ["PIB, optical", "1.00, 1.00", "-, -", "1.00", "0.100", "0.100"]
    assert [(aim.found, aim.bound) for aim in report.aims] == [(0.1, 0.05), (0.1, 0.12), (0.1, 0.3)]


def test_evaluations_are_relative_to_the_training_around_them(monkeypatch):
    runs = iter([evaluation_time.Spent(10.0, 0.0, 0, 3.0), evaluation_time.Spent(11.0, 1.0, 2, 3.0)])
    plans = []
    monkeypatch.setattr(evaluation_time, "spent", lambda plan: plans.append(plan) or next(runs))
    report = evaluation_time.report(2048, 1, {"CartPole-v1": ("memristive",)})
    assert [plan.looks for plan in plans] == [0, None]
    assert cells(report) == [["CartPole-v1", "memristive", "2", "10.0", "11.0", "1.10", "1.10", "3.0"]]
    assert [aim.met for aim in report.aims] == [True]


def test_an_evaluated_training_tells_its_evaluations_apart():
    found = evaluation_time.spent(settle("CartPole-v1", "pib", "digital", {"timesteps": 4096, "looks": 1}))
    assert found.count == 1
    assert 0 < found.looks < found.training


def test_parts_of_an_iteration_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(iteration_time, "HARDWARE", ("digital",))
    report = iteration_time.report(1, tmp_path / "bars.png")
    assert [row[0] for row in cells(report)] == ["digital"]
    for _, *parts, whole in cells(report):
        assert float(whole) == pytest.approx(sum(map(float, parts)), abs=0.5)
        assert all(float(part) > 0 for part in parts)
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
