"""What a policy in control shows: task and hardware side by side, or the task alone."""

from __future__ import annotations

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest

from pib_rl.envs import FreshChip, HardwareLoop


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def loop(task: str = "CartPole-v1", **settings) -> HardwareLoop:
    return HardwareLoop(gym.make(task, render_mode="rgb_array"), FreshChip("memristive", width=8, units=1), **settings)


def test_task_and_hardware_stand_side_by_side():
    env = loop(faults=["stuck:1@2"])
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (720, 1280, 3)
    assert before.dtype == np.uint8
    env.step(0)
    after = env.render()
    left, right = (np.abs(after.astype(int) - before).max(2)[:, part] for part in (slice(0, 560), slice(560, None)))
    assert (left > 0).any()  # the cart has moved
    assert (right > 0).any()  # other outputs were measured
    np.testing.assert_array_equal(env.render(), after)
    env.step(0)
    assert env.scene().status.faults == ("stuck 1",)
    assert env.scene().status.marks == (1,)


def test_the_scene_tells_where_the_play_is():
    env = loop()
    env.reset(seed=0)
    done, steps = False, 0
    while not done:
        _, _, terminated, truncated, _ = env.step(1)
        done, steps = terminated or truncated, steps + 1
    status = env.scene().status
    assert (status.title, status.step) == ("CartPole-v1 on memristive", steps)
    assert (status.episode, status.reward, status.returns) == (1, float(steps), ())  # it is the last state of this one
    env.reset()
    status = env.scene().status
    assert (status.episode, status.reward, status.returns) == (2, 0.0, (float(steps),))
    env.reset(options={"chip": "new"})
    assert env.scene().status.returns == ()


def test_the_task_alone():
    env = loop(view="task")
    env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), env.env.render())


def test_a_picture_is_no_part_of_what_is_pickled():
    env = loop("pib_rl/ContextBandit-v0")  # Gymnasium's own tasks can't be pickled once they drew
    env.reset(seed=0)
    shown = env.render()
    other = cloudpickle.loads(cloudpickle.dumps(env))
    np.testing.assert_array_equal(other.render(), shown)


def drawn(env: HardwareLoop, action=0) -> tuple:
    """What is marked in the picture, and what an info says that the hardware does, after each of some steps."""
    told = [env.reset(seed=0)[1]["hw_action"]]
    marked = [env.scene().decision.action]
    for _ in range(8):
        told.append(env.step(action)[4]["hw_action"])
        marked.append(env.scene().decision.action)
    return marked, told


@pytest.mark.parametrize("settings", [{"greedy": False}, {"latency_s": 0.05}, {"latency_s": 0.05, "first_action": 1}])
def test_what_the_hardware_does_is_marked(settings):
    env = loop(**settings)
    marked, told = drawn(env)
    assert marked == [(action,) for action in told]
    if "greedy" in settings:
        assert len(set(told)) == 2  # a blank readout, for which both actions are as likely


@pytest.mark.parametrize("settings", [{"greedy": False}, {"first_action": [0.5], "latency_s": 0.06}])
def test_what_the_hardware_does_is_marked_in_half_ranges(settings):
    env = loop("Pendulum-v1", **settings)
    marked, told = drawn(env, np.zeros(1, np.float32))
    np.testing.assert_allclose(marked, np.array(told) / 2, atol=1e-6)
    assert np.abs(marked).max() > 0.2


def test_the_title_names_the_task_inside():
    env = gym.make("pib_rl/Hardware-v0", env_id="CartPole-v1", hw="memristive", width=8, render_mode="rgb_array")
    env.reset(seed=0)
    assert env.get_wrapper_attr("scene")().status.title == "CartPole-v1 on memristive"
    assert env.spec.id == "pib_rl/Hardware-v0"


def test_another_view_is_refused():
    with pytest.raises(ValueError, match="view must be both or task, got 'hardware'"):
        loop(view="hardware")
