"""PPO of Stable-Baselines3 on CartPole-v1, set up as rl-baselines3-zoo does: what PIB's speed is compared with."""

from __future__ import annotations

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.training.baselines import build
from pib_rl.training.loop import close
from pib_rl.training.settings.software import BaselineConfig, zoo_settings

ENV = "CartPole-v1"


def config(seed: int) -> BaselineConfig:
    """The zoo's training, with as many steps as there."""
    return BaselineConfig(env=ENV, seed=seed, timesteps=zoo_settings(ENV, "ppo")["n_timesteps"])


def vectorised(seed: int) -> BaseAlgorithm:
    """PPO on this project's vectorised environment, which PIB uses too."""
    return build(config(seed))


def make(seed: int) -> BaseAlgorithm:
    """PPO on the `DummyVecEnv` that the zoo makes."""
    agent = vectorised(seed)
    close(agent)
    agent.set_env(make_vec_env(ENV, agent.n_envs, seed=seed))
    return agent
