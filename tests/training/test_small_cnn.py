"""The network for small images: what its first layer sees, and PPO with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from worlds import World

from pib_rl.training.small_cnn import SmallCnn


def test_channels_first_last_and_frames_give_the_same_pixels():
    obs = np.random.default_rng(0).random((5, 10, 10, 4)) > 0.8
    last = SmallCnn(spaces.Box(0, 1, (10, 10, 4), dtype=bool))
    first = SmallCnn(spaces.Box(0, 1, (4, 10, 10), dtype=bool))
    frames = SmallCnn(spaces.Box(0, 1, (2, 10, 10, 2), dtype=bool))
    for other in (first, frames):
        other.load_state_dict(last.state_dict())
    features = last(torch.from_numpy(obs).float())
    assert features.shape == (5, 128)
    assert torch.equal(features, first(torch.from_numpy(np.moveaxis(obs, -1, 1).copy()).float()))
    stacked = np.moveaxis(obs.reshape(5, 10, 10, 2, 2), 3, 1)
    assert torch.equal(features, frames(torch.from_numpy(stacked.copy()).float()))
    square = last.layers[0](torch.from_numpy(obs).float().permute(0, 3, 1, 2))[0, :, 2, 5]
    kernels = last.layers[0].weight.detach().numpy()
    expected = np.einsum("ocrs,rsc->o", kernels, obs[0, 2:5, 5:8]) + last.layers[0].bias.detach().numpy()
    np.testing.assert_allclose(square.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_ppo_learns_with_it_from_booleans():
    env = World(spaces.Box(0, 1, (6, 6, 2), dtype=bool), spaces.Discrete(2))
    kwargs = {"features_extractor_class": SmallCnn, "net_arch": []}
    agent = PPO("CnnPolicy", env, n_steps=16, batch_size=16, n_epochs=1, policy_kwargs=kwargs, seed=0, device="cpu")
    before = agent.policy.features_extractor.layers[0].weight.clone()
    agent.learn(16)
    assert not torch.equal(agent.policy.features_extractor.layers[0].weight, before)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"SmallCnn looks at images.*got observations Box"):
        SmallCnn(spaces.Box(0, 1, (5,)))
