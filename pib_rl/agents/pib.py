"""PIB as a Stable-Baselines3 algorithm."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import LinearSchedule, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rollout import Rollout
from pib_rl.agents.rule import Rule, RuleConfig

SAMPLES = 1024


class PIB(OnPolicyAlgorithm):
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": PIBPolicy, "CnnPolicy": PIBPolicy, "MultiInputPolicy": PIBPolicy,
    }

    def __init__(self, policy="MlpPolicy", env=None, learning_rate=None, n_steps=None, gamma=0.99, gae_lambda=0.95,
                 ent_coef=0.0, *, hw="digital", hw_options=None, width=64, units=2, objective="gaussian",
                 objective_options=None, rule=None, policy_kwargs=None, stats_window_size=100, tensorboard_log=None,
                 verbose=0, seed=None, device="auto", _init_setup_model=True):
        self.rule_options = dict(rule or {})
        super().__init__(policy, env, LinearSchedule(3e-3, 0.0, 1.0) if learning_rate is None else learning_rate,
            n_steps=n_steps, gamma=gamma, gae_lambda=gae_lambda,
            ent_coef=ent_coef, vf_coef=1.0, max_grad_norm=0.0, use_sde=False, sde_sample_freq=-1,
            stats_window_size=stats_window_size, tensorboard_log=tensorboard_log,
            policy_kwargs={"hw": hw, "hw_options": hw_options, "width": width, "units": units, "objective": objective,
                "objective_options": objective_options, "gamma": gamma, **(policy_kwargs or {})},
            verbose=verbose, seed=seed, device=device, _init_setup_model=False)
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self):
        self._setup_lr_schedule()
        if self.seed is None:
            self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        self.set_random_seed(self.seed)
        if self.n_steps is None:
            self.n_steps = max(1, SAMPLES // self.n_envs)
        self.policy_kwargs.setdefault("seed", self.seed)
        self.policy = self.policy_class(self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs).to(self.device)
        self.rollout_buffer = None
        self.rule = Rule(self.policy, RuleConfig(gamma=self.gamma, gae_lambda=self.gae_lambda, ent_coef=self.ent_coef, **self.rule_options))

    @torch.inference_mode()
    def collect_rollouts(self, env, callback, rollout_buffer, n_rollout_steps):
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        policy = self.policy
        flat = policy.flatten(obs_as_tensor(self._last_obs, self.device))
        rollout = None
        for step in range(n_rollout_steps):
            outputs = policy.outputs(flat)
            taken = policy.head.sample(outputs[:, :-1], policy.streams)
            if rollout is None:
                rollout = Rollout.empty(n_rollout_steps, env.num_envs, flat.shape[1], taken, outputs.shape[1], self.device)
            actions = policy.to_env(taken.cpu().numpy())
            new_obs, rewards, dones, infos = env.step(actions)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            rollout.obs[step] = flat
            rollout.outputs[step] = outputs
            rollout.actions[step] = taken
            rollout.rewards[step] = torch.as_tensor(rewards)
            following = flat = policy.flatten(obs_as_tensor(new_obs, self.device))
            if dones.any():
                following = flat.clone()
                for i in np.flatnonzero(dones):
                    last, _ = policy.obs_to_tensor(infos[i]["terminal_observation"])
                    following[i] = policy.flatten(last)[0]
                    rollout.truncated[step, i] = cut = float(infos[i].get("TimeLimit.truncated", False))
                    rollout.terminated[step, i] = 1 - cut
            rollout.next_obs[step] = following
            self._last_obs = new_obs
            self._last_episode_starts = dones
        self.rollout = rollout
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def train(self):
        rate = self.lr_schedule(self._current_progress_remaining)
        log = self.rule.update(self.rollout, 1 - self._current_progress_remaining, rate)
        for k, v in log.items():
            self.logger.record("train/" + k, v)
