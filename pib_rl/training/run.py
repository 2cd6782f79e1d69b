"""Runs of `python -m pib_rl.train`: the agent and its environments, training, final evaluation, figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents import PIB, make_agent
from pib_rl.agents.network.costs import costs
from pib_rl.agents.network.faults import age, check, inject
from pib_rl.agents.observations import check_observation_space
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.resuming.checkpoints import remove_checkpoints
from pib_rl.agents.saved_settings import policy_arguments
from pib_rl.agents.split.pipeline import GroupLostError
from pib_rl.cli.cli import UserError, mistakes, note
from pib_rl.cli.process import check_device
from pib_rl.cli.room import check_wafer
from pib_rl.cli.settings import RunSettings
from pib_rl.common.streams import ENVIRONMENT, EVALUATION, Streams
from pib_rl.envs.lookup import find_spec
from pib_rl.envs.make import control_period, make_env, make_vec_env, time_limit
from pib_rl.figures import curves
from pib_rl.physical.faults import Fault, FaultPlan
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import BEST, LAST, RunFolder
from pib_rl.runs.minari_names import names_data
from pib_rl.runs.result import TRAIN, RunResult
from pib_rl.runs.resuming import Every
from pib_rl.runs.saving import Saver, find_start
from pib_rl.runs.stops import stopped_by
from pib_rl.runs.tensorboard import training_pictures
from pib_rl.sites.check import check_run
from pib_rl.sites.run import at_sites
from pib_rl.sites.watch.picture import draw_sites
from pib_rl.sites.watch.record import totals
from pib_rl.training.callbacks import Clock, Evaluation, FaultSchedule, RolloutReturns
from pib_rl.training.config import TrainConfig
from pib_rl.training.evaluation import FINAL, evaluate, silent
from pib_rl.training.loop import HELDOUT_EPISODES, close, learn
from pib_rl.training.resuming.checkpoint import Checkpoints
from pib_rl.training.resuming.failures import close_environment, environment_failures
from pib_rl.training.room import check_room
from pib_rl.training.schedule import look_steps
from pib_rl.training.starting.inherited import inherit
from pib_rl.training.starting.logged import learn_logged
from pib_rl.training.wafer import Wafer

MOVES = "the target changes as the policy does: a fall late in a training need be no loss"
READS = {"": Read.NOISY, "_noiseless": Read.MEAN}  # read modes of the final evaluation, by the end of a result's name


def environments(config: RunSettings, count: int, stream: str, processes: int = 1) -> VecEnv:
    """So many environments in all, seeded from a named stream of the run, shared by processes."""
    seed = Streams(config.seed).integer(stream)
    return make_vec_env(config.env, count, seed, config.distractors, min(processes, count))


def build(config: TrainConfig) -> PIB:
    """The agent and its environments.

    Raises:
        ValueError: If something of the configuration does not exist or does not fit.
    """
    find_spec(config.env)
    check_device(config.device)
    count = config.n_envs * config.chips
    if config.env_processes > count:
        raise ValueError(f"--env-processes must be at most the {count} environments, got {config.env_processes}")
    env = environments(config, count, ENVIRONMENT, config.env_processes)
    check_observation_space(env.observation_space)
    try:
        return make_agent(
            config.learner,
            PIBPolicy,
            env,
            seed=config.seed,
            n_steps=config.n_steps,
            learning_rate=config.rate(),
            rule=config.rule,
            device=config.device,
            policy_kwargs=policy_arguments(config.identity(), Path("the configuration")),
        )
    except TypeError as error:
        raise ValueError(f"an option does not fit: {error}") from error


def prepare(config: TrainConfig) -> PIB:
    """The agent of a run, its units those of ``--init`` where there is one; everything is tried before a step is made.

    Raises:
        UserError: If something of the configuration does not exist or does not fit.
    """
    with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
        if config.chips > 1:
            check_wafer(config.learner, config.hw, config.chips)
            single = build(replace(config, chips=1, chip=0, fault=(), env_processes=1))
            close(single)
            check_room(config, single)
        model = build(config)
        inherit(config, model)
        if config.resume is None:
            model.policy.model.network.check_ready()
        for fault in config.faults():
            check(model.policy.model, fault)
        policy, learner, clock = model.policy.model, model.rule.learner, config.pace() != 0 and config.clock
        check_run(config.sites, config.resume, policy, learner, fault=config.fault, clock=clock)
    step_seconds(config)
    return model


def train(
    config: TrainConfig,
    model: PIB,
    folder: RunFolder,
    faults: Sequence[Fault] = (),
    watch: Callable[[FaultPlan, Clock], BaseCallback] | None = None,
) -> None:
    """Trains, evaluates and fills the run folder; a training that is stopped leaves its last checkpoint.

    With ``config.resume`` it goes on from there.

    Args:
        config: The run.
        model: Its agent.
        folder: Its folder.
        faults: What breaks on the way.
        watch: Makes a further callback from what breaks the chip and lets time pass.

    Raises:
        UserError: If it was interrupted, or something that the user can mend stopped it.
    """
    policy = model.policy
    plan = FaultPlan(faults, partial(inject, policy.model))
    clock = Clock(step_seconds(config), partial(age, policy.model))
    spec = find_spec(config.env)
    make_env = partial(environments, config, stream=EVALUATION, processes=config.env_processes)
    pictures = partial(training_pictures, model, folder.path / "progress.csv", config.title)
    evaluations = Evaluation(
        lambda: evaluate(policy, make_env, HELDOUT_EPISODES, Read.NOISY, time_limit(config.env), silent),
        look_steps(config.timesteps, config.looks, spec.max_episode_steps),
        spec.reward_threshold,
        lambda: folder.save_policy(policy.state_dict(), BEST),
        lambda: policy.meter.totals()["measurements"],
        pictures if config.tensorboard else dict,
    )
    others = [RolloutReturns(), FaultSchedule(plan), clock, *([watch(plan, clock)] if watch else [])]
    start = find_start(folder.path, config.resume is not None, "step")
    saver = Saver(folder.path, Every.parse(config.checkpoint_every), config.timesteps, start)
    checkpoints = Checkpoints(saver, [evaluations, *others])
    with stops(config, folder, saver), environment_failures():
        if start is None and config.init is not None and names_data(config.init):
            learn_logged(config.init, policy.model, config.progress)
        own = model.rule.learner
        at = at_sites(
            config.sites,
            policy.model,
            own,
            folder.path,
            taps=False,
            score=lambda: evaluations.points[-1].mean_reward if evaluations.points else None,
            progress=config.progress,
        )
        with mistakes(GroupLostError), at as model.rule.learner:
            wall = learn(
                model, config.timesteps, folder, evaluations, config.progress, others, config.tensorboard, checkpoints
            )
        model.rule.learner = own
        folder.save_policy(policy.state_dict())
        draw(folder, config, spec.reward_threshold)
        with mistakes(), environment_failures():
            result = evaluate_final(config, model, folder, evaluations, wall, plan.happened)
        happened = [_plain(fault) for fault in plan.happened] if faults else None
        folder.save_result(replace(result, aged_s=clock.aged_s, faults=happened, sites=totals(folder.path)))
    remove_checkpoints(folder.path)


@contextmanager
def stops(config: TrainConfig, folder: RunFolder, saver: Saver) -> Iterator[None]:
    """Whatever stops a training: its last state is kept, and one line says how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        at, reason = saver.rescue(), stopped_by(error, folder)
        if reason is None:
            raise
        raise UserError(f"{reason}; stopped {_how_to_go_on(folder, at, config.timesteps)}") from error
    finally:
        folder.release()


