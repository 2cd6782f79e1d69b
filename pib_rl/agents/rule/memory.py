"""What a rule remembers of its rollouts, checked before a rule of another process takes it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.rule.experience import Experience
from pib_rl.agents.rule.self_test import Remembered


def experience(parts: Mapping[str, Tensor], policy: PIBPolicy) -> Experience:
    """A rollout of a policy with such observations and actions; ValueError or TypeError if it is none."""
    one, head = Experience(**parts), policy.head
    lead, seen, score = one.values.shape, _seen(policy), (head.score_features,)
    _check("values", one.values, (*policy.streams.chips, lead[-1]))
    for name, shape in {
        "obs": seen,
        "next_obs": seen,
        "actions": head.shape,
        "parameters": (head.outputs,),
        "advantage": (),
        "returns": (),
        "score": score,
        "preference": score,
    }.items():
        _check(name, parts[name], (*lead, *shape), whole=name == "actions" and head.whole)
    return one


def remembered(parts: Sequence[Tensor], policy: PIBPolicy) -> Remembered:
    """Observations, and the outputs that a policy gave for them; ValueError or TypeError if these are none."""
    obs, outputs = Remembered(*parts)
    lead = *policy.streams.chips, obs.shape[-2]
    _check("remembered observations", obs, (*lead, *_seen(policy)))
    _check("remembered outputs", outputs, (*lead, policy.head.outputs + 1))
    return Remembered(obs, outputs)


def _seen(policy: PIBPolicy) -> tuple[int]:
    return (policy.model.normaliser.mean.shape[-1],)


def _check(name: str, value: Tensor, shape: tuple[int, ...], whole: bool = False) -> None:
    fits = value.dtype is torch.int64 if whole else value.is_floating_point()
    if value.shape != shape or not fits:
        kind = "whole numbers" if whole else "numbers"
        raise ValueError(f"{name} must be {kind} of shape {shape}, got {value.dtype} of shape {tuple(value.shape)}")
