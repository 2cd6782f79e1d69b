"""Small worlds and small hardware for the tests of agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.network import Network
from pib_rl.agents.objectives.gram import Gram
from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical import register, registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

SUBSTRATES = ["digital", "memristive", "optical"]


def make_substrate(name: str, seed: int = 0, **options: Any) -> Substrate:
    return registry.make(name, options, Streams(seed), Meter())


def make_network(
    name: str,
    in_features: int,
    width: int,
    units: int,
    seed: int = 0,
    *,
    target_features: int = 1,
    options: dict[str, Any] | None = None,
    **chip: Any,
) -> Network:
    """``options`` are those of the objective, ``chip`` further fields of `ChipConfig`."""
    config = ChipConfig(width=width, units=units, objective_options=options or {}, **chip)
    return Network(make_substrate(name, seed), in_features, config, target_features=target_features)


def explained(z: Tensor, y: Tensor) -> float:
    """Fraction of the variance of y that a leave-one-out kernel regression on outputs z explains."""
    k = Gram(z).k
    y = y - y.mean(0)
    return 1 - float((y - k @ y / k.sum(1, keepdim=True)).square().mean() / y.square().mean())


class NumpyMedium(Medium):
    """sin(M drive / 2 + 1/2) in NumPy, M random. Refuses tensors that carry a graph."""

    mix: Tensor

    def __init__(self, in_features: int, out_features: int, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("mix", streams.normal(FABRICATION, torch.zeros(out_features, in_features)))

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        if drive.requires_grad or drive.grad_fn is not None:
            raise AssertionError("a tensor with a graph reached the hardware")
        phase = drive.numpy() @ self.mix.numpy().T / (2 * self.in_features**0.5)
        return torch.from_numpy(np.sin(phase + 0.5).astype(np.float32))


class NumpyArray(Array):
    """W h in NumPy. Refuses tensors that carry a graph."""

    weight: Tensor

    def __init__(self, in_features: int, out_features: int, meter: Meter, weight: Tensor) -> None:
        super().__init__(in_features, out_features, meter)
        self.register_buffer("weight", weight)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        if h.requires_grad or h.grad_fn is not None:
            raise AssertionError("a tensor with a graph reached the hardware")
        return torch.from_numpy(h.numpy() @ self.weight.numpy().T)

    def program(self, delta: Tensor) -> None:
        if delta.requires_grad or delta.grad_fn is not None:
            raise AssertionError("a tensor with a graph reached the hardware")
        self.weight.add_(delta)

    def weights(self) -> Tensor:
        return self.weight


@dataclass(frozen=True)
class NumpyConfig:
    """Nothing to set."""


@register
class NumpySine(Substrate):
    """A lab's own chip: no part of it can be differentiated."""

    name = "numpy-sine"
    Config = NumpyConfig

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return NumpyMedium(in_features, max(out_features, 48), self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        weight = torch.zeros(out_features, in_features)
        if not readout:
            weight = self.streams.normal(FABRICATION, weight) / in_features**0.5
        return NumpyArray(in_features, out_features, self.meter, weight)


class Bandit(VecEnv):
    """Contexts of ``features`` normal numbers; action 1 pays where the product of the first two is positive.

    No context follows from another and no episode ends; play with gamma = 0.
    """

    def __init__(self, n_envs: int, features: int, seed: int) -> None:
        self.render_mode = None
        super().__init__(n_envs, spaces.Box(-np.inf, np.inf, (features,)), spaces.Discrete(2))
        self._random = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        self.context = self._random.standard_normal((self.num_envs, *self.observation_space.shape), dtype=np.float32)
        return self.context

    def right(self) -> np.ndarray:
        return (self.context[:, 0] * self.context[:, 1] > 0).astype(np.int64)

    def step_async(self, actions: np.ndarray) -> None:
        self._rewards = (actions == self.right()).astype(np.float32)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        return self.reset(), self._rewards, np.zeros(self.num_envs, dtype=bool), [{} for _ in range(self.num_envs)]

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        pass

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Episodes(gym.Env[np.ndarray, int]):
    """Episodes of four steps that end, in turn, by the task, by the clock, by both.

    Observation: (number of the episode, step within it), so that no last observation equals a first one. The reward
    is the step's number plus one.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2,))
    action_space = spaces.Discrete(2)
    ENDS = ((True, False), (False, True), (True, True))
    LENGTH = 4

    def __init__(self) -> None:
        self.episode = -1

    def _observe(self) -> np.ndarray:
        return np.array([self.episode, self.at], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode, self.at = self.episode + 1, 0
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.at += 1
        terminated, truncated = self.ENDS[self.episode % 3] if self.at == self.LENGTH else (False, False)
        return self._observe(), float(self.at), terminated, truncated, {}
