"""The reinforcement rule: one iteration of hidden steps, re-fit of the readout and policy improvement.

Order: (collect) -> advantages -> hidden steps -> re-fit -> readout. Units learn by their local objective with a
reward-modulated target; only the readout sees a policy gradient, and that is one local linear rule. See
docs/learning.md for what was measured.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.agents.information import information_plane
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.readout import with_one
from pib_rl.agents.rollout import Rollout, advantages
from pib_rl.agents.target import Target
from pib_rl.physical.streams import LEARNING


@dataclass(frozen=True)
class RuleConfig:
    """Settings of the rule.

    Args:
        frozen: Leave the hidden units as fabricated: the baseline of every claim.
        gamma: Discount.
        gae_lambda: Lambda of the advantage estimate.
        hidden_rate: Learning rate of hidden arrays at the start, in units of weight.
        hidden_decay: Rates of hidden arrays and gain controls fall as (1 - progress)^hidden_decay.
        hidden_steps: Steps of every unit per rollout.
        hidden_batch: Samples per hidden step.
        hidden_rollouts: Newest rollouts from which these samples come.
        track: Rate of the gain controls per hidden step, at the start.
        ridge: Regularisation of the re-fit.
        replay_rollouts: Older rollouts of which a share of states takes part in the re-fit.
        replay_share: That share.
        epochs: Passes of the readout over the rollout.
        batch_size: Samples per readout step.
        clip_range: Clipping of the probability ratio (PPO).
        ent_coef: Weight of the entropy bonus.
        spread_rate: Learning rate of log sigma of continuous actions.

    Raises:
        ValueError: If a value lies outside its range.
    """

    frozen: bool = False
    gamma: float = 0.99
    gae_lambda: float = 0.95
    hidden_rate: float = 3e-3
    hidden_decay: float = 4.0
    hidden_steps: int = 16
    hidden_batch: int = 128
    hidden_rollouts: int = 2
    track: float = 0.005
    ridge: float = 0.3
    replay_rollouts: int = 7
    replay_share: float = 0.25
    epochs: int = 10
    batch_size: int = 256
    clip_range: float = 0.2
    ent_coef: float = 0.0
    spread_rate: float = 3e-3

    def __post_init__(self) -> None:
        for name, least in (("hidden_steps", 1), ("hidden_batch", 4), ("hidden_rollouts", 1), ("replay_rollouts", 0),
                            ("epochs", 1), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"the rule's {name} must be {least} or more, got {getattr(self, name)}")
        for name in ("gamma", "gae_lambda", "track", "replay_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the rule's {name} must be in 0..1, got {getattr(self, name)}")
        for name in ("hidden_rate", "hidden_decay", "ridge", "clip_range", "ent_coef", "spread_rate"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"the rule's {name} must be a finite number, got {getattr(self, name)}")
        if self.ridge <= 0 or self.clip_range <= 0:
            raise ValueError(f"the rule's ridge and clip_range must be > 0, got {self.ridge} and {self.clip_range}")


@dataclass
class Experience:
    """A rollout with its advantages, samples in one axis (n = T N).

    Args:
        obs: Flat observations, shape (n, d).
        next_obs: What followed, shape (n, d).
        actions: Shape (n,) or (n, k).
        outputs: Readout outputs while acting, shape (n, o).
        advantage: Shape (n,), in units of the return scale.
        score: Standardised gradient of the log-probability, shape (n, s).
    """

    obs: Tensor
    next_obs: Tensor
    actions: Tensor
    outputs: Tensor
    advantage: Tensor
    score: Tensor

    @property
    def returns(self) -> Tensor:
        """Advantage plus value: the value's target."""
        return self.advantage + self.outputs[:, -1]


