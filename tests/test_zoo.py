"""PIB in rl-baselines3-zoo: settings, search space, registration; its commands in the slow suite."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import yaml

from pib_rl import PIB, zoo
from pib_rl.cli.cli import UserError
from pib_rl.training.tuned import FOLDER, tuned

NOT_ARGUMENTS = ("n_envs", "n_timesteps")


def arguments(settings: dict) -> dict:
    """What the zoo passes on to an algorithm."""
    rate = float(str(settings["learning_rate"]).removeprefix("lin_"))
    return {name: value for name, value in settings.items() if name not in NOT_ARGUMENTS} | {"learning_rate": rate}


class Trial:
    """Draws as Optuna does, and remembers."""

    def __init__(self, seed: int) -> None:
        self.rng, self.params = np.random.default_rng(seed), {}

    def _kept(self, name, value):
        return self.params.setdefault(name, value)

    def suggest_categorical(self, name, choices):
        return self._kept(name, choices[self.rng.integers(len(choices))])

    def suggest_int(self, name, low, high):
        return self._kept(name, int(self.rng.integers(low, high + 1)))

    def suggest_float(self, name, low, high, log=False):
        assert 0 < low < high
        return self._kept(name, float(self.rng.uniform(low, high)))


def test_settings_are_the_tuned_ones_of_every_environment():
    known = yaml.safe_load((FOLDER / "pib.yml").read_text(encoding="utf-8"))
    assert set(zoo.hyperparams) == set(known) - {"images"}
    for env_id, settings in zoo.hyperparams.items():
        wanted = tuned(env_id, "pib")
        assert (settings["n_timesteps"], settings["n_envs"]) == (wanted["timesteps"], wanted["n_envs"])
        agent = PIB(env="CartPole-v1", seed=0, **arguments(settings))
        assert {name: getattr(agent.rule.config, name) for name in wanted["rule"]} == wanted["rule"]
        assert yaml.safe_load(yaml.safe_dump(settings)) == settings  # the zoo writes them into its run folder


@pytest.mark.parametrize("seed", range(5))
def test_every_point_of_the_search_space_makes_an_agent(seed):
    trial = Trial(seed)
    point = zoo.sampled(trial, 2, 1, {})
    agent = PIB("MlpPolicy", "CartPole-v1", n_steps=16, seed=0, **point)
    assert (agent.policy.model.chip.width, agent.n_epochs) == (trial.params["width"], trial.params["n_epochs"])
    again = zoo.converted(trial.params)
    assert agent.lr_schedule(1.0) == float(again.pop("learning_rate").removeprefix("lin_"))
    assert again == {name: point[name] for name in again}


def test_registration_adds_pib_to_the_tables_of_the_zoo(monkeypatch):
    utils, search = SimpleNamespace(ALGOS={}), SimpleNamespace(HYPERPARAMS_SAMPLER={}, HYPERPARAMS_CONVERTER={})
    for name, module in (
        ("rl_zoo3", ModuleType("rl_zoo3")),
        ("rl_zoo3.utils", utils),
        ("rl_zoo3.hyperparams_opt", search),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    zoo.register()
    assert utils.ALGOS == {"pib": PIB}
    assert vars(search) == {
        "HYPERPARAMS_SAMPLER": {"pib": zoo.sampled},
        "HYPERPARAMS_CONVERTER": {"pib": zoo.converted},
    }


def test_without_the_zoo_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rl_zoo3", None)
    with pytest.raises(UserError, match=r"pip install 'pib-rl\[zoo\]'$"):
        zoo.main(["train"])


@pytest.mark.parametrize("given", [[], ["trian"]])
def test_an_unknown_command_is_named(given):
    with pytest.raises(UserError, match=r"must be a command of rl_zoo3, got '.*'; (did you mean train|known: train)"):
        zoo.main(given)


def test_pib_and_its_settings_are_what_the_zoo_gets_by_default():
    assert zoo.completed("train", ["--env", "A"]) == ["--env", "A", "--algo", "pib", "--conf-file", "pib_rl.zoo"]
    assert zoo.completed("train", ["-conf", "my.yml"]) == ["-conf", "my.yml", "--algo", "pib"]
    assert zoo.completed("train", ["--algo=ppo"]) == ["--algo=ppo"]
    assert zoo.completed("enjoy", []) == ["--algo", "pib"]
    assert zoo.completed("plot_train", ["-a", "pib"]) == ["-a", "pib"]


@pytest.mark.slow
def test_the_zoo_trains_plays_plots_and_optimises(tmp_path):
    pytest.importorskip("rl_zoo3", reason="needs the extra zoo: pip install -e '.[zoo]'")

    def said(*arguments: str) -> str:
        environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "pib_rl.zoo", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    small = ["--env", "CartPole-v1", "--seed", "1", "-params", "n_envs:2", "n_steps:64", "width:8"]
    said("train", *small, "-n", "512", "--eval-freq", "128")
    run = tmp_path / "logs" / "pib" / "CartPole-v1_1"
    assert (run / "CartPole-v1.zip").is_file()
    assert (run / "evaluations.npz").is_file()
    assert "Mean reward" in said("enjoy", "--env", "CartPole-v1", "-f", "logs", "-n", "600", "--no-render")
    said("plot_train", "-a", "pib", "-e", "CartPole-v1", "-f", "logs")
    assert "CartPole-v1" in said("all_plots", "-a", "pib", "-e", "CartPole-v1", "-f", "logs", "-o", "logs/table")
    search = ["-optimize", "--n-trials", "2", "--n-evaluations", "1", "--no-optim-plots", "-f", "search"]
    assert "Best trial" in said("train", *small, "-n", "256", *search)
