"""The information plane: what it estimates, and that it ranks units rightly."""

from __future__ import annotations

import math

import pytest
import references
import torch

from pib_rl.agents.network.information import information_plane, with_diagonal
from pib_rl.agents.network.network import Activations
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plane(x: torch.Tensor, zs: list[torch.Tensor], target: Target):
    return information_plane(x, Activations([], zs, torch.empty(0)), target)


def order_two(d: torch.Tensor) -> torch.Tensor:
    return -(torch.exp(-d).sum() / len(d) ** 2).log()  # k = K^2, with the diagonal


def test_the_gram_matrix_of_entropies_is_the_root_with_a_unit_diagonal():
    z = normal(9, 3)
    expected = torch.exp(-references.distances(z, "rms", 1.0) / 2)
    torch.testing.assert_close(with_diagonal(Gram(z).k), expected)


def test_both_informations_follow_their_definition():
    x, z, y = normal(30, 4), normal(30, 3, seed=1), normal(30, 2, seed=2)
    point = plane(x, [z], Target(y))[0]
    own, source = (references.distances(part, "rms", 1.0) for part in (z, x))
    goal = references.target_distances(y, (), False)
    on_input = order_two(own) + order_two(source) - order_two(own + source)
    on_target = order_two(own) + order_two(goal) - order_two(own + goal)
    assert point.on_input == pytest.approx(on_input.item(), abs=1e-9)
    assert point.on_target == pytest.approx(on_target.item(), abs=1e-9)


def test_a_unit_that_follows_the_target_holds_more_of_it_and_less_of_the_input():
    x = normal(100, 8)
    y = x[:, :1] * 2
    copy, follower, noise = plane(x, [x, y + 0.01 * normal(100, 1, seed=1), normal(100, 1, seed=2)], Target(y))
    assert follower.on_target > copy.on_target > 0
    assert follower.on_target > noise.on_target + 0.2
    assert copy.on_input > follower.on_input > noise.on_input


def test_classes_told_apart_hold_all_of_their_entropy():
    label = torch.arange(40) % 4
    classes = torch.nn.functional.one_hot(label, 4).double()
    told = plane(normal(40, 3), [100 * classes + 1e-3 * normal(40, 4)], Target(classes, classes=True))[0]
    assert 0.5 * math.log(4) < told.on_target <= math.log(4) + 1e-9
