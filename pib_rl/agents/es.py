"""The evolution strategy as a Stable-Baselines3 algorithm: one generation of whole episodes per rollout."""

from __future__ import annotations

from itertools import product
from typing import ClassVar

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents.learners.es import EvolutionStrategy
from pib_rl.agents.pib import PIB
from pib_rl.common.finite import Origin, check_arrays

CALIBRATION_SAMPLES = 256


class ES(PIB):
    """Evolution strategy on hardware: learner "es", which shares nothing of PIB's rule but the policy.

    A generation lives through 2 ``pairs`` displacements of the one chip, one after the other. At each, all
    environments start again and play one episode with greedy actions on noisy hardware; environments that are done wait
    for the slowest, and the steps they make meanwhile count, as all steps do. The learning rate, ``n_steps`` and the
    settings of the rule have no effect but for ``track``; settings of its own are `StrategyOptions`.

    Arguments are those of `PIB`.
    """

    own_loop: ClassVar[bool] = True
    default_learner: ClassVar[str] = "es"
    ways: list[list[Tensor]]
    fitness: Tensor
    visited: list[Tensor]

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Lives through one generation; False if the callback ended the training.

        The chip is back at its centre at the end, whatever ends it. A generation that the budget cuts short is dropped.
        """
        self.in_rollout = False
        callback.on_rollout_start()
        self.in_rollout = True
        learner = self._learner()
        size = learner.options.displacement
        self.ways = [learner.draw() for _ in range(learner.options.pairs)]
        results: list[float] = []
        self.visited, at = [], self._centre()
        try:
            for way, sign in product(self.ways, (size, -size)):
                at = self._move(at, [part * sign for part in way])
                if not self._live(env, callback, results):
                    return False
                if self.num_timesteps >= self._total_timesteps:
                    break
        finally:
            self._move(at, self._centre())
        whole = len(results) == 2 * len(self.ways)
        self.fitness = torch.tensor(results if whole else [], dtype=torch.float32).reshape(-1, 2)
        self.in_rollout = False
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _learner(self) -> EvolutionStrategy:
        learner = self.rule.learner
        assert isinstance(learner, EvolutionStrategy)
        return learner

    def _centre(self) -> list[Tensor]:
        return [torch.zeros((), device=self.device, dtype=torch.float32)] * len(self._learner().arrays)

    @torch.inference_mode()
    def _move(self, at: list[Tensor], to: list[Tensor]) -> list[Tensor]:
        """Writes the way from one displacement to another; returns the other."""
        for array, old, new in zip(self._learner().arrays, at, to, strict=True):
            array.program((new - old).expand(array.out_features, array.in_features))
        return to

    def _live(self, env: VecEnv, callback: BaseCallback, results: list[float]) -> bool:
        """Appends the mean return of the first episode of every environment, unless the budget cuts one short.

        False if the callback ended the training.
        """
        obs, returns, running = env.reset(), np.zeros(env.num_envs), np.ones(env.num_envs, dtype=bool)
        while running.any():
            new_obs, rewards, dones, infos = self._step(env, self._greedy(obs))
            self.num_timesteps += env.num_envs
            check_arrays(rewards, "reward", Origin(self.num_timesteps))
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            returns += rewards * running
            running &= ~dones
            obs = self._last_obs = new_obs
            if self.num_timesteps >= self._total_timesteps and running.any():
                break
        self._last_episode_starts = np.ones(env.num_envs, dtype=bool)
        if not running.any():
            results.append(float(returns.mean()))
        return True

    @torch.inference_mode()
    def _greedy(self, obs: object) -> np.ndarray:
        flat = self._flat(obs)
        self.visited.append(flat)
        parameters = self.policy.outputs(flat).parameters
        return self.policy.to_env(self.policy.head.mode(parameters).cpu().numpy())

    @torch.inference_mode()
    def train(self) -> None:
        """One step from the generation just lived through; statistics follow the states that were visited."""
        model, learner = self.policy.model, self._learner()
        flat = torch.cat(self.visited)
        first = model.normaliser.count.item() == 0
        model.normaliser.update(flat)
        progress = min(1.0, 1 - self._current_progress_remaining)  # the last episodes may overrun the budget
        if len(self.fitness):
            for array, change in zip(learner.arrays, learner.change(self.ways, self.fitness, progress), strict=True):
                array.program(change)
            self.logger.record("train/fitness_mean", float(self.fitness.mean()))
            self.logger.record("train/fitness_best", float(self.fitness.max()))
        pick = torch.linspace(
            0, len(flat) - 1, min(len(flat), CALIBRATION_SAMPLES), device=flat.device, dtype=torch.float32
        ).long()
        x = model.inputs(flat[pick])
        if first:
            model.network.calibrate(x)
        else:
            track = learner.config.track * learner.rate_left(progress)
            for unit, z in zip(model.network.chain, model.network.measure(x).z, strict=True):
                unit.control.track(z, track)
        for key, count in model.meter.totals().items():
            self.logger.record(f"hardware/{key}", count)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "ways", "fitness", "visited"]
