"""PPO's arguments in PIB: names, order, meaning, and what is refused."""

from __future__ import annotations

import inspect
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from stable_baselines3.common.utils import LinearSchedule
from torch import nn, optim

from pib_rl.agents import PIB, make_agent
from pib_rl.agents.ppo_arguments import RULE_NAMES, SCHEDULED, network_size

SMALL = {"n_steps": 32, "width": 4, "seed": 0}
OTHER = {
    "batch_size": 32,
    "n_epochs": 3,
    "gamma": 0.9,
    "gae_lambda": 0.8,
    "clip_range": 0.1,
    "clip_range_vf": 0.4,
    "normalize_advantage": False,
    "ent_coef": 0.01,
    "vf_coef": 0.25,
    "target_kl": 0.05,
}


def parameters(kind: type) -> list[inspect.Parameter]:
    return list(inspect.signature(kind).parameters.values())


def settings(agent: PIB) -> dict[str, object]:
    return {name: getattr(agent.rule.config, setting) for name, setting in RULE_NAMES.items()}


def test_names_and_order_are_those_of_ppo_and_the_rest_goes_by_name():
    theirs, ours = parameters(PPO), parameters(PIB)
    assert [one.name for one in ours[: len(theirs)]] == [one.name for one in theirs]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in ours[len(theirs) :])


def test_every_argument_reaches_the_rule_by_name_and_by_position():
    agent = PIB("MlpPolicy", "CartPole-v1", 0.3, 32, 32, 3, 0.9, 0.8, 0.1, 0.4, False, 0.01, 0.25, width=4, seed=0)
    assert settings(agent) == OTHER | {"target_kl": None}
    assert (agent.lr_schedule(0.5), agent.n_steps) == (0.3, 32)
    assert settings(PIB("MlpPolicy", "CartPole-v1", **SMALL, **OTHER)) == OTHER


def test_the_agent_shows_each_setting_under_its_name():
    agent = PIB("MlpPolicy", "CartPole-v1", rule={"epochs": 3, "gamma": 0.9}, **SMALL)
    for name, setting in RULE_NAMES.items():
        value = getattr(agent, name)
        now = value(0.5) if name in SCHEDULED and value is not None else value
        assert now == getattr(agent.rule.config, setting), name
    assert (agent.n_epochs, agent.gamma, agent.policy.returns.gamma) == (3, 0.9, 0.9)


def test_settings_that_a_learner_starts_from_stay_where_nothing_is_given():
    agent = PIB("MlpPolicy", "CartPole-v1", learner="spsa", n_epochs=2, **SMALL)
    assert (agent.rule.config.hidden_rollouts, agent.rule.config.epochs) == (1, 2)


@pytest.mark.parametrize("name", sorted(RULE_NAMES))
def test_a_setting_given_twice_must_be_the_same(name):
    rule = {RULE_NAMES[name]: OTHER[name]}
    assert settings(PIB("MlpPolicy", "CartPole-v1", rule=rule, **{name: OTHER[name]}, **SMALL))[name] == OTHER[name]
    with pytest.raises(ValueError, match=rf"^{name} is .*, and {RULE_NAMES[name]} in rule is .*; give one of the two$"):
        PIB("MlpPolicy", "CartPole-v1", rule=rule, **{name: 0.77}, **SMALL)


