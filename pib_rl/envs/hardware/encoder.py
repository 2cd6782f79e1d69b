"""Observations through a physical network: any agent learns on top of analog hardware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.observation_shapes import reset
from pib_rl.agents.observations import batched, check_vectors
from pib_rl.agents.policy import PIBPolicy
from pib_rl.envs.hardware.chips import FreshChip, Source, reseed
from pib_rl.envs.hardware.encoding import Encoding
from pib_rl.envs.vectorised import VecObservations


class HardwareEncoder(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Shows the outputs of a physical network in the place of observations; nothing of it learns here.

    Observation: what a readout would see of the network, measured once a step: `Box`, float32, shape (taps,), in
    units of the media's full scale, or standardised where the media are. Its bounds are those of the media's
    converters, infinite where they are not known. Statistics of observations and gain controls stay as they are.

    Action, reward, start and end of an episode: those of the task.

    Info: ``energy_j``, joules spent on this observation, and ``latency_s``, seconds from the observation to its
    outputs; 0 where the substrate does not model them. Those of further hardware inside are added.

    The chip is the same in each episode. What it draws (read noise) starts again at each `reset`, from a seed that the
    task's generator spawns: it follows from the seed that `reset` is given, and takes nothing from the task's own
    draws; the task goes as it does without the wrapper.

    Args:
        env: The task; its observations are flattened. Images have to be flattened before.
        network: Run folder of ``learn --target views`` or of ``train``; a `FreshChip`, whose statistics come from
            random actions in a copy of ``env``; or a model or policy, which is used as it is, not copied.
        read: Read mode of the hardware, "noisy", "mean" or "ideal".
        chip: Of a run of several chips (a wafer), the number of the one that encodes, from 0; None for the first one.

    Raises:
        ValueError: If the network can't be had, sees another number of features, or observations do not suit.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        network: Source | FreshChip | PhysicalModel | PIBPolicy,
        read: str = "noisy",
        chip: int | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, network=network, read=read, chip=chip)
        gym.ObservationWrapper.__init__(self, env)
        check_vectors(env.observation_space)
        source = network.network(env) if isinstance(network, FreshChip) else network
        self.encoding = Encoding(env.observation_space, source, read, chip)
        self.model, self.observation_space = self.encoding.model, self.encoding.taps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Resets the task; the chip's draws start again, from a seed that the task's generator spawns."""
        obs, info = reset(self.env, seed, options)
        reseed(self.model.streams, self.np_random)
        return self._encoded(obs, info)

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        features, info = self._encoded(obs, info)
        return features, reward, terminated, truncated, info

    def observation(self, observation: Any) -> np.ndarray:
        """One measurement of an observation, shape (taps,)."""
        return np.asarray(self.encoding(batched(observation))[0])

    def _encoded(self, obs: Any, info: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        with self.model.meter.lap() as joules:
            features = self.observation(obs)
            spent = joules()
        return features, info | {
            "energy_j": info.get("energy_j", 0.0) + spent,
            "latency_s": info.get("latency_s", 0.0) + self.model.network.latency,
        }


class VecHardwareEncoder(VecObservations):
    """The same for a whole `VecEnv` at once: one chip reads all environments, one after the other.

    ``network`` is no `FreshChip`: make its network first (`FreshChip.network`). ``seed`` is that of what the chip
    draws; with None its own draws go on.
    """

    def __init__(
        self,
        venv: VecEnv,
        network: Source | PhysicalModel | PIBPolicy,
        read: str = "noisy",
        seed: int | None = None,
        chip: int | None = None,
    ) -> None:
        self.encoding = Encoding(venv.observation_space, network, read, chip)
        super().__init__(venv, observation_space=self.encoding.taps)
        self._restart(seed)

    def _restart(self, seed: int | None) -> None:
        if seed is not None:
            self.encoding.model.streams.restart(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds what the chip draws, and the environments."""
        self._restart(seed)
        return self.venv.seed(seed)

    def change(self, obs: Any) -> np.ndarray:
        return self.encoding(obs)
