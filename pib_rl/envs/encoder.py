"""Observations through a physical network: any agent learns on top of analog hardware."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.preprocessing import is_image_space

from pib_rl.agents.model import PhysicalModel
from pib_rl.agents.observations import check_observation_space
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.saved import load_units
from pib_rl.envs.chips import FreshChip, Source, as_matrix, reseed
from pib_rl.envs.panel import framed
from pib_rl.physical.substrate import Read


class HardwareEncoder(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Shows the outputs of a physical network in the place of observations; nothing of it learns here.

    Observation: what a readout would see of the network, measured once a step: `Box`, float32, shape (taps,), in
    units of the media's full scale, or standardised where the media are. Its bounds are those of the media's
    converters, infinite where they are not known. Statistics of observations and gain controls stay as they are.

    Action, reward, start and end of an episode: those of the task.

    Info: ``energy_j``, joules spent on this observation, and ``latency_s``, seconds from the observation to its
    outputs; 0 where the substrate does not model them. Those of further hardware inside are added.

    The chip is the same in each episode. What it draws (read noise) follows from the seed that `reset` is given, and
    takes nothing from the task's own draws: the task goes as it does without the wrapper.

    Args:
        env: The task; its observations are flattened. Images have to be flattened before.
        network: Run folder of ``learn --mode unsupervised`` or of ``train``; a `FreshChip`, whose statistics come from
            random actions in a copy of ``env``; or a model or policy, which is used as it is, not copied.
        read: Read mode of the hardware, "noisy", "mean" or "ideal".

    Raises:
        ValueError: If the network can't be had, sees another number of features, or observations do not suit.
    """

    def __init__(self, env: gym.Env[Any, Any], network: Source | FreshChip | PhysicalModel | PIBPolicy,
                 read: str = "noisy") -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, network=network, read=read)
        gym.ObservationWrapper.__init__(self, env)
        check_observation_space(env.observation_space)
        if is_image_space(env.observation_space):
            raise ValueError(f"observations must be vectors, got images {env.observation_space}; wrap the environment "
                             "with gymnasium.wrappers.FlattenObservation")
        self.read = Read(read)
        self.model = self._fitting(network)
        low, high = (edge.cpu().numpy().astype(np.float32) for edge in self.model.network.bounds(self.read))
        self.observation_space = spaces.Box(low, high, dtype=np.float32)
        self._seeded = False

    def _fitting(self, network: Source | FreshChip | PhysicalModel | PIBPolicy) -> PhysicalModel | PIBPolicy:
        features = spaces.flatdim(self.env.observation_space)
        if isinstance(network, FreshChip):
            return network.network(self.env)
        if not isinstance(network, (PhysicalModel, PIBPolicy)):
            return load_units(network, features)
        seen = len(network.normaliser.mean)
        if seen != features:
            raise ValueError(f"the network sees {seen} numbers, but observations have {features}")
        return network

    def reset(self, *, seed: int | None = None,
              options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Resets the task; with a seed, the chip's draws start anew too."""
        obs, info = self.env.reset(seed=seed, options=options)
        if seed is not None or not self._seeded:
            reseed(self.model.streams, self.np_random)
            self._seeded = True
        return self._encoded(obs, info)

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        features, info = self._encoded(obs, info)
        return features, reward, terminated, truncated, info

    def observation(self, observation: Any) -> np.ndarray:
        """One measurement of an observation, shape (taps,)."""
        flat = as_matrix(observation, self.env.observation_space).to(self.model.device)
        taps = self.model.taps(flat, self.read)[0].cpu().numpy()
        space = self.observation_space
        assert isinstance(space, spaces.Box)
        within: np.ndarray = np.clip(taps, space.low, space.high)  # the last bit of rounding
        return within

    def _encoded(self, obs: Any, info: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        with self.model.meter.lap() as joules:
            features = self.observation(obs)
            spent = joules()
        return features, info | {"energy_j": info.get("energy_j", 0.0) + spent,
                                 "latency_s": info.get("latency_s", 0.0) + self.model.network.latency}

    def render(self) -> Any:
        """The task's picture."""
        return framed(self.env.render(), self.model)
