"""Trains a physical policy: python -m pib_rl.train CartPole-v1 --hw optical."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents import PIB, make_agent, saved
from pib_rl.agents.network.costs import COST_FIELDS, costs, format_costs
from pib_rl.agents.network.faults import age, check, inject
from pib_rl.agents.observations import check_observation_space
from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.process import check_device, check_display, settle_in
from pib_rl.common.streams import ENVIRONMENT, EVALUATION, Streams
from pib_rl.envs.make import control_period, find_spec, make_env, make_vec_env
from pib_rl.figures import curves as plots
from pib_rl.physical.faults import Fault
from pib_rl.physical.remote.instrument import InstrumentError
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import BEST, CONFIG, LAST, RunFolder, write_atomically
from pib_rl.runs.tensorboard import check_installed, training_pictures
from pib_rl.training.callbacks import Breakage, Clock, Evaluation
from pib_rl.training.config import MAPPED, TrainConfig, as_pairs, from_plain, layered, pairs, read_settings
from pib_rl.training.evaluation import as_told, decimals, evaluate
from pib_rl.training.loop import HELDOUT_EPISODES, close, every, learn
from pib_rl.training.tuned import tuned

if TYPE_CHECKING:
    from pib_rl.playing.live import Live

NAME = "pib_rl.train"
NAMED = ("env", "hw", "learner")
COUNTED = (
    "seed",
    "eval_mean",
    "eval_std",
    "eval_mean_noiseless",
    "best_eval_mean",
    "best_eval_mean_noiseless",
    "eval_episodes",
    "timesteps",
    "wall_s",
    *COST_FIELDS,
)


def main(arguments: list[str]) -> None:
    """The command."""
    settle_in()
    config = read_arguments(arguments)
    if config.tensorboard:
        check_installed()
    if config.render == "human":
        check_display("leave --render out")
    with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
        model = build(config)
        go_on(config, model)
        for fault in config.faults():
            check(model.policy.model, fault)
    step_seconds(config)
    if config.print_config:
        close(model)
        print(yaml.safe_dump(config.identity(), sort_keys=False), end="")
        return
    live = watched(config, model)
    try:
        folder = RunFolder.create(config)
        if folder.finished:
            print(f"{folder.path} holds this run already, finished:")
        else:
            train(config, model, folder, config.faults(), live)
    finally:
        if live is not None:
            live.close()
    show(folder)


def read_arguments(arguments: list[str]) -> TrainConfig:
    """The configuration: the command line over ``--config`` over the chip of ``--init`` over tuned settings."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", nargs="?")
    file = finder.parse_known_args(arguments)[0].config
    given = {} if file is None else read_settings(Path(file))
    wish = parse(TrainConfig, arguments, NAME, *([from_plain(given, Path(file))] if file else []))
    if not wish.env:
        raise UserError(f"no environment: give its id on the command line or as env in {file}")
    chip = {} if wish.init is None else chip_of(RunFolder.open(wish.init))
    below = layered(tuned(wish.env, wish.learner, chip.get("hw", wish.hw)) | chip, given)
    default = from_plain(below, Path(file or "hyperparams"))
    asked = parse(TrainConfig, arguments, NAME, default)
    merged: dict[str, Any] = {}
    for name in MAPPED:
        flag = name.replace("_", "-")
        merged[name] = as_pairs(pairs(getattr(default, name), flag) | pairs(getattr(asked, name), flag))
    if asked.objective != default.objective:  # options of another objective are of no use
        kept = asked.objective_options != default.objective_options
        merged["objective_options"] = asked.objective_options if kept else ()
    config = replace(asked, **merged)
    for name, value in chip.items():
        wanted = config.identity()[name]
        if wanted != value:
            raise UserError(
                f"--init {config.init} has {name} {value}, this run asks for {wanted}; leave "
                f"--{name.replace('_', '-')} out"
            )
    return config


def chip_of(folder: RunFolder) -> dict[str, Any]:
    """The settings of a run that say what chip it was.

    Raises:
        UserError: If the folder's config.yaml does not tell.
    """
    try:
        return saved.chip_settings(folder.identity(), folder.path)
    except ValueError as error:
        raise UserError(f"--init {error}") from None


