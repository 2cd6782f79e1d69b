"""Environments that Gymnasium ships in vectorised form, behind the interface of Stable-Baselines3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.spaces import MultiDiscrete
from gymnasium.vector import VectorEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvWrapper

from pib_rl.agents.observations import batched


class Trusted(MultiDiscrete):
    """Actions that come from a policy: looking whether they are valid, at every step, costs as much as the physics."""

    def contains(self, x: Any) -> bool:
        return True


class SameStepCartPole(CartPoleVectorEnv):
    """Gymnasium's vectorised CartPole with a reset on the step that ends an episode.

    Gymnasium's own resets on the next step, which costs a dead step per episode; Stable-Baselines3 resets on the
    same one. The info of an ended step carries ``final_obs``, shape (n, 4), valid where done.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.action_space = Trusted(cast(MultiDiscrete, self.action_space).nvec)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        obs, reward, terminated, truncated, info = super().step(action)
        done = self.prev_done
        if done.any():
            info = {"final_obs": obs}
            ended = done.copy()
            state = cast(np.ndarray, self.state)
            state[:, ended] = self.np_random.uniform(self.low, self.high, size=(4, int(ended.sum())))
            self.steps[ended] = 0
            self.prev_done[:] = False
            obs = state.T.astype(np.float32)
        return obs, reward, terminated.copy(), truncated.copy(), info


SAME_STEP: dict[str, type[SameStepCartPole]] = {
    "gymnasium.envs.classic_control.cartpole:CartPoleVectorEnv": SameStepCartPole,
}


class VecObservations(VecEnvWrapper, ABC):
    """A `VecEnv` with other observations; those that end an episode are changed, too."""

    @abstractmethod
    def change(self, obs: Any) -> np.ndarray:
        """What n observations become, shape (n, features)."""

    def reset(self) -> np.ndarray:
        return self.change(self.venv.reset())

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        obs, rewards, dones, infos = self.venv.step_wait()
        for index in np.flatnonzero(dones):
            last = infos[index].get("terminal_observation")
            if last is not None:
                infos[index]["terminal_observation"] = self.change(batched(last))[0]
        return self.change(obs), rewards, dones, infos


class VectorAdapter(VecEnv):
    """A Gymnasium vector environment with same-step reset, as a Stable-Baselines3 `VecEnv`.

    Args:
        env: The vector environment; ends an episode and resets in one step, with ``final_obs`` in its info.
        seed: Seed of the first reset.

    Attributes:
        plain: All that it is stands in plain attributes, so that a training can go on where it was.
    """

    plain: ClassVar[bool] = True

    def __init__(self, env: VectorEnv[Any, Any, Any], seed: int | None = None) -> None:
        self.env = env
        self.render_mode = env.render_mode
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._seed = seed
        self._actions: np.ndarray = np.zeros(env.num_envs)

    def reset(self) -> np.ndarray:
        """Resets all environments; a seed given before counts once."""
        obs: np.ndarray = self.env.reset(seed=self._seed)[0]
        self._seed = None
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return obs

    def seed(self, seed: int | None = None) -> list[int | None]:
        """The seed of the next reset; one stream serves all environments."""
        self._seed = seed
        return [seed] * self.num_envs

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        obs, rewards, terminated, truncated, info = self.env.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for index in np.flatnonzero(dones):
            infos[index]["terminal_observation"] = info["final_obs"][index]
            infos[index]["TimeLimit.truncated"] = bool(truncated[index] and not terminated[index])
        return obs, rewards, dones, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        result = getattr(self.env, method_name)(*method_args, **method_kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[np.ndarray | None]:
        frames: Any = self.env.render() if self.render_mode == "rgb_array" else None
        return [None] * self.num_envs if frames is None else list(frames)
