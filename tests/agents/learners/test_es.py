"""The evolution strategy: its step, its loop of whole episodes, and what it costs."""

from __future__ import annotations

import json
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from agent_toys import Episodes
from learner_toys import make_learner, normal
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env as make_single

from pib_rl import train
from pib_rl.agents import ES, PIB, make_agent
from pib_rl.envs import make_vec_env
from pib_rl.physical.substrate import Read
from pib_rl.training.evaluation import evaluate


def weights(model) -> list[torch.Tensor]:
    return [array.weights().clone() for array in model.rule.learner.arrays]


def agent(env="CartPole-v1", n_envs=2, **options) -> ES:
    rule = {"pairs": 2} | options.pop("rule", {})
    return make_agent("es", "MlpPolicy", make_vec_env(env, n_envs, 1), width=6, seed=1, rule=rule, **options)


def test_its_step_is_the_formula_pair_by_pair():
    learner = make_learner("es", options={"step": 0.3})
    ways = [learner.draw() for _ in range(3)]
    fitness = torch.tensor([[3.0, 1.0], [0.0, 4.0], [2.0, 2.0]])
    got = learner.change(ways, fitness, progress=0.5)
    for at, change in enumerate(got):
        want = sum((plus - minus) * way[at] for (plus, minus), way in zip(fitness.tolist(), ways, strict=True))
        torch.testing.assert_close(change, 0.3 * 0.5 / 3 * want / fitness.flatten().std(correction=0))


def test_equal_fitness_moves_nothing():
    learner = make_learner("es")
    assert all(not change.any() for change in learner.change([learner.draw()], torch.full((1, 2), 7.0), 0.0))


def test_its_step_points_up_a_linear_fitness():
    learner = make_learner("es")
    slope = [normal(array.out_features, array.in_features, seed=5) for array in learner.arrays]
    ways = [learner.draw() for _ in range(3000)]
    gain = torch.stack([sum((a * b).sum() for a, b in zip(way, slope, strict=True)) for way in ways])
    got = learner.change(ways, torch.stack([gain, -gain], 1), 0.0)
    for array, change, wanted in zip(learner.arrays, got, slope, strict=True):
        wanted = wanted / array.in_features  # both displacement and step are in units of c
        assert torch.cosine_similarity(change.flatten(), wanted.flatten(), 0) > 0.95


def test_draws_have_the_size_of_initial_weights_and_repeat_with_the_seed():
    first, second = (make_learner("es", width=40).draw() for _ in range(2))
    for array, one, two in zip(make_learner("es", width=40).arrays, first, second, strict=True):
        assert torch.equal(one, two)
        assert one.std() * array.in_features**0.5 == pytest.approx(1, abs=0.15)


class AtCentre(BaseCallback):
    """Remembers the weights whenever evaluations would look at the policy, and during a generation."""

    def __init__(self):
        super().__init__()
        self.between, self.within = [], []

    def _on_rollout_start(self):
        self.between.append(weights(self.model))

    def _on_step(self):
        self.within.append(weights(self.model))
        return True


def test_the_chip_is_at_its_centre_between_generations_and_away_within():
    model, seen = agent(rule={"step": 1e-12, "displacement": 0.2}), AtCentre()
    start = weights(model)
    model.learn(3000, callback=seen)
    assert len(seen.between) >= 2
    for now in [*seen.between, weights(model)]:
        for one, two in zip(now, start, strict=True):
            torch.testing.assert_close(one, two, atol=1e-5, rtol=0)
    away = torch.stack(
        [torch.stack([(a - b).abs().mean() for a, b in zip(now, start, strict=True)]) for now in seen.within]
    )
    assert (away > 0.01).all()  # every array, readout included


def test_antithetic_displacements_of_one_pair_are_opposite():
    model, seen = agent(rule={"step": 1e-12, "pairs": 1}), AtCentre()
    start = weights(model)
    model.collect_rollouts(*start_of(model, seen))
    first, last = seen.within[0], seen.within[-1]
    for plus, minus, centre in zip(first, last, start, strict=True):
        torch.testing.assert_close(plus - centre, centre - minus, atol=1e-5, rtol=0)


def start_of(model, callback):
    """Arguments of `collect_rollouts` as `learn` would give them."""
    _, callback = model._setup_learn(10**6, callback)
    callback.on_training_start(locals(), globals())
    return model.env, callback, None, model.n_steps


def test_fitness_is_the_return_of_one_whole_episode_per_environment():
    env = make_single(Episodes, 3)
    model = make_agent("es", "MlpPolicy", env, width=4, seed=0, rule={"pairs": 2})
    before = model.policy.meter.totals()["measurements"]
    model.collect_rollouts(*start_of(model, AtCentre()))
    assert torch.equal(model.fitness, torch.full((2, 2), 1.0 + 2 + 3 + 4))
    assert model.num_timesteps == 4 * 3 * 4  # candidates, environments, steps
    model.train()
    # acting, then one batch of calibration: three units' worth of reads per sample (two units and the readout)
    reads = 48 * 3 + 48 * 2
    assert model.policy.meter.totals()["measurements"] - before == reads
    devices = model.policy.model.devices
    assert model.policy.meter.totals()["writes"] == 5 * devices  # to each candidate, and back; equal fitness: no step


