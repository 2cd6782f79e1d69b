"""Plays finished runs greedily and with actions drawn from the policy, on noisy hardware: do the two tell the same?

    python scripts/greedy_and_drawn.py RUN [RUN ...]

40 fresh episodes each, the last policy.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from finished_runs import finished
from stable_baselines3.common.evaluation import evaluate_policy

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import run
from pib_rl.physical.substrate import Read
from pib_rl.training.run import environments

EPISODES = 40


class Player:
    """The policy, greedy or drawn, in the shape that `evaluate_policy` takes."""

    def __init__(self, policy: PIBPolicy, greedy: bool) -> None:
        self.policy, self.greedy = policy, greedy

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        obs, _ = self.policy.obs_to_tensor(observation)
        return self.policy.to_env(self.policy.act(obs, self.greedy, Read.NOISY).cpu().numpy()), state


def main(runs: list[str]) -> None:
    for path, config, policy in finished(runs):
        make_env, means = partial(environments, config, EPISODES), []
        for greedy in (True, False):
            env = make_env("greedy-and-drawn")
            returns, _ = evaluate_policy(Player(policy, greedy), env, EPISODES, return_episode_rewards=True, warn=False)
            env.close()
            means.append(float(np.mean(returns)))
        print(f"{path}: greedy {means[0]:.0f}, drawn {means[1]:.0f}")


if __name__ == "__main__":
    run("greedy_and_drawn", main)
