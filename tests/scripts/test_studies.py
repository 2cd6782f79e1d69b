"""The studies of docs/lab: what their scripts write down, and how they test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from script_loader import load_script

from pib_rl.agents import PIB
from pib_rl.agents.estimators import PIBClassifier
from pib_rl.agents.network.information import information_plane
from pib_rl.envs import make_vec_env

rows = load_script("study_rows")
compression = load_script("compression_study")
taps_read = load_script("tap_information")


def test_a_finished_run_is_not_repeated(tmp_path):
    made = []

    def run():
        made.append(None)
        return [{"seed": seed, "score": seed / 2} for seed in (1, 2)]

    for settings in ({"beta": 0}, {"beta": 1}, {"beta": 0}):
        rows.run_once(tmp_path / "new" / "study.csv", settings, run)
    found = rows.read(tmp_path / "new" / "study.csv")
    assert len(made) == 2
    assert len(found) == 4
    assert rows.column(rows.pick(found, beta=1), "score").tolist() == [0.5, 1.0]


def test_means_have_standard_errors_and_differences_are_those_of_chips():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    assert rows.mean_error(values, 2) == "2.00 ± 0.58"
    assert rows.mean_error(np.array([np.nan])) == "-"
    chips = np.array([0.0, 50.0, 100.0])
    assert rows.difference(np.array([1.0, 52.0, 103.0]), chips) == pytest.approx(2 / (1 / np.sqrt(3)))
    assert np.isnan(rows.difference(chips, chips))


def test_louder_noise_leaves_the_task_as_it_is():
    plain = make_vec_env("CartPole-v1", 3, 7, 5)
    louder = compression.Louder(make_vec_env("CartPole-v1", 3, 7, 5), 5)
    for seen, heard in [(plain.reset(), louder.reset()), *zip(steps(plain), steps(louder), strict=True)]:
        np.testing.assert_array_equal(heard[:, :4], seen[:, :4])
        np.testing.assert_allclose(heard[:, 4:], 2 * seen[:, 4:])
        assert heard.dtype == np.float32


def steps(env, count=30):
    """Observations of some steps, with those that ended episodes."""
    for _ in range(count):
        obs, _, dones, infos = env.step(np.zeros(3, dtype=int))
        yield obs
        yield from (infos[index]["terminal_observation"][None] for index in np.flatnonzero(dones))


def test_the_plane_of_each_chip_has_the_mean_that_runs_log():
    x = np.random.default_rng(0).standard_normal((60, 3))
    model = PIBClassifier(hw="digital", width=8, units=2, epochs=1, chips=compression.CHIPS).fit(x, x[:, 0] > 0)
    samples, pick = model.samples(x, x[:, 0] > 0), torch.arange(50)
    inputs, target = samples.inputs(pick), samples.target(pick)
    with torch.inference_mode():
        logged = information_plane(inputs, model.model_.network.measure(inputs), target)
    found = compression.plane(model.model_, inputs, target)
    for unit, point in enumerate(logged, 1):
        assert found[f"input_{unit}"].shape == (compression.CHIPS,)
        assert found[f"input_{unit}"].mean() == pytest.approx(point.on_input, rel=0.02)
        assert found[f"target_{unit}"].mean() == pytest.approx(point.on_target, rel=0.02)


def test_late_returns_are_those_of_each_chip():
    callback = load_script("late_returns").LateReturns(3, 90)
    for step, reward in ((40, 1.0), (96, 2.0), (99, 4.0)):
        callback.num_timesteps = step
        infos = [{} for _ in range(6)]
        infos[3] = {"episode": {"r": reward}}
        callback.locals = {"infos": infos}
        assert callback._on_step()
    np.testing.assert_array_equal(callback.means(), [np.nan, 3.0, np.nan])


def test_explained_variance_is_that_of_held_out_samples():
    draw = torch.Generator().manual_seed(0)
    taps, new = torch.randn(400, 6, generator=draw), torch.randn(300, 6, generator=draw)
    weights = torch.randn(6, 2, generator=draw)
    assert taps_read.explained(taps, taps @ weights, new, new @ weights) == pytest.approx(1, abs=1e-3)
    noise = torch.randn(400, 2, generator=draw), torch.randn(300, 2, generator=draw)
    assert taps_read.explained(taps, noise[0], new, noise[1]) < 0.02
    still = torch.zeros(400, 1), torch.zeros(300, 1)  # dimensions that do not vary are left out of the mean
    wanted, now = (torch.cat([part @ weights, flat], 1) for part, flat in zip((taps, new), still, strict=True))
    assert taps_read.explained(taps, wanted, new, now) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("learner", "same"), [("frozen", True), ("pib", False)])
def test_trained_taps_are_told_from_those_of_the_same_chip_as_fabricated(learner, same, capsys):
    env = make_vec_env("CartPole-v1", 8, 0)
    model = PIB("MlpPolicy", env, hw="digital", width=16, n_steps=32, learner=learner, seed=0, device="cpu")
    model.learn(8 * 32 * 5, callback=taps_read.Watch(1))
    trained, fabricated = (line.split()[2:] for line in capsys.readouterr().out.splitlines()[-2:])
    assert len(trained) == len(taps_read.COLUMNS) + 1
    assert (trained == fabricated) == same
