"""Algorithms of Stable-Baselines3 whose training goes on where another one's was."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.vec_env import VecEnv

from pib_rl.agents.resuming.agent import load_loop_state, loop_state
from pib_rl.agents.resuming.environments import record_episodes
from pib_rl.agents.saved import first_difference
from pib_rl.common.state import check_state
from pib_rl.common.streams import ENVIRONMENT
from pib_rl.common.tree import Flat, flatten_state, join_state

DAMAGE = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, OverflowError)


class MisfitError(RuntimeError, ValueError):
    """A state that does not fit an agent.

    Stable-Baselines3 has a ValueError for names of parts, and a RuntimeError for what is in them. Its `load` takes a
    ValueError that is no RuntimeError for one of its own old files.
    """


class ResumableAlgorithm(OnPolicyAlgorithm):
    """What an agent does to go on.

    Attributes:
        iterations: Rollouts that were learned from, counted on where a training goes on.
        in_rollout: Whether a rollout is being collected: what of it is there so far is part of no state.
    """

    policy: Any
    rule: Any
    iterations: int = 0
    in_rollout: bool = False

    def training_state(self) -> Flat:
        """All that the rest of a training depends on, at the start of a rollout: tensors, and plain data.

        Policy and chip, rule and learner, random streams, counters, running episodes, and environments. `learn` of an
        agent made with the same arguments goes on from it, bit for bit, see `load_training_state`. Tensors are copies,
        or never changed.

        In the middle of a rollout it is the state without what was collected of it: who goes on from there begins new
        episodes. Call it in `_on_rollout_start` of a callback, or outside of `learn`.
        """
        return flatten_state(self._training_parts())

    def _training_parts(self) -> dict[str, Any]:
        meter = self.policy.meter.state()
        policy = {name: value.detach().clone() for name, value in self.policy.state_dict().items()}
        self.policy.meter.load_state(meter)  # saving sums up, and that changes last digits
        return {
            "policy": policy,
            "meter": meter,
            "streams": self.policy.streams.state(),
            "exploration": self.policy.head.exploration_state(),
            "rule": self.rule.state(),
            "iterations": self.iterations,
            "loop": loop_state(self, self.in_rollout),
        }

    def load_training_state(self, state: Flat) -> bool:
        """Takes over a `training_state`; `learn` with ``reset_num_timesteps=False`` goes on with it.

        Where environments can't be brought to where they were, new episodes begin, with a seed that follows from the
        agent's and from the step.

        Args:
            state: Of an agent that was made with the same arguments, and with as many environments.

        Returns:
            Whether all is as it was, environments included: what follows is then the same, bit for bit.

        Raises:
            MisfitError: If it does not fit this agent.
        """
        return self._take_over(join_state(state))

    def _take_over(self, found: dict[str, Any], new_episodes: bool = False) -> bool:
        """The same with what `_training_parts` gave; ``new_episodes`` leaves environments, and what ran in them."""
        try:
            check_state(self.policy, found["policy"])
            self.policy.load_state_dict(found["policy"])
            self.rule.load_state(found["rule"])
            self.policy.meter.load_state(found["meter"])
            self.policy.head.load_exploration_state(found["exploration"])
            exact = load_loop_state(self, found["loop"], environments=not new_episodes)
            self.policy.streams.load_state(found["streams"], self.device)
            self.iterations = int(found["iterations"])
        except DAMAGE as error:
            raise MisfitError(
                f"the state of the training does not fit this agent: {first_difference(error)}; make it with the "
                "arguments of the one that was saved, and as many environments"
            ) from None
        if not exact and self.env is not None:
            self._begin_episodes(at_once=not new_episodes)
        return exact

    def _begin_episodes(self, at_once: bool) -> None:
        """New episodes, with a seed that no environment had before; at the next `learn` unless ``at_once``."""
        assert self.env is not None
        self.rule.forget_episodes()
        self._last_obs = None
        if self.num_timesteps:
            self.env.seed(self.policy.streams.integer(f"{ENVIRONMENT} from step {self.num_timesteps}"))
        if at_once:
            self._last_obs = self.env.reset()  # type: ignore[assignment]
            self._last_episode_starts = np.ones(self.n_envs, dtype=bool)

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        super()._update_current_progress_remaining(num_timesteps, total_timesteps)
        self.iterations += 1  # comes once between a rollout and what is learned from it

    def dump_logs(self, iteration: int = 0) -> None:
        """Writes the log; iterations are counted on where a training goes on."""
        super().dump_logs(iteration and self.iterations)

    @staticmethod
    def _wrap_env(env: GymEnv, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        wrapped = OnPolicyAlgorithm._wrap_env(env, verbose, monitor_wrapper)
        record_episodes(wrapped)
        return wrapped
