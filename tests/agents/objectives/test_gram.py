"""Gram matrices against their definition, and the way back against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import distances, without_diagonal

from pib_rl.agents.objectives.gram import Gram

SCALES = ["rms", "sample"]


def outputs(n: int, d: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * 3 + 1


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("bandwidth", [0.45, 1.0, 2.0])
def test_entries_are_the_squared_kernel_of_scaled_distances(scale, bandwidth):
    z = outputs(11, 4, 0)
    expected = without_diagonal(torch.exp(-distances(z, scale, bandwidth)))
    torch.testing.assert_close(Gram(z, scale, bandwidth).k, expected, rtol=1e-10, atol=1e-12)


@given(n=st.integers(2, 12), d=st.integers(1, 6), seed=st.integers(0, 10**6), scale=st.sampled_from(SCALES))
def test_symmetric_bounded_and_no_diagonal(n, d, seed, scale):
    k = Gram(outputs(n, d, seed), scale).k
    assert torch.equal(k.diagonal(), torch.zeros(n, dtype=torch.float64))
    assert k.min() >= 0
    assert k.max() <= 1
    torch.testing.assert_close(k, k.T)


@pytest.mark.parametrize("scale", SCALES)
@given(shift=st.floats(-5, 5), size=st.floats(0.01, 100))
def test_blind_to_offset_and_size_of_the_outputs(scale, shift, size):
    z = outputs(9, 3, 1)
    torch.testing.assert_close(Gram(size * z + shift, scale).k, Gram(z, scale).k, rtol=1e-7, atol=1e-9)


def test_only_the_sample_scale_is_blind_to_the_size_of_each_sample():
    half = outputs(5, 3, 2)
    factor = torch.linspace(0.5, 3.0, 5, dtype=torch.float64)[:, None]
    plain, stretched = torch.cat([half, -half]), torch.cat([half * factor, -half * factor])
    torch.testing.assert_close(Gram(stretched, "sample").k, Gram(plain, "sample").k)
    assert (Gram(stretched, "rms").k - Gram(plain, "rms").k).abs().max() > 0.05


def test_rms_scale_puts_two_samples_at_distance_two_on_average():
    z = outputs(40, 6, 3)
    k = Gram(z, "rms").k
    pairs = -k[~torch.eye(40, dtype=torch.bool)].log()
    assert pairs.sum().item() / 40**2 == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_pull_is_the_gradient_by_the_outputs(scale):
    z = outputs(10, 4, 4)
    slope = outputs(10, 10, 5)
    leaf = z.clone().requires_grad_()
    (without_diagonal(slope) * -distances(leaf, scale, 0.8)).sum().backward()
    torch.testing.assert_close(Gram(z, scale, 0.8).pull(slope.clone()), leaf.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", SCALES)
def test_pull_ignores_the_diagonal_and_leaves_its_argument_alone(scale):
    gram, slope = Gram(outputs(6, 3, 6), scale), outputs(6, 6, 7)
    before = slope.clone()
    plain = gram.pull(slope)
    assert torch.equal(slope, before)
    torch.testing.assert_close(gram.pull(slope + 100 * torch.eye(6, dtype=torch.float64)), plain)


@pytest.mark.parametrize("scale", SCALES)
def test_a_dead_unit_gives_finite_numbers(scale):
    gram = Gram(torch.full((5, 3), 2.0), scale)
    assert torch.equal(gram.k, 1 - torch.eye(5))
    assert gram.pull(torch.ones(5, 5)).isfinite().all()


def test_refuses_what_is_no_batch():
    with pytest.raises(ValueError, match=r"n >= 2.*\(1, 3\)"):
        Gram(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="n >= 2"):
        Gram(torch.zeros(4))
    with pytest.raises(ValueError, match="rms or sample, got 'max'"):
        Gram(torch.zeros(4, 2), "max")  # type: ignore[arg-type]
