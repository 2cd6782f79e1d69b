"""Probes of arrays: weights, steps, read noise, drift."""

from __future__ import annotations

import copy

import torch

from pib_rl.inspection.probe import Chip, Curve, Finding, Pulses, histogram
from pib_rl.physical.streams import LEARNING
from pib_rl.physical.substrate import Read

PULSES, FEW = 200, 20  # upwards, then as many downwards; averaged for the table
ASKED = 0.05  # change of weight per write, in deviations of a new array, where there are no pulses
READS = 1024
AGES = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)  # seconds


def weights(chip: Chip) -> Finding:
    """The weights of a new array: histogram, deviation, ends."""
    found = chip.array.weights()
    ends = float(found.abs().max()) or 1.0
    edges, density = histogram(found, 41, -ends, ends)
    return Finding("weights as fabricated", "weight", "density",
                   {"weights: deviation": float(found.std()), "weights: largest": ends,
                    "weights: deviation in 1/sqrt(inputs)": float(found.std()) * chip.array.in_features**0.5},
                   [Curve("all weights", edges, density, bars=True)])


def steps(chip: Chip) -> Finding:
    """How weights answer to pulses up, then down; to writes of one size where there are no pulses."""
    array = copy.deepcopy(chip.array)
    shape = (array.out_features, array.in_features)
    single = isinstance(array, Pulses)
    sigma = array.in_features**-0.5
    means, spreads = [], []
    for sign in (1.0, -1.0):
        for _ in range(PULSES):
            if isinstance(array, Pulses):
                array.pulse(torch.full(shape, sign))
                array.settle()
            else:
                array.program(torch.full(shape, sign * ASKED * sigma))
            means.append(float(array.weights().mean()) / sigma)
            spreads.append(float(array.weights().std()) / sigma)
    y, spread = torch.tensor(means), torch.tensor(spreads)
    start = float(chip.array.weights().mean()) / sigma
    what = "pulses" if single else f"writes of {ASKED} sigma_0"
    return Finding("step response, up, then down", what, "weight [1/sqrt(inputs)]",
                   {f"steps: first {FEW} up, each [sigma_0]": (means[FEW - 1] - start) / FEW,
                    f"steps: last {FEW} up, each [sigma_0]": (means[PULSES - 1] - means[PULSES - FEW - 1]) / FEW,
                    f"steps: first {FEW} down, each [sigma_0]": (means[PULSES - 1] - means[PULSES + FEW - 1]) / FEW},
                   [Curve("mean over devices, and their deviation", torch.arange(1, len(y) + 1), y, spread)])


def read_noise(chip: Chip) -> Finding | None:
    """Deviation of an output from read to read, over the size of its inputs."""
    sizes = torch.tensor([0.03, 0.1, 0.2, 0.5, 1.0])
    draws = chip.substrate.streams.normal(LEARNING, torch.zeros(READS, chip.array.in_features))
    found = torch.stack([_between(chip, (size * draws).clamp(-1, 1)).square().mean().sqrt() for size in sizes])
    if not found.any():
        return None
    return Finding("read noise of an output", "deviation of the inputs [full scale]", "noise [weight x full scale]",
                   {"read noise at inputs of deviation 1": float(found[-1])},
                   [Curve("root mean square over outputs", sizes, found)])


def weight_noise(chip: Chip) -> Finding | None:
    """Read noise of single weights, one input at full scale at a time, over their size."""
    inputs = min(chip.array.in_features, 64)
    h = torch.eye(chip.array.in_features)[:inputs]
    noise = torch.stack([_between(chip, h) for _ in range(50)]).square().mean(0).sqrt()
    size = chip.array.weights().T[:inputs].abs()
    if not noise.any():
        return None
    order = size.flatten().argsort()
    groups = torch.tensor_split(order, 12)
    across, up = (torch.stack([values.flatten()[group].mean() for group in groups]) for values in (size, noise))
    return Finding("read noise of single weights", "size of the weight", "noise [weight]",
                   {"read noise of the weakest twelfth": float(up[0]),
                    "read noise of the strongest twelfth": float(up[-1])},
                   [Curve("twelfths of the weights, by size", across, up)])


def _between(chip: Chip, h: torch.Tensor) -> torch.Tensor:
    """Differences of two reads, of the power of the noise of one."""
    return (chip.array.measure(h) - chip.array.measure(h)) / 2**0.5


def drift(chip: Chip) -> Finding | None:
    """How weights fare as time passes after fabrication, without a write."""
    array = copy.deepcopy(chip.array)
    start, before = array.weights().clone(), 0.0
    kept, spread = [], []
    strong = start.abs() > start.abs().median()
    for moment in AGES:
        array.age(moment - before)
        before = moment
        share = (array.weights() / start)[strong]
        kept.append(float(share.mean()))
        spread.append(float(share.std()))
    if not strong.any() or all(abs(one - 1) < 1e-6 for one in kept):
        return None
    times = torch.tensor([max(moment, 0.1) for moment in AGES])
    return Finding("drift after a write", "time [s]", "weight, of its first value",
                   {"drift: left after 10,000 s": kept[AGES.index(1e4)]},
                   [Curve("mean over the stronger half, and their deviation", times, torch.tensor(kept),
                          torch.tensor(spread))], "x")


def bits(chip: Chip) -> Finding:
    """Effective bits of an array's outputs for inputs of deviation 1/2: noisy reads against ideal ones."""
    h = 0.5 * chip.substrate.streams.normal(LEARNING, torch.zeros(1024, chip.array.in_features))
    found = effective_bits(chip.array.measure(h), chip.array.measure(h, Read.MEAN))
    return Finding("effective bits of an array's output", numbers={"array: effective bits": found})


def effective_bits(noisy: torch.Tensor, clean: torch.Tensor) -> float:
    """(SINAD - 1.76 dB)/6.02 dB: bits of an ideal converter whose error is as large; infinite without any.

    Source: IEEE Std 1241-2010, section 9.3; there the signal is a sine of full scale.

    Args:
        noisy: What was read, any shape.
        clean: What would have been read without noise and errors, same shape.
    """
    error = (noisy - clean).square().mean()
    if not error:
        return float("inf")
    sinad = 10 * torch.log10((clean - clean.mean()).square().mean() / error)
    return float((sinad - 1.76) / 6.02)
