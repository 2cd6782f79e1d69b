"""Observations logged, units that learn from them without labels, and policies that go on with those units."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pib_rl import learn, log, train
from pib_rl.agents.network.model import own_state
from pib_rl.cli.cli import run
from pib_rl.learning.run import TARGETS
from pib_rl.runs.folder import RunFolder

ENV = ["CartPole-v1", "--distractors", "3"]
CHIP = ["--hw", "memristive", "--width", "8", "--units", "2", "--hw-options", "read_noise=0.01"]
QUIET = ["--no-progress"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """observations.npz, an encoder and a policy."""
    path = tmp_path_factory.mktemp("log")
    log.main([*ENV, "--timesteps", "600", "--seed", "2", "--out", str(path / "observations.npz"), *QUIET])
    learn.main(
        [
            str(path / "observations.npz"),
            "--target",
            "views",
            *CHIP,
            "--epochs",
            "2",
            "--seed",
            "5",
            "--out",
            str(path / "encoder"),
            *QUIET,
        ]
    )
    train.main(
        [
            *ENV,
            *CHIP,
            "--timesteps",
            "256",
            "--n-steps",
            "32",
            "--eval-episodes",
            "1",
            "--out",
            str(path / "policy"),
            *QUIET,
        ]
    )
    return path


def test_pairs_are_successive_observations_of_one_episode(folder):
    with np.load(folder / "observations.npz") as file:
        now, later = file["x_train"], file["x_next"]
    assert now.shape == later.shape
    assert 520 < len(now) < 600  # an episode of random actions lasts 20 steps; nothing follows its last one
    assert now.shape[1] == 7
    moved = now[:, 0] + 0.02 * now[:, 1]  # the cart's place a step of 0.02 s later
    np.testing.assert_allclose(later[:, 0], moved, atol=1e-5)
    assert abs(np.corrcoef(now[:, 6], later[:, 6])[0, 1]) < 0.15  # noise is drawn anew


def test_a_seed_makes_it_repeatable_and_a_policy_may_act(folder, tmp_path):
    acts = ["--policy", str(folder / "policy")]
    for name, seed, more in (("same", "2", []), ("other", "3", []), ("acted", "2", acts)):
        log.main([*ENV, "--timesteps", "600", "--seed", seed, "--out", str(tmp_path / f"{name}.npz"), *more, *QUIET])
    logs = [
        np.load(path)["x_train"]
        for path in (folder / "observations.npz", *(tmp_path / f"{name}.npz" for name in ("same", "other", "acted")))
    ]
    assert np.array_equal(logs[0], logs[1])
    assert not np.array_equal(logs[0][:50], logs[2][:50])
    assert np.array_equal(logs[0][:8], logs[3][:8])  # the same starts
    assert not np.array_equal(logs[0][:100], logs[3][:100])


def chip_state(path):
    state = own_state(RunFolder.open(path).load_policy("policy.safetensors"))
    return {
        name: value
        for name, value in state.items()
        if name.startswith(("network.", "normaliser."))
        and not any(part in name for part in (".optimiser.", ".objective.", ".meter."))
    }


def test_a_policy_goes_on_with_the_very_units(folder, tmp_path):
    train.main(
        [
            *ENV,
            "--init",
            str(folder / "encoder"),
            "--learner",
            "frozen",
            "--timesteps",
            "256",
            "--n-envs",
            "8",
            "--n-steps",
            "32",
            "--eval-episodes",
            "1",
            "--out",
            str(tmp_path / "run"),
            *QUIET,
        ]
    )
    before, after = chip_state(folder / "encoder"), chip_state(tmp_path / "run")
    assert before.keys() == after.keys()
    arrays = [name for name in before if name.startswith("network.")]
    assert len(arrays) > 8
    assert [name for name in arrays if not torch.equal(before[name], after[name])] == []  # frozen: nothing moves
    fresh = chip_state(folder / "policy")
    assert any(not torch.equal(before[name], fresh[name]) for name in arrays)
    assert after["normaliser.count"] == before["normaliser.count"] + 256  # its statistics go on
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["hw"] == "memristive"  # the chip's settings come with it
    settings = RunFolder.open(tmp_path / "run").identity()
    assert (settings["width"], settings["hw_options"]["read_noise"], settings["init"]) == (
        8,
        0.01,
        str(folder / "encoder"),
    )


def test_a_policy_goes_on_with_another_policys_units(folder, tmp_path):
    train.main(
        [
            *ENV,
            "--init",
            str(folder / "policy"),
            "--timesteps",
            "256",
            "--n-steps",
            "32",
            "--eval-episodes",
            "1",
            "--out",
            str(tmp_path / "run"),
            *QUIET,
        ]
    )
    assert (tmp_path / "run" / "result.json").is_file()


def test_units_that_learned_from_time_ignore_noise_dimensions(tmp_path):
    log.main(["CartPole-v1", "--distractors", "16", "--timesteps", "600", "--out", str(tmp_path / "o.npz"), *QUIET])
    shares = []
    for name, how in (("pib", ["--epochs", "40"]), ("frozen", ["--epochs", "1", "--learner", "frozen"])):
        out = tmp_path / name
        learn.main(
            [
                str(tmp_path / "o.npz"),
                "--target",
                "views",
                "--width",
                "16",
                "--units",
                "1",
                "--out",
                str(out),
                *how,
                *QUIET,
            ]
        )
        with np.load(tmp_path / "o.npz") as file:
            x = torch.tensor(file["x_train"][:400])
        state = chip_state(out)
        x = ((x - state["normaliser.mean"]) / state["normaliser.std"]).float()
        noisy = x.clone()
        noisy[:, 4:] = x[torch.randperm(400, generator=torch.Generator().manual_seed(0)), 4:]
        config = learn.LearnConfig(data=str(tmp_path / "o.npz"), target="views", width=16, units=1)
        model = TARGETS["views"](config).build(None).prepare(x.numpy()).model_
        model.inherit(state)
        z, changed = (model.network.measure(part).z[0] for part in (x, noisy))
        shares.append(float((z - changed).square().mean() / z.var(0).mean()))
    assert shares[0] < 0.25 * shares[1]


class Pixels(gym.Env):
    """Observations that can't be flattened."""

    observation_space = spaces.Tuple([spaces.Discrete(2)])
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return (0,), {}

    def step(self, action):
        return (0,), 0.0, True, False, {}