def test_all_of_ppos_defaults_are_accepted():
    defaults = {one.name: one.default for one in parameters(PPO)[2:] if one.name != "n_steps"}
    agent = PIB("MlpPolicy", "CartPole-v1", n_steps=64, **defaults).learn(64)
    found = settings(agent)
    assert found == {name: defaults[name] for name in RULE_NAMES}
    kwargs = {"activation_fn": nn.Tanh, "ortho_init": True, "use_sde": False, "optimizer_class": optim.Adam}
    kwargs |= {"features_extractor_class": FlattenExtractor, "features_extractor_kwargs": {}, "optimizer_kwargs": None}
    PIB("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs | {"net_arch": None}, **SMALL)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("max_grad_norm", 0.8, "lower learning_rate"),
        ("use_sde", True, "noise_correlation"),
        ("sde_sample_freq", 4, "noise_correlation"),
        ("rollout_buffer_class", RolloutBuffer, "agent.rollout"),
        ("rollout_buffer_kwargs", {"a": 1}, "agent.rollout"),
    ],
)
def test_what_has_no_meaning_is_refused_with_what_to_use(name, value, cure):
    with pytest.raises(ValueError, match=rf"^{name}=.* has no meaning on hardware: .*{cure}") as caught:
        PIB("MlpPolicy", "CartPole-v1", **{name: value}, **SMALL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("activation_fn", nn.ReLU, "choose hw"),
        ("ortho_init", False, "hw_options"),
        ("use_sde", True, "noise_correlation"),
        ("features_extractor_class", nn.Identity, "patches for images"),
        ("features_extractor_kwargs", {"features_dim": 8, "normalized_image": True}, "patches for images"),
        ("optimizer_class", optim.AdamW, "hidden_rate"),
        ("optimizer_kwargs", {"eps": 1e-5}, "hidden_rate"),
    ],
)
def test_policy_kwargs_without_meaning_are_refused_with_what_to_use(name, value, cure):
    with pytest.raises(ValueError, match=rf"^{name}=.* has no meaning on hardware: .*{cure}"):
        PIB("MlpPolicy", "CartPole-v1", policy_kwargs={name: value}, **SMALL)


@pytest.mark.parametrize("net_arch", [[8, 8, 8], (8, 8, 8), {"pi": [8, 8, 8], "vf": [8, 8, 8]}])
def test_net_arch_is_width_and_units(net_arch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = PIB("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": net_arch}, n_steps=32)
    assert (agent.policy.model.chip.width, agent.policy.model.chip.units, agent.policy.net_arch) == (8, 3, [8] * 3)


@pytest.mark.parametrize(
    ("net_arch", "size"),
    [
        ([16, 8], {"units": 2, "width": 16}),
        ({"pi": [8], "vf": [16, 4]}, {"units": 2, "width": 16}),
        ({"pi": [], "vf": [16]}, {"units": 1, "width": 16}),
        ([{"pi": [8], "vf": [8]}], {"units": 1, "width": 8}),
        ([], {"units": 1}),
    ],
)
def test_layers_that_units_cannot_be_become_the_next_larger_network_with_a_warning(net_arch, size):
    with pytest.warns(UserWarning, match="share one or more units of one width here: net_arch=.* becomes"):
        assert network_size(net_arch) == size


@pytest.mark.parametrize("net_arch", ["small", 64, [0], [[64]], [6.5], {}])
def test_what_is_no_net_arch_is_refused_in_one_line(net_arch):
    with pytest.raises(ValueError, match="net_arch must be"):
        network_size(net_arch)


