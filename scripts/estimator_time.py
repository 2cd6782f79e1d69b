"""How long the classifiers take to learn small tables, beside scikit-learn's multilayer perceptron.

    python scripts/estimator_time.py [--data wine breast_cancer] [--hw digital memristive optical] [--seeds S ...]

5-fold cross-validation, stratified and shuffled by the seed, which draws the chip too. `MLPClassifier(max_iter=500)`
stands behind a StandardScaler; `PIBClassifier()` standardises by itself. All settings are those that are shipped.
"frozen" leaves the hidden units as fabricated. Prints a Markdown table: CPU seconds of a fit, the mean over folds and
seeds; the same relative to the perceptron on the same folds; accuracy on the fold that was held out, the mean over
folds and its least and largest value over seeds. One process, one thread; the learners take turns in each fold, so that
what else the machine runs disturbs all of them alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from timing import HARDWARE, Aim, Parser, Report, cpu, progress, show, table, whole

from pib_rl.agents.estimators import PIBClassifier
from pib_rl.cli.cli import run
from pib_rl.cli.process import settle_in

TABLES = {"wine": load_wine, "breast_cancer": load_breast_cancer, "iris": load_iris, "digits": load_digits}
AIMS = {"digital": 3.0, "memristive": 3.0, "optical": 6.0}
BASELINE = "MLPClassifier"
FOLDS = 5
Fits = list[tuple[float, float]]  # CPU seconds and accuracy of each fold


def perceptron(seed: int) -> Any:
    return make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, random_state=seed))


def learners(hardware: Sequence[str]) -> dict[str, Any]:
    """What makes each learner from a seed, by name."""
    made: dict[str, Any] = {BASELINE: perceptron}
    for hw in hardware:
        made[f"{hw}, PIB"] = partial(_classifier, hw, "pib")
        made[f"{hw}, frozen"] = partial(_classifier, hw, "frozen")
    return made


def _classifier(hw: str, learner: str, seed: int) -> PIBClassifier:
    return PIBClassifier(hw=hw, learner=learner, seed=seed)


def measure(x: np.ndarray, y: np.ndarray, makers: dict[str, Any], seed: int) -> dict[str, Fits]:
    """Fits of all folds, by learner."""
    found: dict[str, Fits] = {name: [] for name in makers}
    for known, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
        for name, make in makers.items():
            model = make(seed)
            seconds = cpu(partial(model.fit, x[known], y[known]))
            found[name].append((seconds, float(model.score(x[held], y[held]))))
    return found


def rows(data: str, found: list[dict[str, Fits]]) -> list[tuple[str, ...]]:
    """Rows of the table, one per learner, from what `measure` found for each seed."""
    lines: list[tuple[str, ...]] = []
    for name in found[0]:
        scores = [np.mean([fit[1] for fit in one[name]]) for one in found]
        seconds = np.mean([fit[0] for one in found for fit in one[name]])
        accuracy = (f"{np.mean(scores):.3f}", f"{min(scores):.3f}..{max(scores):.3f}")
        lines.append((data, name, f"{seconds:.2f}", f"{over_baseline(found, name):.1f}", *accuracy))
    return lines


def over_baseline(found: list[dict[str, Fits]], name: str) -> float:
    """CPU seconds of a learner over those of the perceptron, in all folds of all seeds together."""
    learner, baseline = (sum(fit[0] for one in found for fit in one[key]) for key in (name, BASELINE))
    return learner / baseline


def report(
    data: Sequence[str] = ("wine", "breast_cancer"),
    hw: Sequence[str] = HARDWARE,
    seeds: Sequence[int] = (100, 101, 102, 103, 104),
) -> Report:
    """All fits, of so many tables, substrates and seeds."""
    lines, aims, makers = [], [], learners(hw)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for make in makers.values():  # what is done once in a process is not counted
            make(0).fit(*load_iris(return_X_y=True))
        for name in data:
            x, y = TABLES[name](return_X_y=True)
            found = [measure(x, y, makers, seed) for seed in progress(seeds, f"seed, {name}")]
            lines += rows(name, found)
            aims += [
                Aim(f"fit of {name}, {one}, over MLPClassifier", over_baseline(found, f"{one}, PIB"), AIMS[one])
                for one in hw
            ]
    return Report(
        table(("data", "learner", "CPU s per fit", "of the perceptron's", "accuracy", "least..largest"), lines), aims
    )


def main(arguments: list[str]) -> None:
    parser = Parser(__doc__)
    parser.add_argument("--data", nargs="+", default=["wine", "breast_cancer"], choices=TABLES)
    parser.add_argument("--hw", nargs="+", default=list(HARDWARE), choices=HARDWARE, metavar="HW")
    parser.add_argument("--seeds", nargs="+", type=whole(0), default=list(range(100, 105)), metavar="S")
    settle_in()
    show(report(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    run("estimator_time", main)
