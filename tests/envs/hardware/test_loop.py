"""A physical policy in control: overriding it, late answers, faults, and what the info tells."""

from __future__ import annotations

from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hardware_toys import same, trace

from pib_rl.agents.network.costs import costs
from pib_rl.agents.policy import PIBPolicy, Reader
from pib_rl.envs import FreshChip, HardwareLoop
from pib_rl.envs.hardware.delay import Delay, late_steps
from pib_rl.envs.hardware.override import make_override
from pib_rl.physical import Read


def taught(task: str, hw: str = "memristive", seed: int = 0, **options) -> PIBPolicy:
    """A policy whose readout says something."""
    env = gym.make(task)
    policy = PIBPolicy(env.observation_space, env.action_space, hw=hw, width=4, units=2, hw_options=options, seed=seed)
    draws = torch.Generator().manual_seed(seed)
    weights = policy.model.readout.array.weights()
    policy.model.readout.array.program(torch.randn(weights.shape, generator=draws) * 0.5)
    policy.returns.statistics.std.fill_(3.0)
    policy.returns.statistics.restore()
    return policy


def loop(task: str = "CartPole-v1", hw: str = "memristive", **settings) -> HardwareLoop:
    return HardwareLoop(gym.make(task), taught(task, hw), **{"latency_s": 0.0, **settings})


def neutral(env: HardwareLoop):
    return 0 if isinstance(env.action_space, spaces.Discrete) else np.zeros(env.action_space.shape, dtype=np.float32)


@pytest.mark.parametrize("task", ["CartPole-v1", "Pendulum-v1", "LunarLander-v3"])
def test_left_alone_the_hardware_plays_as_it_does_by_itself(task):
    env, plain = loop(task, read="mean"), gym.make(task)
    reader = Reader(taught(task), Read.MEAN)
    obs, _ = plain.reset(seed=3)
    seen = trace(env, 3, [neutral(env)] * 20)
    for expected, reward, info in seen[1:]:
        action = reader.predict(obs, deterministic=True)[0][0]
        np.testing.assert_array_equal(info["applied_action"], action)
        obs, own, *_ = plain.step(action)
        np.testing.assert_array_equal(obs, expected)
        assert own == reward


def test_the_info_tells_what_the_task_will_be_given():
    seen = trace(loop(), 0, [0, 0, 0])
    for before, after in pairwise(seen):
        assert after[2]["applied_action"] == before[2]["hw_action"] == before[2]["hw_answer"]


def test_an_action_of_the_agent_replaces_that_of_the_hardware():
    env = loop("LunarLander-v3")
    assert env.action_space == spaces.Discrete(5)
    seen = trace(env, 0, [1, 4, 2])
    assert [info["applied_action"] for *_, info in seen[1:]] == [0, 3, 1]


def test_a_continuous_action_is_added_and_clipped():
    env = loop("Pendulum-v1")
    np.testing.assert_array_equal(env.action_space.high, [4.0])
    _, info = env.reset(seed=0)
    for push, bound in ((0.25, None), (4.0, 2.0), (-4.0, -2.0)):
        mine = info["hw_action"]
        *_, info = env.step(np.array([push], dtype=np.float32))
        expected = np.clip(mine + np.float32(push), -2, 2) if bound is None else [bound]
        np.testing.assert_array_equal(info["applied_action"], expected)
        assert info["applied_action"].dtype == np.float32


def test_the_law_of_discrete_actions_is_told_with_the_value():
    env, policy = loop(read="mean"), taught("CartPole-v1")
    obs, info = env.reset(seed=0)
    parameters, value = policy.split(policy.model.outputs(torch.from_numpy(obs)[None], Read.MEAN))
    np.testing.assert_allclose(info["hw_probabilities"], parameters[0].softmax(0), rtol=1e-6)
    assert info["hw_value"] == pytest.approx(3.0 * value.item())
    assert info["hw_action"] == info["hw_probabilities"].argmax()


def test_the_law_of_continuous_actions_is_told_in_units_of_the_task():
    env = HardwareLoop(gym.make("Pendulum-v1"), FreshChip(width=4), greedy=False)
    env.policy.head.log_std.fill_(np.log(0.25))
    drawn = []
    for seed in range(300):
        _, info = env.reset(seed=seed)
        drawn.append((info["hw_action"][0] - info["hw_mean"][0]) / info["hw_sigma"][0])
        assert info["hw_sigma"][0] == pytest.approx(0.5)
    assert abs(np.mean(drawn)) < 5 / 300**0.5
    assert abs(np.var(drawn) - 1) < 5 * (2 / 300) ** 0.5