def test_a_chip_that_is_described_twice_must_be_the_same():
    for kwargs in ({"net_arch": [8]}, {"width": 8}):
        with pytest.raises(ValueError, match=r"^width is 4, and width in policy_kwargs is 8; give one of the two$"):
            PIB("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, **SMALL)
    with pytest.raises(ValueError, match="width is 8, and width in policy_kwargs is 4"):
        PIB("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8], "width": 4}, n_steps=32)
    PIB("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4, 4], "hw": "digital"}, hw="digital", **SMALL)


@pytest.mark.parametrize("kwargs", [{"net_arch": [8]}, {"hw": "memristive", "width": 8}, {}])
def test_an_agent_loads_with_the_policy_kwargs_it_was_made_with(kwargs, tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, units=1, n_steps=32, seed=1)
    agent.save(tmp_path / "agent.zip")
    loaded = PIB.load(tmp_path / "agent.zip", policy_kwargs=kwargs)
    states = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    np.testing.assert_array_equal(*(one.predict(states, deterministic=True)[0] for one in (agent, loaded)))
    assert loaded.policy.model.chip == agent.policy.model.chip


def test_the_clipping_may_be_a_schedule_that_ends_at_nothing():
    agent = PIB("MlpPolicy", "CartPole-v1", clip_range=LinearSchedule(0.3, 0.0, 1.0), **SMALL)
    assert agent.rule.config.clip_range == 0.3
    agent.learn(96)
    assert agent.rule.config.clip_range == pytest.approx(0, abs=1e-8)  # of the last iteration
    assert all(buffer.isfinite().all() for buffer in agent.policy.buffers())
    with pytest.raises(ValueError, match="dual_clip must be > 1"):
        PIB("MlpPolicy", "CartPole-v1", clip_range=lambda _: 2.5, **SMALL)


@pytest.mark.parametrize(
    ("name", "value"), [("clip_range", -0.2), ("clip_range_vf", -0.2), ("target_kl", 0.0), ("vf_coef", -1.0)]
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"^the rule's .*{name}.* must be"):
        PIB("MlpPolicy", "CartPole-v1", **{name: value}, **SMALL)


def steps_of(agent: PIB, monkeypatch: pytest.MonkeyPatch) -> int:
    """Readout steps of one iteration."""
    readout, steps = agent.policy.model.readout, []
    step = readout.step
    monkeypatch.setattr(readout, "step", lambda *given: (steps.append(1), step(*given))[1])
    agent.learn(64)
    return len(steps)


@pytest.mark.parametrize("learner", ["pib", "backprop"])
def test_an_iteration_ends_at_the_target_divergence(learner, monkeypatch):
    options = {"n_steps": 64, "width": 4, "seed": 0, "batch_size": 16, "n_epochs": 5, "learner": learner}
    make = {"learning_rate": 0.6, **options}
    every = steps_of(PIB("MlpPolicy", "CartPole-v1", target_kl=1e6, **make), monkeypatch)
    some = PIB("MlpPolicy", "CartPole-v1", target_kl=1e-4, **make)
    assert 0 < steps_of(some, monkeypatch) < every == 20
    assert some.rule.test.remembered.outputs.isfinite().all()
    now = some.policy.model.outputs(some.rule.test.remembered.obs)
    torch.testing.assert_close(some.rule.test.remembered.outputs, now)  # all of them as they are now
    assert not some.rule.test.broken().any()


def test_a_wafer_cannot_end_its_epochs_at_a_divergence():
    with pytest.raises(ValueError, match="target_kl ends the epochs of each chip at another time"):
        PIB("MlpPolicy", make_vec_env("CartPole-v1", 2), chips=2, target_kl=0.1, **SMALL)


def test_values_are_in_units_of_reward():
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 2), **SMALL).learn(128)
    scale = agent.policy.returns.value
    obs = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    raw = agent.policy.outputs(agent.policy.flatten(obs)).values
    assert scale > 2
    actions = torch.zeros(5, dtype=torch.long)
    for values in (
        agent.policy.predict_values(obs),
        agent.policy.forward(obs)[1],
        agent.policy.evaluate_actions(obs, actions)[0],
    ):
        torch.testing.assert_close(values, raw[:, None] * scale)


def test_values_of_a_wafer_are_in_the_units_of_each_chip():
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 4), chips=2, **SMALL).learn(64)
    agent.policy.returns.statistics.std[:] = torch.tensor([2.0, 10.0])[:, None, None]
    obs = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))
    raw = agent.policy.outputs(agent.policy.flatten(obs)).values
    expected = torch.cat([2 * raw[0], 10 * raw[1]])[:, None]
    torch.testing.assert_close(agent.policy.predict_values(obs), expected)


def test_other_loops_take_the_same_arguments():
    agent = make_agent("es", "MlpPolicy", "CartPole-v1", n_epochs=3, policy_kwargs={"net_arch": [4]}, n_steps=32)
    assert (agent.n_epochs, agent.policy.net_arch) == (3, [4])


def test_the_extractor_of_images_is_one_of_ppos_defaults():
    PIB("MlpPolicy", "CartPole-v1", policy_kwargs={"features_extractor_class": NatureCNN}, **SMALL)


@pytest.mark.parametrize("size", ["features_dim", "cnn_output_dim"])
def test_the_size_of_an_extractor_changes_nothing_and_a_warning_says_so(size):
    with pytest.warns(UserWarning, match=f"features_extractor_kwargs=.*{size}.* changes nothing: .* width; leave it"):
        PIB("MlpPolicy", "CartPole-v1", policy_kwargs={"features_extractor_kwargs": {size: 8}}, **SMALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("share_features_extractor", False),
        ("features_extractor_kwargs", {"features_dim": 8}),
        ("features_extractor_kwargs", {"cnn_output_dim": 8}),
    ],
)
def test_what_changes_nothing_warns_and_is_left_out(name, value):
    with pytest.warns(UserWarning, match=rf"^{name}=.* changes nothing: .*; leave it out$"):
        warned = PIB("MlpPolicy", "CartPole-v1", policy_kwargs={name: value}, **SMALL)
    plain = PIB("MlpPolicy", "CartPole-v1", **SMALL)
    state = plain.policy.state_dict()
    assert all(torch.equal(part, state[name]) for name, part in warned.policy.state_dict().items())


