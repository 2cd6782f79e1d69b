"""The digital substrate: exact tanh, exact products, exact writes."""

from __future__ import annotations

import pytest
import torch
from chips import draws, make

from pib_rl.physical.substrate import Read


@pytest.mark.parametrize("read", list(Read))
def test_medium_is_tanh_in_every_read_mode(read):
    medium = make("digital").make_medium(5, 99)
    drive = draws(20, 5, size=2)
    assert medium.out_features == 5
    assert torch.equal(medium.measure(drive, read), torch.tanh(drive))


@pytest.mark.parametrize("read", list(Read))
def test_array_is_an_exact_product_before_and_after_writes(read):
    array = make("digital").make_array(30, 7)
    h, delta = draws(20, 30), draws(7, 30, seed=1)
    weights = array.weights().clone()
    torch.testing.assert_close(array.measure(h, read), h @ weights.T, rtol=1e-6, atol=1e-6)
    array.program(delta)
    torch.testing.assert_close(array.measure(h, read), h @ (weights + delta).T, rtol=1e-5, atol=1e-5)


def test_hidden_weights_start_at_one_over_root_of_inputs():
    weights = make("digital").make_array(400, 100).weights()
    assert abs(weights.std() * 20 - 1) < 5 / (2 * 40_000) ** 0.5
    assert abs(weights.mean() * 20) < 5 / 40_000**0.5


@pytest.mark.parametrize("kind", ["digital", "optical", "multiplier"])
def test_readout_weights_start_at_zero(kind):
    assert not make(kind).make_array(30, 7, readout=True).weights().any()


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 3), (3, 0), (-1, 3)])
def test_empty_arrays_are_refused(inputs, outputs):
    with pytest.raises(ValueError, match=f"at least 1 input and 1 output, got {inputs} and {outputs}"):
        make("digital").make_array(inputs, outputs)


@pytest.mark.parametrize("inputs", [0, -1])
def test_empty_media_are_refused(inputs):
    with pytest.raises(ValueError, match=f"Medium needs at least 1 input and 1 output, got {inputs}"):
        make("digital").make_medium(inputs, 3)
