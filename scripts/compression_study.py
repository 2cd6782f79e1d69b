"""Does compression pay? Units with beta > 0, for rewards and for labels: docs/lab/compression.md.

    python scripts/compression_study.py [rewards] [labels] [figure] [table] [--seed S] [--out DIR]

rewards: CartPole-v1 with 32 noise dimensions, width 16, memristive, a wafer of 8 chips, 30,000 and 10,000 steps. Each
final policy is tested as trained, with noise dimensions of twice the size, and with 20 % of all devices stuck, without
learning on. labels: the digits of scikit-learn, width 64, memristive, 100 or all training samples, tested as they are
and with noise on the pixels. Rows are those of the chips; finished runs in DIR (default docs/results) are not repeated.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import study_rows as rows
import torch
from late_returns import LateReturns
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents import PIB
from pib_rl.agents.estimators import PIBClassifier
from pib_rl.agents.network.faults import inject
from pib_rl.agents.network.information import with_diagonal
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.objectives.entropy import mutual_information
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.rule.experience import reward_target
from pib_rl.common.streams import EVALUATION, Streams
from pib_rl.envs import make_vec_env
from pib_rl.envs.vectorised import VecObservations
from pib_rl.physical.faults import Fault
from pib_rl.physical.substrate import Read
from pib_rl.training.evaluation import evaluate

CHIPS, NOISE, EPISODES, BATCH = 8, 32, 20, 256
REWARDS = [("decoder", beta) for beta in (0, 0.03, 0.1, 1, 0.3)] + [("gaussian", beta) for beta in (0, 0.3, 0.1)]
STEPS, SAMPLES, LABELS = (30_000, 10_000), ("100", "all"), (0, 0.03, 0.1, 0.3, 1)
PIXEL_NOISE = 4.0  # standard deviation; pixels are 0..16


class Louder(VecObservations):
    """Noise dimensions, the last ``count`` ones of an observation, of ``factor`` times the size."""

    def __init__(self, venv: VecEnv, count: int = NOISE, factor: float = 2.0) -> None:
        super().__init__(venv)
        self.count, self.factor = count, factor

    def change(self, obs: Any) -> np.ndarray:
        return np.concatenate([obs[..., : -self.count], self.factor * obs[..., -self.count :]], -1, dtype=np.float32)


@torch.inference_mode()
def plane(model: PhysicalModel, x: Tensor, target: Target) -> dict[str, np.ndarray]:
    """I(X; Z) and I(Z; Y) of every unit, in nats, shape (chips,) each, as `information_plane` estimates them."""
    source, wanted = with_diagonal(Gram(x).k), with_diagonal(target.similarity())
    found = {}
    for unit, z in enumerate(model.network.measure(x).z, 1):
        own = with_diagonal(Gram(z).k)
        found[f"input_{unit}"] = mutual_information(own, source).numpy()
        found[f"target_{unit}"] = mutual_information(own, wanted).numpy()
    return found


def by_chip(seed: int, columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """A row per chip of columns of shape (chips,)."""
    return [
        {"seed": seed + chip, **{name: f"{values[chip]:.5g}" for name, values in columns.items()}}
        for chip in range(CHIPS)
    ]


def learn_from_rewards(objective: str, beta: float, steps: int, seed: int) -> list[dict[str, Any]]:
    """Trains one wafer and tests it in three ways."""
    agent = PIB(
        "MlpPolicy",
        make_vec_env("CartPole-v1", 8 * CHIPS, seed, NOISE),
        hw="memristive",
        width=16,
        objective=objective,
        objective_options={"beta": float(beta)},
        chips=CHIPS,
        gamma=0.995,
        gae_lambda=0.98,
        seed=seed,
        device="cpu",
    )
    late = LateReturns(CHIPS, steps / 2)
    agent.learn(steps, late)
    policy, newest, fresh = agent.policy, agent.rule.history[-1], Streams(seed).integer(EVALUATION)
    quiet = partial(make_vec_env, "CartPole-v1", seed=fresh, distractors=NOISE)
    found = {"training": late.means()}
    found["as_trained"] = evaluate(policy, quiet, EPISODES, Read.NOISY).mean(-1)
    found["noise_x2"] = evaluate(policy, lambda count: Louder(quiet(count)), EPISODES, Read.NOISY).mean(-1)
    target, parts = reward_target(newest), []
    for piece in torch.split(torch.randperm(len(newest), generator=torch.Generator().manual_seed(seed)), BATCH):
        parts.append(plane(policy.model, policy.inputs(newest.obs.index_select(-2, piece)), target.take(piece)))
    found |= {name: np.mean([part[name] for part in parts], 0) for name in parts[0]}
    found["freedom"] = torch.stack([unit.freedom.flatten() for unit in policy.model.network.chain]).mean(0).numpy()
    inject(policy.model, Fault("stuck", 0.2))
    found["stuck_20"] = evaluate(policy, quiet, EPISODES, Read.NOISY).mean(-1)
    return by_chip(seed, found)


def learn_from_labels(beta: float, samples: str, seed: int) -> list[dict[str, Any]]:
    """Fits one wafer and tests it with and without noise on the pixels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
    if samples != "all":
        x, _, y, _ = train_test_split(x, y, train_size=int(samples), random_state=seed, stratify=y)
    model = PIBClassifier(
        hw="memristive",
        width=64,
        objective_options={"beta": float(beta)},
        scaling="common",
        read="noisy",
        seed=seed,
        chips=CHIPS,
    ).fit(x, y)
    noisy = x_test + PIXEL_NOISE * np.random.default_rng(seed).standard_normal(x_test.shape)
    found = {"accuracy": model.chip_scores(x_test, y_test), "pixel_noise": model.chip_scores(noisy, y_test)}
    held, piece = model.samples(x_test, y_test), torch.arange(BATCH)
    return by_chip(seed, found | plane(model.model_, held.inputs(piece), held.target(piece)))


