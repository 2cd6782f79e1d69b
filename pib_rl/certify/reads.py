"""Checks of measurements: shapes, units, repeatability, noise, nothing that is differentiated."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.certify.specimen import EXACT, PARTS, Laboratory, rms
from pib_rl.certify.verdict import ContractCheck, Verdict, by_part
from pib_rl.physical.substrate import Array, Medium, Read

REPEATS, FEW = 64, 16  # noisy reads of each of few samples
STEADIER = 0.6  # of the noise of a read: what two mean reads may differ by. Eight averaged readings leave 0.35
BIAS, BIAS_ON_AVERAGE, BIAS_OF_SIGNAL = 1.0, 0.25, 0.02  # of the noise, twice, and of the signal: a converter rounds
# a mean read by up to half a step, and noise takes that away; over all outputs this averages out
STEADY, CORRELATED = 1.5, 0.25
HEIGHTS, GAINS = (0.05, 5.0), (0.2, 5.0)  # standard deviation of a medium's outputs; gain of a new array


def shapes(lab: Laboratory) -> Verdict:
    """Shapes, types and finiteness of all reads."""
    for name in PARTS:
        part = lab.first.part(name)
        for samples in (1, len(lab.signals[name])):
            for read in Read:
                found: object = part.measure(lab.signals[name][:samples], read)
                wanted = samples, part.out_features
                if not isinstance(found, Tensor):
                    return Verdict(False, f"{name}, {read.value}: {type(found).__name__}")
                if tuple(found.shape) != wanted or found.dtype is not torch.float32:
                    kind = str(found.dtype).removeprefix("torch.")
                    return Verdict(False, f"{name}, {read.value}: {kind} {tuple(found.shape)} in place of {wanted}")
                if not found.isfinite().all():
                    return Verdict(False, f"{name}, {read.value}: numbers that are not finite")
        if isinstance(part, Array) and tuple(part.weights().shape) != (part.out_features, part.in_features):
            return Verdict(False, f"weights of the {name}: {tuple(part.weights().shape)}")
    sizes = (f"{name} {lab.first.part(name).in_features} to {lab.first.part(name).out_features}" for name in PARTS)
    return Verdict(True, ", ".join(sizes))


def untouched(lab: Laboratory) -> Verdict:
    """Whether inputs are as before, and outputs do not change behind the caller's back."""
    for name in PARTS:
        part, x = lab.first.part(name), lab.signals[name].clone()
        first = part.measure(x)
        kept = first.clone()
        part.measure(-x)
        if not torch.equal(x, lab.signals[name]):
            return Verdict(False, f"the {name} changes its inputs")
        if not torch.equal(first, kept):
            return Verdict(False, f"the {name} changes outputs that it gave before")
    return Verdict(True, "unchanged")


def undifferentiated(lab: Laboratory) -> Verdict:
    """Whether anything could be differentiated."""
    if names := [name for name, _ in lab.first.named_parameters()]:
        return Verdict(False, f"parameters: {', '.join(names):.60}")
    for name, buffer in lab.first.named_buffers():
        if buffer.requires_grad or not buffer.is_floating_point():
            what = "has a gradient" if buffer.requires_grad else f"is {str(buffer.dtype).removeprefix('torch.')}"
            return Verdict(False, f"buffer {name} {what}")
    for name in PARTS:
        if lab.first.part(name).measure(lab.signals[name]).requires_grad:
            return Verdict(False, f"outputs of the {name} have a gradient")
    return Verdict(True, "none")


def units(lab: Laboratory) -> Verdict:
    """Sizes of outputs, and whether they lie within what the medium says of itself."""
    medium, array = lab.first.medium, lab.specimen(1).substrate.make_array(lab.first.medium.out_features, lab.size)
    h = medium.measure(lab.inputs(medium, 8 * FEW)).detach()
    x = lab.inputs(array, 8 * FEW)
    height = float(h.double().std(0).square().mean().sqrt())
    gain = rms(array.measure(x, Read.MEAN)) / rms(x)
    low, high = medium.bounds()
    room = EXACT * (1 + h.abs().max())
    inside = bool(((h >= low - room) & (h <= high + room)).all())
    passed = HEIGHTS[0] <= height <= HEIGHTS[1] and GAINS[0] <= gain <= GAINS[1] and inside
    return Verdict(
        passed, f"outputs {height:.2g}, gain {gain:.2g}" + ("" if inside else ", outputs beyond the medium's bounds")
    )


