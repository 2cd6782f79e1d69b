"""Plays finished runs greedily and with actions drawn from the policy, on noisy hardware: do the two tell the same?

    python scripts/greedy_and_drawn.py RUN [RUN ...]

40 fresh episodes each, the last policy.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from stable_baselines3.common.evaluation import evaluate_policy

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import UserError, run
from pib_rl.cli.process import settle_in
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import CONFIG, LAST, RunFolder, load_into
from pib_rl.training.config import from_arguments
from pib_rl.training.run import build, environments

EPISODES = 40


class Player:
    """The policy, greedy or drawn, in the shape that `evaluate_policy` takes."""

    def __init__(self, policy: PIBPolicy, greedy: bool) -> None:
        self.policy, self.greedy = policy, greedy

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        obs, _ = self.policy.obs_to_tensor(observation)
        return self.policy.to_env(self.policy.act(obs, self.greedy, Read.NOISY).cpu().numpy()), state


def main(runs: list[str]) -> None:
    if not runs:
        raise UserError("expected RUN [RUN ...], folders that python -m pib_rl.train made, got none")
    settle_in()
    for folder in [RunFolder.open(Path(path)) for path in runs]:
        config = from_arguments(["--config", str(folder.path / CONFIG)], "train")
        policy = build(config).policy
        load_into(policy, folder.load_policy(LAST), folder.path / LAST)
        make_env, means = partial(environments, config, EPISODES), []
        for greedy in (True, False):
            env = make_env("greedy-and-drawn")
            returns, _ = evaluate_policy(Player(policy, greedy), env, EPISODES, return_episode_rewards=True, warn=False)
            env.close()
            means.append(float(np.mean(returns)))
        print(f"{folder.path}: greedy {means[0]:.0f}, drawn {means[1]:.0f}")


if __name__ == "__main__":
    run("greedy_and_drawn", main)
