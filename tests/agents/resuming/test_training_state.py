"""learn(2n) is learn(n), save, load, learn(n): bit for bit, on every substrate and with every learner."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from chips import shipped
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from pib_rl.agents import LEARNERS, make_agent
from pib_rl.common.tree import Flat
from pib_rl.envs import make_vec_env

HALF, STEPS = 64, 16  # steps in two environments each
WHOLE = 2 * HALF
HARDWARE = [name for name in shipped() if name != "remote"]
STEADY = {"hidden_decay": 0.0}
SHORT = {"hidden_steps": 8}  # a tenth of what units take by themselves


class StoppedError(Exception):
    pass


class StopAt(BaseCallback):
    """Ends a training at the start of a rollout, as a kill does; it takes its state first."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        if self.num_timesteps >= self.step:
            self.state = stored(self.model)
            raise StoppedError


def agent(env_id="CartPole-v1", learner="pib", hw="digital", chips=1, seed=3, **options):
    env = make_vec_env(env_id, 2 * chips, seed=seed)
    settings = {"width": 4, "n_steps": STEPS, "seed": 3, "policy_kwargs": {"noise_correlation": 0.5}, "rule": SHORT}
    return make_agent(learner, "MlpPolicy", env, hw=hw, chips=chips, **{**settings, **options})


def stored(model):
    """The state as files give it back."""
    flat = model.training_state()
    return Flat({name: value.clone() for name, value in flat.tensors.items()}, json.loads(json.dumps(flat.plain)))


def result(model):
    """Everything of an agent that has learned, but times."""
    flat = model.training_state()
    loop = {name: part for name, part in flat.plain["loop"].items() if name != "_num_timesteps_at_start"}
    for episode in loop["ep_info_buffer"]:
        episode.pop("t")
    return flat.tensors, {**flat.plain, "loop": loop}


def check(half=HALF, whole=WHOLE, **options):
    """A training that is stopped in the middle, in a schedule of the whole, goes on in another process's agent."""
    stop = StopAt(half)
    with pytest.raises(StoppedError):
        agent(**options).learn(whole, callback=stop)
    other = agent(**options)
    assert other.load_training_state(stop.state)
    other.learn(whole - other.num_timesteps, reset_num_timesteps=False)
    compare(agent(**options).learn(whole), other)


def compare(ours, theirs):
    assert ours.num_timesteps == theirs.num_timesteps > 0
    (tensors, plain), (others, other) = result(ours), result(theirs)
    assert tensors.keys() == others.keys()
    for name, value in tensors.items():
        assert torch.equal(value, others[name]), name
    assert plain == other


@pytest.mark.parametrize("hw", HARDWARE)
def test_every_substrate_goes_on_bit_for_bit(hw):
    check(hw=hw)


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("hw", ["memristive", pytest.param("optical", marks=pytest.mark.slow)])
def test_every_learner_goes_on_bit_for_bit(learner, hw):
    if learner == "es":  # a generation is whole episodes
        check(200, 500, learner=learner, hw=hw, rule={"pairs": 1})
    else:
        check(learner=learner, hw=hw)


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "LunarLander-v3", "pib_rl/Distractors-v0"])
def test_continuous_actions_and_other_environments_go_on(env_id):
    if env_id == "LunarLander-v3":
        pytest.importorskip("Box2D")
    check(env_id=env_id)


@pytest.mark.parametrize("hw", ["digital", "memristive:pcm"])
def test_wafers_go_on(hw):
    check(hw=hw, chips=2)


@pytest.mark.parametrize("hw", ["memristive", "optical"])
def test_two_learns_are_one_where_no_schedule_follows_the_progress(hw):
    options = {"hw": hw, "learning_rate": 0.3, "rule": STEADY}
    first = agent(**options).learn(HALF)
    other = agent(**options)
    assert other.load_training_state(stored(first))
    compare(agent(**options).learn(WHOLE), other.learn(HALF, reset_num_timesteps=False))


def test_a_schedule_ends_where_learn_ends():
    first = agent().learn(HALF)
    assert first.lr_schedule(first._current_progress_remaining) == 0
    assert first.training_state().plain["loop"]["progress_left"] == 0


