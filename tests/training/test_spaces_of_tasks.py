"""Tasks with spaces of every kind, from training to learning without labels."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from worlds import World

from pib_rl import learn, log, play, train

pytestmark = pytest.mark.usefixtures("few_steps")

QUIET = ["--no-progress"]
SEEN = spaces.Dict({"a": spaces.MultiDiscrete([3, 4], start=[1, 1]), "b": spaces.Discrete(2, start=-1)})
TAKEN = {
    "choices": spaces.MultiDiscrete([[2, 3], [1, 4]], start=[[0, 1], [2, 3]]),
    "bits": spaces.MultiBinary([2, 2]),
    "few": spaces.Box(-5, 5, (2,), dtype=np.int32),
}


@pytest.mark.parametrize("name", TAKEN)
def test_from_training_to_play_and_to_learning_without_labels(name, tmp_path, monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    monkeypatch.chdir(tmp_path)
    gym.register("Toy-v0", entry_point=World, kwargs={"observation_space": SEEN, "action_space": TAKEN[name]})
    small = ["--timesteps", "40", "--n-envs", "2", "--n-steps", "10", "--width", "4", "--eval-episodes", "2", *QUIET]
    train.main(["Toy-v0", *small, "--chips", "2", "--out", "run"])  # World refuses what is outside of its space
    play.main(["run", "--chip", "1", "--steps", "8", *QUIET])
    for policy, file in (([], "random.npz"), (["--policy", "run", "--chip", "1"], "own.npz")):
        log.main(["Toy-v0", "--timesteps", "80", "--n-envs", "2", *policy, "--out", file, *QUIET])
        with np.load(file) as found:
            assert found["x_train"].shape == (64, 9)
            assert (found["x_train"].sum(1) == 3).all()
    learn.main(
        ["own.npz", "--target", "views", "--width", "4", "--units", "1", "--epochs", "1", "--out", "units", *QUIET]
    )
