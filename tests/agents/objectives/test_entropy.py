"""Matrix-based Renyi entropy: small cases by hand, and the inequalities that it is known for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.agents.network.information import with_diagonal
from pib_rl.agents.objectives.entropy import entropy, mutual_information
from pib_rl.agents.objectives.gram import Gram

ORDERS = [0.5, 1.5, 2.0, 3.0]
order = st.sampled_from(ORDERS)
seed = st.integers(0, 10**6)
count = st.integers(2, 14)


def blocks(*sizes: int) -> torch.Tensor:
    """Points at as many places as there are sizes, the places infinitely far apart."""
    return torch.block_diag(*(torch.ones(size, size, dtype=torch.float64) for size in sizes))


def gram(n: int, number: int, width: float = 1.0) -> torch.Tensor:
    z = torch.randn(n, 3, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    return with_diagonal(Gram(z, "rms", width).k)


@pytest.mark.parametrize("alpha", ORDERS)
def test_equal_points_hold_nothing(alpha):
    assert entropy(blocks(2), alpha).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("n", [2, 7])
def test_points_far_apart_hold_log_n(n, alpha):
    assert entropy(torch.eye(n, dtype=torch.float64), alpha).item() == pytest.approx(math.log(n))


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("sizes", [(3, 3), (1, 4), (1, 2, 5)])
def test_blocks_hold_the_renyi_entropy_of_their_shares(sizes, alpha):
    shares = [size / sum(sizes) for size in sizes]
    expected = math.log(sum(share**alpha for share in shares)) / (1 - alpha)
    assert entropy(blocks(*sizes), alpha).item() == pytest.approx(expected, abs=1e-6)


def test_order_near_one_is_shannons():
    shares = [1 / 8, 2 / 8, 5 / 8]
    assert entropy(blocks(1, 2, 5), 1.0001).item() == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-4)


def test_two_points_by_hand():
    k = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)  # A = K/2 has eigenvalues 0.8 and 0.2
    assert entropy(k).item() == pytest.approx(-math.log(0.8**2 + 0.2**2))
    assert entropy(k, 3.0).item() == pytest.approx(-math.log(0.8**3 + 0.2**3) / 2)


@given(n=count, number=seed)
def test_order_two_needs_no_eigenvalues(n, number):
    k = gram(n, number)
    expected = -(torch.linalg.eigvalsh(k / n) ** 2).sum().log()
    torch.testing.assert_close(entropy(k, 2.0), expected)


@given(n=count, number=seed, alpha=order)
def test_between_zero_and_log_n(n, number, alpha):
    assert -1e-7 <= entropy(gram(n, number), alpha).item() <= math.log(n) + 1e-7


@given(n=count, number=seed, alpha=order)
def test_blind_to_the_order_of_samples(n, number, alpha):
    k = gram(n, number)
    shuffle = torch.randperm(n, generator=torch.Generator().manual_seed(number + 1))
    assert entropy(k[shuffle][:, shuffle], alpha).item() == pytest.approx(entropy(k, alpha).item(), abs=1e-7)


@given(n=count, number=seed)
def test_falls_with_the_order(n, number):
    values = [entropy(gram(n, number), alpha).item() for alpha in ORDERS]
    assert all(low >= high - 1e-7 for low, high in pairwise(values))


@given(n=count, first=seed, second=seed, alpha=order)
def test_two_variables_hold_at_least_as_much_as_either_and_no_more_than_their_sum(n, first, second, alpha):
    a, b = gram(n, first), gram(n, second, 0.7)
    joint, one, two = (entropy(k, alpha).item() for k in (a * b, a, b))
    assert joint >= max(one, two) - 1e-7
    assert joint <= one + two + 1e-7


@given(n=count, number=seed, alpha=order)
def test_a_wider_kernel_sees_less(n, number, alpha):
    assert entropy(gram(n, number, 2.0), alpha) <= entropy(gram(n, number, 0.5), alpha) + 1e-7


@pytest.mark.parametrize("alpha", ORDERS)
def test_information_of_grids_and_copies(alpha):
    grid = torch.arange(12)
    row, column = ((axis[:, None] == axis[None]).double() for axis in (grid // 4, grid % 4))
    assert mutual_information(row, column, alpha).item() == pytest.approx(0, abs=1e-6)
    assert mutual_information(row, row, alpha).item() == pytest.approx(math.log(3), abs=1e-6)
    assert mutual_information(torch.eye(12, dtype=torch.float64), row, alpha).item() == pytest.approx(
        math.log(3), abs=1e-6
    )


@pytest.mark.parametrize("alpha", [0.0, -1.0, 1.0])
def test_orders_without_meaning_are_refused(alpha):
    with pytest.raises(ValueError, match="order alpha must be > 0 and not 1"):
        entropy(torch.eye(2), alpha)
