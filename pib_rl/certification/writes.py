"""Checks of programming: weights go where they are asked to, and what it costs is counted."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from pib_rl.certification.specimen import Laboratory, rms
from pib_rl.certification.verdict import ContractCheck, Verdict
from pib_rl.physical.meter import PARTS as ENERGY
from pib_rl.physical.substrate import Array, Read

STEP, STEPS = 0.5, 4  # sigma_0 = 1/sqrt(in_features)
LEAST = 0.1  # of the change that was asked for
BLANK = 0.5  # sigma_0: largest root mean square weight of a new readout


def seen_weights(array: Array) -> Tensor:
    """Weights as mean reads show them, in sigma_0, shape (out_features, in_features)."""
    alone = torch.eye(array.in_features, dtype=torch.float32)
    return array.measure(alone, Read.MEAN).T.double() * array.in_features**0.5


def monotone(lab: Laboratory) -> Verdict:
    """Asks for the same change again and again, then for the opposite, half of the weights upwards."""
    array = lab.specimen().array
    sign = torch.where(lab.normal(array.out_features, array.in_features) < 0, -1.0, 1.0)
    start = seen_weights(array)
    came = [0.0]
    for way in (1.0, -1.0):
        for _ in range(STEPS):
            array.program(way * STEP * array.in_features**-0.5 * sign)
            came.append(float((sign * (seen_weights(array) - start)).mean()))
    lab.evidence["programming"] = torch.tensor(came)
    up, down = came[: STEPS + 1], came[STEPS:]
    rising = all(after > before for before, after in itertools.pairwise(up))
    falling = all(after < before for before, after in itertools.pairwise(down))
    asked = STEP * STEPS
    passed = rising and falling and up[-1] >= LEAST * asked and down[0] - down[-1] >= LEAST * asked
    return Verdict(
        passed, f"{up[-1]:+.2f} and {down[-1] - down[0]:+.2f} sigma_0 of {asked:+g} and {-asked:+g} asked for"
    )


def blank_readout(lab: Laboratory) -> Verdict:
    """Whether a new readout holds nothing."""
    substrate = lab.specimen(1).substrate
    size = rms(seen_weights(substrate.make_array(lab.first.medium.out_features, 2, readout=True)))
    return Verdict(size <= BLANK, f"weights {size:.2g} sigma_0")


def counted(lab: Laboratory) -> Verdict:
    """Whether writes, wear, energy and time are counted in numbers that make sense."""
    made = lab.specimen()
    meter = made.substrate.meter
    before, worn = meter.totals()["writes"], float(made.array.wear.sum())
    made.array.program(torch.full((made.array.out_features, made.array.in_features), made.array.in_features**-0.5))
    writes, wear = meter.totals()["writes"] - before, float(made.array.wear.sum()) - worn
    if not (writes > 0 and wear > 0):
        return Verdict(False, f"{writes} writes and {wear:g} pulses of wear after programming; call Array.record")
    joules = 0.0
    for name in ("medium", "array"):
        part, x = made.part(name), lab.signals[name]
        for kind, cost in part.costs(x, part.measure(x)).items():
            value = float(torch.as_tensor(cost))
            if kind not in ENERGY or not (math.isfinite(value) and value >= 0):
                return Verdict(False, f"the {name} costs {value:g} J of {kind}")
            joules += value
        if not (math.isfinite(part.latency) and part.latency >= 0):
            return Verdict(False, f"the {name} takes {part.latency:g} s")
    return Verdict(True, f"{writes} writes, {joules / len(lab.signals['medium']):.2g} J a sample")


CHECKS = (
    ContractCheck(
        "programming", f"{STEPS} changes of {STEP:g} sigma_0 move weights that way, each of them, and back", monotone
    ),
    ContractCheck("readout starts at 0", f"weights of at most {BLANK:g} sigma_0", blank_readout),
    ContractCheck("costs are counted", "writes and wear grow; energy and time are finite and not negative", counted),
)