@pytest.fixture
def registered():
    gym.register("Untold-v0", Pixels)
    yield
    del gym.registry["Untold-v0"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (log, ["CartPole-v7"], "CartPole"),
        (log, [*ENV, "--timesteps", "0"], "--timesteps must be 1 or more, got 0"),
        (log, ["Untold-v0", "--out", "new.npz"], "observation"),
        (log, [*ENV, "--out", "log.txt"], "--out must end with .npz, got log.txt"),
        (log, [*ENV, "--out", "observations.npz"], "observations.npz exists; choose another --out"),
        (log, [*ENV, "--out", "new.npz", "--policy", "encoder"], "nothing to play in it"),
        (log, ["CartPole-v1", "--out", "new.npz", "--policy", "policy"], "with distractors 3, but 0 is asked for"),
        (log, [*ENV, "--out", "x" * 300 + ".npz"], "cannot write"),
        (log, [*ENV, "--out", "new.npz", "--policy", "nowhere"], "nowhere is not a folder"),
        (log, [*ENV, "--out", "new.npz", "--timesteps", "1", "--n-envs", "1"], "within an episode: 1"),
        (train, [*ENV, "--init", "nowhere"], "nowhere is not a folder"),
        (
            train,
            ["CartPole-v1", "--init", "encoder"],
            "does not fit CartPole-v1 with 0 distractors, learner pib: the other",
        ),
        (train, ["CartPole-v1", "--init", "policy"], "network sees 7 numbers, this one 4"),
        (train, [*ENV, "--init", "encoder", "--width", "9"], "has width 8, this run asks for 9; leave --width out"),
        (train, [*ENV, "--init", "encoder", "--hw", "optical"], "has hw memristive, this run asks for optical"),
        (
            train,
            [*ENV, "--init", "encoder", "--learner", "forward-forward"],
            "learner forward-forward: the other network",
        ),
        (train, [*ENV, "--init", "patches"], "look at squares of images"),
    ],
)
def test_mistakes_end_in_one_line_with_code_2(command, arguments, words, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    patches = folder / "patches"
    if not patches.exists():
        patches.mkdir()
        settings = (folder / "encoder" / "config.yaml").read_text().replace("patches: []", "patches: ['4:2:1']")
        (patches / "config.yaml").write_text(settings)
        RunFolder(patches).save_policy(RunFolder(folder / "encoder").load_policy())
    before = sorted(path.name for path in folder.rglob("*"))
    monkeypatch.setattr("sys.argv", ["command", *arguments, *QUIET])
    with pytest.raises(SystemExit) as stop:
        run(command.NAME, command.main)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.err.count("\n") == 1
    assert words in said.err
    assert sorted(path.name for path in folder.rglob("*")) == before