def _how_to_go_on(folder: RunFolder, at: int | None, of: int) -> str:
    """Where a training stopped, and what goes on with it."""
    again = folder.resume_command
    if at is None:
        return f"before it was saved for the first time: {again} begins anew"
    play = f"python -m pib_rl.play {folder.path} plays the policy so far"
    if at >= of:
        return f"in its final evaluation, the training is done: {again} evaluates, and {play}"
    return f"at step {at} of {of}, where it was saved last: {again} goes on from there, and {play}"


def evaluate_final(
    config: TrainConfig,
    model: PIB,
    folder: RunFolder,
    evaluations: Evaluation,
    wall: float,
    faults: Sequence[Fault] = (),
) -> RunResult:
    """Final evaluation of the last and the best policy on fresh episodes, in both read modes.

    Where the last policy is the best, it plays once. Each plays its share of ``--eval-steps``. Of a wafer, what each
    chip reached goes into the run folder.
    """
    policy = model.policy
    cost = costs(policy.model)
    best, last = folder.load_policy(BEST), folder.load_policy(LAST)
    same = all(torch.equal(best[name], value) for name, value in last.items())
    returns: dict[str, np.ndarray] = {}
    limit, said = time_limit(config.env), list[str]()
    for label, state in ([] if same else [("best_", best)]) + [("", last)]:
        policy.load_state_dict(state)
        for suffix, read in READS.items():
            make_envs = partial(
                environments, config, stream=f"final-{label}{read.value}", processes=config.env_processes
            )
            returns[f"{label}eval_mean{suffix}"] = evaluate(
                policy, make_envs, config.eval_episodes, read, limit, said.append, config.final_steps // FINAL
            )
    for sentence in said[-1:]:
        note(sentence)
    if same:
        returns |= {f"best_{name}": values for name, values in returns.items()}
    means: dict[str, Any] = {name: float(values.mean()) for name, values in returns.items()}
    if config.chips > 1:
        threshold = find_spec(config.env).reward_threshold
        wafer = Wafer(config, evaluations, returns, threshold, faults)
        wafer.save(folder, policy)
        means |= wafer.metrics()
    return RunResult(
        kind=TRAIN,
        env=config.env,
        hw=config.hw,
        learner=config.learner,
        seed=config.seed,
        timesteps=model.num_timesteps,
        eval_std=float(returns["eval_mean"].std()),
        eval_episodes=returns["eval_mean"].shape[-1],
        solved_at_step=evaluations.solved_at,
        wall_s=round(wall, 3),
        control_period_s=period(config),
        **means,
        **cost,
    )


def period(config: TrainConfig) -> float | None:
    """Simulated seconds between two actions, None where the environment doesn't tell."""
    env = make_env(config.env)
    try:
        return control_period(env)
    finally:
        close_environment(env)


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
    progress = curves.read_progress(folder.path / "progress.csv")
    curve = curves.learning_curve(progress, config.title, threshold)
    folder.save_picture("learning_curve", curves.as_png(curve))
    plane = curves.information_plane(progress, f"Information plane: {config.title}", note=MOVES)
    folder.save_picture("information_plane", curves.as_png(plane))
    draw_sites(folder, "return", config.title)


def _plain(fault: Fault) -> dict[str, Any]:
    """A fault as results hold it; a last size only where chips have sizes of their own."""
    return {name: value for name, value in asdict(fault).items() if value is not None}
