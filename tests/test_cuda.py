"""Everything that learns also does so on an accelerator; passed over where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.agents import PIB
from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.network.faults import inject, offered
from pib_rl.physical.faults import KINDS, Fault
from pib_rl.physical.substrate import Read

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
HARDWARE = ("digital", "memristive", "optical")
DETAILED = ("memristive:reram-es", "memristive:pcm", "optical:dmd", "optical:lc-slm", "mzi", "oscillator")
SIZES = {
    "stuck": 0.2,
    "dead-pixels": 0.2,
    "drift": 100.0,
    "rotate-medium": 30.0,
    "shift-camera": 1.5,
    "dead-unit": 1.0,
    "adc-bits": 5.0,
}
DIGITS = {"width": 32, "units": 1, "image": (8, 8), "scaling": "common", "batch_size": 64, "device": "cuda"}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.mark.parametrize("hw", HARDWARE + DETAILED)
def test_a_chip_is_the_same_on_every_device(hw):
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 1), hw=hw, width=32, units=2, seed=3, n_steps=32, device="cpu")
    network, x = agent.policy.model.network, torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    here = network.measure(x, Read.IDEAL).taps
    there = network.to("cuda").measure(x.cuda(), Read.IDEAL).taps
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", sorted(set(LEARNERS) - {"es"}))
@pytest.mark.parametrize("hw", HARDWARE)
def test_digits_are_learned(hw, mode, digits):
    model = PIBClassifier(hw=hw, learner=mode, epochs=10, **DIGITS).fit(*digits)
    assert model.score(*digits) > 0.8
    assert np.isfinite(model.features(digits[0])).all()


@pytest.mark.parametrize("hw", HARDWARE)
def test_patch_units_learn_from_views_with_labels_and_without(hw, digits):
    patches = {"patches": [(8, 3, 2)], "views": {"strength": 0.5}}
    assert PIBClassifier(hw=hw, epochs=10, **DIGITS, **patches).fit(*digits).score(*digits) > 0.8
    encoder = PIBEncoder(hw=hw, epochs=2, **DIGITS, **patches).fit(digits[0])
    assert encoder.history_[-1]["loss"] < encoder.history_[0]["loss"]


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("hw", HARDWARE + DETAILED)
def test_a_policy_learns_from_rewards(hw, env):
    agent = PIB("MlpPolicy", make_vec_env(env, 2), hw=hw, n_steps=64, width=16, seed=0, device="cuda")
    arrays = [agent.policy.model.readout.array, *(unit.array for unit in agent.policy.model.network.units)]
    before = [array.weights().clone() for array in arrays]
    agent.learn(512)
    moved = [not torch.equal(array.weights(), old) for array, old in zip(arrays, before, strict=True)]
    assert all(moved) or (moved[0] and "pcm" in hw)  # its verified writes wait until a whole step is due


@pytest.mark.parametrize("hw", HARDWARE + DETAILED)
def test_a_chip_breaks_and_learns_on(hw):
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 2), hw=hw, n_steps=64, width=16, seed=0, device="cuda")
    agent.learn(256)
    obs = torch.randn(64, 4, device="cuda")
    for kind in offered(agent.policy.model):
        inject(agent.policy.model, Fault(kind, SIZES[kind]))
        assert agent.policy.model.outputs(obs, Read.MEAN).isfinite().all(), kind
    agent.learn(256, reset_num_timesteps=False)


@pytest.mark.parametrize("hw", HARDWARE + DETAILED)
def test_a_wafer_learns_breaks_and_learns_on(hw):
    agent = PIB(
        "MlpPolicy", make_vec_env("CartPole-v1", 6), hw=hw, chips=3, n_steps=64, width=16, seed=0, device="cuda"
    )
    agent.learn(128)
    obs = torch.randn(3, 64, 4, device="cuda")
    for kind in offered(agent.policy.model):
        last = SIZES[kind] if KINDS[kind].spreadable else None
        inject(agent.policy.model, Fault(kind, SIZES[kind] if last is None else 0.0, last=last))
        assert agent.policy.model.outputs(obs, Read.MEAN).isfinite().all(), kind
    agent.learn(128, reset_num_timesteps=False)
    single = agent.policy.of_chip(2).model.outputs(obs[2], Read.MEAN)
    assert (single - agent.policy.model.outputs(obs, Read.MEAN)[2]).norm() < 0.05 * single.norm()