class Rule:
    """Runs the iteration on one policy.

    Args:
        policy: The physical policy.
        config: Settings.
    """

    def __init__(self, policy: PIBPolicy, config: RuleConfig) -> None:
        self.policy = policy
        self.config = config
        self.history: deque[Experience] = deque(maxlen=1 + config.replay_rollouts)
        self.running: Tensor | None = None

    @torch.inference_mode()
    def update(self, rollout: Rollout, progress: float, rate: float) -> dict[str, float]:
        """One iteration.

        Args:
            rollout: What was collected with the policy as it is.
            progress: Share of the training done, 0..1.
            rate: Learning rate of the readout.

        Returns:
            Figures for the log.
        """
        policy, config = self.policy, self.config
        first = policy.normaliser.count.item() == 0
        self.history.append(self._judge(rollout))
        newest = self.history[-1]
        older = newest.obs[:0] if config.frozen else self._replay()
        before = torch.cat([newest.outputs, policy.outputs(older)]) if len(older) else newest.outputs
        states = torch.cat([newest.obs, older])
        policy.normaliser.update(newest.obs)
        if first:
            policy.network.calibrate(policy.normaliser(newest.obs))
        log: dict[str, float] = {}
        if not config.frozen:
            log |= self._hidden_steps((1 - progress) ** config.hidden_decay)
        inputs = with_one(policy.network.measure(policy.normaliser(states)).taps)
        if not config.frozen:
            shift = before - policy.outputs(states)
            policy.readout.refit(inputs, shift, config.ridge)
            log["train/refit_shift"] = float(shift.square().mean().sqrt())
        return log | self._improve(inputs[: len(newest.obs)], rate) | self._inform()

    def _judge(self, rollout: Rollout) -> Experience:
        """Advantages of a rollout; the values of cut-off and last states are measured now, in one batch."""
        policy, config = self.policy, self.config
        if self.running is None or len(self.running) != rollout.rewards.shape[1]:
            self.running = torch.zeros_like(rollout.rewards[0])
        ended = torch.maximum(rollout.terminated, rollout.truncated)
        self.running = policy.returns.update(rollout.rewards, ended, self.running)
        values = rollout.outputs[..., -1]
        following = torch.empty_like(values)
        following[:-1] = values[1:]
        ask = rollout.truncated > 0
        ask[-1] = True
        following[ask] = policy.outputs(rollout.next_obs[ask])[:, -1]
        advantage = advantages(rollout.rewards / policy.returns.value, values, following, rollout.terminated,
                               rollout.truncated, config.gamma, config.gae_lambda)
        outputs, actions = rollout.outputs.flatten(0, 1), rollout.actions.flatten(0, 1)
        return Experience(rollout.obs.flatten(0, 1), rollout.next_obs.flatten(0, 1), actions, outputs,
                          advantage.flatten(), policy.head.score(outputs[:, :-1], actions))

    def _replay(self) -> Tensor:
        """A share of the observations of each older rollout."""
        parts = [self.history[-1].obs[:0]]
        for old in list(self.history)[:-1]:
            count = int(len(old.obs) * self.config.replay_share)
            parts.append(old.obs[self._draw(len(old.obs), old.obs.device)[:count]])
        return torch.cat(parts)

    def _draw(self, n: int, device: torch.device) -> Tensor:
        return torch.randperm(n, generator=self.policy.streams.generator(LEARNING, device), device=device)

    def target(self, recent: list[Experience]) -> Target:
        """y = [ A score/rms | (R - mean)/std | clip((x' - mean)/std, -4, 4) ], centred: three blocks."""
        advantage = torch.cat([e.advantage for e in recent])
        reward = (advantage / advantage.std().clamp(min=1e-6))[:, None] * torch.cat([e.score for e in recent])
        reward = reward / reward.square().mean().sqrt().clamp(min=1e-6)
        gain = standardise(torch.cat([e.returns for e in recent])[:, None])
        following = self.policy.normaliser(torch.cat([e.next_obs for e in recent]))
        values = torch.cat([reward, gain, standardise(following).clamp_(-4, 4)], 1)
        return Target(values - values.mean(0), (reward.shape[1], 1, following.shape[1]))

    def _hidden_steps(self, share: float) -> dict[str, float]:
        """Steps of all units on batches of the newest rollouts."""
        config, network = self.config, self.policy.network
        recent = list(self.history)[-config.hidden_rollouts :]
        x = self.policy.normaliser(torch.cat([e.obs for e in recent]))
        target = self.target(recent)
        batch = min(config.hidden_batch, len(x))
        scores = []
        order = x.new_empty(0, dtype=torch.long)
        for _ in range(config.hidden_steps):
            if len(order) < batch:
                order = self._draw(len(x), x.device)
            pick, order = order[:batch], order[batch:]
            scores.append(network.learn(x[pick], target.take(pick), config.hidden_rate * share, config.track * share))
        return {f"train/loss_unit{unit + 1}": float(torch.stack([step[unit].loss for step in scores]).mean())
                for unit in range(len(network.chain))}

    def _improve(self, inputs: Tensor, rate: float) -> dict[str, float]:
        """Clipped policy gradient and value regression on the readout array alone.

        Source: Schulman et al., arXiv 1707.06347, with the gradient by the readout's outputs in closed form.
        """
        policy, config, newest = self.policy, self.config, self.history[-1]
        old = policy.head.log_prob(newest.outputs[:, :-1], newest.actions)
        returns = newest.returns
        clipped, divergence = [], []
        for _ in range(config.epochs):
            for pick in torch.split(self._draw(len(inputs), inputs.device), config.batch_size):
                outputs = policy.readout.measure_inputs(inputs[pick])
                parameters, value = policy.split(outputs)
                actions, advantage = newest.actions[pick], newest.advantage[pick]
                if len(pick) > 1:
                    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                change = policy.head.log_prob(parameters, actions) - old[pick]
                ratio = change.exp()
                held = torch.where(advantage > 0, ratio > 1 + config.clip_range, ratio < 1 - config.clip_range)
                push = (advantage * ratio).masked_fill_(held, 0)
                slope = policy.head.gradient(parameters, actions, push, config.ent_coef)
                regress = (value - returns[pick])[:, None] / len(pick)
                policy.readout.learn(inputs[pick], torch.cat([slope, regress], 1), rate)
                policy.head.learn(parameters, actions, push, config.ent_coef, config.spread_rate)
                clipped.append(held.float().mean())
                divergence.append((ratio - 1 - change).mean())
        unexplained = (newest.returns - newest.outputs[:, -1]).var() / returns.var().clamp(min=1e-8)
        return {"train/clip_fraction": float(torch.stack(clipped).mean()), "train/approx_kl": float(divergence[-1]),
                "train/explained_variance": float(1 - unexplained)}

    def _inform(self) -> dict[str, float]:
        """The information plane on a batch of the newest rollout, as the units are now."""
        newest = self.history[-1]
        pick = self._draw(len(newest.obs), newest.obs.device)[: self.config.hidden_batch]
        x = self.policy.normaliser(newest.obs[pick])
        target = self.target([newest])
        plane = information_plane(x, self.policy.network.measure(x), target.take(pick))
        log = {f"information/input_unit{unit}": point.on_input for unit, point in enumerate(plane, 1)}
        return log | {f"information/target_unit{unit}": point.on_target for unit, point in enumerate(plane, 1)}


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit deviation per column."""
    return (values - values.mean(0)) / values.std(0).clamp(min=1e-6)
