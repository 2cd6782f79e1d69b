"""How the taps of finished policies spread, and how noisy what they say is: one line for each run.

    python scripts/final_codes.py RUN [RUN ...]

The last policy plays for 300 steps in 4 environments a chip, with actions drawn as in training. Means over chips.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from finished_runs import finished
from torch import Tensor

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import run
from pib_rl.physical.substrate import Read
from pib_rl.training.run import environments

STEPS, EACH, READS = 300, 4, 4  # of a play; environments of a chip; reads that tell the noise


class Code(NamedTuple):
    """What the taps of a policy are like on the states that it meets.

    Args:
        dimensions: (sum of the covariance's eigenvalues)^2 / sum of their squares.
        first: Fraction of the variance in the first principal component.
        noise: Standard deviation of a preference from read to read, root mean square over actions.
    """

    dimensions: float
    first: float
    noise: float


@torch.inference_mode()
def code(policy: PIBPolicy, obs: Tensor) -> Code:
    """Of observations of shape (*chips, n, features)."""
    taps = policy.model.readout_inputs(policy.inputs(obs))[..., :-1]
    taps = taps - taps.mean(-2, keepdim=True)
    powers = torch.linalg.svdvals(taps).square()
    whole = powers.sum(-1)
    reads = torch.stack([policy.model.outputs(obs)[..., :-1] for _ in range(READS)])
    return Code(
        float((whole.square() / powers.square().sum(-1)).mean()),
        float((powers[..., 0] / whole).mean()),
        float(reads.var(0).mean().sqrt()),
    )


def main(runs: list[str]) -> None:
    for path, config, policy in finished(runs):
        env = environments(config, EACH * config.chips, "final-codes")
        obs, seen = env.reset(), []
        for _ in range(STEPS):
            tensor, _ = policy.obs_to_tensor(obs)
            seen.append(policy.flatten(tensor))
            obs, *_ = env.step(policy.to_env(policy.act(tensor, False, Read.NOISY).cpu().numpy()))
        env.close()
        found = code(policy, torch.cat(seen, -2))
        print(
            f"{path}: {found.dimensions:.1f} dimensions, {found.first:.0%} of the variance in the first, "
            f"noise of a preference {found.noise:.2f}"
        )


if __name__ == "__main__":
    run("final_codes", main)