def figure(rewards: Path, labels: Path, picture: Path) -> None:
    """Where the units stand at the end, over beta, with standard errors over chips."""
    from PIL import Image

    from pib_rl.figures.curves import as_pixels, new_figure
    from pib_rl.figures.styles import style

    drawn = new_figure(7.0, 3.2)
    titles = ("rewards: CartPole + 32 noise dimensions", "labels: digits, all samples")
    wanted = ({"objective": "decoder", "timesteps": STEPS[0]}, {"samples": "all"})
    for axes, path, title, settings in zip(drawn.subplots(1, 2), (rewards, labels), titles, wanted, strict=True):
        measured = rows.pick(rows.read(path), **settings)
        betas = sorted({row["beta"] for row in measured}, key=float)
        for unit in (1, 2, 3):
            if f"input_{unit}" not in measured[0]:
                break
            own = [rows.pick(measured, beta=beta) for beta in betas]
            values = [np.array([rows.column(one, f"{kind}_{unit}") for one in own]) for kind in ("input", "target")]
            (across, wide), (up, high) = ((v.mean(1), v.std(1, ddof=1) / np.sqrt(v.shape[1])) for v in values)
            axes.errorbar(across, up, high, wide, label=f"unit {unit}", linewidth=1, markersize=4, **style(unit - 1))
            for place, beta in zip(zip(across, up, strict=True), betas, strict=True):
                axes.annotate(f"{float(beta):g}", place, (4, 4), textcoords="offset points", fontsize=6)
        axes.set(xlabel="I(X; Z), on the input [nats]", ylabel="I(Z; Y), on the target [nats]")
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7, title="numbers: beta", title_fontsize=7)
    Image.fromarray(as_pixels(drawn)).quantize(64).save(picture, optimize=True)


def table(path: Path, keys: tuple[str, ...], shown: tuple[str, ...], digits: int) -> None:
    """Means and standard errors over chips as Markdown; behind them, in brackets, how far from beta 0 in errors."""
    measured = rows.read(path)
    print("| " + " | ".join((*keys, *shown)) + " |\n|" + "---|" * (len(keys) + len(shown)))
    found = {tuple(row[key] for key in keys) for row in measured}
    for settings in sorted(found, key=lambda one: (*one[:-1], float(one[-1]))):
        named = dict(zip(keys, settings, strict=True))
        own, plain = (rows.pick(measured, **one) for one in (named, named | {"beta": "0"}))
        cells = []
        for name in shown:
            values, without = rows.column(own, name), rows.column(plain, name)
            apart = "" if own == plain else f" ({rows.difference(values, without):+.1f})"
            cells.append(rows.mean_error(values, digits) + apart)
        print("| " + " | ".join((*settings, *cells)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["rewards", "labels", "figure", "table"])
    parser.add_argument("--seed", type=int, default=400, help="the first of the eight chips")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts = options.parts or ["rewards", "labels", "figure", "table"]
    rewards, labels = (options.out / f"compression-{name}.csv" for name in ("rewards", "labels"))
    for steps in STEPS if "rewards" in parts else ():
        for objective, beta in REWARDS:
            named = {"objective": objective, "beta": beta, "timesteps": steps, "wafer": options.seed}
            rows.run_once(rewards, named, partial(learn_from_rewards, objective, beta, steps, options.seed))
    for samples in SAMPLES if "labels" in parts else ():
        for beta in LABELS:
            named = {"objective": "ridge", "beta": beta, "samples": samples, "wafer": options.seed}
            rows.run_once(labels, named, partial(learn_from_labels, beta, samples, options.seed))
    if "figure" in parts:
        figure(rewards, labels, Path("docs/pictures/compression.png"))
    if "table" in parts:
        tests = ("training", "as_trained", "noise_x2", "stuck_20")
        table(rewards, ("objective", "timesteps", "beta"), tests, 0)
        table(labels, ("samples", "beta"), ("accuracy", "pixel_noise"), 3)


if __name__ == "__main__":
    main()
