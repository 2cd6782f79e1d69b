"""What a fresh linear readout gets from trained taps, and from taps as they were fabricated, while a policy learns.

    python scripts/tap_information.py MinAtar/Breakout-v1 --hw optical --width 256 --timesteps 40000

A rule that loses information shows in seconds, without a full training: its trained taps say less than fabricated ones
of the same chip about what a policy needs. Every few rollouts, a ridge regression is fitted to the taps of the older
rollouts in memory and tested on the newest one. Columns are its explained variance (1 is all) of the return, of what
the policy prefers, of the advantage times the score, and of the next observation, and the effective number of
dimensions of the taps, (sum of eigenvalues)^2 over the sum of their squares. Noise is as on the hardware.
"""

from __future__ import annotations

import argparse

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from pib_rl.agents import PIB
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.experience import Experience
from pib_rl.envs import make_vec_env

COLUMNS = ("return", "preference", "advantage", "next obs")
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  # the best one counts, for trained and for fabricated taps


class Watch(BaseCallback):
    """Prints a pair of rows every ``every`` rollouts."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self.fabricated: PIBPolicy | None = None

    def _on_step(self) -> bool:
        return True

    @torch.inference_mode()
    def _on_rollout_start(self) -> None:
        history = list(self.model.rule.history)
        policy = self.model.policy
        if self.fabricated is None and history:  # the rule calibrates the chip on the first rollout; so must this
            self.fabricated = PIBPolicy(policy.observation_space, policy.action_space, **policy._arguments)
            self.fabricated.model.normaliser.load_state_dict(policy.model.normaliser.state_dict())
            self.fabricated.model.network.calibrate(policy.inputs(history[0].obs))
        if len(history) < 4 or len(history) % 2 or self.num_timesteps // self.model.n_steps % self.every:
            return
        self.fabricated.model.normaliser.load_state_dict(policy.model.normaliser.state_dict())
        for name, one in (("trained", policy), ("fabricated", self.fabricated)):
            with policy.streams.aside("tap information"):
                values, rank = information(one, history)
            row = "  ".join(f"{value:10.3f}" for value in values)
            print(f"{self.num_timesteps:9,}  {name:10}  {row}  {rank:10.1f}", flush=True)


def information(policy: PIBPolicy, history: list[Experience]) -> tuple[list[float], float]:
    """Explained variance of every column on the newest rollout, and the effective dimensions of the taps."""
    older, newest = Experience.joined(history[:-1]), history[-1]
    taps, new_taps = (policy.model.readout_inputs(policy.inputs(one.obs))[:, :-1] for one in (older, newest))
    found = [
        explained(taps, wanted, new_taps, now) for wanted, now in zip(targets(older), targets(newest), strict=True)
    ]
    spread = torch.linalg.eigvalsh(torch.cov(new_taps.T)).clamp(min=0)
    return found, float(spread.sum().square() / spread.square().sum())


def targets(samples: Experience) -> tuple[Tensor, ...]:
    """The targets of each column, shape (n, dimensions)."""
    advantage = samples.advantage[:, None] * samples.score
    return samples.returns[:, None], samples.preference, advantage, samples.next_obs


def explained(taps: Tensor, wanted: Tensor, new_taps: Tensor, now: Tensor) -> float:
    """Explained variance of the dimensions that vary, mean over these."""
    mean, size = taps.mean(0), (taps - taps.mean(0)).square().mean().sqrt()
    x, new = ((part - mean) / size for part in (taps, new_taps))
    varies = (wanted.var(0) > 1e-4) & (now.var(0) > 1e-4)
    y, target = wanted[:, varies], now[:, varies]
    square, cross, one = x.T @ x, x.T @ (y - y.mean(0)), torch.eye(x.shape[1])
    scores = []
    for ridge in RIDGES:
        guess = new @ torch.linalg.solve(square + ridge * len(x) * one, cross) + y.mean(0)
        scores.append(1 - (guess - target).square().mean(0) / target.var(0))
    return float(torch.stack(scores).amax(0).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env")
    parser.add_argument("--hw", default="digital")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--objective", default="decoder")
    parser.add_argument("--timesteps", type=int, default=40_000)
    parser.add_argument("--every", type=int, default=4, help="rollouts between two pairs of rows")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'steps':>9}  {'taps':10}  " + "  ".join(f"{name:>10}" for name in (*COLUMNS, "dimensions")))
    env = make_vec_env(options.env, 16, options.seed)
    model = PIB(
        "MlpPolicy",
        env,
        hw=options.hw,
        width=options.width,
        objective=options.objective,
        seed=options.seed,
        ent_coef=0.01,
        device="cpu",
    )
    model.learn(options.timesteps, callback=Watch(options.every))


if __name__ == "__main__":
    main()
