"""One unit: a medium, an array, a local objective, and the gain control of what it hands on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.objectives import Objective, Score
from pib_rl.agents.optimisers import Adam, array_rate
from pib_rl.agents.target import Target
from pib_rl.physical.streams import FABRICATION, Streams
from pib_rl.physical.substrate import Array, Medium


class GainControl(nn.Module):
    """Automatic gain control: turns outputs z of an array into drives of the next medium.

    drive = gain ((z - m)/s + b): m the mean per channel, s one scalar deviation, b a fixed random offset per channel,
    uniform in -offset..offset (kernels are shift-invariant and never train a bias). The statistics move only in
    `track`, slowly; otherwise drives would follow the policy's state distribution within one rollout.
    """

    mean: Tensor
    deviation: Tensor
    shift: Tensor

    def __init__(self, features: int, gain: float, offset: float, streams: Streams) -> None:
        super().__init__()
        self.gain = gain
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(()))
        shift = (2 * streams.uniform(FABRICATION, torch.zeros(features)) - 1) * offset
        self.register_buffer("shift", shift)

    def drive(self, z: Tensor) -> Tensor:
        """Drives, shape (n, features), in drive standard deviations, from outputs z of the same shape."""
        slope = self.gain / self.deviation
        return torch.addcmul(self.gain * self.shift - self.mean * slope, z, slope)

    def track(self, z: Tensor, rate: float) -> None:
        """Moves the statistics towards those of a batch z, shape (n, features), by the share ``rate`` (1 sets)."""
        mean = z.mean(0)
        self.mean.lerp_(mean, rate)
        self.deviation.lerp_((z - mean).square().mean().sqrt().clamp_(min=1e-6), rate)


class Unit(nn.Module):
    """A trainable unit: z = array(medium(drive)).

    It learns from three things only: its measured input h, its measured output z, and the broadcast target.

    Args:
        medium: Fixed physical transform.
        array: Programmable weights.
        control: Gain control of its outputs.
        objective: Local objective.
        optimiser: Local optimiser of the array.
    """

    def __init__(self, medium: Medium, array: Array, control: GainControl, objective: Objective,
                 optimiser: Adam) -> None:
        super().__init__()
        self.medium = medium
        self.array = array
        self.control = control
        self.objective = objective
        self.optimiser = optimiser

    def learn(self, h: Tensor, z: Tensor, target: Target, rate: float, plastic: float = 1.0) -> Score:
        """One step on one batch: dW = (dL/dz)^T h, through the optimiser, written by the array's own law.

        Args:
            h: Measured inputs of the array, shape (n, in).
            z: Measured outputs of the array, shape (n, out).
            target: Targets of the same samples.
            rate: Learning rate of an array of up to 64 inputs, in units of weight; more take less, see `array_rate`.
            plastic: Share of the outputs whose weights move, the first ones. The others stay as fabricated, but count in
                the objective: those that learn complement them.

        Returns:
            Loss and gradient of the batch.
        """
        score: Score = self.objective(z, target, h)
        slope = score.gradient.T @ h
        slope[round(plastic * len(slope)) :] = 0
        change = self.optimiser.step(slope, array_rate(rate, self.array.in_features))
        self.array.program(change)
        return score
