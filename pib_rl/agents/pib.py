"""PIB as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents import budget, ppo_arguments
from pib_rl.agents.heads.units import check_action_space
from pib_rl.agents.learners.registry import find_learner, rule_settings
from pib_rl.agents.network.last_good import last_good
from pib_rl.agents.observation_shapes import SingleObservations
from pib_rl.agents.observations import check_observation_space
from pib_rl.agents.policy import CnnPolicy, PIBPolicy
from pib_rl.agents.resuming.failures import note_environment, passed_through
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.iteration import Rule
from pib_rl.agents.rule.recorder import RolloutRecorder
from pib_rl.agents.rule.rollout import Rollout
from pib_rl.agents.storing.agent import StoredAlgorithm
from pib_rl.common.finite import Origin, check_arrays
from pib_rl.common.streams import ENVIRONMENT, Streams
from pib_rl.physical import registry

SAMPLES_PER_ROLLOUT = 2048
READOUT_RATE = 0.6

CHIP_ARGUMENTS = ("hw", "hw_options", "width", "units", "patches", "chips", "objective", "objective_options")

SelfPIB = TypeVar("SelfPIB", bound="PIB")


class PIB(StoredAlgorithm):
    """Physical Information Bottleneck agent: units on hardware learn by local, reward-modulated information.

    No gradient passes between units or through hardware. Each unit raises the information between its own measured
    outputs and a broadcast target: what the readout should say, that is what the policy preferred moved by what came
    of it, and the return. Only the readout, the last array, follows a policy gradient, by a local linear rule.

    Paper: Wang et al. 2026, arXiv 2602.09569 (the objective of units); clipped policy gradient: arXiv 1707.06347.

    Args:
        policy: "MlpPolicy", for which observations are flattened; "MultiInputPolicy" is the same class. "CnnPolicy" is
            for images: its first units look at small squares of them, see ``patches``.
        env: Environment, its id, or a `VecEnv`.
        learning_rate: Rate of the readout, in units of 1/(number of its inputs), or a schedule of the remaining
            progress: higher learns faster, and less safely. PPO's 3e-4 is a rate per weight; with the 129 inputs of the
            default network it is 0.04 here. Default: 0.6 falling linearly to 0.
        n_steps: Steps per environment and rollout. Default: 2048 divided by the number of environments.
        batch_size, n_epochs, gamma, gae_lambda, clip_range, clip_range_vf, normalize_advantage, ent_coef, vf_coef,
            target_kl: As in PPO; `RuleConfig` says what each does and has the defaults (``n_epochs`` is its
            ``epochs``). ``clip_range`` and ``clip_range_vf`` may be schedules of the remaining progress.
        max_grad_norm, use_sde, sde_sample_freq, rollout_buffer_class, rollout_buffer_kwargs: Of PPO, without meaning
            here; other values than PPO's default are refused by a message that says what to use.
        stats_window_size: Episodes in the rolling averages of the log.
        tensorboard_log: Folder for TensorBoard, or None; `learn` makes PIB_1, PIB_2 and so on in it (needs the extra
            log).
        policy_kwargs: Further arguments of `PIBPolicy`, or ``net_arch=[64, 64]`` for two units of width 64.
        verbose: 0, 1 or 2 as in Stable-Baselines3.
        seed: Seed of the chip, its noise, exploration and environments; None draws one.
        device: torch device, or "auto".
        patches: Units in front of the others that look at squares of an image: (channels, size, stride) of each, see
            `ChipConfig`. None for those of the policy: "MlpPolicy" has none, "CnnPolicy" has one.
        hw, hw_options, width, units, objective, objective_options, chips: The chip; `ChipConfig` says what each does
            and has the defaults: two units of width 64 on "digital" hardware. ``width=[64, 64]`` says both. On a wafer
            of several chips each learns by itself, with environments of its own: ``env`` holds equally many for each,
            the first ones for the first chip. ``n_steps``, ``num_timesteps`` and ``total_timesteps`` count the steps of
            one chip.
        learner: What trains the hidden arrays, on the same hardware and in the same loop: a key of
            `pib_rl.agents.LEARNERS`; the class's default if None. "frozen" leaves them as fabricated: the baseline of
            every claim.
        rule: Other settings of `RuleConfig` by name.

    Raises:
        ValueError: If the environment or an argument is not supported; the message says what is.
    """

    policy: PIBPolicy  # type: ignore[assignment]
    rollout: Rollout
    batch_size: int
    n_epochs: int
    clip_range: FloatSchedule
    clip_range_vf: FloatSchedule | None
    normalize_advantage: bool
    target_kl: float | None
    own_loop: ClassVar[bool] = False
    default_learner: ClassVar[str] = "pib"
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": PIBPolicy,
        "CnnPolicy": CnnPolicy,
        "MultiInputPolicy": PIBPolicy,
    }

    def __init__(
        self,
        policy: str | type[PIBPolicy] = "MlpPolicy",
        env: GymEnv | str | None = None,
        learning_rate: float | Schedule | None = None,
        n_steps: int | None = None,
        batch_size: int | None = None,
        n_epochs: int | None = None,
        gamma: float | None = None,
        gae_lambda: float | None = None,
        clip_range: float | Schedule | None = None,
        clip_range_vf: float | Schedule | None = None,
        normalize_advantage: bool | None = None,
        ent_coef: float | None = None,
        vf_coef: float | None = None,
        max_grad_norm: float | None = None,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        target_kl: float | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
        *,
        hw: str | None = None,
        hw_options: dict[str, Any] | None = None,
        width: int | Sequence[int] | None = None,
        units: int | None = None,
        patches: Sequence[tuple[int, int, int]] | None = None,
        chips: int | None = None,
        objective: str | None = None,
        objective_options: dict[str, float] | None = None,
        learner: str | None = None,
        rule: dict[str, Any] | None = None,
    ) -> None:
        given = locals()
        ppo_arguments.refuse(ppo_arguments.UNUSED, {name: given[name] for name in ppo_arguments.UNUSED})
        settings = ppo_arguments.agreed(
            {name: given[name] for name in ppo_arguments.RULE_NAMES}, rule or {}, "rule", ppo_arguments.RULE_NAMES
        )
        if ppo_arguments.is_sequence(width):
            size = ppo_arguments.network_size(width, "width")
            if units not in (None, size["units"]):
                raise ppo_arguments.ArgumentError(f"width is {width}, and units is {units}; leave units out")
            given |= size
        check_environment(env)
        check_policy(policy)
        if n_steps is not None and n_steps < 1:
            raise ppo_arguments.ArgumentError(f"n_steps must be >= 1, got {n_steps}")
        self.learner = self.default_learner if learner is None else learner
        self._check_learner()
        self.chip = {name: given[name] for name in CHIP_ARGUMENTS if given[name] is not None}
        if hw is not None and registry.is_file(hw):  # what is saved needs the file no more
            self.chip["hw"], self.chip["hw_options"] = registry.resolve(hw, hw_options or {})
        for name, setting in ppo_arguments.RULE_NAMES.items():
            setattr(self, name, settings.pop(setting, None))
        self.rule_options = settings
        super().__init__(
            policy,  # type: ignore[arg-type]
            env,  # type: ignore[arg-type]
            LinearSchedule(READOUT_RATE, 0.0, 1.0) if learning_rate is None else learning_rate,
            n_steps=n_steps or 0,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            max_grad_norm=max_grad_norm or 0.0,
            use_sde=False,
            sde_sample_freq=-1,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        if _init_setup_model:
            self._setup_model()
            if learning_rate is not None and not self.own_loop:
                inputs = self.policy.model.network.tap_features + 1
                ppo_arguments.warn_of_small_rate(float(self.lr_schedule(1.0)), inputs)

    def _check_learner(self) -> None:
        """Raises ValueError unless the learner exists and learns in this class's loop."""
        if find_learner(self.learner).own_loop != self.own_loop:
            raise ValueError(
                f"learner {self.learner!r} needs a training loop of another kind than {type(self).__name__}: "
                f"make it with pib_rl.agents.make_agent({self.learner!r}, policy, env)"
            )

    def __repr__(self) -> str:
        """What it is: learner, what was said of the chip, seed, and how many steps it has made."""
        said = [f"{name}={value!r}" for name, value in self.chip.items()]
        own = [f"learner={self.learner!r}", *said, f"seed={self.seed!r}"]
        return f"{type(self).__name__}({', '.join(own)}) after {self.num_timesteps:,} steps"

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        if self.seed is None:
            self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        if self.env is not None:
            self.env.seed(Streams(self.seed).integer(ENVIRONMENT))
        with ppo_arguments.as_assertions():
            config, options = self._settle()
        chip = ppo_arguments.policy_settings(self.policy_kwargs)
        chip = ppo_arguments.agreed(self.chip | {"gamma": config.gamma}, chip, "policy_kwargs", {})
        if find_learner(self.learner).target_inputs:
            chip["action_inputs"] = True
        self._set_steps(chip.get("chips", 1))
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **{"seed": self.seed} | chip
        )
        self.policy = self.policy.to(self.device)
        self.rule = self._make_rule(config, options)
        self.rollout_buffer = None  # type: ignore[assignment]

    def _set_steps(self, chips: int) -> None:
        """Shares the environments among so many chips, and gives ``n_steps`` its default.

        Raises:
            ValueError: If that does not come out even, or a rollout is too short.
        """
        if self.env is not None and self.n_envs % chips:
            raise ValueError(
                f"a wafer of {chips} chips needs equally many environments for each chip, got {self.n_envs} in all; "
                f"give a multiple, such as make_vec_env(..., n_envs={8 * chips})"
            )
        self.envs_per_chip = max(1, self.n_envs // chips)
        self.n_steps = self.n_steps or max(1, SAMPLES_PER_ROLLOUT // self.envs_per_chip)
        if self.env is not None and self.n_steps * self.envs_per_chip < 2:
            raise ppo_arguments.ArgumentError(
                "a rollout needs 2 samples or more, got n_steps 1 in one environment; raise n_steps (or n_envs)"
            )

    def _settle(self) -> tuple[RuleConfig, Any]:
        """Settings of the rule and of its learner; what was left open in PPO's arguments gets its value.

        The agent's attributes of PPO's names are the settings, ``rule_options`` holds the others.
        """
        remaining = self._current_progress_remaining
        options = dict(self.rule_options)
        for name, setting in ppo_arguments.RULE_NAMES.items():
            value = getattr(self, name)
            if value is not None:
                options[setting] = ppo_arguments.moment(value, remaining) if name in ppo_arguments.SCHEDULED else value
        config, own = rule_settings(self.learner, options)
        for name, setting in ppo_arguments.RULE_NAMES.items():
            value = getattr(config, setting)
            if name in ppo_arguments.SCHEDULED:
                given = getattr(self, name)
                value = None if value is None else FloatSchedule(value if given is None else given)
            setattr(self, name, value)
        return config, own

    def _make_rule(self, config: RuleConfig, options: Any) -> Rule:
        return Rule(self.policy, config, find_learner(self.learner)(self.policy.model, config, options))

    def renew_rule(self) -> None:
        """Starts the rule again on the chip as it is now: nothing is remembered, a digital twin is that of today."""
        self.rule = self._make_rule(*self._settle())

    def too_short(self, total_timesteps: int, **names: str) -> str:
        """Why no weight would change in a training of so many steps, see `budget.too_short`; empty if some do."""
        falls = float(self.lr_schedule(0.0)) == 0 and self.rule.learner.rate_left(1.0) == 0
        return budget.too_short(total_timesteps, self.envs_per_chip, self.n_steps, **names) if falls else ""

    def learn(
        self: SelfPIB,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfPIB:
        """Trains, as algorithms of Stable-Baselines3 do; in TensorBoard a run is named after its class by default.

        A warning says so where the training is too short to learn from a rollout.
        """
        if reset_num_timesteps:
            self.iterations = 0
        if (reset_num_timesteps or not self.num_timesteps) and (why := self.too_short(total_timesteps)):
            warnings.warn(why, UserWarning, stacklevel=2)
        return super().learn(
            total_timesteps,
            callback,
            log_interval,
            tb_log_name or type(self).__name__,
            reset_num_timesteps,
            progress_bar,
        )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Acts for ``n_rollout_steps`` in every environment; False if the callback ended the training.

        The loop of Stable-Baselines3 stores no next observation and asks for the value of each cut-off state by itself;
        here ``self.rollout`` keeps both, to measure them later in one batch. ``rollout_buffer`` is not used.
        """
        assert self._last_obs is not None
        self.policy.set_training_mode(False)
        seen = RolloutRecorder(self.policy, self._flat(self._last_obs))
        self.in_rollout = False
        callback.on_rollout_start()
        self.in_rollout = True
        for _ in range(n_rollout_steps):
            taken = self._decide(seen)
            actions = self.policy.to_env(taken)
            new_obs, rewards, dones, infos = self._step(env, actions)
            self.num_timesteps += self.envs_per_chip
            check_arrays(rewards, "reward", Origin(self.num_timesteps))
            flat = self._flat(new_obs)
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            seen.add(flat, rewards, dones, infos, self.num_timesteps)
            self._last_obs = new_obs
            self._last_episode_starts = dones
        self.rollout = seen.rollout()
        self.in_rollout = False
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _setup_learn(self, *arguments: Any, **options: Any) -> tuple[int, BaseCallback]:
        """As that of Stable-Baselines3; what an environment raises when it is reset is noted to be of it."""
        assert self.env is not None
        try:
            total, callback = super()._setup_learn(*arguments, **options)
        except Exception as error:
            if passed_through(error, self.env.reset):
                note_environment(error, "when it began")
            raise
        self._plan()
        return total, callback

    def _take_over(self, *arguments: Any, **options: Any) -> bool:
        exact = super()._take_over(*arguments, **options)
        self._plan()
        return exact

    def _plan(self) -> None:
        """Tells the learner how long the training is."""
        if self._total_timesteps:
            self.rule.learner.rollouts = self._total_timesteps / (self.n_steps * self.envs_per_chip)

    def _step(self, env: VecEnv, actions: np.ndarray) -> Any:
        """A step of all environments; what one of them raises is noted to be of the environment, and when it was."""
        try:
            return env.step(actions)
        except Exception as error:
            note_environment(error, f"after step {self.num_timesteps}")
            raise

    def _flat(self, obs: Any) -> Tensor:
        """What the environments show after ``num_timesteps``, by chip; ValueError unless it is finite numbers."""
        return self.policy.flatten(obs_as_tensor(obs, self.device), Origin(self.num_timesteps))

    @torch.inference_mode()
    def _decide(self, seen: RolloutRecorder) -> np.ndarray:
        """One pass through the hardware and a draw of actions, shape (n_envs, ...)."""
        outputs = self.policy.outputs(seen.obs[-1])
        if not all(part.isfinite().all() for part in outputs):
            raise ValueError(
                f"the policy's outputs, of which actions are made, are no finite numbers at step {self.num_timesteps}: "
                "mend the hardware's measure, or lower learning_rate or hidden_rate"
            )
        actions = self.policy.head.explore(outputs.parameters, self.policy.streams)
        seen.decide(actions, outputs)
        return self.policy.ungrouped(actions).cpu().numpy()

    def train(self) -> None:
        """One iteration of the rule on the rollout just collected.

        Raises:
            ValueError: If numbers are not finite any more; everything that learned is as before then.
        """
        rate = float(self.lr_schedule(self._current_progress_remaining))
        progress = min(1.0, 1 - self._current_progress_remaining)  # the last rollout may overrun the budget
        if changed := self._clipping():
            self.rule.config = replace(self.rule.config, **changed)
        before = self.rule.test.remembered
        try:
            with last_good(f"the training at step {self.num_timesteps}", self.policy, self.rule.learner.memory):
                log = self.rule.update(self.rollout, progress, rate)
        except ValueError:
            self.rule.test.remembered = before
            raise
        self.logger.record("train/learning_rate", rate)
        for key, value in log.items():
            self.logger.record(key, value)
        for key, count in self.policy.meter.totals().items():
            self.logger.record(f"hardware/{key}", count)

    @staticmethod
    def _wrap_env(env: GymEnv, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        """As in Stable-Baselines3; ValueError, before anything is reset, if the spaces of the environment don't fit."""
        check_observation_space(env.observation_space)
        with ppo_arguments.as_assertions():
            check_action_space(env.action_space)
        if isinstance(env, gym.Env) and not is_wrapped(env, Monitor):
            env = SingleObservations(env)
        return StoredAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    def _clipping(self) -> dict[str, Any]:
        """How far actions and values may move in the iteration that comes, where that is not as it was."""
        remaining = self._current_progress_remaining
        wanted = {name: ppo_arguments.moment(getattr(self, name), remaining) for name in ppo_arguments.SCHEDULED}
        return {name: value for name, value in wanted.items() if value != getattr(self.rule.config, name)}

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "rule", "rollout"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        memory = ["rule.learner.memory"] if len(self.rule.learner.memory) else []
        return ["policy", *memory], []


def check_policy(policy: object) -> None:
    """Raises ValueError if it is the class of another kind of policy than PIB's."""
    if isinstance(policy, type) and not issubclass(policy, PIBPolicy):
        raise ValueError(
            f"policy must be a name, such as 'MlpPolicy', or a class made from pib_rl.agents.policy.PIBPolicy, got "
            f"{policy.__name__}: PIB's policy is hardware, not a network of torch"
        )


def check_environment(env: object) -> None:
    """Raises ValueError if it is a vector environment of Gymnasium's."""
    if isinstance(env, VectorEnv):
        raise ValueError(
            "env is a gymnasium.vector environment, which Stable-Baselines3 algorithms do not take; "
            "make it with pib_rl.envs.make_vec_env (or stable_baselines3's make_vec_env) instead"
        )
