"""PIB as a Stable-Baselines3 algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import LinearSchedule, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents.learners.registry import find_learner, rule_settings
from pib_rl.agents.network.last_good import last_good
from pib_rl.agents.policy import CnnPolicy, PIBPolicy
from pib_rl.agents.rule.iteration import Rule
from pib_rl.agents.rule.recorder import RolloutRecorder
from pib_rl.agents.rule.rollout import Rollout
from pib_rl.agents.rule.self_test import Remembered
from pib_rl.agents.saved import first_difference
from pib_rl.common.finite import Origin, check_arrays
from pib_rl.common.streams import ENVIRONMENT, Streams

SAMPLES_PER_ROLLOUT = 2048
READOUT_RATE = 0.6

SelfPIB = TypeVar("SelfPIB", bound="PIB")


class PIB(OnPolicyAlgorithm):
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
            progress. Default: 0.6 falling linearly to 0.
        n_steps: Steps per environment and rollout. Default: 2048 divided by the number of environments.
        gamma: How far ahead rewards count: 0.99 looks about 100 steps ahead.
        gae_lambda: How far advantages trust rewards rather than values, see `RuleConfig`.
        ent_coef: Weight of the entropy bonus: more of it keeps the policy exploring for longer.
        patches: Units in front of the others that look at squares of an image: (channels, size, stride) of each, see
            `ChipConfig`. None for those of the policy: "MlpPolicy" has none, "CnnPolicy" has one.
        hw, hw_options, width, units, objective, objective_options, chips: The chip, see `ChipConfig`. On a wafer of
            several chips each learns by itself, with environments of its own: ``env`` holds equally many for each, the
            first ones for the first chip. ``n_steps``, ``num_timesteps`` and ``total_timesteps`` count the steps of one
            chip.
        learner: What trains the hidden arrays, on the same hardware and in the same loop: a key of
            `pib_rl.agents.LEARNERS`; the class's default if None. "frozen" leaves them as fabricated: the baseline of
            every claim.
        rule: Other settings of `RuleConfig` by name.
        stats_window_size: Episodes in the rolling averages of the log.
        tensorboard_log: Folder for TensorBoard, or None; `learn` makes PIB_1, PIB_2 and so on in it (needs the extra
            log).
        policy_kwargs: Further arguments of `PIBPolicy`.
        verbose: 0, 1 or 2 as in Stable-Baselines3.
        seed: Seed of the chip, its noise, exploration and environments; None draws one.
        device: torch device, or "auto".

    Raises:
        ValueError: If the environment or an argument is not supported; the message says what is.
    """

    policy: PIBPolicy  # type: ignore[assignment]
    rollout: Rollout
    remembered: Remembered | None = None
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
        *,
        learning_rate: float | Schedule | None = None,
        n_steps: int | None = None,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        ent_coef: float = 0.0,
        hw: str = "digital",
        hw_options: dict[str, Any] | None = None,
        width: int = 64,
        units: int = 2,
        patches: Sequence[tuple[int, int, int]] | None = None,
        chips: int = 1,
        objective: str = "decoder",
        objective_options: dict[str, float] | None = None,
        learner: str | None = None,
        rule: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        if isinstance(env, VectorEnv):
            raise ValueError(
                "env is a gymnasium.vector environment, which Stable-Baselines3 algorithms do not take; "
                "make it with pib_rl.envs.make_vec_env (or stable_baselines3's make_vec_env) instead"
            )
        learner = self.default_learner if learner is None else learner
        kind = find_learner(learner)
        if kind.own_loop != self.own_loop:
            raise ValueError(
                f"learner {learner!r} needs a training loop of another kind than {type(self).__name__}: "
                f"make it with pib_rl.agents.make_agent({learner!r}, policy, env)"
            )
        if n_steps is not None and n_steps < 1:
            raise ValueError(f"n_steps must be >= 1, got {n_steps}")
        self.learner = learner
        options = dict(rule or {})
        gamma, gae_lambda, ent_coef = (
            options.pop(name, value)
            for name, value in (("gamma", gamma), ("gae_lambda", gae_lambda), ("ent_coef", ent_coef))
        )
        self.rule_options = options
        hardware: dict[str, Any] = {
            "hw": hw,
            "hw_options": hw_options,
            "width": width,
            "units": units,
            "chips": chips,
            "objective": objective,
            "objective_options": objective_options,
            "gamma": gamma,
        }
        if patches is not None:
            hardware["patches"] = patches
        if kind.target_inputs:
            hardware["action_inputs"] = True
        super().__init__(
            policy,  # type: ignore[arg-type]
            env,  # type: ignore[arg-type]
            LinearSchedule(READOUT_RATE, 0.0, 1.0) if learning_rate is None else learning_rate,
            n_steps=n_steps or 0,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=1.0,
            max_grad_norm=0.0,
            use_sde=False,
            sde_sample_freq=-1,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs={**hardware, **(policy_kwargs or {})},
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        if self.seed is None:
            self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        if self.env is not None:
            self.env.seed(Streams(self.seed).integer(ENVIRONMENT))
        chips = self.policy_kwargs.get("chips", 1)
        if self.env is not None and self.n_envs % chips:
            raise ValueError(
                f"a wafer of {chips} chips needs equally many environments for each chip, got {self.n_envs} in all; "
                f"give a multiple, such as make_vec_env(..., n_envs={8 * chips})"
            )
        self.envs_per_chip = max(1, self.n_envs // chips)
        self.n_steps = self.n_steps or max(1, SAMPLES_PER_ROLLOUT // self.envs_per_chip)
        if self.env is not None and self.n_steps * self.envs_per_chip < 2:
            raise ValueError(
                "a rollout needs 2 samples or more, got n_steps 1 in one environment; raise n_steps (or n_envs)"
            )
        self.policy_kwargs.setdefault("seed", self.seed)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        )
        self.policy = self.policy.to(self.device)
        self.rule = self._make_rule()
        self.rollout_buffer = None  # type: ignore[assignment]

    def _make_rule(self) -> Rule:
        """The rule with its learner; ``rule_options`` holds settings of both."""
        base = {"gamma": self.gamma, "gae_lambda": self.gae_lambda, "ent_coef": self.ent_coef}
        config, options = rule_settings(self.learner, self.rule_options, base)
        rule = Rule(self.policy, config, find_learner(self.learner)(self.policy.model, config, options))
        if self.remembered is not None:  # of a saved agent: the self-test goes on where it was
            rule.test.remember(*(values.to(self.device) for values in self.remembered))
        return rule

    def renew_rule(self) -> None:
        """Starts the rule again on the chip as it is now: nothing is remembered, a digital twin is that of today."""
        self.remembered = None
        self.rule = self._make_rule()

    def learn(
        self: SelfPIB,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfPIB:
        """Trains, as algorithms of Stable-Baselines3 do; in TensorBoard a run is named after its class by default."""
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
        callback.on_rollout_start()
        for _ in range(n_rollout_steps):
            taken = self._decide(seen)
            actions = self.policy.to_env(taken)
            new_obs, rewards, dones, infos = env.step(actions)
            self.num_timesteps += self.envs_per_chip
            check_arrays(rewards, "reward", Origin(self.num_timesteps))
            flat = self._flat(new_obs)
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            seen.add(flat, rewards, dones, infos, self.num_timesteps)
            self._last_obs = new_obs  # type: ignore[assignment]
            self._last_episode_starts = dones
        self.rollout = seen.rollout()
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

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
        before = self.rule.test.remembered
        try:
            with last_good(f"the training at step {self.num_timesteps}", self.policy, self.rule.learner.memory):
                log = self.rule.update(self.rollout, progress, rate)
        except ValueError:
            self.rule.test.remembered = before
            raise
        self.remembered = self.rule.test.remembered
        self.logger.record("train/learning_rate", rate)
        for key, value in log.items():
            self.logger.record(key, value)
        for key, count in self.policy.meter.totals().items():
            self.logger.record(f"hardware/{key}", count)

    def set_parameters(self, load_path_or_dict: Any, exact_match: bool = True, device: Any = "auto") -> None:
        """As in Stable-Baselines3; RuntimeError, on one line, if the parameters do not fit this agent."""
        try:
            super().set_parameters(load_path_or_dict, exact_match, device)
        except (RuntimeError, ValueError) as error:  # SB3's `load` takes a ValueError for one of its own old files
            raise RuntimeError(
                "the saved parameters do not fit this agent (another width, number of units, environment, hw or "
                f"version of pib_rl made them): {first_difference(error)}; make it as the saved one was, or train again"
            ) from None

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "rule", "rollout"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        memory = ["rule.learner.memory"] if len(self.rule.learner.memory) else []
        return ["policy", *memory], []