def test_taking_a_state_changes_nothing():
    class Look(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_start(self):
            self.model.training_state()

    compare(agent(hw="memristive").learn(WHOLE), agent(hw="memristive").learn(WHOLE, callback=Look()))


def test_environments_that_cannot_go_on_begin_new_episodes_from_a_seed_of_their_own():
    class Held(gym.Wrapper):
        """One that shows something else each time."""

        made = 0

        def __init__(self, env):
            super().__init__(env)
            self.held, Held.made = memoryview(b"x"), Held.made + 1
            self.shift = Held.made

        def step(self, action):
            seen, *others = self.env.step(action)
            return seen + np.float32(self.shift), *others

    def make():
        return make_agent("pib", "MlpPolicy", DummyVecEnv([lambda: Held(gym.make("CartPole-v1"))]), n_steps=40, seed=3)

    state = stored(make().learn(40))
    one, two = make(), make()
    assert not one.load_training_state(state)
    assert not two.load_training_state(state)
    assert np.array_equal(one._last_obs, two._last_obs)
    assert one._last_episode_starts.all()
    one.learn(40, reset_num_timesteps=False)
    assert one.num_timesteps == 80


@pytest.mark.parametrize("change", ["width", "hw", "n_envs"])
def test_a_state_of_another_agent_is_refused_in_one_line(change):
    state = stored(agent().learn(HALF))
    other = agent(**{"width": {"width": 8}, "hw": {"hw": "optical"}, "n_envs": {"chips": 2}}[change])
    with pytest.raises(
        ValueError, match=r"^the state of the training does not fit this agent: .*as many env"
    ) as caught:
        other.load_training_state(state)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"hw": "memristive"}, {"env_id": "Pendulum-v1", "hw": "optical"}, {"learner": "dfa"}]
)
def test_a_saved_agent_goes_on_bit_for_bit(options, tmp_path):
    options = {"learning_rate": 0.3, **options}
    first = agent(**options).learn(HALF)
    first.save(tmp_path / "agent")
    env_id = options.get("env_id", "CartPole-v1")
    other = type(first).load(tmp_path / "agent", make_vec_env(env_id, 2, seed=8), force_reset=False)
    ours, theirs = (model.learn(HALF, reset_num_timesteps=False) for model in (first, other))
    compare(ours, theirs)


def test_a_saved_agent_that_begins_new_episodes_has_draws_that_are_new(tmp_path):
    first = agent(hw="memristive").learn(HALF)
    first.save(tmp_path / "agent")
    others = [type(first).load(tmp_path / "agent", make_vec_env("CartPole-v1", 2, seed=8)) for _ in range(2)]
    assert all(other._last_obs is None and other.rule.running is None for other in others)
    compare(*(other.learn(HALF, reset_num_timesteps=False) for other in others))
    assert others[0].num_timesteps == WHOLE


@pytest.mark.parametrize("change", ["count", "wrapper"])
def test_episodes_of_other_environments_do_not_go_on(change, tmp_path):
    first = agent(hw="memristive").learn(HALF)
    first.save(tmp_path / "agent")
    env = make_vec_env("CartPole-v1", 3 if change == "count" else 2, seed=8)
    other = type(first).load(tmp_path / "agent", VecNormalize(env) if change == "wrapper" else env, force_reset=False)
    assert other._last_episode_starts.all()
    assert other.learn(other.n_envs * STEPS, reset_num_timesteps=False).num_timesteps > HALF


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("history/0/obs", lambda value: value[:, :2], r"obs must be numbers of shape \(32, 4\)"),
        ("history/0/actions", lambda value: value.float(), "actions must be whole numbers of shape"),
        ("history/0/score", lambda value: value[:5], "score must be numbers of shape"),
        ("remembered/1", lambda value: value[:, :1], "remembered outputs must be"),
    ],
)
def test_memories_that_no_such_agent_has_are_refused(part, change, words):
    flat = stored(agent().learn(HALF))
    name = f"/rule/{part}"
    flat.tensors[name] = change(flat.tensors[name])
    with pytest.raises(ValueError, match=words):
        agent().load_training_state(flat)
