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

import argparse
import time
import warnings
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

from pib_rl.agents.estimators import PIBClassifier
from pib_rl.cli.process import settle_in

TABLES = {"wine": load_wine, "breast_cancer": load_breast_cancer, "iris": load_iris, "digits": load_digits}
HARDWARE = ("digital", "memristive", "optical")
BASELINE = "MLPClassifier"
FOLDS = 5
Fits = list[tuple[float, float]]  # CPU seconds and accuracy of each fold


def perceptron(seed: int) -> Any:
    return make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, random_state=seed))


def learners(hardware: list[str]) -> dict[str, Any]:
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
            model, start = make(seed), time.process_time()
            model.fit(x[known], y[known])
            seconds = time.process_time() - start
            found[name].append((seconds, float(model.score(x[held], y[held]))))
    return found


def rows(table: str, found: list[dict[str, Fits]]) -> list[str]:
    """Lines of the table, one per learner, from what `measure` found for each seed."""
    seconds = {name: np.mean([fit[0] for one in found for fit in one[name]]) for name in found[0]}
    lines = []
    for name in found[0]:
        scores = [np.mean([fit[1] for fit in one[name]]) for one in found]
        ratio = seconds[name] / seconds[BASELINE]
        accuracy = f"{np.mean(scores):.3f} | {min(scores):.3f}..{max(scores):.3f}"
        lines.append(f"| {table} | {name} | {seconds[name]:.2f} | {ratio:.1f} | {accuracy} |")
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["wine", "breast_cancer"], choices=TABLES)
    parser.add_argument("--hw", nargs="+", default=list(HARDWARE), choices=HARDWARE, metavar="HW")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(100, 105)), metavar="S")
    options = parser.parse_args(arguments)
    settle_in()
    warnings.simplefilter("ignore", ConvergenceWarning)
    makers = learners(options.hw)
    print(
        "| data | learner | CPU s per fit | of the perceptron's | accuracy | least..largest |",
        "|---" * 6 + "|",
        sep="\n",
    )
    with threadpool_limits(1):
        for make in makers.values():  # what is done once in a process is not counted
            make(0).fit(*load_iris(return_X_y=True))
        for table in options.data:
            x, y = TABLES[table](return_X_y=True)
            print(*rows(table, [measure(x, y, makers, seed) for seed in options.seeds]), sep="\n", flush=True)


if __name__ == "__main__":
    main()
