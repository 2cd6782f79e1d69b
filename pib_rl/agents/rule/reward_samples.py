"""Rollouts as samples for the units: their target, their loss, and actions to compare."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from pib_rl.agents.learners.samples import Pairs, Samples
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience, reward_target, standardise
from pib_rl.agents.rule.surrogate import clipped_surrogate


class RewardSamples(Samples):
    """The newest rollouts.

    Args:
        policy: The policy that lived them.
        config: Settings of the rule.
        recent: Rollouts, newest last.
        progress: Share of the training done, 0..1.
    """

    def __init__(self, policy: PIBPolicy, config: RuleConfig, recent: list[Experience], progress: float = 0.0) -> None:
        self.policy = policy
        self.config = config
        self.recent = recent
        self.progress = progress
        self.joined = Experience.joined(recent)

    def __len__(self) -> int:
        return len(self.joined.obs)

    def inputs(self, pick: Tensor) -> Tensor:
        return self.policy.inputs(self.joined.obs[pick])

    def target(self, pick: Tensor) -> Target:
        """Advantage times score, return, next observation."""
        return self._target.take(pick)

    @cached_property
    def _target(self) -> Target:
        return reward_target(self.recent, self.policy.normaliser)

    def pairs(self, pick: Tensor) -> Pairs:
        """States with the action that was taken and with another one that the policy might have taken.

        An action is given relative to the mean over all that are compared. The worth of the taken one is its
        advantage, standardised.
        """
        return Pairs(*(part[pick] for part in self._pairs))

    @cached_property
    def _pairs(self) -> Pairs:
        policy, samples = self.policy, self.joined
        with policy.streams.aside("forward-forward"):  # the draws that decide how it acts stay as they are
            actions = policy.head.other(samples.outputs[:, :-1], samples.actions, policy.streams)
        both = torch.stack([policy.inputs(samples.obs, samples.actions), policy.inputs(samples.obs, actions)])
        given = both[..., -policy.target_input_features :]
        given -= given.mean((0, 1))
        return Pairs(both[0], both[1], standardise(samples.advantage))

    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """L = -mean_i gain_i - bonus mean_i H_i + 1/2 mean_i (V_i - R_i)^2.

        Probabilities while acting follow from the samples' measured outputs and the present spread of actions, which
        the newest rollout was collected with.
        """
        head, batch, (parameters, value) = self.policy.head, self.joined.take(pick), self.policy.split(outputs)
        change = head.log_prob(parameters, batch.actions) - head.log_prob(batch.outputs[:, :-1], batch.actions)
        gain = clipped_surrogate(change, batch.advantage, self.config.clip_range, self.config.dual_clip).gain
        error = 0.5 * (value - batch.returns).square()
        return (error - gain - self.config.bonus(self.progress) * head.entropy(parameters)).mean()