def test_drawn_actions_follow_the_probabilities():
    env, hits, chance = loop(greedy=False, read="mean"), 0.0, 0.0
    for seed in range(400):
        _, info = env.reset(seed=seed)
        hits += info["hw_action"]
        chance += info["hw_probabilities"][1]
    assert abs(hits - chance) < 5 * (400 * 0.25) ** 0.5
    assert 0 < hits < 400


@pytest.mark.parametrize(
    ("latency", "period", "steps"),
    [
        (0.0, 0.02, 0),
        (0.02, 0.02, 0),
        (0.020001, 0.02, 1),
        (0.04, 0.02, 1),
        (0.06, 0.02, 2),
        (0.103, 0.05, 2),
        (0.3, 0.1, 2),
        (1.1, 0.1, 10),
        (1.0, 0.02, 49),
    ],
)
def test_steps_of_a_latency(latency, period, steps):
    assert late_steps(latency, period) == steps


@pytest.mark.parametrize(
    ("latency", "period", "words"),
    [
        (-1.0, 0.1, "latency_s must be a finite number >= 0, got -1"),
        (np.inf, 0.1, "got inf"),
        (np.nan, 0.1, "got nan"),
        (0.1, 0.0, "control period must be > 0"),
    ],
)
def test_impossible_latencies_are_refused(latency, period, words):
    with pytest.raises(ValueError, match=words):
        late_steps(latency, period)


def test_a_delay_keeps_the_order():
    delay = Delay(2, "first")
    assert [delay(value) for value in "abcd"] == ["first", "first", "a", "b"]
    delay.clear()
    assert delay("e") == "first"


def test_a_delay_takes_no_memory_for_what_has_not_come():
    class First:
        copies = 0

        def __copy__(self):
            First.copies += 1
            return self

    delay = Delay(1000, First())
    delay.clear()
    assert First.copies == 0
    assert delay("a") is delay("b") is delay.first


def test_late_answers_serve_later_steps():
    env = loop("Pendulum-v1", latency_s=0.15, first_action=[0.5])  # a control period is 0.05 s
    seen = [info for *_, info in trace(env, 0, [neutral(env)] * 6)]
    given = [info["applied_action"][0] for info in seen[1:]]
    assert given[:2] == [0.5, 0.5]
    assert given[2:] == [info["hw_answer"][0] for info in seen[:4]]
    assert len({*given}) > 3
    again = [info["applied_action"][0] for *_, info in trace(env, 0, [neutral(env)] * 2)[1:]]
    assert again == [0.5, 0.5], "a reset empties the queue"


def test_the_latency_of_the_hardware_counts_by_default():
    slow = HardwareLoop(gym.make("CartPole-v1"), taught("CartPole-v1", "optical"))
    fast = HardwareLoop(gym.make("CartPole-v1"), taught("CartPole-v1"))
    assert slow.latency_s == costs(slow.policy.model)["latency_s"] == slow.reset(seed=0)[1]["latency_s"] > 0.1
    assert (slow.delay.steps, fast.delay.steps) == (late_steps(slow.latency_s, 0.02), 0)


def test_a_latency_needs_a_control_period():
    env = gym.make("FrozenLake-v1")
    env.unwrapped.metadata = {"render_modes": []}
    assert HardwareLoop(env, FreshChip(hw="optical", width=4)).delay.steps == 0
    with pytest.raises(ValueError, match="latency_s can't be turned into steps"):
        HardwareLoop(env, FreshChip(width=4), latency_s=0.1)


def test_energy_is_that_of_one_answer_and_adds_to_the_meter():
    env = loop()
    before = costs(env.policy.model)["energy_j"]
    spent = sum(info["energy_j"] for *_, info in trace(env, 0, [0, 0, 0]))
    assert spent > 0
    assert costs(env.policy.model)["energy_j"] - before == pytest.approx(spent)


