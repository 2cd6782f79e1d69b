"""Notices that the chip broke, and brings its answers back: neither rewards nor a model of the hardware are needed."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.network.readout import with_one
from pib_rl.agents.policy import PIBPolicy

PROBES = 128  # states that are measured again, twice, at each test
ALARM = 1.0  # mean square of a change, in variances of the answers: learning right before the note is less
NOISE = 10.0  # times the power of read noise that may, too: at the start answers are nothing but noise
ATTEMPTS, GAIN = 20, 0.98  # re-fits; they end when the error falls by less than this

Answers = tuple[Tensor, Tensor]  # flat observations, shape (n, d), and outputs of the readout, shape (n, o)


class SelfTest:
    """Remembers answers to states; tells when the same states get others; re-fits the readout to the remembered ones.

    A chip answers a state today as it did at the end of the last learning, but for read noise. If not, something broke:
    devices, the medium, converters. Then the readout is re-fit, by ridge regression on fresh measurements, to give the
    remembered answers again; as many times as it helps, for devices that are stuck or noisy do not do what they are
    asked to. What is lost beyond the reach of the readout, units learn anew.

    Args:
        policy: The policy.
        ridge: Regularisation of each re-fit, as for `Readout.refit`.

    Attributes:
        answers: What is remembered; None is nothing.
    """

    def __init__(self, policy: PIBPolicy, ridge: float) -> None:
        self.policy = policy
        self.ridge = ridge
        self.answers: Answers | None = None

    def remember(self, obs: Tensor, outputs: Tensor) -> None:
        """Takes note of the answers to states, in the place of earlier ones.

        Args:
            obs: Flat observations, shape (n, d).
            outputs: Outputs of the readout as measured now, shape (n, o).
        """
        self.answers = obs, outputs.clone()

    def broken(self) -> bool:
        """Whether answers are no longer what they were.

        The mean square of the change of an output has the limit `ALARM` times the variance of the answers plus `NOISE`
        times the power of read noise; the chip is broken if changes are beyond it on average over the outputs.
        """
        if self.answers is None:
            return False
        all_obs, all_told = self.answers
        every = max(1, len(all_obs) // PROBES)
        obs, told = all_obs[::every], all_told[::every]
        with self.policy.streams.aside("self-test"):
            first, second = self.policy.outputs(obs), self.policy.outputs(obs)
        noise = (first - second).square().mean(0) / 2
        change = ((first + second) / 2 - told).square().mean(0)
        limit = ALARM * all_told.var(0) + NOISE * noise
        return bool((change / limit.clamp(min=1e-12)).mean() > 1)

    def restore(self) -> dict[str, float]:
        """Brings the remembered answers back as far as the readout can, and forgets them: what is lost is learned anew.

        Returns:
            For the log: the root mean square error of the answers, in units of their deviation, as measured at first
            and at last.
        """
        assert self.answers is not None
        policy, (obs, told) = self.policy, self.answers
        scale = told.var(0).clamp(min=1e-12)
        errors: list[float] = []
        while len(errors) < ATTEMPTS:
            inputs = with_one(policy.network.measure(policy.inputs(obs)).taps)
            now = policy.readout.measure_inputs(inputs)
            shift = told - now
            errors.append(float((shift.square().mean(0) / scale).mean().sqrt()))
            if len(errors) > 1 and errors[-1] > GAIN * errors[-2]:
                break
            policy.readout.refit(inputs, shift, self.ridge, torch.zeros_like(scale))
        self.answers = None
        return {"train/broken": errors[0], "train/restored": errors[-1]}
