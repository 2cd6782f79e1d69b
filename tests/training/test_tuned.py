"""Tuned settings: shipped, used by themselves, under what the user says."""

from __future__ import annotations

import re

import pytest
import yaml
from stable_baselines3.common.utils import LinearSchedule

from pib_rl import train
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.cli.cli import UserError
from pib_rl.cli.settings_files import from_plain
from pib_rl.common.options import configure
from pib_rl.training import run as training_run
from pib_rl.training import tuned
from pib_rl.training.config import TrainConfig, from_arguments

LANDER = {
    "hidden_rate": 0.001,
    "refit_margin": 2,
    "epochs": 4,
    "ent_coef": 0.01,
    "ent_decay": 4,
    "gae_lambda": 0.98,
    "gamma": 0.995,
    "dual_clip": None,
}
# A task with all that settings can say: of units, of rule and readout, and of one substrate.
FULL = """
default: {n_timesteps: 80000}
Acrobot-v1:
  n_timesteps: 200000
  n_epochs: 4
  hidden_rate: 0.001
  hidden_rollouts: 4
  plastic: 0.5
  refit_margin: 2
  objective: cka
  hw:
    optical: {objective: ridge, objective_options: {ridge: 5, gain: 0.5}}
"""
KEYS = list(yaml.safe_load((tuned.FOLDER / "pib.yml").read_text()))


@pytest.fixture
def full(tmp_path, monkeypatch):
    monkeypatch.setattr(tuned, "FOLDER", tmp_path)
    (tmp_path / "pib.yml").write_text(FULL)


def settings(*arguments: str):
    return from_arguments(list(arguments), train.NAME).identity()


@pytest.mark.parametrize("env", KEYS)
@pytest.mark.parametrize("learner", ["pib", "frozen"])
@pytest.mark.parametrize("hw", [None, "digital", "memristive", "optical"])
def test_every_entry_is_a_configuration(env, learner, hw):
    plain = from_plain(TrainConfig, {"env": env} | tuned.tuned(env, learner, hw), tuned.FOLDER).identity()
    configure(RuleConfig, plain["rule"], "the rule")


@pytest.mark.usefixtures("full")
def test_a_substrate_may_have_settings_of_its_own():
    optical, memristive = (settings("Acrobot-v1", "--hw", hw) for hw in ("optical", "memristive"))
    assert (optical["objective"], optical["objective_options"]) == ("ridge", {"ridge": 5, "gain": 0.5})
    assert (memristive["objective"], memristive["objective_options"]) == ("cka", {})
    assert optical["rule"] == memristive["rule"]
    assert settings("Acrobot-v1", "--hw", "optical", "--learner", "frozen")["objective"] == "decoder"


@pytest.mark.usefixtures("full")
def test_another_objective_drops_the_tuned_options_of_the_first():
    changed = settings("Acrobot-v1", "--hw", "optical", "--objective", "gaussian")
    assert (changed["objective"], changed["objective_options"]) == ("gaussian", {})
    changed = settings("Acrobot-v1", "--hw", "optical", "--objective", "cka", "--objective-options", "beta=0.1")
    assert (changed["objective"], changed["objective_options"]) == ("cka", {"beta": 0.1})
    changed = settings("Acrobot-v1", "--hw", "optical", "--objective-options", "ridge=2")
    assert (changed["objective"], changed["objective_options"]) == ("ridge", {"ridge": 2, "gain": 0.5})


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(("hw", "tuned_for"), [("digital", True), ("memristive:pcm", True), ("optical", False)])
@pytest.mark.parametrize("game", ["Asterix", "Freeway"])
def test_games_have_units_that_look_at_squares_where_the_learner_can_use_them(game, learner, hw, tuned_for):
    found = settings(f"MinAtar/{game}-v1", "--learner", learner, "--hw", hw)
    squares = tuned_for and learner != "forward-forward"
    assert ("patches" in found, found["units"]) == ((True, 1) if squares else (False, 2))


