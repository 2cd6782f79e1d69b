"""Learning on a network whose units are of different substrates: from labels, from rewards, with every learner."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import Bandit
from learner_toys import make_learner
from sklearn.datasets import load_digits
from stable_baselines3.common.env_util import make_vec_env

from pib_rl import PIB, PIBClassifier
from pib_rl.agents.learners.registry import LEARNERS

MIX = "optical,memristive"


def samples() -> tuple[np.ndarray, ...]:
    x, y = load_digits(return_X_y=True)
    return x[:1000], y[:1000], x[1000:], y[1000:]


def score(learner: str, hw: str) -> float:
    x, y, fresh, answers = samples()
    made = PIBClassifier(hw=hw, units=2, width=16, epochs=4, batch_size=100, learner=learner, seed=1).fit(x, y)
    return float(made.score(fresh, answers))


@pytest.mark.parametrize("hw", [MIX, "memristive:pcm,optical"])
def test_units_learn_from_labels_on_a_mix(hw):
    learned, frozen = score("pib", hw), score("frozen", hw)
    assert learned > frozen + 0.04, (learned, frozen)


def right(learner: str, hw: str) -> float:
    """Fraction of right greedy actions over 4096 fresh contexts, of the product of two inputs out of eight."""
    agent = PIB(
        "MlpPolicy",
        Bandit(64, 8, 0),
        n_steps=16,
        width=8,
        units=2,
        gamma=0.0,
        seed=0,
        hw=hw,
        learner=learner,
        rule={"hidden_rate": 1e-2, "hidden_decay": 1.0} if learner == "pib" else {},
    ).learn(10_000)
    fresh = Bandit(4096, 8, 999)
    actions, _ = agent.predict(fresh.reset(), deterministic=True)
    return float((actions == fresh.right()).mean())


def test_units_learn_from_rewards_on_a_mix():
    learned, frozen = right("pib", "memristive,digital"), right("frozen", "memristive,digital")
    assert learned > 0.8, (learned, frozen)
    assert learned > frozen + 0.15, (learned, frozen)


@pytest.mark.parametrize("learner", [name for name, kind in LEARNERS.items() if not kind.own_loop and name != "frozen"])
@pytest.mark.parametrize("hw", [MIX, "memristive,optical"])
def test_every_learner_changes_the_units_of_both_substrates(hw, learner):
    x, y, *_ = samples()
    made = PIBClassifier(hw=hw, units=2, width=6, epochs=1, learner=learner, seed=1).fit(x[:500], y[:500])
    units = made.model_.network.chain
    assert all(unit.array.wear.sum() > 0 for unit in units)


def test_backprop_without_a_twin_of_one_substrate_is_refused():
    with pytest.raises(ValueError, match="backprop needs a digital twin of RingMedium"):
        make_learner("backprop", hw="digital,oscillator")


def test_a_saved_agent_goes_on(tmp_path):
    settings = {"hw": MIX, "hw_options": {"2.read_noise": 0.02}, "n_steps": 32, "width": 4, "seed": 3}
    agent = PIB("MlpPolicy", "CartPole-v1", **settings).learn(64)
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent", env=make_vec_env("CartPole-v1", 2))
    states = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    ours, theirs = (one.policy.model.outputs(states, "mean") for one in (agent, loaded))
    assert torch.equal(ours, theirs)
    assert loaded.policy.model.substrate.describe() == {"2.read_noise": 0.02}
    loaded.learn(64, reset_num_timesteps=False)
    assert loaded.num_timesteps == 128


def test_shipped_settings_of_a_substrate_reach_every_unit_of_a_mix_of_it():
    x, y, *_ = samples()
    settings = {"width": 8, "epochs": 1, "image": (8, 8), "seed": 1}
    plain, mixed = (
        PIBClassifier(hw=hw, units=2, **settings).fit(x[:200], y[:200]) for hw in ("optical", "optical,optical")
    )
    assert plain.model_.network.last.out_features == 512
    ours, theirs = plain.model_.state_dict(), mixed.model_.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_mistake_is_told_before_anything_is_learned():
    x, y, *_ = samples()
    with pytest.raises(ValueError, match="hw names 2 substrates, and the network has 3 units"):
        PIBClassifier(hw=MIX, units=3).fit(x, y)
    with pytest.raises(ValueError, match="hw names 2 substrates, and the network has 1 unit, "):
        PIB("MlpPolicy", "CartPole-v1", hw=MIX, units=1)
    with pytest.raises(ValueError, match=r"must be NUMBER\.NAME, such as 2\.adc_bits for unit 2, got 'read_noise'"):
        PIB("MlpPolicy", "CartPole-v1", hw=MIX, hw_options={"read_noise": 0.02})
