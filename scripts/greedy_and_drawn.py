"""Plays finished runs greedily and with actions drawn from the policy, on noisy hardware: do the two tell the same?

    python scripts/greedy_and_drawn.py RUN [RUN ...]

40 fresh episodes each, the last policy.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
from stable_baselines3.common.evaluation import evaluate_policy

from pib_rl.agents.policy import PIBPolicy
from pib_rl.physical.substrate import Read
from pib_rl.process import settle_in
from pib_rl.runs import LAST, RunFolder
from pib_rl.train import build, environments, read_arguments

EPISODES = 40


class Player:
    """The policy, greedy or drawn, in the shape that `evaluate_policy` takes."""

    def __init__(self, policy: PIBPolicy, greedy: bool) -> None:
        self.policy, self.greedy = policy, greedy

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        obs, _ = self.policy.obs_to_tensor(observation)
        return self.policy.to_env(self.policy.act(obs, self.greedy, Read.NOISY).cpu().numpy()), state


def main(runs: list[str]) -> None:
    settle_in()
    for run in runs:
        config = read_arguments(["--config", f"{run}/config.yaml"])
        policy = build(config).policy
        policy.load_state_dict(RunFolder(Path(run)).load_policy(LAST))
        make_env, means = partial(environments, config, EPISODES), []
        for greedy in (True, False):
            env = make_env("greedy-and-drawn")
            returns, _ = evaluate_policy(Player(policy, greedy), env, EPISODES, return_episode_rewards=True, warn=False)
            env.close()
            means.append(float(np.mean(returns)))
        print(f"{run}: greedy {means[0]:.0f}, drawn {means[1]:.0f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
