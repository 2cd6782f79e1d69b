"""Software baselines: the zoo's settings, the same run folder as hardware."""

from __future__ import annotations

import csv
import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from pib_rl.cli.cli import UserError
from pib_rl.training import baselines
from pib_rl.training import run as training_run
from pib_rl.training.baselines import Player, build, check_able
from pib_rl.training.config import TrainConfig
from pib_rl.training.settings.software import ALGORITHMS, BaselineConfig
from pib_rl.training.small_cnn import SmallCnn
from pib_rl.training.tuned import FOLDER

ENVS = ("CartPole-v1", "Acrobot-v1", "LunarLander-v3", "Pendulum-v1", "MountainCarContinuous-v0", "BipedalWalker-v3")


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_settings_name_their_source(algo):
    text = (FOLDER / f"{algo}.yml").read_text()
    assert "https://github.com/DLR-RM/rl-baselines3-zoo" in text
    assert "commit" in text


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("algo", ["ppo", "a2c", "dqn", "ars"])
def test_every_agent_is_built_with_the_zoo_settings(algo, env):
    config = BaselineConfig(env=env, algo=algo)
    if algo == "dqn" and env in ENVS[3:]:
        with pytest.raises(UserError, match="dqn can only give actions that are Discrete"):
            build(config)
        return
    model = build(config)
    settings = config.identity()["settings"]
    assert settings, "the zoo has settings for each of these"
    assert model.n_envs == settings.get("n_envs", 1)
    for name in ("gamma", "n_steps", "n_epochs", "batch_size", "ent_coef", "n_delta", "buffer_size"):
        if name in settings:
            assert getattr(model, name) == settings[name]
    rate = settings.get("learning_rate")
    if isinstance(rate, str):
        top = float(rate.removeprefix("lin_"))
        assert [model.lr_schedule(1.0), model.lr_schedule(0.5)] == pytest.approx([top, top / 2])
    assert isinstance(model.get_env(), VecNormalize) == bool(settings.get("normalize"))
    model.get_env().close()


@pytest.mark.parametrize(("env", "package"), [("Hopper-v5", "mujoco"), ("HalfCheetah-v5", "mujoco")])
def test_ppo_moves_robots_with_the_network_of_the_zoo(env, package):
    pytest.importorskip(package)
    model = build(BaselineConfig(env=env, algo="ppo"))
    assert isinstance(model.get_env(), VecNormalize)
    assert [layer.out_features for layer in model.policy.mlp_extractor.policy_net[::2]] == [256, 256]
    assert all(isinstance(layer, nn.ReLU) for layer in model.policy.mlp_extractor.policy_net[1::2])
    model.get_env().close()


def test_ppo_sees_the_games_of_minatar_as_small_images():
    pytest.importorskip("minatar")
    model = build(BaselineConfig(env="MinAtar/Breakout-v1", algo="ppo"))
    assert isinstance(model.policy.features_extractor, SmallCnn)
    assert model.policy.features_extractor.layers[0].in_channels == 4
    assert model.policy.action_net.in_features == 128
    model.get_env().close()


def test_an_unknown_environment_takes_defaults():
    assert BaselineConfig(env="Taxi-v3", algo="ppo").identity()["settings"] == {}


def test_run_folder_is_like_that_of_hardware(tmp_path, capsys):
    arguments = [
        "CartPole-v1",
        "--algo",
        "a2c",
        "--timesteps",
        "5000",
        "--looks",
        "2",
        "--eval-episodes",
        "4",
        "--no-progress",
        "--seed",
        "7",
        "--out",
        str(tmp_path / "run"),
    ]
    baselines.main(arguments)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["learner"], result["hw"], result["seed"], result["timesteps"]) == ("a2c", "software", 7, 5000)
    assert "measurements" not in result
    rows = list(csv.DictReader((tmp_path / "run" / "evaluations.csv").open()))
    assert [int(row["timesteps"]) for row in rows] == [1680, 3360, 5000]
    assert {row["measurements"] for row in rows} == {"0"}
    before = (tmp_path / "run" / "result.json").stat().st_mtime_ns
    baselines.main(arguments)
    assert (tmp_path / "run" / "result.json").stat().st_mtime_ns == before
    assert "a2c on CartPole-v1, seed 7" in capsys.readouterr().out


def test_same_seed_same_result(tmp_path):
    results = []
    for name in ("one", "two"):
        baselines.main(
            [
                "CartPole-v1",
                "--timesteps",
                "600",
                "--eval-episodes",
                "3",
                "--no-progress",
                "--seed",
                "3",
                "--out",
                str(tmp_path / name),
            ]
        )
        results.append(json.loads((tmp_path / name / "result.json").read_text())["eval_mean"])
    assert results[0] == results[1]


def test_evaluation_normalises_with_the_statistics_of_training_and_leaves_them():
    model = build(BaselineConfig(env="Acrobot-v1", algo="a2c"))
    env = model.get_env()
    env.obs_rms.mean[:], env.obs_rms.var[:] = 3.0, 4.0
    seen = []
    model.predict = lambda obs, *rest: (seen.append(obs), None)
    Player(model).predict(np.full((2, 6), 7.0))
    np.testing.assert_allclose(seen[0], 2.0, rtol=1e-5)
    assert env.obs_rms.mean[0] == 3.0
    env.close()


def test_hardware_and_software_meet_the_same_environments():
    hard, soft = TrainConfig(env="CartPole-v1", seed=5), BaselineConfig(env="CartPole-v1", seed=5)
    first, second = (
        make(config, 3, "evaluation").reset()
        for make, config in ((training_run.environments, hard), (training_run.environments, soft))
    )
    assert (first == second).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["CartPole-v1", "--algo", "pop"], "unknown algorithm 'pop'; did you mean ppo?"),
        (["CartPole-v1", "--timesteps", "0"], "--timesteps must be 1 or more, got 0"),
        (["CartPol-v1"], "unknown environment 'CartPol-v1'"),
    ],
)
def test_mistakes(arguments, said):
    with pytest.raises(UserError) as caught:
        baselines.main(arguments)
    assert said in str(caught.value)


class Toy(gym.Env):
    """Spaces are those that it is made with."""

    def __init__(self, seen, taken):
        self.observation_space, self.action_space = seen, taken


@pytest.mark.parametrize(
    ("algo", "seen", "taken", "words"),
    [
        ("ppo", spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), ""),
        ("ppo", spaces.Discrete(3), spaces.MultiBinary(2), ""),
        ("ars", spaces.Discrete(3), spaces.MultiBinary(2), "ars can only give actions that are Box or Discrete"),
        ("dqn", spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), "dqn can only give actions that are Discrete, and"),
        ("ppo", spaces.Discrete(3), spaces.MultiDiscrete([2, 3], start=[1, 0]), "takes numbers .* that count from 0"),
        ("a2c", spaces.Dict({"a": spaces.Discrete(3, start=1)}), spaces.Discrete(2), "takes numbers .* count from 0"),
        ("a2c", spaces.MultiDiscrete([[2, 2], [2, 2]]), spaces.Discrete(2), "takes numbers of one axis"),
    ],
)
def test_what_agents_of_sb3_cannot_do_is_told_before_they_are_made(algo, seen, taken, words, monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    gym.register("Toy-v0", entry_point=Toy, kwargs={"seen": seen, "taken": taken}, max_episode_steps=5)
    if not words:
        check_able(algo, "Toy-v0")
        return
    with pytest.raises(UserError, match=words):
        check_able(algo, "Toy-v0")
