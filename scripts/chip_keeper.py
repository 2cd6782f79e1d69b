"""Keeps a chip: Stable-Baselines3's PPO beside rules, on `pib_rl/ChipKeeper-v0`.

    python scripts/chip_keeper.py [--hw memristive optical] [--seeds S ...] [--steps N] [--jobs J] [--episodes E]
        [--tune S ...] [--tune-episodes E] [--ppo NAME=VALUE ...] [--apart] [--out DIR]

Each seed has a chip of its own (``chip_seed``) and a PPO that is trained on it. Prints a Markdown table: return of an
episode of 200 periods, mean and deviation over the seeds of the means over 20 fresh episodes, the same for everyone;
seeds on which PPO is ahead; accuracy of what was served; how often each action was taken in an episode. "PPO" takes its
most likely action, "PPO, drawn" draws them.

Rules: never; always one action; one action every n periods; one action when the running accuracy on the probes falls
below a threshold and the last action is two periods old; the same with re-training where a re-fit of the last 15
periods did not last. n and thresholds are the best of their grid on the chips of --tune, on episodes that are used for
nothing else. Settings of PPO were compared on chip 1 alone; --ppo changes them. What is finished in DIR (default
keepers) is not played again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import jobs
import numpy as np
import torch
import yaml
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

from pib_rl.envs.chip_keeper.config import ACTIONS

ENV = "pib_rl.envs:pib_rl/ChipKeeper-v0"
SEEDS, TUNE = range(10, 15), (1, 2)
FRESH, APART = 1_000_000, 2_000_000  # first seeds of the episodes that count, and of those that rules are chosen on
WAIT, LASTS = 2, 15
EVERY = (3, 5, 10, 20, 40)
THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.9)
PPO_SETTINGS: dict[str, Any] = {
    "n_steps": 256,
    "batch_size": 256,
    "n_epochs": 6,
    "gamma": 0.97,
    "gae_lambda": 0.9,
    "ent_coef": 0.005,
    "device": "cpu",
}
ENVS, RATE = 8, 1e-3  # the rate falls to 0

Policy = Callable[[np.ndarray, int], int]


class Rule(NamedTuple):
    """A policy without learning.

    Args:
        kind: "never", "always", "every", "below" or "escalate".
        action: Number of the action that it takes.
        number: Periods between two, or the threshold of the running accuracy.
    """

    kind: str
    action: int = 0
    number: float = 0.0

    def __str__(self) -> str:
        name = ACTIONS[self.action]
        return {
            "never": "never",
            "always": f"always {name}",
            "every": f"{name} every {self.number:g}",
            "below": f"{name} below {self.number:g}",
            "escalate": f"refit, then retrain, below {self.number:g}",
        }[self.kind]

    @property
    def family(self) -> tuple[str, int]:
        """Rules that differ in their number alone."""
        return self.kind, self.action

    def policy(self, names: tuple[str, ...], periods: int) -> Policy:
        """What to do, from an observation and the number of the step."""
        running = names.index("running accuracy")
        since = slice(names.index("since recalibrate"), names.index("since retrain") + 1)

        def below(obs: np.ndarray, _: int) -> int:
            passed = np.expm1(obs[since] * np.log1p(periods))
            if obs[running] >= self.number or passed.min() < WAIT - 0.5:
                return 0
            if self.kind == "escalate":
                return 3 if passed[1] < LASTS and passed[1] < passed[2] else 2
            return self.action

        if self.kind in ("below", "escalate"):
            return below
        every = int(self.number) if self.kind == "every" else 1
        return lambda _, step: self.action if step % every == every - 1 else 0


FIXED = [Rule("never"), *(Rule("always", action) for action in (1, 2, 3))]
GRID = [
    Rule(kind, action, number)
    for kind, numbers in (("every", EVERY), ("below", THRESHOLDS))
    for action, number in product((1, 2, 3), numbers)
] + [Rule("escalate", 2, number) for number in THRESHOLDS]


class Score(NamedTuple):
    """Means over episodes: return, accuracy of what was served, and how often each action was taken."""

    value: float
    accuracy: float
    actions: np.ndarray


def play(hw: str, seed: int, make: Callable[[gym.Env], Policy], episodes: Iterable[int]) -> Score:
    """Plays episodes on the chip of a seed."""
    env, returns, right, counts = gym.make(ENV, hw=hw, chip_seed=seed), [], [], np.zeros(len(ACTIONS))
    policy = make(env)
    for episode in episodes:
        obs, total, done, step = env.reset(seed=episode)[0], 0.0, False, 0
        while not done:
            action = policy(obs, step)
            obs, reward, _, done, info = env.step(action)
            total, step = total + reward, step + 1
            counts[action] += 1
            right.append(info["accuracy"])
        returns.append(total)
    return Score(float(np.mean(returns)), float(np.mean(right)), counts / len(returns))


def kept(path: Path, make: Callable[[], list[Score]]) -> list[Score]:
    """Scores that a file holds, or those that are made and written to it."""
    if not path.is_file():
        found = [[score.value, score.accuracy, score.actions.tolist()] for score in make()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(found))
        path.with_suffix(".part").replace(path)
    return [Score(value, accuracy, np.array(actions)) for value, accuracy, actions in json.loads(path.read_text())]


def play_rule(out: Path, hw: str, seed: int, rule: Rule, episodes: range) -> Score:
    """Plays a rule."""
    torch.set_num_threads(1)

    def make() -> list[Score]:
        return [
            play(hw, seed, lambda env: rule.policy(env.unwrapped.monitor.names, env.unwrapped.config.periods), episodes)
        ]

    name = f"{hw}-s{seed}-{rule}-{episodes.start}-{len(episodes)}".replace(" ", "_").replace(":", "_")
    return kept(out / f"{name}.json", make)[0]


def play_ppo(
    out: Path, hw: str, seed: int, steps: int, episodes: range, changes: dict[str, Any], apart: bool
) -> list[Score]:
    """Trains PPO on the chip of a seed, then plays it: the most likely actions, and drawn ones."""
    settings = PPO_SETTINGS | changes
    torch.set_num_threads(1)
    told = "".join(f"-{name}{value}" for name, value in sorted(changes.items()))
    path = out / f"{hw}-s{seed}-PPO{told}-{steps}-{episodes.start}-{len(episodes)}.json".replace(":", "_")
    return kept(path, lambda: train_and_play(hw, seed, steps, episodes, settings, apart))


def train_and_play(
    hw: str, seed: int, steps: int, episodes: range, settings: dict[str, Any], apart: bool
) -> list[Score]:
    """`play_ppo`, without a file; with each environment in a process of its own or not."""
    envs = make_vec_env(
        ENV,
        ENVS,
        seed=seed,
        env_kwargs={"hw": hw, "chip_seed": seed},
        vec_env_cls=SubprocVecEnv if apart else DummyVecEnv,
    )
    venv = VecNormalize(envs, gamma=settings["gamma"])
    agent = PPO("MlpPolicy", venv, learning_rate=lambda left: RATE * left, seed=seed, **settings)
    agent.learn(steps)
    venv.training = False
    envs.close()

    def policy(greedy: bool) -> Policy:
        return lambda obs, _: int(agent.predict(venv.normalize_obs(obs), deterministic=greedy)[0])

    return [play(hw, seed, lambda _, greedy=greedy: policy(greedy), episodes) for greedy in (True, False)]


def chosen(scores: dict[Rule, list[Score]]) -> list[Rule]:
    """The best rule of each family, from scores on the tuning chips."""
    best: dict[tuple[str, int], tuple[float, Rule]] = {}
    for rule, played in scores.items():
        value = float(np.mean([score.value for score in played]))
        if rule.family not in best or value > best[rule.family][0]:
            best[rule.family] = value, rule
    return [rule for _, rule in best.values()]


def table(found: dict[str, list[Score]], hw: str) -> None:
    """Prints one substrate's table."""
    ppo = np.array([score.value for score in found["PPO"]])
    print(f"\n{hw}\n\n| policy | return | PPO ahead | accuracy | recalibrate, refit, retrain |\n|---|---|---|---|---|")
    for name, scores in found.items():
        values = np.array([score.value for score in scores])
        spread = f" +- {values.std(ddof=1):.1f}" if len(values) > 1 else ""
        ahead = "" if name == "PPO" else f"{int((ppo > values).sum())} of {len(ppo)}"
        actions = ", ".join(f"{count:.1f}" for count in np.mean([score.actions for score in scores], 0)[1:])
        accuracy = 100 * np.mean([score.accuracy for score in scores])
        print(f"| {name} | {values.mean():.1f}{spread} | {ahead} | {accuracy:.1f} % | {actions} |", flush=True)


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE of an argument of PPO."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"give NAME=VALUE, such as gamma=0.98, got {text!r}")
    return name, yaml.safe_load(value)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hw", nargs="+", default=["memristive", "optical"], metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), metavar="S")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--tune", nargs="+", type=int, default=list(TUNE), metavar="S")
    parser.add_argument("--tune-episodes", type=int, default=10)
    parser.add_argument("--apart", action="store_true", help="each environment in a process of its own")
    parser.add_argument("--out", type=Path, default=Path("keepers"))
    parser.add_argument("--ppo", nargs="+", type=setting, default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def main() -> None:
    options = read_arguments()
    fresh, tuning = range(FRESH, FRESH + options.episodes), range(APART, APART + options.tune_episodes)
    changes = dict(options.ppo)

    def play_all(calls: dict[tuple[str, int, Rule | str], Callable[[], Any]]) -> dict[tuple[str, int, Rule | str], Any]:
        found, failed = jobs.side_by_side(calls, options.jobs, processes=True)
        jobs.end(failed)
        return found

    scores = play_all(
        {
            (hw, seed, "PPO"): partial(play_ppo, options.out, hw, seed, options.steps, fresh, changes, options.apart)
            for hw, seed in product(options.hw, options.seeds)
        }
        | {
            (hw, seed, rule): partial(play_rule, options.out, hw, seed, rule, tuning)
            for hw, rule, seed in product(options.hw, GRID, options.tune)
        }
    )
    rules = {
        hw: FIXED + chosen({rule: [scores[hw, seed, rule] for seed in options.tune] for rule in GRID})
        for hw in options.hw
    }
    final = play_all(
        {
            (hw, seed, rule): partial(play_rule, options.out, hw, seed, rule, fresh)
            for hw in options.hw
            for rule, seed in product(rules[hw], options.seeds)
        }
    )
    for hw in options.hw:
        greedy, drawn = zip(*(scores[hw, seed, "PPO"] for seed in options.seeds), strict=True)
        found = {"PPO": list(greedy), "PPO, drawn": list(drawn)}
        table(found | {str(rule): [final[hw, seed, rule] for seed in options.seeds] for rule in rules[hw]}, hw)


if __name__ == "__main__":
    main()
