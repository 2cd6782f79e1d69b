"""The reinforcement rule: one iteration of hidden steps, re-fit of the readout and policy improvement.

Order: (collect) -> advantages -> hidden steps -> re-fit -> readout. How hidden arrays learn is a `Learner`:
PIB's own or another. Only the readout sees a policy gradient, and that is one local linear rule. See docs/learning.md
for what was measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.information import information_plane
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.agents.rule.experience import Experience, reward_target
from pib_rl.agents.rule.memory import experience, remembered
from pib_rl.agents.rule.readout_loss import readout_gradient
from pib_rl.agents.rule.reward_samples import RewardSamples
from pib_rl.agents.rule.rollout import Rollout, advantages
from pib_rl.agents.rule.self_test import SelfTest
from pib_rl.common.state import check_state
from pib_rl.common.streams import LEARNING

HELD, LEAST = 512, 16  # samples of a rollout that units never learn from, a quarter of it; too few tell nothing
FARTHEST = 1.5  # times the target divergence, at which PPO ends an iteration too
AT_ONCE = 512  # samples of a rollout that are measured together to be remembered


class Rule:
    """Runs the iteration on one policy, on all chips of a wafer at once.

    Chips share the order in which samples are drawn; and in an iteration that brings back a broken chip, none learns.

    Args:
        policy: The physical policy.
        config: Settings.
        learner: What trains the hidden arrays; PIB's own if None.

    Raises:
        ValueError: If a wafer is to end epochs at a divergence, which its chips reach at different times.
    """

    def __init__(self, policy: PIBPolicy, config: RuleConfig, learner: Learner | None = None) -> None:
        if config.target_kl is not None and policy.streams.chips:
            raise ValueError(
                f"target_kl ends the epochs of each chip at another time, and the {policy.streams.chips[0]} chips of a "
                "wafer learn in step; leave it out, or train one chip"
            )
        self.policy = policy
        self.config = config
        self.learner = PIBLearner(policy.model, config) if learner is None else learner
        self.history: deque[Experience] = deque(maxlen=max(1 + config.replay_rollouts, config.hidden_rollouts))
        self.running: Tensor | None = None
        self.test = SelfTest(policy.model, config.ridge)

    @torch.inference_mode()
    def update(self, rollout: Rollout, progress: float, rate: float) -> dict[str, float]:
        """One iteration. If a chip broke during the rollout, its outputs are brought back, and nothing else is done.

        Args:
            rollout: What was collected with the policy as it is.
            progress: Fraction of the training done, 0..1.
            rate: Learning rate of the readout.
        """
        policy, model, learner = self.policy, self.policy.model, self.learner
        broken = self.test.broken() if self.config.self_test else None
        if broken is not None and broken.any():
            learner.forget(broken)
            return self.test.restore(broken) | (self._information() if self.history else {})
        first = model.normaliser.count.item() == 0
        self.history.append(self._with_advantages(rollout))
        newest = self.history[-1]
        states, before = newest.obs, newest.outputs
        if learner.moves_outputs and (older := self._replay()):
            old = torch.cat(older, -2)
            states, before = torch.cat([states, old], -2), torch.cat([before, model.outputs(old)], -2)
        model.normaliser.update(newest.obs)
        if first:
            model.network.calibrate(policy.inputs(newest.obs))
        log = self._update_units(progress) if learner.updates else {}
        inputs = model.readout_inputs(policy.inputs(states))
        if learner.moves_outputs:
            log |= self._refit(states, inputs, before)
        return log | self._improve(inputs[..., : len(newest), :], progress, rate) | self._information()

    def state(self) -> dict[str, Any]:
        """What the rule and its learner remember, as `pib_rl.common.tree.flatten_state` takes it."""
        return {
            "history": [vars(one).copy() for one in self.history],
            "running": self.running,
            "remembered": self.test.remembered and list(self.test.remembered),
            "memory": {name: value.clone() for name, value in self.learner.memory.state_dict().items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from the `state` of a rule with the same settings and learner.

        Raises:
            ValueError, TypeError, KeyError: If it is of another one.
        """
        device = self.policy.device

        def here(value: Tensor) -> Tensor:
            return value.to(device)

        check_state(self.learner.memory, state["memory"])
        history = [
            experience({name: here(value) for name, value in one.items()}, self.policy) for one in state["history"]
        ]
        self.history.clear()
        self.history.extend(history)
        self.running = None if state["running"] is None else here(state["running"])
        known = state["remembered"]
        self.test.remembered = None if known is None else remembered([here(one) for one in known], self.policy)
        self.learner.memory.load_state_dict(state["memory"])

    def forget_episodes(self) -> None:
        """New episodes begin in all environments: nothing of earlier ones is added to their returns."""
        self.running = None

    def _with_advantages(self, rollout: Rollout) -> Experience:
        """Advantages of a rollout, with values of all states, cut-off and last ones too, from reads of their own.

        The read that chose an action shares its noise with the value measured with it. An advantage with that value
        would depend on the action through the noise, and push towards actions that the noise of their logit makes
        likely where the value comes out low, whatever they are worth.
        """
        policy, config = self.policy, self.config
        if self.running is None or self.running.shape[-1] != rollout.rewards.shape[-1]:
            self.running = torch.zeros_like(rollout.rewards[..., 0, :])
        ended = torch.maximum(rollout.terminated, rollout.truncated)
        self.running = policy.returns.update(rollout.rewards, ended, self.running)
        obs = rollout.obs.flatten(-3, -2)
        values = policy.outputs(obs).values.view_as(rollout.rewards)
        advantage = advantages(
            rollout.rewards / policy.returns.each,
            values,
            self._following(rollout, values),
            rollout.terminated,
            rollout.truncated,
            config.gamma,
            config.gae_lambda,
        )
        samples = rollout.rewards.ndim - 2  # the axis of time, which that of environments joins
        parameters, actions = rollout.parameters.flatten(-3, -2), rollout.actions.flatten(samples, samples + 1)
        values, advantage = values.flatten(-2).contiguous(), advantage.flatten(-2)  # as they lie when they are loaded
        return Experience(
            obs,
            rollout.next_obs.flatten(-3, -2),
            actions,
            parameters,
            values,
            advantage,
            advantage + values,
            policy.head.score(parameters, actions),
            policy.head.preference(parameters),
        )

    def _following(self, rollout: Rollout, values: Tensor) -> Tensor:
        """Values of the states that followed, shape (*chips, T, N); those cut off and the last ones are measured."""
        following = torch.cat([values[..., 1:, :], values[..., :1, :]], -2).flatten(-2)
        cut = rollout.truncated > 0
        cut[..., -1, :] = True
        cut = cut.flatten(-2)
        most = int(cut.sum(-1).max())  # chips with fewer measure some more, to no effect
        where = cut.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[..., :most]
        obs = rollout.next_obs.flatten(-3, -2)
        measured = self.policy.outputs(obs.take_along_dim(where.unsqueeze(-1), -2)).values
        following.scatter_(-1, where, measured.where(cut.gather(-1, where), following.gather(-1, where)))
        return following.view_as(values)

    def _replay(self) -> list[Tensor]:
        """A fraction of the observations of each older rollout."""
        parts = []
        for old in list(self.history)[-1 - self.config.replay_rollouts : -1]:
            count = int(len(old) * self.config.replay_fraction)
            if count:
                parts.append(old.obs.index_select(-2, self._draw(len(old), old.obs.device)[:count]))
        return parts

    def _update_units(self, progress: float) -> dict[str, float]:
        """``hidden_steps`` steps of the learner on samples of the newest rollouts; means of its metrics."""
        recent = list(self.history)[-self.config.hidden_rollouts :]
        samples = RewardSamples(self.policy, self.config, recent, progress)
        device, network = self.policy.device, self.policy.model.network
        held, learned = self._split(len(samples), len(recent[-1]), device)
        if len(held):
            self.learner.begin(Batch(samples, held, network))
        logs = [self.learner.update(Batch(samples, pick, network), progress) for pick in self._batches(learned)]
        log = self.learner.finish(Batch(samples, held, network)) if len(held) else {}
        log |= {name: torch.stack([log[name] for log in logs]).mean() for name in logs[0]}
        newest = RewardSamples(self.policy, self.config, recent[-1:], progress)
        for pick in torch.split(torch.arange(len(newest), device=device), AT_ONCE):
            self.learner.remember(Batch(newest, pick, network))
        return {f"train/{name}": float(value.mean()) for name, value in log.items()}

    def _split(self, n: int, newest: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Indices of held-out samples, some of the last ``newest`` ones of n, and of all others."""
        count = min(HELD, newest // 4) if self.learner.holds_out and newest >= 4 * LEAST else 0
        if not count:
            return torch.empty(0, dtype=torch.long, device=device), torch.arange(n, device=device)
        order = self._draw(newest, device) + (n - newest)
        older = torch.arange(n - newest, device=device)
        return order[:count], torch.cat([older, order[count:]])

    def _refit(self, states: Tensor, inputs: Tensor, before: Tensor) -> dict[str, float]:
        """Brings the readout's outputs for ``states`` back to those of before the units moved."""
        model, config = self.policy.model, self.config
        now = model.outputs(states)
        shift = before - now
        noise = (model.readout.measure_inputs(inputs) - now).square().mean(-2)  # of two reads, as in the shift
        kept = model.readout.refit(inputs, shift, config.ridge, noise, config.refit_margin)
        return {"train/refit_shift": float(shift.square().mean().sqrt()), "train/refit_kept": float(kept.mean())}

    def _batches(self, learned: Tensor) -> Iterator[Tensor]:
        """``hidden_steps`` batches of ``hidden_batch`` of these indices, drawn without repetition until all are."""
        batch = min(self.config.hidden_batch, len(learned))
        order = learned[:0]
        for _ in range(self.config.hidden_steps):
            if len(order) < batch:
                order = learned[self._draw(len(learned), learned.device)]
            pick, order = order[:batch], order[batch:]
            yield pick

    def _draw(self, n: int, device: torch.device) -> Tensor:
        return torch.randperm(n, generator=self.policy.streams.generator(LEARNING, device), device=device)

    def _improve(self, inputs: Tensor, progress: float, rate: float) -> dict[str, float]:
        """Clipped policy gradient and value regression on the readout array alone, see `readout_loss`.

        ``inputs`` are those of the readout for the newest rollout, shape (*chips, n, tap_features + 1). It ends before
        the step at which the policy is ``target_kl`` away from where it was.

        Source: Schulman et al., arXiv 1707.06347, with the gradient by the readout's outputs in closed form.
        """
        policy, config, newest, learner = self.policy, self.config, self.history[-1], self.learner
        network, readout, head = policy.model.network, policy.model.readout, policy.head
        order, bonus = self._draw(len(newest), inputs.device), config.bonus(progress)
        shuffled, inputs = newest.take(order), inputs.index_select(-2, order)
        old = head.log_prob(shuffled.parameters, shuffled.actions)
        measured = torch.empty((*old.shape, head.outputs + 1), device=inputs.device, dtype=torch.float32)
        held, seen = inputs.new_zeros((), dtype=torch.float64), 0
        for which in minibatches(len(shuffled), config.batch_size, config.epochs):
            samples, taps = shuffled.part(which), inputs[..., which, :]
            if learner.uses_readout_batches:
                activations = network.measure(policy.inputs(samples.obs))
                taps = activations.inputs
            measured[..., which, :] = outputs = readout.measure_inputs(taps)
            parts = policy.split(outputs)
            step = readout_gradient(parts, samples, old[..., which], head, config, bonus)
            held += step.surrogate.held.count_nonzero()
            seen += step.change.numel()
            if config.target_kl is not None and float(step.divergence) > FARTHEST * config.target_kl:
                measured = policy.model.outputs(shuffled.obs)  # some were never read, others before a later step
                break
            if learner.uses_readout_batches:
                learner.on_readout_batch(activations, step.gradient, progress)
            learner.on_readout_step(readout.step(taps, step.gradient, rate))
            head.update_std(parts.parameters, samples.actions, step.surrogate.push, bonus, config.spread_rate)
        self.test.remember(shuffled.obs, measured)
        returns = newest.returns
        unexplained = (returns - newest.values).var(-1) / returns.var(-1).clamp(min=1e-8)
        return {
            "train/clip_fraction": float(held) / seen,
            "train/approx_kl": float(step.divergence.mean()),
            "train/explained_variance": float((1 - unexplained).mean()),
        }

    def _information(self) -> dict[str, float]:
        """The information plane on a batch of the newest rollout, as the units are now."""
        newest, model = self.history[-1], self.policy.model
        pick = self._draw(len(newest), newest.obs.device)[: self.config.hidden_batch]
        x = self.policy.inputs(newest.obs.index_select(-2, pick))
        target = reward_target(newest)
        plane = information_plane(x, model.network.measure(x), target.take(pick))
        log = {f"information/input_unit{unit}": point.on_input for unit, point in enumerate(plane, 1)}
        return log | {f"information/target_unit{unit}": point.on_target for unit, point in enumerate(plane, 1)}


def minibatches(n: int, size: int, epochs: int) -> Iterator[slice]:
    """Parts of n samples in random order, each of about ``size``: in every epoch every sample is in one of them.

    Epochs take turns in which samples share a part: neighbours, or those that are equally far apart. Both are slices:
    samples are shuffled once for all epochs, and none is copied after that.
    """
    parts = -(-n // size)
    for epoch in range(epochs):
        for part in range(parts):
            yield slice(part, n, parts) if epoch % 2 else slice(part * size, min((part + 1) * size, n))
