"""Observation spaces: how they become one vector, and which are refused."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.envs import IdentityEnvMultiBinary, IdentityEnvMultiDiscrete
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv
from worlds import World

from pib_rl.agents import PIB, PIBPolicy, make_agent
from pib_rl.agents.heads import action_units
from pib_rl.envs import HardwareEncoder
from pib_rl.physical.substrate import Read

TWO, BOX = spaces.Discrete(2), spaces.Box(-1, 1, (3,))
PARTS = spaces.Dict({"far": spaces.Box(-1, 1, (2,)), "near": spaces.Discrete(3)})


@pytest.mark.parametrize(
    ("space", "value", "flat"),
    [
        (spaces.Box(-1, 1, (2, 2)), [[0.1, 0.2], [0.3, 0.4]], [0.1, 0.2, 0.3, 0.4]),
        (spaces.Discrete(3), 1, [0, 1, 0]),
        (spaces.MultiDiscrete([2, 3]), [1, 0], [0, 1, 1, 0, 0]),
        (spaces.MultiBinary(3), [1, 0, 1], [1, 0, 1]),
        (spaces.Box(0, 255, (1, 36, 36), dtype=np.uint8), np.full((1, 36, 36), 51), np.full(1296, 0.2)),
    ],
    ids=["box", "discrete", "multidiscrete", "multibinary", "image"],
)
def test_observations_become_one_vector(space, value, flat):
    policy = PIBPolicy(space, TWO, width=4)
    obs, _ = policy.obs_to_tensor(np.asarray(value, dtype=space.dtype))
    torch.testing.assert_close(policy.flatten(obs), torch.tensor(np.asarray(flat)[None], dtype=torch.float32))
    assert policy.model.network.in_features == len(flat)


@pytest.mark.parametrize(
    "space",
    [BOX, spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)],
    ids=lambda space: type(space).__name__,
)
@pytest.mark.parametrize(
    "action", [TWO, spaces.Box(-2, 2, (2,)), spaces.Box(0, 1, (2, 2))], ids=["discrete", "box", "matrix"]
)
def test_all_pairs_of_spaces_learn(space, action):
    agent = PIB("MlpPolicy", World(space, action), n_steps=12, width=4, seed=0).learn(24)
    chosen, _ = agent.predict(space.sample(), deterministic=True)
    assert action.contains(chosen if chosen.shape else int(chosen))


def test_a_dictionary_of_observations_learns():
    agent = PIB("MultiInputPolicy", World(PARTS, TWO), n_steps=12, width=4, seed=0).learn(24)
    assert agent.policy.model.network.in_features == 5
    agent.predict(PARTS.sample(), deterministic=True)


def test_an_image_learns_under_the_name_of_sb3():
    space = spaces.Box(0, 255, (6, 7, 1), dtype=np.uint8)  # channels last: SB3 turns them
    agent = PIB("CnnPolicy", World(space, TWO), n_steps=8, width=4, seed=0).learn(16)
    assert agent.policy.model.network.in_features == 42


def test_the_order_of_keys_in_a_dictionary_does_not_matter():
    policy = PIBPolicy(PARTS, TWO, width=4)
    one = {"far": np.array([0.5, -0.5], dtype=np.float32), "near": np.array(2)}
    two = {"near": one["near"], "far": one["far"]}
    a, b = (policy.flatten(policy.obs_to_tensor(obs)[0]) for obs in (one, two))
    torch.testing.assert_close(a, torch.tensor([[0.5, -0.5, 0.0, 0.0, 1.0]]))
    assert torch.equal(a, b)


def test_last_observations_are_stored_in_the_order_of_all_others():
    agent = PIB("MultiInputPolicy", World(PARTS, TWO, backwards=True), n_steps=10, width=4, seed=0).learn(10)
    near = agent.rollout.next_obs[:, 0, 2:]  # the one-hot part; rows 4 and 9 are ends of episodes
    assert agent.rollout.truncated[:, 0].nonzero().flatten().tolist() == [4, 9]
    assert torch.equal(near.sum(1), torch.ones(10))
    assert torch.equal(near.max(1).values, torch.ones(10))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Tuple([TWO, TWO]),
        spaces.Text(4),
        spaces.Dict({"inner": spaces.Dict({"deep": TWO})}),
    ],
    ids=["tuple", "text", "nested"],
)
def test_unsupported_observations_are_refused_with_the_cure(space):
    with pytest.raises(
        ValueError, match=r"observation space must be Box.*got (Tuple|Text|Dict).*FlattenObservation"
    ) as refused:
        PIBPolicy(space, TWO)
    assert isinstance(refused.value, NotImplementedError)  # what Stable-Baselines3 raises


@pytest.mark.parametrize("space", [spaces.Sequence(TWO), spaces.Graph(BOX, None)], ids=["sequence", "graph"])
def test_observations_without_a_fixed_size_are_refused_with_another_cure(space):
    with pytest.raises(ValueError, match=r"got (Sequence|Graph); an observation must have a fixed number of numbers"):
        PIBPolicy(space, TWO)


@pytest.mark.parametrize(
    ("space", "cure"),
    [
        (spaces.Tuple([TWO, TWO]), "one MultiDiscrete"),
        (spaces.Dict({"a": TWO}), "one MultiDiscrete"),
        (spaces.OneOf([TWO, TWO]), "which part is meant"),
        (spaces.Text(4), "fixed number of numbers"),
        (spaces.Sequence(TWO), "fixed number of numbers"),
        (spaces.Graph(BOX, None), "fixed number of numbers"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_actions_that_no_head_can_give_are_refused_before_anything_is_measured(space, cure):
    world = World(BOX, space)
    with pytest.raises(ValueError, match=f"action space must be Discrete.*got {type(space).__name__}; .*{cure}"):
        PIB("MlpPolicy", world, n_steps=8)
    assert not hasattr(world, "at")


@pytest.mark.parametrize(
    ("space", "value", "flat"),
    [
        (spaces.Discrete(3, start=5), 7, [0, 0, 1]),
        (spaces.Discrete(3, start=-1), -1, [1, 0, 0]),
        (spaces.MultiDiscrete([3, 4], start=[1, 1]), [3, 4], [0, 0, 1, 0, 0, 0, 1]),
        (spaces.MultiDiscrete([[2, 2], [1, 3]]), [[1, 0], [0, 2]], [0, 1, 1, 0, 1, 0, 0, 1]),
        (spaces.MultiBinary([2, 2]), [[1, 0], [0, 1]], [1, 0, 0, 1]),
        (spaces.Box(-1, 1, ()), 0.25, [0.25]),
        (spaces.Box(-5, 5, (2,), dtype=np.int32), [-5, 4], [-5, 4]),
    ],
    ids=str,
)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "dict"])
def test_starts_and_shapes_of_observations(space, value, flat, inside):
    value = np.asarray(value, dtype=space.dtype)
    policy = PIBPolicy(spaces.Dict({"a": space, "b": TWO}) if inside else space, TWO, width=4)
    obs, several = policy.obs_to_tensor({"a": value, "b": np.array(1)} if inside else value)
    assert not several
    assert policy.flatten(obs).tolist() == [[*flat, 0, 1] if inside else flat]
    batch = np.stack([value, value])
    obs, several = policy.obs_to_tensor({"a": batch, "b": np.array([0, 1])} if inside else batch)
    assert several
    assert policy.flatten(obs)[:, : len(flat)].tolist() == [flat, flat]


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (spaces.Discrete(3, start=5), 4),
        (spaces.Discrete(3, start=5), 8),
        (spaces.MultiDiscrete([3, 4], start=[1, 1]), [0, 1]),
        (spaces.MultiDiscrete([3, 4]), [3, 3]),
    ],
    ids=str,
)
def test_observations_outside_of_their_space_are_told_in_one_line(space, value):
    with pytest.raises(
        ValueError, match=r"^the observation holds \d, which .*Discrete\(.* has not; correct its space$"
    ):
        PIBPolicy(space, TWO, width=4).predict(np.asarray(value))


@pytest.mark.parametrize(
    ("space", "shapes"),
    [
        (BOX, [(2,), (), (3, 1), (1, 1, 3), (2, 4)]),
        (spaces.Box(-1, 1, (2, 2)), [(4,), (2,), (3, 4), (1, 1, 2, 2)]),
        (spaces.Box(-1, 1, ()), [(1, 1)]),
        (spaces.Discrete(3), [(2, 1)]),
        (spaces.MultiDiscrete([2, 3]), [(), (3,), (2, 3)]),
        (spaces.MultiBinary([2, 2]), [(4,), (2,)]),
        (spaces.Box(0, 255, (36, 40, 3), dtype=np.uint8), [(40, 36, 3), (36, 40), (3, 3, 36, 40, 3)]),
    ],
    ids=str,
)
def test_an_observation_of_another_shape_is_refused(space, shapes):
    policy = PIBPolicy(space, TWO, width=4)
    for shape in shapes:
        with pytest.raises(
            ValueError, match=r"^the observation must have shape \(.*\), or \(n, \.\.\.\) for n of them, got"
        ):
            policy.predict(np.zeros(shape, dtype=space.dtype))


def test_a_dict_of_other_parts_or_of_mixed_batches_is_refused():
    policy, far = PIBPolicy(PARTS, TWO, width=4), np.zeros(2, dtype=np.float32)
    for wrong in ({"far": far}, {"far": far, "near": np.array(0), "more": far}, far, (far,)):
        with pytest.raises(ValueError, match=r"must be a dict of \['far', 'near'\], got"):
            policy.predict(wrong)
    with pytest.raises(ValueError, match="a pair of one and its info"):
        policy.predict((far, {}))
    with pytest.raises(ValueError, match="got both"):
        policy.predict({"far": far[None], "near": np.array(0)})
    with pytest.raises(ValueError, match="the observation of 'far' must have shape"):
        policy.predict({"far": np.zeros(3), "near": np.array(0)})


class Narrow(World):
    """Gives observations with an axis too many."""

    def _observe(self):
        return super()._observe()[None]


def test_an_environment_whose_observations_have_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"observation must have shape \(3,\), got a batch of 1"):
        PIB("MlpPolicy", Narrow(BOX, TWO), n_steps=8, width=4, seed=0).learn(8)


ACTIONS = {
    "discrete": spaces.Discrete(3, start=5),
    "choices": spaces.MultiDiscrete([3, 4], start=[1, -2]),
    "table": spaces.MultiDiscrete([[2, 3], [1, 4]]),
    "bits": spaces.MultiBinary(3),
    "board": spaces.MultiBinary([2, 2]),
    "few": spaces.Box(-5, 5, (2,), dtype=np.int32),
    "bytes": spaces.Box(0, 255, (2,), dtype=np.uint8),
    "counts": spaces.Box(0, np.iinfo(np.int64).max, (1,), dtype=np.int64),
    "huge": spaces.Box(-3.4e38, 3.4e38, (2,)),
    "number": spaces.Box(-2, 2, ()),
    "half": spaces.Box(0, 1e38, (2,)),
    "double": spaces.Box(-1e300, 1e300, (1,), dtype=np.float64),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_of_every_space_learn_and_lie_in_it(name):
    space = ACTIONS[name]
    agent = PIB("MlpPolicy", World(BOX, space), n_steps=12, width=4, seed=0).learn(36)  # World asks its space
    for deterministic in (True, False):
        single, _ = agent.predict(BOX.sample(), deterministic=deterministic)
        several, _ = agent.predict(np.zeros((50, 3), dtype=np.float32), deterministic=deterministic)
        assert (single.dtype, single.shape, several.shape) == (space.dtype, space.shape, (50, *space.shape))
        for action in [single, *several]:
            assert space.contains(action if isinstance(space, spaces.Box) else action[()]), action
    for value in agent.policy.state_dict().values():
        assert value.isfinite().all()


def test_endless_bounds_of_actions_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"continuous actions must have finite bounds, got Box\(0.0, inf"):
        PIB("MlpPolicy", World(BOX, spaces.Box(0, np.inf, (2,))), n_steps=8)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_of_a_task_is_found_again_in_units_of_the_head(name):
    policy = PIBPolicy(BOX, ACTIONS[name], width=4)
    drawn = policy.act(torch.zeros(20, 3), False, Read.NOISY).numpy()
    there = policy.to_env(drawn)
    for own, action in zip(drawn, there, strict=True):
        found = policy.action_units.from_env(action)
        edge = {"bytes": 1 / 255, "counts": 5.0, "half": 5.0}.get(name, 1e-6)  # rounded and clipped
        np.testing.assert_allclose(found, np.ravel(own), atol=edge)


def uniform(values: np.ndarray, low: int, high: int) -> bool:
    counts = np.bincount(values.ravel() - low, minlength=high - low + 1)
    mean = values.size / (high - low + 1)
    return len(counts) == high - low + 1 and bool((np.abs(counts - mean) < 5 * mean**0.5).all())


def test_whole_numbers_of_a_small_box_are_uniform_when_untrained():
    space = spaces.Box(-5, 5, (2,), dtype=np.int32)
    policy = PIBPolicy(BOX, space, width=4)
    drawn, _ = policy.predict(np.zeros((20_000, 3), dtype=np.float32))
    assert drawn.dtype == np.int32
    assert all(uniform(drawn[:, place], -5, 5) for place in range(2))


def test_whole_numbers_of_a_large_box_have_equal_parts_of_the_range():
    units = action_units(spaces.Box(-50, 50, (1,), dtype=np.int32))
    drawn = np.random.default_rng(0).uniform(-1, 1, (100_000, 1))
    assert uniform(units.to_env(drawn), -50, 50)
    assert units.to_env(np.array([[-9.0], [9.0], [0.0]])).ravel().tolist() == [-50, 50, 0]


@pytest.mark.parametrize("learner", ["pib", "frozen", "backprop", "dfa", "local-td", "spsa", "forward-forward", "es"])
@pytest.mark.parametrize("name", ["choices", "board"])
def test_all_learners_take_actions_of_several_numbers(learner, name):
    agent = make_agent(learner, "MlpPolicy", World(BOX, ACTIONS[name]), n_steps=12, width=4, seed=0)
    agent.learn(36)
    assert ACTIONS[name].contains(agent.predict(BOX.sample())[0])


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical", "mzi"])
@pytest.mark.parametrize("name", ["choices", "bits", "few"])
def test_wafers_of_actions_of_several_numbers(name, hw):
    envs = DummyVecEnv([lambda: World(BOX, ACTIONS[name])] * 4)
    agent = PIB("MlpPolicy", envs, n_steps=12, width=4, seed=0, chips=2, hw=hw).learn(24)
    obs = np.zeros((6, 3), dtype=np.float32)
    both, _ = agent.predict(obs, deterministic=True)
    for chip in range(2):
        alone, _ = agent.policy.of_chip(chip).predict(obs[:3], deterministic=True)
        np.testing.assert_array_equal(alone, both[3 * chip : 3 * chip + 3])


@pytest.mark.parametrize("name", ["choices", "board", "few", "discrete", "number"])
def test_log_probabilities_of_the_interface_of_sb3(name):
    policy, obs = PIBPolicy(BOX, ACTIONS[name], width=4), torch.zeros(30, 3)
    actions, values, logs = policy.forward(obs)
    again, other, entropy = policy.evaluate_actions(obs, actions)
    assert (values.shape, again.shape, logs.shape, entropy.shape) == ((30, 1), (30, 1), (30,), (30,))
    torch.testing.assert_close(other, logs, rtol=0, atol=0.1)  # of two reads


@pytest.mark.parametrize(
    ("make", "most"),
    [(lambda: IdentityEnvMultiDiscrete(3), 9), (lambda: IdentityEnvMultiBinary(3), 8)],
    ids=["MultiDiscrete", "MultiBinary"],
)
def test_actions_of_several_numbers_are_learned(make, most):
    agent = PIB("MlpPolicy", make(), n_steps=256, width=16, gamma=0.5, seed=0).learn(3_000)
    mean, _ = evaluate_policy(agent, agent.get_env(), n_eval_episodes=2, warn=False)
    assert mean > 90  # of 100; by chance 100 / most
    assert 100 / most < 15


def test_saving_keeps_what_several_numbers_mean(tmp_path):
    agent = PIB("MlpPolicy", World(BOX, ACTIONS["choices"]), n_steps=12, width=4, seed=0).learn(12)
    agent.save(tmp_path / "agent.zip")
    obs = np.zeros((5, 3), dtype=np.float32)
    loaded = PIB.load(tmp_path / "agent.zip")
    np.testing.assert_array_equal(loaded.predict(obs, deterministic=True)[0], agent.predict(obs, deterministic=True)[0])


class Short(gym.Env):
    """A reset that knows no options, as Stable-Baselines3 lets it be."""

    observation_space, action_space = BOX, TWO

    def reset(self, seed=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(3, np.float32), 0.0, True, False, {}


@pytest.mark.parametrize(
    "make", [Short, lambda: HardwareEncoder(Short(), PIBPolicy(BOX, TWO, width=4))], ids=["alone", "encoded"]
)
def test_an_environment_need_not_know_options_of_a_reset(make):
    agent = PIB("MlpPolicy", make(), n_steps=12, width=4, seed=0).learn(24)
    assert agent.num_timesteps == 24


@pytest.mark.parametrize("space", [BOX, PARTS, TWO], ids=["box", "dict", "discrete"])
def test_an_observation_with_its_info_is_told_from_a_batch(space):
    policy = PIBPolicy(space, TWO, width=4)
    with pytest.raises(ValueError, match=r"probably mixing Gym API with VecEnv API; .* obs, info = env.reset\(\)$"):
        policy.predict((space.sample(), {}))
