"""PIB in rl-baselines3-zoo: python -m pib_rl.zoo train --env CartPole-v1.

The zoo's own commands (train, enjoy, plot_train, all_plots) with their own arguments, ``--algo pib`` understood: this
module adds `PIB` to the zoo's algorithms, with settings for training and a search space for ``--optimize``.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from stable_baselines3.common.utils import LinearSchedule

from pib_rl.agents.ppo_arguments import RULE_NAMES
from pib_rl.cli.cli import UserError, read_yaml, run
from pib_rl.common.options import nearest
from pib_rl.training.tuned import FOLDER, IMAGES, tuned

NAME = "pib_rl.zoo"
ALGO = "pib"
SCRIPTS = {  # the zoo's commands, and where it has them
    "train": "rl_zoo3.train",
    "enjoy": "rl_zoo3.enjoy",
    "plot_train": "rl_zoo3.plots.plot_train",
    "all_plots": "rl_zoo3.plots.all_plots",
}
OF_POLICY = ("log_std_init", "noise_correlation")


def settings(env_id: str) -> dict[str, Any]:
    """Tuned settings of an environment in the zoo's form: arguments of `PIB`, n_envs, n_timesteps and policy."""
    found = tuned(env_id, ALGO)
    rule, timesteps = found.pop("rule"), found.pop("timesteps")
    names = {setting: name for name, setting in RULE_NAMES.items()}
    result = {"policy": "MlpPolicy", "n_timesteps": timesteps, **found}
    result |= {names[setting]: value for setting, value in rule.items() if setting in names}
    own = {setting: value for setting, value in rule.items() if setting not in names}
    policy = {name: result.pop(name) for name in OF_POLICY if name in result}
    return result | ({"rule": own} if own else {}) | ({"policy_kwargs": policy} if policy else {})


# What the zoo reads, for this module is its --conf-file.
hyperparams = {env_id: settings(env_id) for env_id in read_yaml(FOLDER / "pib.yml") if env_id != IMAGES}


def converted(params: dict[str, Any]) -> dict[str, Any]:
    """A point of the search space as settings in the zoo's form."""
    gamma, power, rate = (params[name] for name in ("one_minus_gamma", "batch_size_pow", "learning_rate"))
    same = {name: params[name] for name in ("width", "units", "n_epochs", "clip_range", "ent_coef", "gae_lambda")}
    return {"gamma": 1 - gamma, "batch_size": 2**power, "learning_rate": f"lin_{rate}", **same}


def sampled(trial: Any, n_actions: int, n_envs: int, additional_args: dict[str, Any]) -> dict[str, Any]:
    """A point of the search space as arguments of `PIB`; ``trial`` is Optuna's, the others are the zoo's."""
    point = {
        "width": trial.suggest_categorical("width", [32, 64, 128, 256]),
        "units": trial.suggest_int("units", 1, 3),
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 3.0, log=True),
        "batch_size_pow": trial.suggest_int("batch_size_pow", 5, 10),
        "n_epochs": trial.suggest_int("n_epochs", 1, 20),
        "one_minus_gamma": trial.suggest_float("one_minus_gamma", 0.001, 0.1, log=True),
        "gae_lambda": trial.suggest_float("gae_lambda", 0.9, 1.0),
        "clip_range": trial.suggest_categorical("clip_range", [0.1, 0.2, 0.3, 0.4]),
        "ent_coef": trial.suggest_float("ent_coef", 1e-8, 0.1, log=True),
    }
    return converted(point) | {"learning_rate": LinearSchedule(point["learning_rate"], 0.0, 1.0)}


def register() -> None:
    """Makes the algorithm ``pib`` known to the zoo; UserError if the zoo is not installed."""
    try:
        utils, search = (importlib.import_module(f"rl_zoo3.{name}") for name in ("utils", "hyperparams_opt"))
    except ImportError as error:
        raise UserError(f"{NAME} needs rl_zoo3, and {error}; pip install 'pib-rl[zoo]'") from None
    from pib_rl.agents.pib import PIB

    utils.ALGOS[ALGO] = PIB
    search.HYPERPARAMS_SAMPLER[ALGO], search.HYPERPARAMS_CONVERTER[ALGO] = sampled, converted


def completed(script: str, arguments: list[str]) -> list[str]:
    """The zoo's arguments, with PIB for its algorithm and this module for its settings where they name neither."""
    given = {argument.partition("=")[0] for argument in arguments}
    more = [] if "--algo" in given or script not in ("train", "enjoy") else ["--algo", ALGO]
    if more and script == "train" and not given & {"-conf", "--conf-file"}:
        more += ["--conf-file", NAME]
    return [*arguments, *more]


def main(arguments: list[str]) -> None:
    """The command."""
    script = arguments[0] if arguments else ""
    if script in ("-h", "--help"):
        print(f"usage: python -m {NAME} {{{','.join(SCRIPTS)}}} [ARGUMENTS OF RL_ZOO3]")
        return
    if script not in SCRIPTS:
        raise UserError(
            f"the first argument must be a command of rl_zoo3, got {script!r}; {nearest(script, [*SCRIPTS])}"
        )
    register()
    sys.argv = [f"{NAME} {script}", *completed(script, arguments[1:])]
    getattr(importlib.import_module(SCRIPTS[script]), script)()


if __name__ == "__main__":
    run(NAME, main)