def repeatable(lab: Laboratory) -> Verdict:
    """Whether mean reads repeat better than noisy ones, and do not depend on what else is in the batch."""
    found = {}
    for name in PARTS:
        part, x = lab.first.part(name), lab.signals[name]
        noise = rms(part.measure(x) - part.measure(x))
        whole = part.measure(x, Read.MEAN)
        half = torch.cat([part.measure(piece, Read.MEAN) for piece in torch.split(x, len(x) // 2)])
        moved = max(lab.unsteadiness[name], rms(whole - half))
        floor = EXACT * rms(whole)
        found[name] = 0.0 if moved <= floor else moved / max(noise, floor)
    return Verdict(max(found.values()) <= STEADIER, by_part(found))


def _residuals(lab: Laboratory, part: Medium | Array, name: str) -> tuple[Tensor, Tensor]:
    """Noisy reads minus the mean read, shape (repeats, samples, outputs), and the mean read."""
    x = lab.signals[name][:FEW]
    mean = part.measure(x, Read.MEAN).double()
    reads = part.measure(x.repeat(REPEATS, 1)).double().view(REPEATS, len(x), -1)
    return (reads - mean).detach(), mean


def unbiased(lab: Laboratory) -> Verdict:
    """Whether noisy reads average to the mean read."""
    found, passed = {}, True
    for name in PARTS:
        off, mean = _residuals(lab, lab.first.part(name), name)
        lab.evidence[f"noise of the {name}"] = off
        noise = rms(off.std(0))
        expected = (noise**2 / REPEATS + lab.unsteadiness[name] ** 2 / 2) ** 0.5
        excess, average = max(rms(off.mean(0)) ** 2 - expected**2, 0.0) ** 0.5, abs(float(off.mean()))
        found[name] = excess / noise if noise else excess
        room = BIAS_OF_SIGNAL * rms(mean) + 3 * lab.unsteadiness[name]
        passed &= excess <= BIAS * noise + room and average <= BIAS_ON_AVERAGE * noise + room / 2
    return Verdict(passed, by_part(found))


def steady(lab: Laboratory) -> Verdict:
    """Whether the noise of early and of late reads is the same."""
    found = {}
    for name in PARTS:
        off = _evidence(lab, name)
        early, late = (rms(piece.std(0)) for piece in torch.split(off, REPEATS // 2))
        found[name] = 1.0 if early == late else max(early, late) / max(min(early, late), 1e-12)
    return Verdict(max(found.values()) <= STEADY, by_part(found, ".3g"))


def independent(lab: Laboratory) -> Verdict:
    """Whether the noise of a sample says something of the next one's."""
    found = {}
    for name in PARTS:
        off = _evidence(lab, name)
        noise = off - off.mean(0)
        power = float(noise.square().mean())
        pairs = (noise[1:] * noise[:-1]).mean(), (noise[:, 1:] * noise[:, :-1]).mean()
        found[name] = max(abs(float(pair)) for pair in pairs) / power if power else 0.0
    return Verdict(max(found.values()) <= CORRELATED, by_part(found))


def _evidence(lab: Laboratory, name: str) -> Tensor:
    key = f"noise of the {name}"
    if key not in lab.evidence:
        lab.evidence[key] = _residuals(lab, lab.first.part(name), name)[0]
    return lab.evidence[key]


CHECKS = (
    ContractCheck("shapes", "(n, in) gives finite float32 (n, out), in every read mode", shapes),
    ContractCheck("inputs untouched", "measuring changes neither inputs nor outputs given before", untouched),
    ContractCheck("nothing to differentiate", "no parameters, float buffers, no gradients", undifferentiated),
    ContractCheck(
        "units",
        f"outputs vary by {HEIGHTS[0]:g}..{HEIGHTS[1]:g} and within bounds, a new array's gain is "
        f"{GAINS[0]:g}..{GAINS[1]:g}",
        units,
    ),
    ContractCheck("mean reads repeat", f"two differ by at most {STEADIER:g} of what noisy ones do", repeatable),
    ContractCheck(
        "noise without bias",
        f"at most {BIAS:g} of the noise and {BIAS_OF_SIGNAL:g} of the signal from the mean read, on average "
        f"{BIAS_ON_AVERAGE:g} and {BIAS_OF_SIGNAL / 2:g}",
        unbiased,
    ),
    ContractCheck("noise is steady", f"early and late reads differ in it by at most {STEADY:g} times", steady),
    ContractCheck("noise is independent", f"correlation of neighbouring samples at most {CORRELATED:g}", independent),
)
