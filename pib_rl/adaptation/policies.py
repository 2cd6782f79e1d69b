"""A trained policy whose chip breaks."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.adaptation.memory import MEMORY, remembered
from pib_rl.adaptation.recovery import COUNTED, QUARTER, Chip, RecoveryCurve, RecoveryRun
from pib_rl.agents import PIB
from pib_rl.agents.learners.registry import find_learner
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import check_imported
from pib_rl.cli.settings_files import from_plain
from pib_rl.common.streams import ENVIRONMENT, EVALUATION, Streams
from pib_rl.envs.make import time_limit
from pib_rl.physical.substrate import Read
from pib_rl.runs.folder import CONFIG, LAST, RunFolder, load_into
from pib_rl.training.config import TrainConfig
from pib_rl.training.evaluation import evaluate, silent
from pib_rl.training.loop import HELDOUT_EPISODES, close
from pib_rl.training.run import build, environments, train
from pib_rl.training.tuned import OWN, tuned

LOOKS = 20  # evaluations on the way: the curve is what an adaptation is for


class PolicyRecovery(RecoveryRun):
    """A run of ``train``. Performance is the mean greedy return on noisy hardware.

    Before the fault it answers states that it meets; the self-test of the rule goes by these answers (`SelfTest`). The
    rates of the rule start again and fall over the adaptation, as over a training; optimisers of the chip go on.
    """

    unit, scored, percent = "environment steps", "return per episode", False

    def __init__(self, config: AdaptConfig, run: RunFolder, settings: dict[str, Any]) -> None:
        task = from_plain(TrainConfig, settings, run.path / CONFIG)
        check_imported(task.env, run.path / CONFIG)
        if config.epochs is not None:
            raise UserError(f"{run.path} is a run of train: give --timesteps in the place of --epochs")
        if config.data is not None:
            raise UserError(f"{run.path} is a run of train, which needs no --data; leave it out")
        super().__init__(config, run, task)
        self.length = config.timesteps or max(1, task.timesteps // QUARTER)
        self.task = replace(
            task,
            chips=1,
            seed=task.seed + self.chip,
            timesteps=self.length,
            looks=LOOKS,
            fault=config.fault,
            init=run.path,
            device=config.device,
            progress=config.progress,
            checkpoint_every=config.checkpoint_every,
        )
        self.model: PIB | None = None

    @property
    def origin(self) -> dict[str, Any]:
        return {"env": self.task.env, "hw": self.task.hw, "learner": self.own, "seed": self.task.seed}

    def load(self) -> Chip:
        with mistakes(RuntimeError, AssertionError, MemoryError, OverflowError):
            for name in self.learners[1:]:
                close(build(self.plan(name)))
            self.model = self._load(self.own)
        close(self.model)
        return self.model.policy.model

    def forecast(self) -> list[str]:
        assert self.model is not None
        why = self.model.too_short(self.length, shorter="", longer="--timesteps")
        return [f"warning: {why}"] if why else []

    def apply_faults(self, chip: Chip) -> None:
        assert self.model is not None
        self.memory = remembered(self.model.policy, environments(self.task, self.task.n_envs, MEMORY))
        super().apply_faults(chip)

    def evaluate(self) -> float:
        return self._returns(f"final-{Read.NOISY.value}", self.task.eval_episodes)

    def evaluate_heldout(self) -> float:
        return self._returns(EVALUATION, HELDOUT_EPISODES)

    def _returns(self, stream: str, episodes: int) -> float:
        assert self.model is not None
        make_env = partial(environments, self.task, stream=stream)
        limit = time_limit(self.task.env)
        return float(evaluate(self.model.policy, make_env, episodes, Read.NOISY, limit, silent).mean())

    def plan(self, name: str) -> TrainConfig:
        """The training of one learner: the run's settings, with those that the learner has for itself."""
        if name == self.own:
            return self.task
        rule = self.task.rule
        apart = {*OWN, *(field.name for field in fields(find_learner(self.own).Options))}
        own = {field.name for field in fields(find_learner(name).Options)}
        settled = tuned(self.task.env, name, self.task.hw)["rule"]
        rule = {key: value for key, value in rule.items() if key not in apart}
        rule |= {key: value for key, value in settled.items() if key in apart | own}
        rule |= {"twin_drift": 0.0} if self.twin_is_old(name) else {}
        return replace(self.task, learner=name, rule=rule)

    def _load(self, name: str) -> PIB:
        """An agent with the chip as the run left it, which draws anew."""
        model = build(self.plan(name))
        load_into(model.policy, self.healthy_state(model.policy), self.run.path / LAST)
        model.policy.streams.restart(self.draws)
        env = model.get_env()
        assert env is not None
        env.seed(Streams(self.draws).integer(ENVIRONMENT))
        return model

    def learn_on(self, name: str, path: Path) -> RecoveryCurve:
        plan, folder = self.begin(self.plan(name), path)
        if not folder.finished:
            train(plan, self._broken_agent(name), folder)
        result = folder.result("eval_mean", *COUNTED)
        curve = [(point.timesteps, point.mean_reward) for point in folder.evaluations()]
        counts = {name: getattr(result, name) for name in COUNTED}
        return RecoveryCurve(float(result.eval_mean or 0), [(0, self.held_after), *curve], counts)

    def _broken_agent(self, name: str) -> PIB:
        """An agent with the broken chip, which remembers; an old digital twin is made before the fault."""
        model = self._load(name)
        if self.twin_is_old(name):
            model.renew_rule()
        model.policy.model.load_state_dict(self.broken)
        if not self.twin_is_old(name):
            model.renew_rule()
        model.rule.test.remember(*self.memory)
        return model
