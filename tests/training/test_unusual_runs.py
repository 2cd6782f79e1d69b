"""Runs out of the ordinary: dictionaries as observations, a reward that is no number, Ctrl-C."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from pib_rl import play, train
from pib_rl.agents.rule.iteration import Rule
from pib_rl.cli.cli import UserError

pytestmark = pytest.mark.usefixtures("few_steps")

SMALL = ["--timesteps", "8000", "--width", "8", "--eval-episodes", "2", "--no-progress"]


class BrokenReward(gym.Env):
    """Pays nan after a while."""

    observation_space = spaces.Box(-1, 1, (3,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.zeros(3, np.float32), float("nan") if self.count > 20 else 1.0, False, False, {}


class Pair(gym.Env):
    """Observations are a flat Dict; pays for pressing what is seen."""

    observation_space = spaces.Dict({"seen": spaces.Discrete(2), "noise": spaces.Box(-1, 1, (2,))})
    action_space = spaces.Discrete(2)

    def _look(self):
        self.seen = int(self.np_random.integers(2))
        return {"noise": self.np_random.uniform(-1, 1, 2).astype(np.float32), "seen": self.seen}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._look(), {}

    def step(self, action):
        reward = float(action == self.seen)
        return self._look(), reward, False, False, {}


def test_dictionaries_of_observations_train_and_play(tmp_path, capsys):
    gym.register("Pair-v0", entry_point=Pair, max_episode_steps=10)
    try:
        train.main(["Pair-v0", *SMALL, "--out", str(tmp_path / "run")])
        play.main([str(tmp_path / "run"), "--read", "mean", "--no-progress"])
    finally:
        del gym.registry["Pair-v0"]
    assert "returns: 10.0, 10.0, 10.0" in capsys.readouterr().out


@pytest.fixture
def broken():
    gym.register("BrokenReward-v0", entry_point=BrokenReward, max_episode_steps=50)
    yield
    del gym.registry["BrokenReward-v0"]


def test_nan_reward_is_one_clear_mistake(broken, tmp_path):
    with pytest.raises(UserError, match="rewards must be finite"):
        train.main(["BrokenReward-v0", *SMALL, "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run" / "result.json").exists()


def test_interrupted_run_plays_and_is_not_overwritten(tmp_path, monkeypatch, capsys):
    real, calls = Rule.update, []

    def interrupt(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(Rule, "update", interrupt)
    folder = tmp_path / "run"
    with pytest.raises(
        UserError, match=r"interrupted; stopped at step 4096 of 8000.*pib_rl\.train --resume .*pib_rl\.play"
    ):
        train.main(["CartPole-v1", *SMALL, "--out", str(folder)])
    play.main([str(folder), "--episodes", "1", "--no-progress"])
    assert "returns:" in capsys.readouterr().out
    with pytest.raises(UserError, match="unfinished run"):
        train.main(["CartPole-v1", *SMALL, "--out", str(folder)])
