"""How well a linear readout of fabricated units could play at best: taught by a policy that plays, not by rewards.

    python scripts/ppo_features.py MinAtar/Freeway-v1 --features cnn --out runs
    python scripts/distil.py MinAtar/Freeway-v1 runs/cnn-Freeway-v1-901.zip

The teacher plays with drawn actions. For the pixels themselves and for the taps of each chip, a softmax of a linear
readout learns what it would do, and then plays itself. Columns: how much of the teacher's choice it explains on samples
that it did not learn from, 1 - KL / (KL of choices that do not look at the state), and mean returns of 16 episodes
with greedy and with drawn actions. Where a teacher plays well and no such readout does, units have to learn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from fabricated import Features, chip_arguments, fabricated
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from pib_rl.envs import make_vec_env

ENVS, STEPS, BATCH, LEARNED = 16, 3000, 512, 0.8
Policy = Callable[[np.ndarray], Tensor]  # of observations: logits, shape (n, actions)


def lived(env_id: str, teacher: ActorCriticPolicy, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Flat observations, shape (n, d), and the teacher's probabilities in them, shape (n, actions)."""
    env = make_vec_env(env_id, ENVS, seed)
    obs, seen, chosen = env.reset(), [], []
    with torch.no_grad():
        for _ in range(steps):
            choice = teacher.get_distribution(torch.as_tensor(obs)).distribution
            seen.append(torch.as_tensor(obs).flatten(1).float())
            chosen.append(choice.probs)
            obs = env.step(choice.sample().numpy())[0]
    return torch.cat(seen), torch.cat(chosen)


class Player:
    """What chooses by logits, greedily or drawn, in the shape that `evaluate_policy` takes."""

    def __init__(self, policy: Policy, greedy: bool, seed: int) -> None:
        self.policy, self.greedy, self.draws = policy, greedy, torch.Generator().manual_seed(seed)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        logits = self.policy(observation)
        drawn = torch.multinomial(logits.softmax(-1), 1, generator=self.draws)[:, 0]
        return (logits.argmax(-1) if self.greedy else drawn).numpy(), state


def played(env_id: str, policy: Policy, seed: int) -> list[float]:
    """Mean returns of an episode of each environment, greedy and drawn."""
    players = [Player(policy, greedy, seed) for greedy in (True, False)]
    return [evaluate_policy(one, make_vec_env(env_id, ENVS, seed), ENVS, warn=False)[0] for one in players]


def distilled(x: Tensor, wanted: Tensor) -> tuple[Features, float]:
    """Logits of a linear readout of features x, shape (n, features), that learned ``wanted``; what it explains."""
    learned = int(LEARNED * len(x))
    mean, std = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / std
    weight = torch.zeros(x.shape[1] + 1, wanted.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.01)
    slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, STEPS)
    draws = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        pick = torch.randint(learned, (BATCH,), generator=draws)
        guess = (x[pick] @ weight[:-1] + weight[-1]).log_softmax(-1)
        loss = 1e-5 * weight.square().sum() - (wanted[pick] * guess).sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        slower.step()
    final, wanted, entropy = weight.detach(), wanted[learned:], torch.special.entr(wanted[learned:]).sum(-1)

    def logits(features: Tensor) -> Tensor:
        return (features - mean) / std @ final[:-1] + final[-1]

    def divergence(guess: Tensor) -> float:
        return float((-entropy - (wanted * guess).sum(-1)).mean())

    guess = (x[learned:] @ final[:-1] + final[-1]).log_softmax(-1)
    return logits, 1 - divergence(guess) / divergence(wanted.mean(0).log().expand_as(wanted))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env")
    parser.add_argument("teacher", help="agent that PPO of Stable-Baselines3 saved")
    chip_arguments(parser)
    parser.add_argument("--steps", type=int, default=1500, help="of each of 16 environments")
    options = parser.parse_args()
    if not Path(options.teacher).is_file():
        parser.error(f"expected an agent that scripts/ppo_features.py saved, got {options.teacher}, which is no file")
    torch.set_num_threads(1)
    teacher = PPO.load(options.teacher, device="cpu").policy
    seen, wanted = lived(options.env, teacher, options.steps, options.seed)

    def tell(name: str, explained: float, policy: Policy) -> None:
        greedy, drawn = played(options.env, policy, options.seed + 1)
        print(f"{name:28}{explained:10.2f}{greedy:10.1f}{drawn:10.1f}", flush=True)

    def report(name: str, features: Features) -> None:
        readout, explained = distilled(features(seen), wanted)

        def policy(obs: np.ndarray) -> Tensor:
            return readout(features(torch.as_tensor(obs).flatten(1).float()))

        tell(name, explained, policy)

    def teach(obs: np.ndarray) -> Tensor:
        with torch.no_grad():
            return teacher.get_distribution(torch.as_tensor(obs)).distribution.logits

    print(f"{'':28}{'explained':>10}{'greedy':>10}{'drawn':>10}")
    tell("teacher", 1.0, teach)
    report("pixels", lambda flat: flat)
    for hw in options.hw:
        for patches in options.patches:
            report(f"{hw}, patches {patches}", fabricated(options.env, seen, hw, patches, options))


if __name__ == "__main__":
    main()
