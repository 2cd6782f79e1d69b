"""A learner of hidden arrays by itself, and something to learn from."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from torch import Tensor

from pib_rl.agents import PIB, PIBPolicy, Rule, RuleConfig
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.rule.experience import Experience
from pib_rl.agents.rule.reward_samples import RewardSamples
from pib_rl.common.options import configure

D = 5
ACTIONS = {"discrete": spaces.Discrete(3), "box": spaces.Box(-1, 1, (2,))}
ENVS = {"discrete": "CartPole-v1", "box": "Pendulum-v1"}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make_learner(
    learner: str,
    action: str = "discrete",
    hw: str = "digital",
    *,
    width: int = 6,
    seed: int = 0,
    hw_options=None,
    options=None,
    **settings,
) -> Learner:
    """A learner on a policy whose readout says something; ``settings`` are those of the rule."""
    kind = find_learner(learner)
    policy = PIBPolicy(
        spaces.Box(-np.inf, np.inf, (D,)),
        ACTIONS[action],
        hw=hw,
        hw_options=hw_options,
        width=width,
        action_inputs=kind.target_inputs,
        seed=seed,
    )
    size = policy.model.network.tap_features + 1
    policy.model.readout.array.program(1.5 * size**-0.5 * normal(policy.head.outputs + 1, size, seed=8))
    settings = kind.defaults | settings
    made = kind(policy.model, RuleConfig(**settings), configure(kind.Options, options or {}, learner))
    made.policy = policy  # whose model it trains; learners themselves do not know of it
    return made


def live(policy: PIBPolicy, n: int, seed: int = 0) -> Experience:
    """Random states, what the policy did there, and random advantages."""
    obs, after = normal(n, D, seed=seed), normal(n, D, seed=seed + 1)
    parameters, values = policy.outputs(obs)
    actions = policy.head.sample(parameters, policy.streams)
    score, preference = policy.head.score(parameters, actions), policy.head.preference(parameters)
    advantage = normal(n, seed=seed + 2)
    return Experience(obs, after, actions, parameters, values, advantage, advantage + values, score, preference)


def batch_of(learner: Learner, *recent: Experience, progress: float = 0.0) -> Batch:
    """Rollouts as what the learner gets to see of them, all in one batch."""
    samples = RewardSamples(learner.policy, learner.config, list(recent), progress)
    return Batch(samples, torch.arange(len(samples)), learner.model.network)


def update(learner: Learner, experience: Experience, progress: float = 0.0) -> dict[str, float]:
    """The learner's steps on a rollout, as the rule has them done."""
    rule = Rule(learner.policy, learner.config, learner)
    rule.history.append(experience)
    return rule._update_units(progress)


def weights(learner: Learner) -> list[Tensor]:
    return [unit.array.weights().clone() for unit in learner.model.network.chain]


def assert_saving_is_unnoticed(learner: str, action: str, hw: str, path: Path) -> None:
    """One more iteration of a saved and loaded agent equals that of the one that was never saved, bit for bit."""
    options = {"learner": learner, "hw": hw, "n_steps": 32, "width": 4, "seed": 3, "rule": {"hidden_steps": 3}}
    agent = PIB("MlpPolicy", make_vec_env(ENVS[action], 2), **options).learn(128)
    agent.save(path)
    loaded = PIB.load(path)
    learned, read = agent.rule.learner.memory.state_dict(), loaded.rule.learner.memory.state_dict()
    assert any(value.abs().sum() > 0 for value in learned.values())
    assert all(torch.equal(value, read[key]) for key, value in learned.items())
    loaded.policy.streams.__setstate__(agent.policy.streams.__getstate__())  # files hold no state of generators
    loaded.rule.history, loaded.rule.running = copy.deepcopy(agent.rule.history), agent.rule.running.clone()
    for model in (agent, loaded):
        model.rule.update(agent.rollout, 0.3, 0.1)
    ours, theirs = agent.policy.state_dict(), loaded.policy.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    again = loaded.rule.learner.memory.state_dict()
    assert all(torch.equal(value, again[key]) for key, value in agent.rule.learner.memory.state_dict().items())
