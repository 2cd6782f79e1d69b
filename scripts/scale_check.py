"""Whether the unit and the offset of data change what is learned: breast cancer on five substrates, and CartPole.

    python scripts/scale_check.py [--seeds N] [--epochs N] [--timesteps N] [--substrates HW ...] [--only TASK]

Breast cancer (scikit-learn, standardised, stratified fifths for testing): `PIBClassifier` learns the features as they
are, times each factor, with each offset, and with one column in another unit. CartPole-v1: `PIB` learns it with
observations or rewards times each factor, and is evaluated in its own units. A table shows means and standard
deviations over seeds; "*" marks a mean that lies further below that of scale 1 than a standard deviation of it. Exit
code 1 if there is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import gymnasium as gym
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from tqdm import tqdm

from pib_rl.agents import PIB
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in

SUBSTRATES = ("digital", "memristive", "optical", "mzi", "oscillator")
PLAIN = "as it is"
LEAST = {"breast cancer": 0.005, "CartPole": 10.0}  # differences that are none, where all seeds agree
FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    PLAIN: lambda x: x,
    "x 1e-12": lambda x: x * 1e-12,
    "x 1e-6": lambda x: x * 1e-6,
    "x 1e6": lambda x: x * 1e6,
    "x 1e12": lambda x: x * 1e12,
    "+ 1e7": lambda x: x + 1e7,
    "+ 1e8": lambda x: x + 1e8,
    "column 7 x 1e-6": lambda x: x * np.where(np.arange(x.shape[1]) == 7, 1e-6, 1.0),
}
CARTPOLE = {
    PLAIN: (1.0, 1.0),
    "observations x 1e-6": (1e-6, 1.0),
    "observations x 1e6": (1e6, 1.0),
    "rewards x 1e-6": (1.0, 1e-6),
    "rewards x 1e6": (1.0, 1e6),
}


def accuracy(hw: str, change: Callable[[np.ndarray], np.ndarray], seed: int, epochs: int | None) -> float:
    """Accuracy of a classifier on held-out breast cancer samples whose features were changed."""
    data = load_breast_cancer()
    x = change(StandardScaler().fit_transform(data.data))
    known, other, y, truth = train_test_split(x, data.target, test_size=0.2, random_state=seed, stratify=data.target)
    return PIBClassifier(hw=hw, seed=seed, epochs=epochs).fit(known, y).score(other, truth)


def cartpole(by: float, pay: float) -> gym.Env:
    """CartPole-v1 with observations and rewards in other units; the monitor sees its own rewards."""
    inner = Monitor(gym.make("CartPole-v1"))
    assert isinstance(inner.observation_space, gym.spaces.Box)
    low, high = (edge.astype(np.float64) * by for edge in (inner.observation_space.low, inner.observation_space.high))
    space = gym.spaces.Box(low.astype(np.float32), high.astype(np.float32))
    seen = gym.wrappers.TransformObservation(inner, lambda obs: (obs * by).astype(np.float32), space)
    return gym.wrappers.TransformReward(seen, lambda reward: float(reward) * pay)


def steps_survived(by: float, pay: float, seed: int, timesteps: int) -> float:
    """Mean length of 20 greedy episodes after a training on a memristive chip."""
    agent = PIB("MlpPolicy", DummyVecEnv([lambda: cartpole(by, pay)] * 8), hw="memristive", seed=seed).learn(timesteps)
    envs = DummyVecEnv([lambda: cartpole(by, pay)] * 4)
    envs.seed(1000 + seed)
    mean, _ = evaluate_policy(agent, envs, 20)  # of the monitor's rewards
    return float(np.mean(mean))


def row(name: str, found: dict[str, list[float]], least: float, digits: int) -> tuple[str, bool]:
    """A line of the table, and whether every mean is right."""
    plain = found[PLAIN]
    allowed = max(float(np.std(plain)), least)
    cells, fine = [], True
    for values in found.values():
        low = float(np.mean(values)) < float(np.mean(plain)) - allowed
        fine &= not low
        cells.append(f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}{'*' * low}")
    return f"| {name} | {' | '.join(cells)} |", fine


def head(task: str, variants: Sequence[str]) -> str:
    """The first two lines of a table."""
    return f"| {task} | {' | '.join(variants)} |\n|---|{'---|' * len(variants)}"


def tables(
    substrates: Sequence[str], seeds: int, epochs: int | None, timesteps: int, only: str | None
) -> tuple[str, bool]:
    """Both tables, and whether all is right."""
    lines, fine = [], True
    if only != "cartpole":
        lines.append(head("breast cancer, accuracy", list(FEATURES)))
        for hw in substrates:
            found = {
                name: [accuracy(hw, change, seed, epochs) for seed in range(seeds)]
                for name, change in tqdm(FEATURES.items(), desc=hw, leave=False)
            }
            line, right = row(hw, found, LEAST["breast cancer"], 3)
            lines, fine = [*lines, line], fine and right
    if only != "cancer":
        lines.append("\n" * bool(lines) + head("CartPole, steps", list(CARTPOLE)))
        found = {
            name: [steps_survived(*units, seed, timesteps) for seed in range(seeds)]
            for name, units in tqdm(CARTPOLE.items(), desc="CartPole", leave=False)
        }
        line, right = row(f"memristive, {timesteps} steps", found, LEAST["CartPole"], 0)
        lines, fine = [*lines, line], fine and right
    return "\n".join(lines), fine


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of each classifier; by default what an estimator chooses")
    parser.add_argument("--timesteps", type=int, default=20_000)
    parser.add_argument("--substrates", nargs="+", default=list(SUBSTRATES), metavar="HW")
    parser.add_argument("--only", choices=("cancer", "cartpole"), metavar="TASK", help="cancer or cartpole")
    given = parser.parse_args(arguments)
    text, fine = tables(given.substrates, given.seeds, given.epochs, given.timesteps, given.only)
    print(text)
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    run("scale_check", main)
