"""Running statistics against NumPy on all data at once."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.agents.network.normaliser import Normaliser, ReturnScale


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 10**6))
def test_statistics_are_those_of_all_data_so_far(sizes, seed):
    random = np.random.default_rng(seed)
    normaliser, seen = Normaliser(3), []
    for size in sizes:
        seen.append(random.normal([0, 5, -2], [1, 0.3, 4], (size, 3)).astype(np.float32))
        normaliser.update(torch.from_numpy(seen[-1]))
        data = np.concatenate(seen).astype(np.float64)
        np.testing.assert_allclose(normaliser.mean[0], data.mean(0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(normaliser.std[0], np.maximum(data.std(0), 1e-4), rtol=2e-3, atol=1e-3)
        assert normaliser.count.item() == len(data)


def test_observations_come_out_standardised_and_clipped():
    normaliser = Normaliser(2, limit=3.0)
    data = torch.tensor([[0.0, 10.0], [2.0, 30.0]])
    normaliser.update(data)
    torch.testing.assert_close(normaliser(data), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(normaliser(torch.tensor([[100.0, -1000.0]])), torch.tensor([[3.0, -3.0]]))


def test_reading_changes_nothing():
    normaliser, data = Normaliser(2), torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * 4 + 3
    assert torch.equal(normaliser(data[:5]), data[:5].clamp(-5, 5))  # before any data: as it comes
    normaliser.update(data)
    before, copy = {key: value.clone() for key, value in normaliser.state_dict().items()}, data.clone()
    normaliser(data)
    assert torch.equal(data, copy)
    for key, value in normaliser.state_dict().items():
        assert torch.equal(value, before[key])


def test_a_feature_that_never_moves_stays_finite():
    normaliser = Normaliser(2)
    data = torch.tensor([[1.0, 3.0]] * 5)
    normaliser.update(data)
    assert torch.equal(normaliser(data), torch.zeros(5, 2))


def test_return_scale_is_the_deviation_of_the_discounted_return_so_far():
    random = np.random.default_rng(0)
    scale, gamma = ReturnScale(0.9), 0.9
    running, direct, sums = torch.zeros(3), [], np.zeros(3)
    for _ in range(3):
        rewards = random.normal(1, 2, (20, 3)).astype(np.float32)
        dones = (random.random((20, 3)) < 0.2).astype(np.float32)
        running = scale.update(torch.from_numpy(rewards), torch.from_numpy(dones), running)
        for reward, done in zip(rewards, dones, strict=True):
            sums = gamma * sums + reward
            direct.append(sums.copy())
            sums[done > 0] = 0.0
        np.testing.assert_allclose(scale.value, np.std(direct), rtol=1e-4)
        np.testing.assert_allclose(running, sums, rtol=1e-4, atol=1e-5)


def test_return_scale_of_equal_returns_is_positive():
    scale = ReturnScale(0.0)
    scale.update(torch.ones(8, 2), torch.zeros(8, 2), torch.zeros(2))
    assert scale.value > 0
