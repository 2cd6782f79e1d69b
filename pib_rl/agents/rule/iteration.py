"""The reinforcement rule: one iteration of hidden steps, re-fit of the readout and policy improvement.

Order: (collect) -> advantages -> hidden steps -> re-fit -> readout. How hidden arrays learn is a `Learner`:
PIB's own or another. Only the readout sees a policy gradient, and that is one local linear rule. See docs/learning.md
for what was measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.information import information_plane
from pib_rl.agents.network.readout import with_one
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience, reward_target
from pib_rl.agents.rule.readout_loss import readout_gradient
from pib_rl.agents.rule.reward_samples import RewardSamples
from pib_rl.agents.rule.rollout import Rollout, advantages
from pib_rl.agents.rule.self_test import SelfTest
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
        self.learner = PIBLearner(policy.model, config) if learner is None else learner
        self.history: deque[Experience] = deque(maxlen=max(1 + config.replay_rollouts, config.hidden_rollouts))
        self.running: Tensor | None = None
        self.test = SelfTest(policy.model, config.ridge)

    @torch.inference_mode()
    def update(self, rollout: Rollout, progress: float, rate: float) -> dict[str, float]:
        """One iteration. If the chip broke during the rollout, its outputs are brought back, and nothing else is done.

        Args:
            rollout: What was collected with the policy as it is.
            progress: Fraction of the training done, 0..1.
            rate: Learning rate of the readout.
        """
        policy, model, learner = self.policy, self.policy.model, self.learner
        if self.config.self_test and self.test.broken():
            return self.test.restore() | (self._information() if self.history else {})
        first = model.normaliser.count.item() == 0
        self.history.append(self._with_advantages(rollout))
        newest = self.history[-1]
        older = self._replay() if learner.moves_outputs else newest.obs[:0]
        before = torch.cat([newest.outputs, model.outputs(older)]) if len(older) else newest.outputs
        states = torch.cat([newest.obs, older])
        model.normaliser.update(newest.obs)
        if first:
            model.network.calibrate(policy.inputs(newest.obs))
        log = self._update_units(progress) if learner.updates else {}
        inputs = with_one(model.network.measure(policy.inputs(states)).taps)
        if learner.moves_outputs:
            log |= self._refit(states, inputs, before)
        return log | self._improve(inputs[: len(newest.obs)], progress, rate) | self._information()

    def _with_advantages(self, rollout: Rollout) -> Experience:
        """Advantages of a rollout, with values of all states, cut-off and last ones too, from reads of their own.

        The read that chose an action shares its noise with the value measured with it. An advantage with that value
        would depend on the action through the noise, and push towards actions that the noise of their logit makes
        likely where the value comes out low, whatever they are worth.
        """
        policy, config = self.policy, self.config
        if self.running is None or len(self.running) != rollout.rewards.shape[1]:
            self.running = torch.zeros_like(rollout.rewards[0])
        ended = torch.maximum(rollout.terminated, rollout.truncated)
        self.running = policy.returns.update(rollout.rewards, ended, self.running)
        obs = rollout.obs.flatten(0, 1)
        values = policy.outputs(obs).values.view_as(rollout.rewards)
        following = torch.empty_like(values)
        following[:-1] = values[1:]
        cut = rollout.truncated > 0
        cut[-1] = True
        following[cut] = policy.outputs(rollout.next_obs[cut]).values
        advantage = advantages(
            rollout.rewards / policy.returns.value,
            values,
            following,
            rollout.terminated,
            rollout.truncated,
            config.gamma,
            config.gae_lambda,
        )
        parameters, actions = rollout.parameters.flatten(0, 1), rollout.actions.flatten(0, 1)
        return Experience(
            obs,
            rollout.next_obs.flatten(0, 1),
            actions,
            parameters,
            values.flatten(),
            advantage.flatten(),
            policy.head.score(parameters, actions),
        )

    def _replay(self) -> Tensor:
        """A fraction of the observations of each older rollout."""
        parts = [self.history[-1].obs[:0]]
        for old in list(self.history)[-1 - self.config.replay_rollouts : -1]:
            count = int(len(old.obs) * self.config.replay_fraction)
            parts.append(old.obs[self._draw(len(old.obs), old.obs.device)[:count]])
        return torch.cat(parts)

    def _update_units(self, progress: float) -> dict[str, float]:
        """``hidden_steps`` steps of the learner on samples of the newest rollouts; means of its metrics."""
        recent = list(self.history)[-self.config.hidden_rollouts :]
        samples = RewardSamples(self.policy, self.config, recent, progress)
        logs = [
            self.learner.update(Batch(samples, pick, self.policy.model.network), progress)
            for pick in self._batches(len(samples), self.policy.device)
        ]
        return {f"train/{name}": float(torch.stack([log[name] for log in logs]).mean()) for name in logs[0]}

    def _refit(self, states: Tensor, inputs: Tensor, before: Tensor) -> dict[str, float]:
        """Brings the readout's outputs for ``states`` back to those of before the units moved."""
        model, config = self.policy.model, self.config
        now = model.outputs(states)
        shift = before - now
        noise = (model.readout.measure_inputs(inputs) - now).square().mean(0)  # of two reads, as in the shift
        kept = model.readout.refit(inputs, shift, config.ridge, noise, config.refit_margin)
        return {"train/refit_shift": float(shift.square().mean().sqrt()), "train/refit_kept": float(kept.mean())}

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
        """Clipped policy gradient and value regression on the readout array alone, see `readout_loss`.

        Source: Schulman et al., arXiv 1707.06347, with the gradient by the readout's outputs in closed form.
        """
        policy, config, newest, learner = self.policy, self.config, self.history[-1], self.learner
        network, readout, head = policy.model.network, policy.model.readout, policy.head
        old = head.log_prob(newest.parameters, newest.actions)
        x, bonus = policy.inputs(newest.obs), config.bonus(progress)
        measured = torch.empty(len(newest.obs), head.outputs + 1, device=inputs.device)
        held, divergence = [], inputs.new_zeros(())
        for _ in range(config.epochs):
            for pick in torch.split(self._draw(len(inputs), inputs.device), config.batch_size):
                if learner.uses_readout_batches:
                    activations = network.measure(x[pick])
                    inputs[pick] = with_one(activations.taps)
                measured[pick] = outputs = readout.measure_inputs(inputs[pick])
                samples, parts = newest.take(pick), policy.split(outputs)
                gradient, surrogate, divergence = readout_gradient(parts, samples, old[pick], head, config, bonus)
                if learner.uses_readout_batches:
                    learner.on_readout_batch(activations, gradient, progress)
                learner.on_readout_step(readout.step(inputs[pick], gradient, rate))
                head.update_std(parts.parameters, samples.actions, surrogate.push, bonus, config.spread_rate)
                held.append(surrogate.held.float().mean())
        self.test.remember(newest.obs, measured)
        returns = newest.returns
        unexplained = (returns - newest.values).var() / returns.var().clamp(min=1e-8)
        return {
            "train/clip_fraction": float(torch.stack(held).mean()),
            "train/approx_kl": float(divergence),
            "train/explained_variance": float(1 - unexplained),
        }

    def _information(self) -> dict[str, float]:
        """The information plane on a batch of the newest rollout, as the units are now."""
        newest, model = self.history[-1], self.policy.model
        pick = self._draw(len(newest.obs), newest.obs.device)[: self.config.hidden_batch]
        x = self.policy.inputs(newest.obs[pick])
        target = reward_target([newest], model.normaliser)
        plane = information_plane(x, model.network.measure(x), target.take(pick))
        log = {f"information/input_unit{unit}": point.on_input for unit, point in enumerate(plane, 1)}
        return log | {f"information/target_unit{unit}": point.on_target for unit, point in enumerate(plane, 1)}
