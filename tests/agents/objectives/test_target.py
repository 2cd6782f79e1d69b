"""Targets: how alike two samples are."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.agents.objectives.target import Target


def values(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_classes_are_alike_or_not():
    label = torch.tensor([0, 1, 0, 2, 1])
    same = Target(torch.nn.functional.one_hot(label, 3).float(), classes=True).similarity()
    expected = torch.tensor([[0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]])
    assert torch.equal(same, expected.float())


@given(n=st.integers(2, 12), d=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_real_values_are_alike_by_degrees(n, d, seed):
    same = Target(values(n, d, seed)).similarity()
    assert torch.equal(same.diagonal(), torch.zeros(n, dtype=torch.float64))
    assert same.min() >= 0
    assert same.max() <= 1
    torch.testing.assert_close(same, same.T)


def test_independent_samples_lie_at_distance_two():
    same = Target(values(60, 4), (1, 3)).similarity()
    pairs = -same[~torch.eye(60, dtype=torch.bool)].log()
    assert pairs.mean().item() == pytest.approx(2.0, rel=1e-9)


def test_distance_by_hand():
    y = torch.tensor([[0.0, 5.0], [2.0, 5.0], [4.0, 8.0]], dtype=torch.float64)  # deviations 2 and sqrt(3)
    same = Target(y).similarity()
    assert same[0, 1].item() == pytest.approx(math.exp(-(1.0 + 0.0) / 2))
    assert same[0, 2].item() == pytest.approx(math.exp(-(4.0 + 3.0) / 2))


def test_a_block_counts_as_much_as_a_single_dimension():
    y = values(8, 2)
    copies = torch.cat([y[:, :1], y[:, 1:].expand(-1, 5)], 1)
    torch.testing.assert_close(Target(copies, (1, 5)).similarity(), Target(y).similarity())
    assert not torch.allclose(Target(copies).similarity(), Target(y).similarity(), atol=1e-2)


def test_a_block_shares_one_unit_of_weight_and_keeps_less_as_it_is():
    weights = torch.tensor([1.0, 1.0, 0.5, 0.1, 0.2, 0.9])
    shared = Target(values(4, 6), (3, 2, 1)).shared(weights)
    torch.testing.assert_close(shared, torch.tensor([0.4, 0.4, 0.2, 0.1, 0.2, 0.9]))
    assert torch.equal(Target(values(4, 6)).shared(weights), weights)


def test_taking_samples_keeps_what_the_target_is():
    pick = torch.tensor([2, 0])
    part = Target(values(4, 3), (1, 2), classes=True).take(pick)
    assert torch.equal(part.values, values(4, 3)[pick])
    assert (part.blocks, part.classes) == ((1, 2), True)


@given(size=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_blind_to_the_unit_of_a_dimension(size, shift):
    y = values(8, 2)
    other = torch.stack([y[:, 0] * size + shift, y[:, 1]], 1)
    torch.testing.assert_close(Target(other).similarity(), Target(y).similarity(), rtol=1e-7, atol=1e-9)


def test_constant_dimensions_and_repeated_calls_are_harmless():
    y = torch.ones(4, 2)
    target = Target(y)
    assert torch.equal(target.similarity(), 1 - torch.eye(4))
    assert torch.equal(target.similarity(), 1 - torch.eye(4))
    assert torch.equal(y, torch.ones(4, 2))
