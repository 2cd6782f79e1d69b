"""Rollouts as samples for the units: their target, their loss, and actions to compare."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pib_rl.agents.heads import Head
from pib_rl.agents.learners.samples import Contrast, Samples
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience, reward_target, standardise
from pib_rl.agents.rule.readout_loss import readout_gradient, readout_loss


@dataclass
class RewardSamples(Samples):
    """The newest rollouts.

    Args:
        policy: The policy that lived them.
        config: Settings of the rule.
        recent: Rollouts, newest last.
        progress: Fraction of the training done, 0..1.
    """

    policy: PIBPolicy
    config: RuleConfig
    recent: list[Experience]
    progress: float = 0.0

    def __post_init__(self) -> None:
        self.joined = Experience.joined(self.recent)

    def __len__(self) -> int:
        return len(self.joined)

    def inputs(self, pick: Tensor) -> Tensor:
        return self.policy.inputs(self.joined.obs.index_select(-2, pick))

    def target(self, pick: Tensor) -> Target:
        """What the readout should say, see `reward_target`."""
        return self._target.take(pick)

    @cached_property
    def _target(self) -> Target:
        return reward_target(self.joined)

    def kept(self, pick: Tensor) -> Target:
        """The return, and the next observation: what no reward asks for today may be needed tomorrow.

        What the policy prefers is not among these: it is made of the very taps that units change.
        """
        gain = self.joined.returns.index_select(-1, pick).unsqueeze(-1)
        following = self.policy.model.normaliser(self.joined.next_obs.index_select(-2, pick))
        return Target(torch.cat([gain, following], -1), (1, following.shape[-1]))

    def contrast(self, pick: Tensor) -> Contrast:
        """States with the action that was taken and with another one that the policy might have taken.

        An action is given relative to the mean over all that are compared. The weight is the advantage of the taken
        one, standardised.
        """
        return Contrast(*(part[pick] for part in self._contrast))

    @cached_property
    def _contrast(self) -> Contrast:
        policy, samples = self.policy, self.joined
        with policy.streams.aside("forward-forward"):  # the draws that decide how it acts stay as they are
            actions = policy.head.other(samples.parameters, samples.actions, policy.streams)
        both = torch.stack([policy.inputs(samples.obs, samples.actions), policy.inputs(samples.obs, actions)])
        given = both[..., -policy.model.target_inputs :]
        given -= given.mean((0, 1))
        return Contrast(both[0], both[1], standardise(samples.advantage.unsqueeze(-1)).squeeze(-1))

    def loss(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """The readout's loss, see `readout_loss`."""
        return readout_loss(self.policy.split(outputs), *self._lived(pick))

    def gradient(self, pick: Tensor, outputs: Tensor) -> Tensor:
        """Its gradient, see `readout_gradient`."""
        return readout_gradient(self.policy.split(outputs), *self._lived(pick)).gradient

    def _lived(self, pick: Tensor) -> tuple[Experience, Tensor, Head, RuleConfig, float]:
        """What the loss needs beside outputs.

        Probabilities while acting follow from the samples' measured outputs and the present spread of actions, which
        the newest rollout was collected with.
        """
        head, samples = self.policy.head, self.joined.take(pick)
        old = head.log_prob(samples.parameters, samples.actions)
        return samples, old, head, self.config, self.config.bonus(self.progress)
