"""The reinforcement rule: one iteration of hidden steps, re-fit of the readout and policy improvement.

Order: (collect) -> advantages -> hidden steps -> re-fit -> readout. How hidden arrays learn is a `Learner`: PIB
or a rival. Only the readout sees a policy gradient, and that is one local linear rule. See docs/learning.md for what
was measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from pib_rl.agents.learners.base import Learner, PIBLearner
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.information import information_plane
from pib_rl.agents.network.readout import with_one
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience, reward_target
from pib_rl.agents.rule.reward_samples import RewardSamples
from pib_rl.agents.rule.rollout import Rollout, advantages
from pib_rl.agents.rule.self_test import SelfTest
from pib_rl.agents.rule.surrogate import clipped_surrogate
from pib_rl.common.streams import LEARNING


class Rule:
    """Runs the iteration on one policy.

    Args:
        policy: The physical policy.
        config: Settings.
        learner: What trains the hidden arrays; PIB's own if None.
    """

    def __init__(self, policy: PIBPolicy, config: RuleConfig, learner: Learner | None = None) -> None:
        self.policy = policy
        self.config = config
        self.learner = PIBLearner(policy, config) if learner is None else learner
        self.history: deque[Experience] = deque(maxlen=max(1 + config.replay_rollouts, config.hidden_rollouts))
        self.running: Tensor | None = None
        self.test = SelfTest(policy, config.ridge)

    @torch.inference_mode()
    def update(self, rollout: Rollout, progress: float, rate: float) -> dict[str, float]:
        """One iteration. If the chip broke during the rollout, its answers are brought back, and nothing else is done.

        Args:
            rollout: What was collected with the policy as it is.
            progress: Share of the training done, 0..1.
            rate: Learning rate of the readout.

        Returns:
            Figures for the log.
        """
        policy, config = self.policy, self.config
        if config.self_test and self.test.broken():
            return self.test.restore() | (self._inform() if self.history else {})
        first = policy.normaliser.count.item() == 0
        self.history.append(self._judge(rollout))
        newest = self.history[-1]
        older = self._replay() if self.learner.moves else newest.obs[:0]
        before = torch.cat([newest.outputs, policy.outputs(older)]) if len(older) else newest.outputs
        states = torch.cat([newest.obs, older])
        policy.normaliser.update(newest.obs)
        if first:
            policy.network.calibrate(policy.inputs(newest.obs))
        log = self._study(progress) if self.learner.studies else {}
        inputs = with_one(policy.network.measure(policy.inputs(states)).taps)
        if self.learner.moves:
            now = policy.outputs(states)
            shift = before - now
            noise = (policy.readout.measure_inputs(inputs) - now).square().mean(0)  # of two reads, as in the shift
            kept = policy.readout.refit(inputs, shift, config.ridge, noise, config.refit_margin)
            log |= {"train/refit_shift": float(shift.square().mean().sqrt()), "train/refit_kept": float(kept.mean())}
        return log | self._improve(inputs[: len(newest.obs)], progress, rate) | self._inform()

    def _judge(self, rollout: Rollout) -> Experience:
        """Advantages of a rollout, with values of all states, cut-off and last ones too, from reads of their own.

        The read that chose an action shares its noise with the value beside it. An advantage with that value would
        depend on the action through the noise, and push towards actions that the noise of their logit makes likely
        where the value comes out low, whatever they are worth.
        """
        policy, config = self.policy, self.config
        if self.running is None or len(self.running) != rollout.rewards.shape[1]:
            self.running = torch.zeros_like(rollout.rewards[0])
        ended = torch.maximum(rollout.terminated, rollout.truncated)
        self.running = policy.returns.update(rollout.rewards, ended, self.running)
        obs = rollout.obs.flatten(0, 1)
        values = policy.outputs(obs)[:, -1].view_as(rollout.rewards)
        following = torch.empty_like(values)
        following[:-1] = values[1:]
        ask = rollout.truncated > 0
        ask[-1] = True
        following[ask] = policy.outputs(rollout.next_obs[ask])[:, -1]
        advantage = advantages(
            rollout.rewards / policy.returns.value,
            values,
            following,
            rollout.terminated,
            rollout.truncated,
            config.gamma,
            config.gae_lambda,
        )
        parameters, actions = rollout.outputs[..., :-1].flatten(0, 1), rollout.actions.flatten(0, 1)
        return Experience(
            obs,
            rollout.next_obs.flatten(0, 1),
            actions,
            torch.cat([parameters, values.view(-1, 1)], 1),
            advantage.flatten(),
            policy.head.score(parameters, actions),
        )

    def _replay(self) -> Tensor:
        """A share of the observations of each older rollout."""
        parts = [self.history[-1].obs[:0]]
        for old in list(self.history)[-1 - self.config.replay_rollouts : -1]:
            count = int(len(old.obs) * self.config.replay_share)
            parts.append(old.obs[self._draw(len(old.obs), old.obs.device)[:count]])
        return torch.cat(parts)

    def _study(self, progress: float) -> dict[str, float]:
        """``hidden_steps`` steps of the learner on samples of the newest rollouts; means of its figures."""
        recent = list(self.history)[-self.config.hidden_rollouts :]
        samples = RewardSamples(self.policy, self.config, recent, progress)
        logs = [
            self.learner.study(Batch(samples, pick, self.policy.network), progress)
            for pick in self._batches(len(samples), self.policy.device)
        ]
        return {f"train/{name}": float(torch.stack([log[name] for log in logs]).mean()) for name in logs[0]}

    def _batches(self, n: int, device: torch.device) -> Iterator[Tensor]:
        """``hidden_steps`` index batches of ``hidden_batch`` of n samples, drawn without repetition until all are."""
        batch = min(self.config.hidden_batch, n)
        order = torch.empty(0, dtype=torch.long, device=device)
        for _ in range(self.config.hidden_steps):
            if len(order) < batch:
                order = self._draw(n, device)
            pick, order = order[:batch], order[batch:]
            yield pick

    def _draw(self, n: int, device: torch.device) -> Tensor:
        return torch.randperm(n, generator=self.policy.streams.generator(LEARNING, device), device=device)

    def _improve(self, inputs: Tensor, progress: float, rate: float) -> dict[str, float]:
        """Clipped policy gradient and value regression on the readout array alone.

        Source: Schulman et al., arXiv 1707.06347, with the gradient by the readout's outputs in closed form.
        """
        policy, config, newest = self.policy, self.config, self.history[-1]
        old = policy.head.log_prob(newest.outputs[:, :-1], newest.actions)
        returns, x = newest.returns, policy.inputs(newest.obs)
        bonus = config.bonus(progress)
        clipped, divergence, told = [], [], torch.empty_like(newest.outputs)
        for _ in range(config.epochs):
            for pick in torch.split(self._draw(len(inputs), inputs.device), config.batch_size):
                if self.learner.follows:
                    seen = policy.network.measure(x[pick])
                    inputs[pick] = with_one(seen.taps)
                outputs = policy.readout.measure_inputs(inputs[pick])
                told[pick] = outputs
                parameters, value = policy.split(outputs)
                actions = newest.actions[pick]
                change = policy.head.log_prob(parameters, actions) - old[pick]
                ratio, held, push, _ = clipped_surrogate(
                    change, newest.advantage[pick], config.clip_range, config.dual_clip
                )
                slope = policy.head.gradient(parameters, actions, push, bonus)
                regress = (value - returns[pick])[:, None] / len(pick)
                gradient = torch.cat([slope, regress], 1)
                if self.learner.follows:
                    self.learner.follow(seen, gradient, progress)
                self.learner.heard(policy.readout.learn(inputs[pick], gradient, rate))
                policy.head.learn(parameters, actions, push, bonus, config.spread_rate)
                clipped.append(held.float().mean())
                divergence.append((ratio - 1 - change).mean())
        self.test.remember(newest.obs, told)
        unexplained = (newest.returns - newest.outputs[:, -1]).var() / returns.var().clamp(min=1e-8)
        return {
            "train/clip_fraction": float(torch.stack(clipped).mean()),
            "train/approx_kl": float(divergence[-1]),
            "train/explained_variance": float(1 - unexplained),
        }

    def _inform(self) -> dict[str, float]:
        """The information plane on a batch of the newest rollout, as the units are now."""
        newest = self.history[-1]
        pick = self._draw(len(newest.obs), newest.obs.device)[: self.config.hidden_batch]
        x = self.policy.inputs(newest.obs[pick])
        target = reward_target([newest], self.policy.normaliser)
        plane = information_plane(x, self.policy.network.measure(x), target.take(pick))
        log = {f"information/input_unit{unit}": point.on_input for unit, point in enumerate(plane, 1)}
        return log | {f"information/target_unit{unit}": point.on_target for unit, point in enumerate(plane, 1)}