class TestFaults:
    def test_a_fault_happens_after_its_step_and_once(self):
        env, whole = loop(faults=["dead-unit:1@2"], read="mean"), loop(read="mean")
        alive = env.policy.model.network.chain[0].alive
        seen = []
        env.reset(seed=0), whole.reset(seed=0)
        for _ in range(3):
            seen.append((alive.item(), env.step(0)[-1]["faults"]))
            whole.step(0)
        assert seen == [(1.0, 0), (1.0, 1), (0.0, 1)]

    def test_the_life_of_a_chip_is_longer_than_an_episode(self):
        env = loop(faults=["dead-unit:1@3", "adc-bits:3"])
        assert trace(env, 0, [0, 0])[-1][2]["faults"] == 1
        assert env.reset(seed=0)[1]["faults"] == 1
        assert env.step(0)[-1]["faults"] == 2
        assert env.reset(seed=0)[1]["faults"] == 2
        assert env.policy.model.network.chain[0].alive == 0

    def test_a_new_chip_is_the_one_that_was_delivered(self):
        env = loop("Pendulum-v1", faults=["stuck:0.5@1"])
        first = trace(env, 1, [neutral(env)] * 4)
        broken = trace(env, 1, [neutral(env)] * 4)
        new = trace(env, 1, [neutral(env)] * 4, options={"chip": "new"})
        assert same(new, first)
        assert not same(broken, first)

    def test_other_options_are_the_tasks(self):
        env = loop()
        obs, _ = env.reset(seed=0, options={"chip": "new", "low": -0.001, "high": 0.001})
        assert np.abs(obs).max() <= 0.001

    def test_wrong_options_and_faults_are_refused(self):
        with pytest.raises(ValueError, match='the option chip must be "new"'):
            loop().reset(options={"chip": "old"})
        with pytest.raises(ValueError, match="can't have the fault dead-pixels"):
            loop(faults=["dead-pixels:0.5@3"])
        with pytest.raises(ValueError, match="faults must be a list of KIND:SIZE@STEP, got 'stuck:1'"):
            loop(faults="stuck:1")
        with pytest.raises(ValueError, match="lacks its size"):
            loop(faults=["stuck"])

    def test_a_seed_decides_what_breaks(self):
        traces = [
            trace(loop("Pendulum-v1", faults=["stuck:0.5"]), seed, [np.zeros(1, np.float32)] * 3) for seed in (1, 1, 2)
        ]
        assert same(traces[0], traces[1])
        chips = []
        for seed in (1, 2):
            env = loop("Pendulum-v1", faults=["stuck:0.5"])
            env.reset(seed=seed)
            chips.append(env.policy.model.readout.array.weights())
        assert not torch.equal(*chips)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (taught("Pendulum-v1"), "made for observations"),
        (
            PIBPolicy(gym.make("CartPole-v1").observation_space, spaces.Discrete(3), width=4),
            "made for actions Discrete",
        ),
    ],
)
def test_a_policy_of_other_spaces_is_refused(policy, words):
    with pytest.raises(ValueError, match=words):
        HardwareLoop(gym.make("CartPole-v1"), policy)


@pytest.mark.parametrize(
    ("space", "action", "words"),
    [
        (spaces.Discrete(2), 2, "first_action must be an action of the task"),
        (spaces.Box(-1, 1, (2,)), [0.0, 2.0], "first_action must be an action"),
        (spaces.Box(-1, 1, (2,)), [0.0], "first_action must be an action"),
        (spaces.Box(-np.inf, np.inf, (1,)), [1e300], r"first_action must be an action .* got \[1e\+300\]"),
    ],
)
def test_wrong_first_actions_are_refused(space, action, words):
    with pytest.raises(ValueError, match=words):
        make_override(space).checked(action)


def test_actions_that_count_from_elsewhere_are_replaced_by_those_of_the_task():
    override = make_override(spaces.Discrete(3, start=5))
    assert override.space == spaces.Discrete(4)
    assert [override(action, 6) for action in range(4)] == [6, 5, 6, 7]
    assert override.checked(None) == 5


def test_the_neutral_action_lies_within_bounds():
    neutral_action = make_override(spaces.Box(np.float32([1, -1]), np.float32([2, 1]))).checked(None)
    np.testing.assert_array_equal(neutral_action, np.float32([1, 0]))


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 2]), spaces.Box(0, 5, (2,), np.int64)])
def test_other_actions_are_refused(space):
    with pytest.raises(ValueError, match="actions must be Discrete or Box of floating-point numbers"):
        make_override(space)
