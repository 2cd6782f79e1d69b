"""Episodes that go on in another environment: by what the environment holds, or by playing them again."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from pib_rl.agents.observation_shapes import reset
from pib_rl.agents.resuming.attributes import (
    attributes,
    generators,
    random_state,
    set_attributes,
    set_random_state,
)
from pib_rl.common.tree import flatten_state

LONGEST = 20_000  # actions that are kept: longer episodes are not played again


class EpisodeRecorder(gym.Wrapper[Any, Any, Any, Any]):
    """Lets another environment, made in the same way, go on where this one is.

    Where all that an environment holds are plain attributes (those of Gymnasium's classic control, of MinAtar), these
    are copied. For others, such as Box2D and MuJoCo, it notes the state of all generators at each reset and the actions
    from there on: the other one is reset with these and given the same actions. What such an environment keeps from one
    episode to the next, beside its generators, is not known here.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._generators: dict[str, Any] | None = None
        self._start: dict[str, Any] | None = None
        self._actions: list[np.ndarray] = []
        self._seen: Any = None
        self._compiled = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        known = generators(self.env) if self._generators is None else self._generators
        random = {place: random_state(generator) for place, generator in known.items()}
        self._start = {"random": random, "seed": seed, "options": options}
        self._actions = []
        self._seen, info = reset(self.env, seed, options)
        if self._generators is None or seed is not None:  # seeding makes new ones
            self._generators = generators(self.env)
        return self._seen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if len(self._actions) <= LONGEST:
            self._actions.append(np.array(action))
        self._seen, *others = self.env.step(action)
        return self._seen, *others

    def recorded_episode(self) -> dict[str, Any] | None:
        """Where the episode is, as `flatten_state` takes it; None if no other environment can get there."""
        if not self._compiled:  # once found, that stays so: looking again takes time at every rollout
            state, whole = attributes(self.env)
            if whole:
                return {"attributes": state}
            self._compiled = True
        if self._start is None or len(self._actions) > LONGEST:
            return None
        episode = {**self._start, "actions": list(self._actions), "seen": _observation(self._seen)}
        if self._actions and len({(one.shape, one.dtype) for one in self._actions}) == 1:
            episode["actions"] = np.stack(self._actions)
        try:
            flatten_state(episode)
        except TypeError:
            return None
        return episode

    def continue_episode(self, episode: dict[str, Any] | None) -> bool:
        """Brings the environment to where another one was; whether it is there, as far as it shows."""
        if episode is None:
            return False
        self.env.reset(seed=0)  # some make what they hold only then
        if "attributes" in episode:
            set_attributes(self.env, episode["attributes"])
            self._start = None  # not known here, and not asked for as long as attributes say it all
            return True
        self._generators = generators(self.env)
        if not episode["random"].keys() <= self._generators.keys():
            return False
        for place, state in episode["random"].items():
            set_random_state(self._generators[place], state)
        self.reset(seed=episode["seed"], options=episode["options"])
        for action in episode["actions"]:
            if any(self.step(action if action.ndim else action[()])[2:4]):
                return False  # the other one went on from here
        assert self._start is not None
        self._start["random"] = episode["random"]
        return _agree(_observation(self._seen), episode["seen"])


def _observation(seen: Any) -> Any:
    """An observation, or several by name, as arrays."""
    if isinstance(seen, dict):
        return {name: _observation(part) for name, part in seen.items()}
    return [_observation(part) for part in seen] if isinstance(seen, (tuple, list)) else np.array(seen)


def _agree(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(_agree(one[name], two[name]) for name in one)
    if isinstance(one, list):
        return isinstance(two, list) and len(one) == len(two) and all(map(_agree, one, two))
    return np.array_equal(one, two)
