"""What a policy remembers from before a fault."""

from __future__ import annotations

import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.resuming.failures import of_environment
from pib_rl.agents.rule.self_test import Remembered
from pib_rl.training.resuming.failures import close_environment

MEMORY, REMEMBERED = "memory", 1024  # stream, and number of states


@torch.inference_mode()
def remembered(policy: PIBPolicy, env: VecEnv) -> Remembered:
    """States that a policy meets while it explores, and its outputs: what a self-test after a fault goes by.

    Nothing is metered, and draws come from streams of their own.

    Args:
        policy: The healthy policy.
        env: Environments, which are closed afterwards.
    """
    seen: list[tuple[Tensor, Tensor]] = []
    try:
        with policy.streams.aside(MEMORY), policy.meter.paused():
            with of_environment("while it was watched"):
                obs = env.reset()
            while len(seen) * env.num_envs < REMEMBERED:
                flat = policy.flatten(policy.obs_to_tensor(obs)[0])
                outputs = policy.model.outputs(flat)
                seen.append((flat, outputs))
                taken = policy.head.explore(policy.split(outputs).parameters, policy.streams)
                with of_environment("while it was watched"):
                    obs = env.step(policy.to_env(taken.cpu().numpy()))[0]
    finally:
        close_environment(env)
    return Remembered(torch.cat([flat for flat, _ in seen]), torch.cat([outputs for _, outputs in seen]))
