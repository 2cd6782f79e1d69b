"""What PPO in software reaches on images with the features that are named: which of them a game needs.

    python scripts/ppo_features.py MinAtar/Freeway-v1 [--features cnn linear ...] [--timesteps N] [--seed S] [--out DIR]

Settings are those of `pib_rl/hyperparams/ppo.yml` for MinAtar, with one thread, one run each. Prints the mean return of
the last 100 episodes along the training (actions drawn), and saves each agent in DIR as FEATURES-GAME-SEED.zip, which
`scripts/distil.py` takes as its teacher.

    linear       the pixels
    flat         256 tanh units that see all pixels
    kernels      16 kernels of 3 x 3 pixels
    fixed        the same, as they were drawn: only what reads them learns
    cnn          16 kernels, then 128 units: the network of MinAtar's authors
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import FlattenExtractor

from pib_rl.agents.observations import image_layout
from pib_rl.envs import make_vec_env
from pib_rl.training.baselines import sb3_settings
from pib_rl.training.small_cnn import SmallCnn

SETTINGS = "MinAtar/Breakout-v1"  # the key of ppo.yml whose settings all games have
PRINTED = 8  # returns along a training


class Kernels(SmallCnn):
    """The first layer of `SmallCnn` alone; with ``fixed``, it stays as it was drawn."""

    def __init__(self, observation_space: spaces.Box, fixed: bool = False) -> None:
        super().__init__(observation_space)
        *first, last, _ = self.layers
        self.layers = torch.nn.Sequential(*first)
        self._features_dim = last.in_features
        self.layers.requires_grad_(not fixed)


POLICIES: dict[str, dict[str, Any]] = {
    "linear": {"features_extractor_class": FlattenExtractor},
    "flat": {"features_extractor_class": FlattenExtractor, "net_arch": [256]},
    "kernels": {"features_extractor_class": Kernels},
    "fixed": {"features_extractor_class": Kernels, "features_extractor_kwargs": {"fixed": True}},
    "cnn": {"features_extractor_class": SmallCnn},
}


class Returns(BaseCallback):
    """Prints the mean return of the episodes that ended last, `PRINTED` times."""

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.every = timesteps / PRINTED
        self.shown = 0

    def _on_step(self) -> bool:
        if self.num_timesteps >= (self.shown + 1) * self.every:
            self.shown += 1
            returns = [episode["r"] for episode in self.model.ep_info_buffer]
            print(f"{self.num_timesteps:10,}  {np.mean(returns) if returns else math.nan:8.2f}", flush=True)
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env")
    parser.add_argument("--features", nargs="+", choices=POLICIES, default=list(POLICIES), metavar="NAME")
    parser.add_argument("--timesteps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    space = make_vec_env(options.env, 1).observation_space
    if image_layout(space) is None:
        parser.error(f"expected an environment that shows images, such as MinAtar/Freeway-v1, got {space}")
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in options.features:
        print(name)
        settings = sb3_settings(SETTINGS, "ppo")
        for apart in ("n_timesteps", "policy"):
            settings.pop(apart)
        env = make_vec_env(options.env, settings.pop("n_envs"), options.seed)
        settings["policy_kwargs"] |= POLICIES[name]
        agent = PPO("MlpPolicy", env, seed=options.seed, device="cpu", **settings)
        agent.learn(options.timesteps, callback=Returns(options.timesteps))
        game = options.env.rpartition("/")[2]
        agent.save(options.out / f"{name}-{game}-{options.seed}.zip")


if __name__ == "__main__":
    main()