def test_a_learning_rate_of_ppo_warns_with_what_it_is_here():
    with pytest.warns(UserWarning, match=r"^learning_rate=0.0003 is very small here: .* 1/9; PPO's 0.0003 is 0.0027"):
        PIB("MlpPolicy", "CartPole-v1", learning_rate=3e-4, n_steps=32, policy_kwargs={"net_arch": [4, 4]})
    with pytest.warns(UserWarning, match="learning_rate=0.001 is very small"):
        PIB("MlpPolicy", "CartPole-v1", learning_rate=LinearSchedule(1e-3, 0.0, 1.0), **SMALL)


@pytest.mark.parametrize("rate", [None, 0.6, 0.01, LinearSchedule(0.6, 0.0, 1.0)])
def test_other_learning_rates_pass_in_silence(rate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PIB("MlpPolicy", "CartPole-v1", learning_rate=rate, **SMALL)


def test_a_learner_without_a_learning_rate_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_agent("es", "MlpPolicy", "CartPole-v1", learning_rate=1e-3, **SMALL)


@pytest.mark.parametrize("error", [ValueError, AssertionError])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"clip_range_vf": -0.2}, "clip_range_vf"),
        ({"n_steps": 1}, "a rollout needs 2 samples or more"),
        ({"n_steps": 0}, "n_steps must be >= 1"),
        ({"gamma": 2.0}, "gamma"),
    ],
)
def test_what_ppo_asserts_is_caught_as_such_and_as_a_value_error(error, wrong, said):
    with pytest.raises(error, match=said) as caught:
        PIB("MlpPolicy", "CartPole-v1", **SMALL | wrong)
    assert "\n" not in str(caught.value)


def test_an_action_space_that_ppo_asserts_is_caught_as_such():
    class Words(gym.Env):
        observation_space, action_space = gym.spaces.Discrete(2), gym.spaces.Text(4)

    with pytest.raises(AssertionError, match="Text"):
        PIB("MlpPolicy", Words(), **SMALL)


def test_a_policy_of_torch_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^policy must be a name, such as 'MlpPolicy', .* got ActorCriticPolicy: .*"):
        PIB(ActorCriticPolicy, "CartPole-v1", **SMALL)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_rollouts_of_one_step_in_several_environments_learn(count):
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", count, seed=0), n_steps=1, width=4, seed=0).learn(4 * count)
    assert agent.num_timesteps == 4 * count
    assert all(part.isfinite().all() for part in agent.policy.state_dict().values())


def test_a_list_of_widths_is_width_and_units():
    agent = PIB("MlpPolicy", "CartPole-v1", width=[8, 8, 8], n_steps=32, seed=1)
    assert (agent.policy.model.chip.width, agent.policy.model.chip.units) == (8, 3)
    assert repr(agent) == "PIB(learner='pib', width=8, units=3, seed=1) after 0 steps"
    array = PIB("MlpPolicy", "CartPole-v1", width=np.array([8, 8, 8]), n_steps=32, seed=1)
    assert (array.policy.model.chip.width, array.policy.model.chip.units) == (8, 3)
    with pytest.warns(UserWarning, match=r"^units are equally wide: width=\[32, 16\] becomes \[32, 32\]"):
        agent = PIB("MlpPolicy", "CartPole-v1", width=[32, 16], n_steps=32)
    assert (agent.policy.model.chip.width, agent.policy.model.chip.units) == (32, 2)
    with pytest.raises(ValueError, match=r"width is \[8, 8\], and units is 3; leave units out"):
        PIB("MlpPolicy", "CartPole-v1", width=[8, 8], units=3)
    with pytest.raises(ValueError, match="every layer of width must be"):
        PIB("MlpPolicy", "CartPole-v1", width=[8, 0])
