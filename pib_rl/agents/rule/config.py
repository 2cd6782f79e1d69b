"""Settings of the reinforcement rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pib_rl.agents.learners.config import HiddenConfig


@dataclass(frozen=True)
class RuleConfig(HiddenConfig):
    """Settings of the rule, and of hidden arrays.

    Args:
        gamma: How far ahead rewards count: 0.99 looks about 100 steps ahead.
        gae_lambda: How far advantages trust rewards rather than values: 1 is all rewards, with more noise; 0 is one
            reward and the next value, with more bias.
        hidden_steps: Steps of every unit per rollout.
        hidden_batch: Samples per hidden step.
        hidden_rollouts: Newest rollouts from which these samples come.
        ridge: Regularisation of the re-fit.
        refit_margin: Standard deviations of noise that the re-fit leaves to noise, see `Readout.refit`.
        replay_rollouts: Older rollouts of which a fraction of states takes part in the re-fit.
        replay_fraction: That fraction.
        epochs: Passes of the readout over the rollout.
        batch_size: Samples per readout step.
        clip_range: How far an action may become more or less probable within one iteration (PPO): 0.2 is by a fifth.
            More of it learns faster, and less safely.
        clip_range_vf: How far a value may move within one iteration, in units of the return scale; None: as far as it
            likes.
        normalize_advantage: Learn from advantages in standard deviations of each minibatch. If not, they are in units
            of the return scale: what hardly matters moves the policy little.
        vf_coef: Weight of the error of values beside what actions gain. The readout's own steps do not depend on it;
            learners that follow the readout's gradient, such as backprop, do.
        target_kl: Divergence of the policy from that of the start of an iteration, in nats, at 1.5 times which its
            epochs end; None: they all take place.
        dual_clip: Ratio beyond which an action of negative advantage pushes no more, greater than 1 + clip_range; None:
            it always pushes.
        ent_coef: Weight of the entropy bonus, at the start.
        ent_decay: It falls as (1 - progress)^ent_decay: a policy that is to act greedily in the end has to become
            certain.
        spread_rate: Learning rate of log sigma of continuous actions.
        self_test: Measure some remembered states again before each iteration, and re-fit the readout to its old outputs
            where they changed: something broke.

    Raises:
        ValueError: If a value lies outside its range.
    """

    gamma: float = 0.99
    gae_lambda: float = 0.95
    hidden_steps: int = 16
    hidden_batch: int = 128
    hidden_rollouts: int = 2
    ridge: float = 0.3
    refit_margin: float = 0.0
    replay_rollouts: int = 7
    replay_fraction: float = 0.25
    epochs: int = 10
    batch_size: int = 256
    clip_range: float = 0.2
    clip_range_vf: float | None = None
    normalize_advantage: bool = True
    vf_coef: float = 0.5
    target_kl: float | None = None
    dual_clip: float | None = 3.0
    ent_coef: float = 0.0
    ent_decay: float = 0.0
    spread_rate: float = 3e-3
    self_test: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (
            ("hidden_steps", 1),
            ("hidden_batch", 4),
            ("hidden_rollouts", 1),
            ("replay_rollouts", 0),
            ("epochs", 1),
            ("batch_size", 1),
        ):
            self.check_numbers(name, least=least)
        self.check_fractions("gamma", "gae_lambda", "replay_fraction")
        self.check_numbers("refit_margin", "ent_decay", "spread_rate", "vf_coef")
        self.check_numbers("ridge", "clip_range", "ent_coef", least=-math.inf)
        if self.ridge <= 0 or self.clip_range <= 0:
            raise ValueError(f"the rule's ridge and clip_range must be > 0, got {self.ridge} and {self.clip_range}")
        for name in ("clip_range_vf", "target_kl"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise ValueError(f"the rule's {name} must be a number > 0, or none for no limit, got {value}")
        if self.dual_clip is not None and not 1 + self.clip_range < self.dual_clip < math.inf:
            raise ValueError(
                f"the rule's dual_clip must be > 1 + clip_range, {1 + self.clip_range:g}, got {self.dual_clip}"
            )

    def bonus(self, progress: float) -> float:
        """Weight of the entropy bonus when the fraction ``progress`` of the training is done."""
        return float(self.ent_coef * (1 - progress) ** self.ent_decay)
