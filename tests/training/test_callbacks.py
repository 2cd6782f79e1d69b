"""Callbacks, counts and progress as Stable-Baselines3 promises them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from pib_rl.agents import PIB
from pib_rl.training.callbacks import Progress, RolloutReturns

pytestmark = pytest.mark.usefixtures("few_steps")


class Watch(BaseCallback):
    """Keeps what a callback can see; stops after ``limit`` calls."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.limit = limit
        self.counts, self.statistics, self.shapes, self.rollouts, self.seen = [], [], set(), [0, 0], []

    def _on_step(self) -> bool:
        self.counts.append(self.num_timesteps)
        self.statistics.append(self.model.policy.model.normaliser.mean.clone())
        self.shapes |= {self.locals[name].shape for name in ("new_obs", "actions", "rewards", "dones")}
        self.seen.append(self.locals["new_obs"].copy())
        assert {"infos", "env", "rollout_buffer", "n_rollout_steps"} <= self.locals.keys()
        return self.limit is None or self.n_calls < self.limit

    def _on_rollout_start(self) -> None:
        self.rollouts[0] += 1

    def _on_rollout_end(self) -> None:
        self.rollouts[1] += 1


def make(n_envs: int = 2, n_steps: int = 16, **kwargs) -> PIB:
    return PIB("MlpPolicy", make_vec_env("CartPole-v1", n_envs, seed=0), n_steps=n_steps, width=4, seed=0, **kwargs)


def test_steps_are_counted_one_by_one():
    watch = Watch()
    agent = make(3).learn(100, callback=watch)
    assert watch.counts == list(range(3, 145, 3))  # three rollouts of 48
    assert agent.num_timesteps == 144
    assert watch.rollouts == [3, 3]
    assert watch.shapes == {(3, 4), (3,)}


@pytest.mark.parametrize("chips", [1, 3])
def test_the_bar_counts_the_steps_of_one_chip_up_to_the_total(chips):
    bar = Progress(40)
    shown = []

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            shown.append(bar.bar.n)
            return True

    make(2 * chips, 16, chips=chips).learn(40, callback=[bar, Look()])
    assert shown == [min(steps, 40) for steps in range(2, 66, 2)]  # two rollouts of 32


def test_new_observations_are_those_that_follow():
    watch = Watch()
    agent = make(2, 16).learn(32, callback=watch)
    assert torch.equal(agent.rollout.obs[1:], torch.from_numpy(np.stack(watch.seen[:-1])))


@pytest.mark.parametrize("limit", [1, 5, 20])
def test_a_callback_ends_the_training_at_once(limit):
    watch = Watch(limit)
    agent = make(2).learn(1000, callback=watch)
    assert agent.num_timesteps == 2 * limit
    assert watch.n_calls == limit


def test_statistics_stand_still_within_a_rollout_and_cover_all_data_after_it():
    watch = Watch()
    collected = []

    class Collect(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            collected.append(self.model.rollout.obs.reshape(-1, 4).numpy().copy())

    agent = make(2, 16).learn(96, callback=[watch, Collect()])
    for start in (0, 16, 32):
        rollout = watch.statistics[start : start + 16]
        assert all(torch.equal(mean, rollout[0]) for mean in rollout)
    assert not torch.equal(watch.statistics[0], watch.statistics[16])
    data = np.concatenate(collected)
    np.testing.assert_allclose(agent.policy.model.normaliser.mean[0], data.mean(0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(agent.policy.model.normaliser.std[0], data.std(0), rtol=1e-3, atol=1e-5)


def test_episodes_are_reported_by_the_monitor(tmp_path):
    agent = make(2, 128).learn(512)
    assert len(agent.ep_info_buffer) > 4
    assert all(8 <= info["l"] <= 500 and info["r"] == info["l"] for info in agent.ep_info_buffer)
    single = PIB("MlpPolicy", Monitor(agent.env.envs[0].unwrapped, str(tmp_path / "log")), n_steps=64, width=4)
    single.learn(128)
    assert len(single.ep_info_buffer) > 0
    assert (tmp_path / "log.monitor.csv").exists()


def test_evaluation_and_checkpoints_of_sb3(tmp_path):
    env = make_vec_env("CartPole-v1", 2, seed=5)
    agent = make(2)
    agent.learn(
        64,
        callback=[
            EvalCallback(env, eval_freq=8, n_eval_episodes=2, log_path=str(tmp_path), verbose=0),
            CheckpointCallback(16, str(tmp_path)),
        ],
    )
    assert (tmp_path / "evaluations.npz").exists()
    assert (tmp_path / "rl_model_32_steps.zip").exists()
    first, second = (
        evaluate_policy(agent, make_vec_env("CartPole-v1", 1, seed=9), 3, return_episode_rewards=True) for _ in range(2)
    )
    assert first == second


def test_a_progress_bar_shows_without_harm(capsys):
    assert make(2).learn(64, progress_bar=True).num_timesteps == 64
    out = capsys.readouterr()
    assert "64" in out.out + out.err


def test_a_table_is_printed_when_asked_for(capsys):
    make(2, verbose=1).learn(96)
    out = capsys.readouterr().out
    assert "information/" in out
    assert "total_timesteps" in out


def test_the_return_of_a_rollout_is_that_of_its_own_episodes():
    class Keep(RolloutReturns):
        def __init__(self) -> None:
            super().__init__()
            self.logged, self.wanted, self.now = [], [], []

        def _on_step(self) -> bool:
            self.now += [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
            return super()._on_step()

        def _on_rollout_end(self) -> None:
            super()._on_rollout_end()
            self.logged.append(self.logger.name_to_value.get("rollout/return"))
            self.wanted.append(np.mean(self.now) if self.now else None)
            self.now = []

    keep = Keep()
    make(2, 32).learn(256, callback=keep)
    assert len(keep.logged) == 4
    assert keep.logged == pytest.approx(keep.wanted)
    keep = Keep()
    make(2, 4).learn(8, callback=keep)
    assert keep.logged == [None], "no episode ended"