def go_on(config: TrainConfig, model: PIB) -> None:
    """Takes over the units of ``--init``, if there is one.

    Raises:
        UserError: If they are of other sizes.
    """
    if config.init is None:
        return
    folder = RunFolder.open(config.init)
    try:
        model.policy.model.inherit(folder.load_policy(LAST))
    except ValueError as error:
        raise UserError(
            f"--init {folder.path} does not fit {config.env} with {config.distractors} distractors, learner "
            f"{config.learner}: {error}"
        ) from None


def environments(config: TrainConfig, count: int, stream: str) -> VecEnv:
    """``count`` environments of a run, seeded from a named stream."""
    return make_vec_env(config.env, count, Streams(config.seed).integer(stream), config.distractors)


def build(config: TrainConfig) -> PIB:
    """The agent and its environments.

    Raises:
        ValueError: If something of the configuration does not exist or does not fit.
    """
    find_spec(config.env)
    check_device(config.device)
    plain, env = config.identity(), environments(config, config.n_envs, ENVIRONMENT)
    check_observation_space(env.observation_space)
    try:
        return make_agent(
            config.learner,
            PIBPolicy,
            env,
            seed=config.seed,
            n_steps=config.n_steps,
            learning_rate=config.rate(),
            rule=plain["rule"],
            device=config.device,
            policy_kwargs=saved.policy_arguments(plain, Path("the configuration")),
        )
    except TypeError as error:
        raise ValueError(f"an option does not fit: {error}") from error


def watched(config: TrainConfig, model: PIB) -> Live | None:
    """Opens the window that shows the training, if it is to be shown.

    Raises:
        UserError: If it can't be opened, or the environment can't be drawn.
    """
    if config.render == "none":
        return None
    from pib_rl.playing.live import Live

    return Live(model.policy, config)


def train(
    config: TrainConfig, model: PIB, folder: RunFolder, faults: Sequence[Fault] = (), live: Live | None = None
) -> None:
    """Trains, evaluates and fills the run folder; a training that is stopped leaves the policy so far."""
    policy = model.policy
    breakage = Breakage(faults, partial(inject, policy.model))
    clock = Clock(step_seconds(config), partial(age, policy.model))
    spec = find_spec(config.env)
    make_env = partial(environments, config, stream=EVALUATION)
    pictures = partial(training_pictures, model, folder.path / "progress.csv", config.title)
    looks = Evaluation(
        lambda: evaluate(policy, make_env, HELDOUT_EPISODES, Read.NOISY),
        every(config.timesteps),
        spec.reward_threshold,
        lambda: folder.save_policy(policy.state_dict(), BEST),
        lambda: policy.meter.totals()["measurements"],
        pictures if config.tensorboard else dict,
    )
    others: list[BaseCallback] = [breakage, clock]
    if live is not None:
        live.follow(breakage, clock)
        others.append(live)
    folder.save_policy(policy.state_dict())
    try:
        wall = learn(model, config.timesteps, folder, looks, config.progress, others, config.tensorboard)
    except KeyboardInterrupt:
        folder.save_policy(policy.state_dict())
        raise UserError(
            f"interrupted at step {model.num_timesteps} of {config.timesteps}; the policy so far is in "
            f"{folder.path}: python -m pib_rl.play {folder.path}"
        ) from None
    except InstrumentError as error:
        folder.save_policy(policy.state_dict())
        cure = f"python -m pib_rl.train --config {folder.path / CONFIG} --init {folder.path}"
        raise UserError(
            f"{error}; stopped at step {model.num_timesteps} of {config.timesteps}; the policy so far is "
            f"in {folder.path}; once the instrument answers, {cure} goes on with its units and a new "
            "readout"
        ) from error
    folder.save_policy(policy.state_dict())
    draw(folder, config, spec.reward_threshold)
    try:
        result = judge(config, model, folder, looks, wall)
    except InstrumentError as error:
        raise UserError(
            f"{error}; the training is done, its evaluation is not: once the instrument answers, "
            f"python -m pib_rl.play {folder.path} plays the policy"
        ) from error
    folder.save_result(result | {"aged_s": clock.aged_s} | ({"faults": breakage.happened} if faults else {}))


