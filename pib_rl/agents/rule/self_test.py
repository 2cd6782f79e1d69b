"""Notices that the chip broke, and brings its outputs back: neither rewards nor a model of the hardware are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pib_rl.agents.network.model import PhysicalModel

PROBES = 128  # states that are measured again, twice, at each test
ALARM = 1.0  # mean square of a change, in variances of the outputs: learning right before the note is less
NOISE = 10.0  # times the power of read noise that may, too: at the start outputs are nothing but noise
ATTEMPTS, GAIN = 20, 0.98  # re-fits; they end when the error falls by less than this


class Remembered(NamedTuple):
    """Flat observations, shape (*chips, n, d), and the readout's outputs measured for them, shape (*chips, n, o)."""

    obs: Tensor
    outputs: Tensor


@dataclass
class SelfTest:
    """Remembers outputs for some states; notices when they change; re-fits the readout to the remembered ones.

    A chip gives the same outputs today as at the end of the last learning, but for read noise. If not, something broke:
    devices, the medium, converters. Then the readout is re-fit, by ridge regression on fresh measurements, to give the
    remembered outputs again; as many times as it helps, for devices that are stuck or noisy do not do what they are
    asked to. What is lost beyond the reach of the readout, units learn again.

    Args:
        model: The model of the policy.
        ridge: Regularisation of each re-fit, as for `Readout.refit`.
        remembered: States and outputs; None is nothing.
    """

    model: PhysicalModel
    ridge: float
    remembered: Remembered | None = None

    def remember(self, obs: Tensor, outputs: Tensor) -> None:
        """Takes note of states and of the outputs measured for them now, in the place of earlier ones."""
        self.remembered = Remembered(obs, outputs.clone())

    def broken(self) -> Tensor:
        """Of which chips outputs are no longer what they were: truth values, shape (*chips).

        The mean square of the change of an output has the limit `ALARM` times the variance of that output plus `NOISE`
        times the power of read noise; the chip is broken if changes are beyond it on average over the outputs.
        """
        chips = self.model.streams.chips
        if self.remembered is None:
            return torch.zeros(chips, dtype=torch.bool)
        all_obs, all_outputs = self.remembered
        every = max(1, all_obs.shape[-2] // PROBES)
        obs, outputs = all_obs[..., ::every, :], all_outputs[..., ::every, :]
        with self.model.streams.aside("self-test"):
            first, second = self.model.outputs(obs), self.model.outputs(obs)
        noise = (first - second).square().mean(-2) / 2
        change = ((first + second) / 2 - outputs).square().mean(-2)
        limit = ALARM * all_outputs.var(-2) + NOISE * noise
        return (change / limit.clamp(min=1e-12)).mean(-1) > 1

    def restore(self, broken: Tensor) -> dict[str, float]:
        """Brings the remembered outputs back as far as the readout can, and forgets them: units learn the rest again.

        Chips that are not ``broken``, truth values of shape (*chips), stay as they are. For the log it gives the root
        mean square error of the others, in units of their standard deviation, at first and at last.
        """
        assert self.remembered is not None
        model, (obs, outputs) = self.model, self.remembered
        scale = outputs.var(-2).clamp(min=1e-12)
        moved = broken.to(outputs)[..., None, None]
        errors: list[float] = []
        while len(errors) < ATTEMPTS:
            inputs = model.readout_inputs(model.inputs(obs))
            shift = outputs - model.readout.measure_inputs(inputs)
            errors.append(float((shift.square().mean(-2) / scale).mean(-1)[broken].mean().sqrt()))
            if len(errors) > 1 and errors[-1] > GAIN * errors[-2]:
                break
            model.readout.refit(inputs, shift * moved, self.ridge, torch.zeros_like(scale))
        self.remembered = None
        return {"train/broken": errors[0], "train/restored": errors[-1]}