def test_a_generation_that_the_budget_cuts_short_is_dropped_and_undone():
    model = agent(rule={"pairs": 50})
    start = weights(model)
    model.learn(41)
    assert model.num_timesteps == 42
    assert len(model.fitness) == 0
    for one, two in zip(weights(model), start, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


def toy(env=Episodes, n_envs=1, pairs=1) -> ES:
    return make_agent("es", "MlpPolicy", make_single(env, n_envs), width=4, seed=0, rule={"pairs": pairs})


@pytest.mark.parametrize(("budget", "whole"), [(6, False), (7, False), (8, True)])
def test_a_last_episode_that_the_budget_cuts_short_judges_nothing(budget, whole):
    model = toy().learn(budget)
    assert model.num_timesteps == budget
    assert model.fitness.tolist() == ([[10.0, 10.0]] if whole else [])


class Growing(Episodes):
    """Each episode pays more than the one before, so that no pair does equally well."""

    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, reward * (1 + self.episode) ** 2, *rest


def test_no_step_is_taken_beyond_the_end_of_the_training():
    model = toy(Growing, n_envs=3)
    start = weights(model)
    model.learn(22)
    assert model.num_timesteps == 24  # the last steps of three environments overrun the budget
    assert len(model.fitness) == 1
    assert model.fitness[0, 0] != model.fitness[0, 1]
    for one, two in zip(weights(model), start, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)


def test_rewards_must_be_numbers():
    class Broken(Episodes):
        def step(self, action):
            obs, _, *rest = super().step(action)
            return obs, float("nan"), *rest

    model = toy(Broken)
    start = weights(model)
    with pytest.raises(ValueError, match="the reward of environment 0 at step 1 is nan; rewards must be finite"):
        model.learn(100)
    for one, two in zip(weights(model), start, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)


def test_a_callback_may_stop_it_and_the_chip_goes_back():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 20

    model = agent()
    start = weights(model)
    model.learn(10_000, callback=Stop())
    assert model.num_timesteps == 20
    for one, two in zip(weights(model), start, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("env", "hw"),
    [  # each task and each substrate now, the other pairs with the slow suite
        ("CartPole-v1", "digital"),
        ("CartPole-v1", "optical"),
        ("Pendulum-v1", "memristive"),
        pytest.param("CartPole-v1", "memristive", marks=pytest.mark.slow),
        pytest.param("Pendulum-v1", "digital", marks=pytest.mark.slow),
        pytest.param("Pendulum-v1", "optical", marks=pytest.mark.slow),
    ],
)
def test_it_moves_every_array_on_every_substrate(env, hw):
    model = agent(env, hw=hw)
    start = weights(model)
    model.learn(2000 if env == "Pendulum-v1" else 500)  # a generation of whole episodes at least
    assert all(not torch.equal(one, two) for one, two in zip(weights(model), start, strict=True))
    assert model.policy.model.normaliser.count.item() > 0


def test_it_learns_cart_pole():
    model = agent(rule={"pairs": 4}).learn(12_000)
    returns = evaluate(model.policy, lambda count: make_vec_env("CartPole-v1", count, 9), 20, Read.NOISY)
    assert returns.mean() > 100  # a policy at rest falls after 10 steps


def test_a_saved_agent_goes_on_unnoticed(tmp_path):
    model = agent().learn(300)
    model.save(tmp_path / "agent")
    with ZipFile(tmp_path / "agent.zip") as file:
        saved = json.loads(file.read("data.json"))["attributes"].keys()
    assert not {"ways", "visited", "fitness"} & saved  # a generation, not the agent
    loaded = ES.load(tmp_path / "agent")
    state, other = model.policy.state_dict(), loaded.policy.state_dict()
    assert all(torch.equal(state[key], other[key]) for key in state)
    loaded.set_env(make_vec_env("CartPole-v1", 2, 1))
    loaded.learn(300)
    assert any(not torch.equal(one, two) for one, two in zip(weights(loaded), weights(model), strict=True))


def test_the_same_seed_learns_the_same():
    first, second = (agent(hw="memristive").learn(300) for _ in range(2))
    assert all(torch.equal(one, two) for one, two in zip(weights(first), weights(second), strict=True))
    assert np.isfinite(first.fitness.numpy()).all()


def test_make_agent_finds_the_loop_and_each_loop_refuses_the_others_modes():
    env = make_vec_env("CartPole-v1", 2, 1)
    assert type(make_agent("pib", "MlpPolicy", env)) is PIB
    assert type(make_agent("es", "MlpPolicy", env)) is ES
    with pytest.raises(ValueError, match=r"learner 'es' needs a training loop of another kind than PIB.*make_agent"):
        PIB("MlpPolicy", env, learner="es")
    with pytest.raises(ValueError, match="learner 'dfa' needs a training loop of another kind than ES"):
        ES("MlpPolicy", env, learner="dfa")
    with pytest.raises(ValueError, match=r"unknown learner 'ess'; did you mean es or spsa\?"):
        make_agent("ess", "MlpPolicy", env)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"step": 0}, "es's step must be a number > 0, got 0"),
        ({"displacement": float("nan")}, "es option displacement must be a finite number"),
        ({"pairs": 0}, "es's pairs must be 1 or more, got 0"),
        ({"pairs": 2.5}, "es option pairs must be int, got 2.5"),
        ({"pear": 1}, "pear"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        agent(rule=options)


def test_the_command_trains_it_and_draws_figures_without_information(tmp_path):
    folder = tmp_path / "run"
    train.main(
        [
            "CartPole-v1",
            "--learner",
            "es",
            "--timesteps",
            "2000",
            "--width",
            "8",
            "--eval-episodes",
            "2",
            "--no-progress",
            "--out",
            str(folder),
        ]
    )
    result = json.loads((folder / "result.json").read_text())
    assert (result["learner"], result["timesteps"]) == ("es", 2000)
    columns = (folder / "progress.csv").read_text().splitlines()[0].split(",")
    assert {"train/fitness_mean", "train/fitness_best", "hardware/writes", "hardware/measurements"} <= set(columns)
    assert not [name for name in columns if name.startswith("information/")]
    for picture in ("learning_curve.png", "information_plane.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
