"""How hidden arrays learn: the one thing in which PIB and its rivals differ."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.agents.experience import Experience, reward_target
from pib_rl.agents.network import Measurement
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule_config import RuleConfig
from pib_rl.physical.streams import LEARNING


@dataclass(frozen=True)
class NoOptions:
    """Nothing to set beside the settings of the rule."""


class HiddenLearner(ABC):
    """Trains the hidden arrays of one policy; the readout is the rule's own business.

    A learner overrides `study`, which runs once per rollout before the readout is re-fit, or `follow`, which runs with
    every step of the readout, or neither (frozen units).

    Args:
        policy: The physical policy.
        config: Settings of the rule.
        options: Settings of the learner's own, an instance of its ``Options``.

    Attributes:
        moves: Whether `study` moves the units, so that the readout has to be re-fit.
        follows: Whether `follow` wants to be called.
        action_inputs: Whether the network needs inputs for actions beside those for the observation.
        alone: Whether it trains the readout too, in a loop of its own (`pib_rl.agents.make_agent`).
        defaults: Settings of the rule that it starts from, where they differ from those of `RuleConfig`.
        memory: What it remembers beside the policy, saved with the agent.
    """

    Options: ClassVar[type] = NoOptions
    moves: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    action_inputs: ClassVar[bool] = False
    alone: ClassVar[bool] = False
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, policy: PIBPolicy, config: RuleConfig, options: Any = None) -> None:
        self.policy = policy
        self.config = config
        self.options = self.Options() if options is None else options
        self.memory = nn.ModuleDict()

    def study(self, recent: list[Experience], progress: float) -> dict[str, float]:
        """Learns from the newest rollouts.

        Args:
            recent: The newest ``hidden_rollouts`` rollouts, newest last.
            progress: Share of the training done, 0..1.

        Returns:
            Figures for the log.
        """
        return {}

    def follow(self, seen: Measurement, gradient: Tensor, progress: float) -> None:
        """Learns from one batch of the readout.

        Args:
            seen: What was measured for the batch of n states just now.
            gradient: Gradient of the readout's loss by its outputs, shape (n, outputs).
            progress: Share of the training done, 0..1.
        """

    def heard(self, change: Tensor) -> None:
        """Hears what change of its weights the readout asked for just now, shape (outputs, tap_features + 1)."""

    def share(self, progress: float) -> float:
        """Share of the rates of hidden arrays that is left: (1 - progress)^hidden_decay."""
        return float((1 - progress) ** self.config.hidden_decay)

    def batches(self, n: int) -> Iterator[Tensor]:
        """``hidden_steps`` index batches of ``hidden_batch`` of n samples, drawn without repetition until all are."""
        batch = min(self.config.hidden_batch, n)
        device = self.policy.device
        order = torch.empty(0, dtype=torch.long, device=device)
        for _ in range(self.config.hidden_steps):
            if len(order) < batch:
                order = torch.randperm(n, generator=self.policy.streams.generator(LEARNING, device), device=device)
            pick, order = order[:batch], order[batch:]
            yield pick


class InformationLearner(HiddenLearner):
    """PIB: every unit takes steps on its own information objective, all units at once."""

    moves = True

    def study(self, recent: list[Experience], progress: float) -> dict[str, float]:
        config, network = self.config, self.policy.network
        x = self.policy.inputs(torch.cat([e.obs for e in recent]))
        target = reward_target(recent, self.policy.normaliser)
        share = self.share(progress)
        scores = [network.learn(x[pick], target.take(pick), config.hidden_rate * share, config.track * share,
                                config.plastic) for pick in self.batches(len(x))]
        return {f"train/loss_unit{unit + 1}": float(torch.stack([step[unit].loss for step in scores]).mean())
                for unit in range(len(network.chain))}