def judge(config: TrainConfig, model: PIB, folder: RunFolder, looks: Evaluation, wall: float) -> dict[str, Any]:
    """Final evaluation of the last and the best policy on fresh episodes, in both read modes."""
    policy = model.policy
    cost = costs(policy.model)
    figures: dict[str, np.ndarray] = {}
    for label, name in (("best_", BEST), ("", LAST)):
        policy.load_state_dict(folder.load_policy(name))
        for suffix, read in (("", Read.NOISY), ("_noiseless", Read.MEAN)):
            make_env = partial(environments, config, stream=f"final-{label}{read.value}")
            figures[f"{label}eval_mean{suffix}"] = evaluate(policy, make_env, config.eval_episodes, read)
    means = {key: float(returns.mean()) for key, returns in figures.items()}
    return {
        "env": config.env,
        "hw": config.hw,
        "learner": config.learner,
        "seed": config.seed,
        "timesteps": model.num_timesteps,
        "eval_mean": means["eval_mean"],
        "eval_std": float(figures["eval_mean"].std()),
        "eval_episodes": config.eval_episodes,
        "eval_mean_noiseless": means["eval_mean_noiseless"],
        "best_eval_mean": means["best_eval_mean"],
        "best_eval_mean_noiseless": means["best_eval_mean_noiseless"],
        "solved_at_step": looks.solved_at,
        "wall_s": round(wall, 3),
        **cost,
        "control_period_s": period(config),
    }


def period(config: TrainConfig) -> float | None:
    """Simulated seconds between two actions, None where the environment doesn't tell."""
    env = make_env(config.env)
    try:
        return control_period(env)
    finally:
        env.close()


def step_seconds(config: TrainConfig) -> float:
    """Simulated seconds that pass per environment step.

    Raises:
        UserError: If they are to be the control period, and the environment doesn't tell it.
    """
    pace = config.pace()
    seconds = period(config) if pace is None else pace
    if seconds is None:
        raise UserError(
            f"--clock control: {config.env} does not tell its control period; give seconds per step, such "
            "as --clock 0.02"
        )
    return seconds


def draw(folder: RunFolder, config: TrainConfig, threshold: float | None) -> None:
    """The figures of the run."""
    progress = plots.read_progress(folder.path / "progress.csv")
    curve = plots.learning_curve(progress, config.title, threshold)
    write_atomically(folder.path / "learning_curve.png", plots.as_png(curve))
    plane = plots.information_plane(progress, f"Information plane: {config.title}")
    write_atomically(folder.path / "information_plane.png", plots.as_png(plane))


def show(folder: RunFolder) -> None:
    """The table of a finished run."""
    result = folder.checked_result(NAMED, COUNTED, ("solved_at_step",))
    table = Table(
        title=f"{result['env']} on {result['hw']} ({result['learner']}, seed {result['seed']})", title_style=""
    )
    for column in ("policy", "noisy", "mean read"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    last, best = result["eval_mean"], result["best_eval_mean"]
    table.add_row(
        "last", f"{as_told(last)} ± {result['eval_std']:.{decimals(last)}f}", as_told(result["eval_mean_noiseless"])
    )
    table.add_row("best checkpoint", as_told(best), as_told(result["best_eval_mean_noiseless"]))
    solved = result.get("solved_at_step")
    table.caption = (
        f"greedy return, {result['eval_episodes']} fresh episodes each\n"
        f"{result['timesteps']:,} steps in {result['wall_s']:.1f} s, "
        f"solved at {'-' if solved is None else f'{solved:,}'}"
    )
    console = Console()
    console.print(table)
    console.print(format_costs(result, result.get("control_period_s")), soft_wrap=True, highlight=False)
    console.print(f"run folder: {folder.path}", soft_wrap=True, highlight=False, markup=False)


if __name__ == "__main__":
    run(NAME, main)
