"""Checks of programming: weights go where they are asked to, and what it costs is counted."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pib_rl.certify.specimen import READOUT, Laboratory
from pib_rl.certify.verdict import ContractCheck, Verdict
from pib_rl.physical.meter import PARTS as ENERGY
from pib_rl.physical.substrate import Array, Read

STEP, STEPS = 0.5, 4  # sigma_0 = 1/sqrt(in_features)
LEAST = 0.1  # of the change that was asked for
ERRORS = 2.0  # standard errors by which a mean change may fall short of none
BLANK, WRITE_ERRORS = 0.5, 4.0  # sigma_0, and errors of a write: half of a new readout's weights; others may be stuck


def seen_weights(array: Array) -> Tensor:
    """Weights as mean reads show them, in sigma_0, shape (out_features, in_features)."""
    alone = torch.eye(array.in_features, dtype=torch.float32)
    return array.measure(alone, Read.MEAN).T.double().mul_(array.in_features**0.5)


def monotone(lab: Laboratory) -> Verdict:
    """Asks for the same change again and again, half of the weights upwards and half downwards."""
    array = lab.specimen().array
    up = lab.normal(array.out_features, array.in_features) > 0
    way = torch.where(up, 1.0, -1.0)
    start, came, steps = seen_weights(array), [(0.0, 0.0)], []
    before = start
    for _ in range(STEPS):
        array.program(STEP * array.in_features**-0.5 * way)
        after = seen_weights(array)
        step, moved, before = way * (after - before), way * (after - start), after
        came.append((float(moved[up].mean()), float(moved[~up].mean())))
        steps.append(float(step.mean() + ERRORS * step.std() / step.numel() ** 0.5))
    lab.evidence["programming"] = torch.tensor(came, dtype=torch.float32)
    asked = STEP * STEPS
    passed = min(steps) > 0 and min(came[-1]) >= LEAST * asked
    return Verdict(passed, f"{came[-1][0]:.2f} up and {came[-1][1]:.2f} down, of {asked:g} sigma_0 asked for")


def blank_readout(lab: Laboratory) -> Verdict:
    """Whether a new readout holds nothing."""
    substrate = lab.specimen(1).substrate
    array = substrate.make_array(lab.first.medium.out_features, READOUT, readout=True)
    start = seen_weights(array)
    size, change = float(start.abs().median()), lab.normal(*start.shape)
    array.program(change * array.in_features**-0.5)
    error = float((seen_weights(array) - start - change).abs().median())
    return Verdict(size <= max(BLANK, WRITE_ERRORS * error), f"median {size:.2g} sigma_0, error of a write {error:.2g}")


def counted(lab: Laboratory) -> Verdict:
    """Whether writes, wear, energy and time are counted in numbers that make sense."""
    made = lab.specimen()
    meter = made.substrate.meter
    before, worn = meter.totals()["writes"], float(made.array.wear.sum())
    made.array.program(
        torch.full((made.array.out_features, made.array.in_features), made.array.in_features**-0.5, dtype=torch.float32)
    )
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
        "programming",
        f"none of {STEPS} changes of {STEP:g} sigma_0 moves weights the wrong way; together {LEAST:.0%} of it or more",
        monotone,
    ),
    ContractCheck(
        "readout starts at 0",
        f"half of its weights are within {BLANK:g} sigma_0, or {WRITE_ERRORS:g} errors of a write",
        blank_readout,
    ),
    ContractCheck("costs are counted", "writes and wear grow; energy and time are finite and not negative", counted),
)
