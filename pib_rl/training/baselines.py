"""Software baselines: Stable-Baselines3 agents with the settings of rl-baselines3-zoo.

`python -m pib_rl.training.baselines CartPole-v1 --algo ppo` makes one run folder; `pib_rl.compare` starts many. These
agents run ordinary networks by backpropagation, in a process of their own (they seed torch's global generator).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from pib_rl.agents.observations import parts_of
from pib_rl.cli.cli import UserError, mistakes, note, run
from pib_rl.cli.process import settle_in
from pib_rl.cli.settings_files import parse_with_file
from pib_rl.common.streams import ENVIRONMENT, EVALUATION
from pib_rl.envs.lookup import find_spec
from pib_rl.envs.make import time_limit
from pib_rl.runs.folder import RunFolder
from pib_rl.runs.result import BASELINE, RunResult
from pib_rl.training.callbacks import Evaluation
from pib_rl.training.evaluation import FINAL, greedy_returns, silent
from pib_rl.training.loop import HELDOUT_EPISODES, learn
from pib_rl.training.run import environments
from pib_rl.training.schedule import look_steps
from pib_rl.training.settings.software import ALGORITHMS, SOFTWARE, BaselineConfig, zoo_settings
from pib_rl.training.small_cnn import SmallCnn

NAME = "pib_rl.training.baselines"

# What policy_kwargs have as a name in files, and as a class in Stable-Baselines3.
PARTS: dict[str, dict[str, type[nn.Module]]] = {
    "features_extractor_class": {"SmallCnn": SmallCnn},
    "activation_fn": {"ReLU": nn.ReLU},
}


def check_able(algo: str, env_id: str) -> None:
    """Makes sure that an algorithm is installed and can do the environment's actions.

    Raises:
        UserError: If not; the message says how to mend it.
    """
    kind = ALGORITHMS[algo]
    try:
        importlib.import_module(kind.module)
    except ImportError:
        raise UserError(f"{algo} needs {kind.module}: pip install 'pib-rl[bench]'") from None
    with mistakes():
        find_spec(env_id)
        env = gym.make(env_id)
    space, seen = env.action_space, env.observation_space
    env.close()
    if not isinstance(space, kind.actions):
        names = " or ".join(one.__name__ for one in kind.actions)
        raise UserError(f"{algo} can only give actions that are {names}, and {env_id} has {space}; leave it out")
    for part in (space, *parts_of(seen).values()):
        if np.any(getattr(part, "start", 0)) or np.ndim(getattr(part, "nvec", 0)) > 1:
            raise UserError(
                f"{algo} of Stable-Baselines3 takes numbers of one axis that count from 0, and {env_id} has {part}; "
                "leave it out"
            )


class Player:
    """An agent with the observation statistics of its training, in the shape that `evaluate_policy` takes."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self.model = model

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch of observations, shape (n, ...)."""
        normalise = self.model.get_vec_normalize_env()
        seen = observation if normalise is None else normalise.normalize_obs(observation)
        return self.model.predict(seen, state, episode_start, deterministic)


def sb3_settings(env_id: str, algo: str) -> dict[str, Any]:
    """`zoo_settings` with schedules and classes in the place of their names, as Stable-Baselines3 takes them."""
    settings = zoo_settings(env_id, algo)
    for name, value in settings.items():
        if isinstance(value, str) and value.startswith("lin_"):
            settings[name] = LinearSchedule(float(value.removeprefix("lin_")), 0.0, 1.0)
    if "policy_kwargs" in settings:
        settings["policy_kwargs"] = {
            name: PARTS[name][value] if name in PARTS else value for name, value in settings["policy_kwargs"].items()
        }
    return settings


def build(config: BaselineConfig) -> BaseAlgorithm:
    """The agent and its environments.

    Raises:
        UserError: If the algorithm is not installed or can't do the environment.
    """
    check_able(config.algo, config.env)
    settings = sb3_settings(config.env, config.algo)
    settings.pop("n_timesteps", None)
    policy = settings.pop("policy", "LinearPolicy" if config.algo == "ars" else "MlpPolicy")
    normalise = settings.pop("normalize", False)
    with mistakes():
        env = environments(config, settings.pop("n_envs", 1), ENVIRONMENT)
        if normalise:
            options = normalise if isinstance(normalise, dict) else {}
            env = VecNormalize(env, gamma=settings.get("gamma", 0.99), **options)
        kind = getattr(importlib.import_module(ALGORITHMS[config.algo].module), config.algo.upper())
        model: BaseAlgorithm = kind(policy, env, seed=config.seed, device="cpu", **settings)
    return model


def train(config: BaselineConfig, model: BaseAlgorithm, folder: RunFolder) -> None:
    """Trains, evaluates and fills the run folder, as `pib_rl.train` does for hardware."""
    spec = find_spec(config.env)
    player = Player(model)

    def returns(
        episodes: int, stream: str, tell: Callable[[str], None] = silent, steps: int | None = None
    ) -> np.ndarray:
        limit = time_limit(config.env)
        make_env = partial(environments, config, stream=stream)
        return greedy_returns(player, make_env, episodes, 1, limit, tell, steps)

    evaluations = Evaluation(
        lambda: returns(HELDOUT_EPISODES, EVALUATION),
        look_steps(config.timesteps, config.looks, spec.max_episode_steps),
        spec.reward_threshold,
    )
    try:
        wall = learn(model, config.timesteps, folder, evaluations, config.progress)
    except KeyboardInterrupt:
        raise UserError(
            f"interrupted at step {model.num_timesteps} of {config.timesteps}; {folder.path} stays unfinished"
        ) from None
    final = returns(config.eval_episodes, "final-noisy", note, config.final_steps // FINAL)
    folder.save_result(
        RunResult(
            kind=BASELINE,
            env=config.env,
            hw=SOFTWARE,
            learner=config.algo,
            seed=config.seed,
            timesteps=model.num_timesteps,
            eval_mean=float(final.mean()),
            eval_std=float(final.std()),
            eval_episodes=final.shape[-1],
            solved_at_step=evaluations.solved_at,
            wall_s=round(wall, 3),
        )
    )


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = parse_with_file(BaselineConfig, arguments, NAME)
    model = build(config)
    folder = RunFolder.create(config)
    if not folder.finished:
        train(config, model, folder)
    reached = folder.result("eval_mean").text("eval_mean")
    print(f"{config.algo} on {config.env}, seed {config.seed}: {reached} ({folder.path})")


if __name__ == "__main__":
    run(NAME, main)
