"""Ends of episodes as the agent meets them: which observation follows, and whose value counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import Episodes
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.agents import PIB

STEPS = 30  # per environment: seven episodes and a half
GAMMA, LAM = 0.9, 0.8


@pytest.fixture(scope="module")
def agent() -> PIB:
    made = PIB("MlpPolicy", make_vec_env(Episodes, 2), n_steps=STEPS, width=6, gamma=GAMMA, gae_lambda=LAM, seed=0)
    return made.learn(2 * STEPS * 2)  # two rollouts: values are no longer zero


def schedule(agent: PIB):
    """Episode and step of every row, from the environments' own observations."""
    obs = agent.rollout.obs
    return obs[..., 0].long(), obs[..., 1].long()


def test_the_next_observation_is_the_episodes_own_not_the_reset_one(agent):
    episode, at = schedule(agent)
    expected = torch.stack([episode, at + 1], -1).float()
    assert torch.equal(agent.rollout.next_obs, expected)
    last = at[:-1] == Episodes.LENGTH - 1
    assert last.sum() >= 12
    following = torch.stack([episode + 1, torch.zeros_like(at)], -1).float()[:-1]
    assert torch.equal(agent.rollout.obs[1:][last], following[last])
    assert torch.equal(agent.rollout.obs[1:][~last], agent.rollout.next_obs[:-1][~last])


def test_the_clock_alone_truncates(agent):
    episode, at = schedule(agent)
    last = at == Episodes.LENGTH - 1
    kind = episode % 3  # terminated, truncated, both
    assert torch.equal(agent.rollout.terminated, (last & (kind != 1)).float())
    assert torch.equal(agent.rollout.truncated, (last & (kind == 1)).float())
    assert {0, 1, 2} <= set(kind[last].tolist())


def test_rewards_and_outputs_belong_to_their_observation(agent):
    _, at = schedule(agent)
    assert torch.equal(agent.rollout.rewards, at + 1.0)
    probe = PIB("MlpPolicy", make_vec_env(Episodes, 2), n_steps=STEPS, width=6, seed=0)
    probe.learn(2 * STEPS)  # one rollout, acted with the untrained readout: all outputs are zero
    assert torch.equal(probe.rollout.parameters, torch.zeros(STEPS, 2, 2))
    assert torch.equal(probe.rollout.values, torch.zeros(STEPS, 2))


def test_only_a_truncated_end_counts_the_value_of_its_last_state(agent):
    rollout, policy, rule = agent.rollout, agent.policy, agent.rule
    values, following = (
        policy.outputs(obs.flatten(0, 1)).values.reshape(STEPS, 2).numpy() for obs in (rollout.obs, rollout.next_obs)
    )
    rule.update(rollout, 1.0, 0.0)
    scale, rewards = policy.returns.value, rollout.rewards.numpy()
    episode, at = (part.numpy() for part in schedule(agent))
    expected = np.zeros((STEPS, 2))
    for env in range(2):
        carried = 0.0
        for step in reversed(range(STEPS)):
            ended = at[step, env] == Episodes.LENGTH - 1
            after = following[step, env] if ended or step == STEPS - 1 else values[step + 1, env]
            alive = 0.0 if ended and episode[step, env] % 3 != 1 else 1.0
            carried = 0.0 if ended else carried
            error = rewards[step, env] / scale + GAMMA * alive * after - values[step, env]
            carried = expected[step, env] = error + GAMMA * LAM * carried
    assert np.abs(following).min() > 1e-3
    np.testing.assert_allclose(rule.history[-1].advantage.reshape(STEPS, 2), expected, rtol=1e-3, atol=1e-4)


def test_the_scale_of_returns_forgets_at_every_end(agent):
    # Within an episode the discounted return so far is fixed; across an end it starts again.
    ongoing = np.cumsum([GAMMA**-k * (k + 1) for k in range(4)]) * GAMMA ** np.arange(4)
    probe = PIB("MlpPolicy", make_vec_env(Episodes, 1), n_steps=8, width=4, gamma=GAMMA, seed=0).learn(16)
    assert probe.policy.returns.value == pytest.approx(ongoing.std(), rel=1e-4)
    assert probe.policy.returns.statistics.count.item() == 16
