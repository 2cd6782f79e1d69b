"""train --patches: runs whose first units look at squares of images, and everything that reads such a run."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from one_line import stops
from worlds import World

from pib_rl import learn, log, train
from pib_rl.agents.network.model import own_state
from pib_rl.agents.saved import load_policy
from pib_rl.comparison.config import CompareConfig
from pib_rl.comparison.plan import plan
from pib_rl.runs.folder import RunFolder
from pib_rl.training.config import from_arguments
from pib_rl.training.load import load
from pib_rl.training.loop import close

pytestmark = pytest.mark.usefixtures("few_steps")

SPACE, ACTIONS = spaces.Box(0, 1, (5, 6, 2), dtype=bool), spaces.Discrete(3)
PATCHES = ["--patches", "3:3:1", "2:2:2"]
CHIP = ["--width", "4", "--units", "1", "--seed", "3", "--no-progress"]
SHORT = ["--timesteps", "32", "--n-envs", "2", "--n-steps", "8", "--looks", "0", "--eval-episodes", "1"]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    gym.register("Pictures-v0", lambda **kwargs: World(SPACE, ACTIONS))


@pytest.mark.parametrize("chips", [1, 2])
def test_a_run_comes_back_with_its_patches(chips, tmp_path):
    out = tmp_path / "run"
    train.main(["Pictures-v0", *PATCHES, *CHIP, *SHORT, "--chips", str(chips), "--out", str(out)])
    folder = RunFolder.open(out)
    assert folder.identity()["patches"] == PATCHES[1:]
    model, task = load(folder, "policy.safetensors", chips - 1 or None)
    close(model)
    assert task.patches == tuple(PATCHES[1:])
    alone = load_policy(out, SPACE, ACTIONS, chip=chips - 1)
    assert alone.model.chip.patches == ((3, 3, 1), (2, 2, 2))
    obs = np.random.default_rng(0).random((7, 5, 6, 2)) > 0.5
    first, second = (policy.predict(obs, deterministic=True)[0] for policy in (alone, model.policy))
    np.testing.assert_array_equal(first, second)


def test_units_with_patches_go_from_log_over_learn_to_train(tmp_path):
    data, encoder, out = tmp_path / "seen.npz", tmp_path / "encoder", tmp_path / "run"
    log.main(["Pictures-v0", "--timesteps", "80", "--n-envs", "2", "--out", str(data), "--no-progress"])
    assert np.load(data)["x_train"].shape[1:] == (5, 6, 2)
    views = ["--target", "views", "--epochs", "1", "--batch-size", "16"]
    learn.main([str(data), *views, *PATCHES, *CHIP, "--out", str(encoder)])
    train.main(["Pictures-v0", "--learner", "frozen", "--init", str(encoder), *SHORT, *CHIP[-1:], "--out", str(out)])
    assert RunFolder.open(out).identity()["patches"] == PATCHES[1:]
    before, after = (own_state(RunFolder.open(path).load_policy("policy.safetensors")) for path in (encoder, out))
    for unit in range(3):
        name = f"network.units.{unit}.array.weight"
        np.testing.assert_array_equal(before[name], after[name])


def test_none_is_no_patches():
    plain = from_arguments(["Pictures-v0"], train.NAME)
    assert from_arguments(["Pictures-v0", "--patches", "none"], train.NAME).identity() == plain.identity()
    assert "patches" not in plain.identity()


def test_a_comparison_gives_patches_to_all_that_have_units(tmp_path):
    config = CompareConfig(
        env="Pictures-v0", hw=("digital",), learner=("frozen",), seeds=1, width=4, patches=("3:3:1",), timesteps=64
    )
    assert [job.settings().patches for job in plan(config)] == [("3:3:1",)] * 2
    assert config.identity()["patches"] == ["3:3:1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Pictures-v0", "--patches", "3:9:1"], "patches: a patch of 9 pixels does not fit an image of 5 x 6"),
        (
            ["Pictures-v0", "--patches", "3:5"],
            "takes none or CHANNELS:SIZE:STRIDE, such as 32:5:2, got '3:5'",
        ),
        (["CartPole-v1", "--patches", "3:3:1"], "patches look at squares of images"),
        (["Pictures-v0", *PATCHES, "--learner", "forward-forward"], "patches see no inputs but the image"),
        (["Pictures-v0", *PATCHES, "--distractors", "2"], "distractors need observations that are vectors"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert words in stops(train, arguments, monkeypatch, capsys)
    assert not list(tmp_path.iterdir())
