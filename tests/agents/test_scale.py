"""The unit and the offset of observations and rewards mean nothing: an agent learns the same in all of them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pib_rl.agents import PIB
from pib_rl.agents.network.normaliser import Normaliser, ReturnScale
from pib_rl.agents.observations import precision

SCALES = [2.0**-40, 2.0**-20, 2.0**20, 2.0**40]  # about 1e-12 .. 1e12, without rounding


class Walk(gym.Env):
    """A point that is to be held at 0; what it shows and what it pays come in any unit."""

    def __init__(self, by=1.0, plus=0.0, pay=1.0, kind=np.float32):
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), kind)
        self.action_space = spaces.Discrete(2)
        self.by, self.plus, self.pay = by, plus, pay

    def _shown(self):
        return (np.array([self.at, 0.5]) * self.by + self.plus).astype(self.observation_space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.steps = round(float(self.np_random.normal()), 2), 0
        return self._shown(), {}

    def step(self, action):
        self.at, self.steps = self.at + (0.25 if action else -0.25), self.steps + 1
        return self._shown(), -abs(self.at) * self.pay, False, self.steps == 12, {}


def trained(**scales):
    return PIB("MlpPolicy", Walk(**scales), n_steps=64, width=8, seed=0).learn(192)


def weights(agent):
    return agent.policy.model.readout.array.weights()


@pytest.fixture(scope="module")
def plain():
    return trained()


@pytest.mark.parametrize("by", SCALES)
def test_observations_in_any_unit_learn_bit_for_bit_the_same(plain, by):
    assert torch.equal(weights(trained(by=by)), weights(plain))


@pytest.mark.parametrize("pay", SCALES)
def test_rewards_in_any_unit_learn_bit_for_bit_the_same(plain, pay):
    assert torch.equal(weights(trained(pay=pay)), weights(plain))


def test_observations_in_64_bits_may_lie_anywhere(plain):
    offset, near = trained(plus=1e8, kind=np.float64), trained(kind=np.float64)
    obs = np.array([[0.5, 0.5], [-2.0, 0.5]])
    torch.testing.assert_close(
        offset.policy.model.inputs(torch.tensor(obs + 1e8)),
        near.policy.model.inputs(torch.tensor(obs)),
        atol=1e-4,
        rtol=0,
    )
    assert (near.policy.model.inputs(torch.tensor(obs))[:, 0].diff().abs() > 0.5).all()


def test_64_bits_are_kept_where_32_would_round():
    for kind, wanted in (
        (np.float32, 32),
        (np.uint8, 32),
        (np.int16, 32),
        (np.int32, 64),
        (np.int64, 64),
        (np.float64, 64),
    ):
        space = spaces.Box(0, 100, (2,), kind)
        assert torch.finfo(precision(space)).bits == wanted
        assert torch.finfo(precision(spaces.Dict({"a": space, "b": spaces.Discrete(2)}))).bits == wanted


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e-12, -3e7, 1e12])
def test_a_feature_that_never_varies_is_0_in_any_unit(value, kind):
    normaliser = Normaliser(1)
    for size in (5, 1000, 7):
        data = torch.full((size, 1), value, dtype=kind)
        normaliser.update(data)
        assert normaliser.std.item() == 0
        assert normaliser.scale.item() == 1
        assert torch.equal(normaliser(data), torch.zeros(size, 1))


def test_a_feature_that_begins_to_vary_counts_from_then_on():
    normaliser, still, moving = Normaliser(1), torch.full((50, 1), 1e-9), torch.tensor([[1e-9], [3e-9]]).repeat(25, 1)
    normaliser.update(still)
    normaliser.update(moving)
    data = torch.cat([still, moving]).double()
    torch.testing.assert_close(normaliser.std.double(), data.std(0, correction=0, keepdim=True), rtol=1e-5, atol=0)
    torch.testing.assert_close(normaliser.mean, data.mean(0, keepdim=True), rtol=1e-6, atol=0)


@pytest.mark.parametrize("common", [False, True])
def test_chips_of_a_wafer_have_the_statistics_of_single_ones(common):
    data = torch.randn(3, 40, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-7 + 1e4
    wafer = Normaliser(4, common=common, chips=(3,))
    for part in data.split(20, 1):
        wafer.update(part)
    for chip in range(3):
        single = Normaliser(4, common=common)
        for part in data[chip].split(20, 0):
            single.update(part)
        assert torch.equal(wafer.mean[chip], single.mean)
        assert torch.equal(wafer.std[chip], single.std)
        assert torch.equal(wafer(data)[chip], single(data[chip]))


def test_loaded_statistics_are_used():
    data = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 1e9
    one, other = Normaliser(2), Normaliser(2)
    one.update(data)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(data), other(data))
    assert one(data).std(0).sub(1).abs().max() < 0.05


@pytest.mark.parametrize("reward", [0.0, 1e-12, 1e12])
def test_returns_that_never_differ_have_scale_1(reward):
    scale = ReturnScale(0.0)
    scale.update(torch.full((8, 2), reward), torch.zeros(8, 2), torch.zeros(2))
    assert scale.value == 1