def test_the_environment_of_the_command_line_brings_its_own_settings():
    assert settings("Acrobot-v1")["rule"] == {"epochs": 4}
    assert settings("Acrobot-v1")["timesteps"] == 200_000
    lander = settings("LunarLander-v3", "--hw", "optical")
    assert lander["learning_rate"] == "lin_0.3"
    assert lander["rule"] == LANDER
    assert settings("FrozenLake-v1")["rule"] == {}


def test_the_command_line_overrides_and_keeps_the_rest():
    lander = settings("LunarLander-v3", "--rule", "ent_coef=0.5", "--timesteps", "7", "--learning-rate", "0.2")
    assert lander["rule"] == LANDER | {"ent_coef": 0.5}
    assert (lander["timesteps"], lander["learning_rate"], lander["n_envs"]) == (7, 0.2, 8)


def test_a_file_lies_between_the_tuned_settings_and_the_command_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("env: LunarLander-v3\ntimesteps: 9\nwidth: 5\nrule: {ent_coef: 0.3}\n")
    lander = settings("--config", str(file), "--width", "6")
    assert (lander["timesteps"], lander["width"]) == (9, 6)
    assert lander["rule"] == LANDER | {"ent_coef": 0.3}


@pytest.mark.usefixtures("full")
def test_rivals_do_not_take_the_settings_of_hidden_arrays():
    of_readout = {"epochs": 4, "refit_margin": 2}
    assert settings("Acrobot-v1")["rule"] == of_readout | {"hidden_rate": 0.001, "hidden_rollouts": 4, "plastic": 0.5}
    assert settings("Acrobot-v1", "--learner", "frozen")["rule"] == of_readout


def test_tuned_units_have_the_rates_of_their_learner_alone():
    # What is shipped for a task is of readout and rule; one set of settings of the units serves all of them, but that
    # Pendulum's rollouts are short and landers hover where units move fast.
    for env in KEYS:
        assert set(tuned.OWN) & tuned.entry(tuned.FOLDER / "pib.yml", env).keys() <= {"hidden_steps", "hidden_rate"}, (
            env
        )


def test_print_config_can_be_read_back(tmp_path, capsys):
    train.main(["Pendulum-v1", "--seed", "3", "--print-config"])
    file = tmp_path / "printed.yaml"
    file.write_text(capsys.readouterr().out)
    assert settings("--config", str(file)) == settings("Pendulum-v1", "--seed", "3")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["CartPol-v1"], "unknown environment"),
        (["CartPole-v1", "--learner", "pibb"], "unknown learner"),
        (["CartPole-v1", "--rule", "hiden_rate=1"], "did you mean hidden_rate"),
        (["CartPole-v1", "--rule", "hidden_rate=1e300"], "hidden_rate must be at most 3.4e+38 in size, got 1e+300"),
    ],
)
def test_print_config_prints_only_what_can_run(arguments, said, capsys):
    with pytest.raises(UserError, match=re.escape(said)):
        train.main([*arguments, "--print-config"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["lin_", "fast", "0", "-1", "nan", "lin_inf"])
def test_a_wrong_rate_is_named(text):
    with pytest.raises(UserError, match="learning-rate must be a number > 0 or lin_"):
        settings("CartPole-v1", f"--learning-rate={text}")


def test_rates_fall_or_stay():
    falling = from_arguments(["CartPole-v1", "--learning-rate", "lin_0.5"], train.NAME).rate()
    assert isinstance(falling, LinearSchedule)
    assert [falling(1.0), falling(0.5), falling(0.0)] == [0.5, 0.25, 0.0]
    assert from_arguments(["CartPole-v1", "--learning-rate", "0.5"], train.NAME).rate() == 0.5


def test_the_initial_spread_reaches_the_policy():
    model = training_run.build(from_arguments(["MountainCarContinuous-v0"], train.NAME))
    assert model.policy.head.log_std.item() == 0.5
    assert model.rule.config.gamma == 0.99
