"""Agents in files: what comes back, what is refused, and that nothing runs."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from agent_toys import Bandit
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.save_util import data_to_json
from stable_baselines3.common.utils import ConstantSchedule, LinearSchedule
from stable_baselines3.common.vec_env import VecEnvWrapper

from pib_rl.agents import ES, PIB
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.storing.archive import DATA, STATE

SMALL = {"n_steps": 8, "width": 3, "units": 1, "seed": 3}


class OwnPolicy(PIBPolicy):
    pass


class Seeded(VecEnvWrapper):
    """Notes the seeds that it gets."""

    def __init__(self, venv):
        super().__init__(venv)
        self.seeds = []

    def seed(self, seed=None):
        self.seeds.append(seed)
        return [seed]

    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        return self.venv.step_wait()


def bandit(seed=0):
    return Bandit(4, 2, seed)


@pytest.fixture(scope="module")
def agent():
    return PIB("MlpPolicy", bandit(), policy_kwargs={"log_std_init": -1.0}, **SMALL).learn(64)


@pytest.fixture
def file(agent, tmp_path):
    agent.save(tmp_path / "agent")
    return tmp_path / "agent.zip"


def replaced(file, **parts):
    """The file with other content, by name without its ending."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, old in content.items():
            archive.writestr(name, parts.get(name.split(".")[0], old))


def test_a_file_holds_json_and_tensors_and_nothing_that_runs(file):
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [DATA, STATE]
        data = json.loads(archive.read(DATA))
    assert data["missing"] == []
    assert data["training"]["loop"]["num_timesteps"] == 64
    assert b":serialized:" not in file.read_bytes()


def test_every_attribute_comes_back(agent, file):
    loaded = PIB.load(file)
    own = {"policy", "rule", "rollout", "env", "lr_schedule", "_logger", "_custom_logger", "device"}
    for name, value in vars(agent).items():
        if name in own or name == "_vec_normalize_env":
            continue
        other = getattr(loaded, name)
        assert type(other) is type(value), name
        if not repr(value).count("Schedule"):
            np.testing.assert_equal(other, value)
    assert loaded.lr_schedule(0.5) == agent.lr_schedule(0.5)
    assert loaded.clip_range(0.5) == agent.clip_range(0.5)
    assert all(map(torch.equal, loaded.rule.test.remembered, agent.rule.test.remembered))


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_noise_goes_on_where_it_was_and_is_not_replayed(hw, tmp_path):
    env = bandit()
    agent = PIB("MlpPolicy", env, hw=hw, learner="frozen", **SMALL).learn(32)
    agent.save(tmp_path / "agent")
    loaded, again = (PIB.load(tmp_path / "agent") for _ in range(2))
    obs = env.reset()
    first, second, third = (model.predict(obs.repeat(50, 0))[0] for model in (agent, loaded, again))
    fresh = PIB("MlpPolicy", bandit(), hw=hw, learner="frozen", **SMALL)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    drawn = {name: model.policy.streams.generator("exploration").get_state() for name, model in
             {"agent": agent, "loaded": loaded, "fresh": fresh}.items()}  # fmt: skip
    assert torch.equal(drawn["agent"], drawn["loaded"])
    assert not torch.equal(drawn["agent"], drawn["fresh"])


def test_environments_get_a_seed_that_they_had_not_before(file):
    before, env = Seeded(bandit()), Seeded(bandit())
    PIB("MlpPolicy", before, **SMALL)
    PIB.load(file, env)
    assert env.seeds[-1] not in before.seeds
    other = Seeded(bandit())
    PIB.load(file, other)
    assert other.seeds == env.seeds


def test_an_untrained_agent_begins_as_if_it_was_never_saved(tmp_path):
    agent = PIB("MlpPolicy", bandit(), **SMALL)
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent", bandit())
    for model in (agent, loaded):
        model.learn(32)
    state = loaded.policy.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in agent.policy.state_dict().items())


def test_policy_arguments_may_be_given_again_and_others_not(file):
    PIB.load(file, policy_kwargs={"log_std_init": -1.0})
    for wrong in ({"log_std_init": -2.0}, {}, None, {"log_std_init": -1.0, "width": 3}):
        with pytest.raises(ValueError, match=r"policy_kwargs must be those of the saved agent, .*-1.0.*, or left out"):
            PIB.load(file, policy_kwargs=wrong)


def test_arguments_of_load_replace_attributes_that_are_there(file):
    loaded = PIB.load(file, custom_objects={"learning_rate": 0.1, "dummy": 1}, verbose=1, ent_coef=0.2)
    assert (loaded.learning_rate, loaded.verbose, loaded.rule.config.ent_coef) == (0.1, 1, 0.2)
    assert not hasattr(loaded, "dummy")
    with pytest.raises(ValueError, match=r"no argument 'lerning_rate'.*did you mean learning_rate"):
        PIB.load(file, lerning_rate=0.1)


@pytest.mark.parametrize("schedule", [0.3, LinearSchedule(0.4, 0.1, 0.5), ConstantSchedule(0.2)])
def test_schedules_come_back(schedule, tmp_path):
    agent = PIB("MlpPolicy", bandit(), learning_rate=schedule, **SMALL)
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent")
    assert [loaded.lr_schedule(left) for left in (1.0, 0.7, 0.0)] == [agent.lr_schedule(left) for left in (1.0, 0.7, 0)]


def test_functions_and_classes_of_ones_own_have_to_be_given_again(tmp_path):
    PIB(OwnPolicy, bandit(), learning_rate=lambda left: 0.25 * left, **SMALL).save(tmp_path / "agent")
    with pytest.raises(ValueError, match=r"^policy_class, learning_rate: functions and .* custom_objects=\{'policy_"):
        PIB.load(tmp_path / "agent")
    own = {"policy_class": OwnPolicy, "learning_rate": 0.25}
    loaded = PIB.load(tmp_path / "agent", custom_objects=own)
    assert (type(loaded.policy), loaded.lr_schedule(1.0)) == (OwnPolicy, 0.25)


def test_what_is_excluded_is_not_saved_and_what_cannot_be_is_not_included(agent, tmp_path):
    agent.save(tmp_path / "agent", exclude=["tensorboard_log"])
    with zipfile.ZipFile(tmp_path / "agent.zip") as archive:
        assert "tensorboard_log" not in json.loads(archive.read(DATA))["attributes"]
    PIB.load(tmp_path / "agent")
    with pytest.raises(ValueError, match="rule can't be saved: a state can't hold Rule"):
        agent.save(tmp_path / "agent", include=["rule"])


def test_what_is_excluded_is_as_in_a_new_agent_again(agent, tmp_path):
    agent.verbose = 2
    agent.save(tmp_path / "agent", exclude=["verbose"])
    assert PIB.load(tmp_path / "agent").verbose == 0


def test_a_file_that_is_no_archive_is_said_to_be_none(tmp_path):
    (tmp_path / "agent.zip").write_text("nothing")
    with pytest.raises(ValueError, match="wasn't a zip-file"):
        PIB.load(tmp_path / "agent")


def test_the_class_of_another_loop_is_refused(file, tmp_path):
    with pytest.raises(ValueError, match="needs a training loop of another kind than ES"):
        ES.load(file)


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_pickles_of_stable_baselines_are_refused_unless_trusted(agent, tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "went off"))
    path = tmp_path / "old.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", data_to_json({"verbose": 0, "learning_rate": Bomb()}))
    for load in (PIB.load, agent.set_parameters):
        with pytest.raises(ValueError, match=r"old.zip is a file of Stable-Baselines3.*run any code.*trust=True"):
            load(path)
    assert not (tmp_path / "went off").exists()
    BaseAlgorithm.save(PIB("MlpPolicy", bandit(), **SMALL), path)
    assert PIB.load(path, trust=True).seed == 3
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8).save(path)
    with pytest.raises(ValueError, match="trust=True"):
        PIB.load(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "no file of an agent, or damaged"),
        (lambda file: file.write_bytes(b"half"), "no file of an agent, or damaged"),
        (lambda file: replaced(file, data="{}"), "data.json is not the one that was written"),
        (lambda file: replaced(file, state=b"1234"), "state.safetensors cannot be read"),
        (
            lambda file: zipfile.ZipFile(file, "w").close(),
            r"expected data.json and state.safetensors in it, got 0 parts",
        ),
        (lambda file: squeezed(file), "is compressed"),
    ],
)
def test_damaged_files_end_in_one_line(file, spoil, words):
    spoil(file)
    with pytest.raises(ValueError, match=words) as caught:
        PIB.load(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def squeezed(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DATA, "0" * 10**6)
        archive.writestr(STATE, "0" * 10**6)


def test_parameters_that_no_agent_can_have_are_refused(agent):
    for name, value in {"std": -1.0, "mean": float("nan")}.items():
        parameters = agent.get_parameters()
        parameters["policy"] = {key: one.clone() for key, one in parameters["policy"].items()}
        parameters["policy"][f"model.normaliser.{name}"].fill_(value)
        with pytest.raises(RuntimeError, match=rf"do not fit.*model.normaliser.{name} must be"):
            agent.set_parameters(parameters)


def test_missing_files_and_open_ones(agent, tmp_path):
    with pytest.raises(FileNotFoundError):
        PIB.load(tmp_path / "nothing")
    agent.save(buffer := io.BytesIO())
    assert PIB.load(buffer).num_timesteps == 64
    agent.save(tmp_path / "folder" / "agent.of.mine")
    assert (tmp_path / "folder" / "agent.of.mine").is_file()
    agent.set_parameters(tmp_path / "folder" / "agent.of.mine")


def test_a_full_disk_leaves_the_old_file(agent, file, monkeypatch):
    before = file.read_bytes()

    def fail(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        agent.save(file)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == before


def test_checkpoints_of_stable_baselines_are_such_files(tmp_path):
    agent = PIB("MlpPolicy", bandit(), **SMALL)
    agent.learn(32, callback=CheckpointCallback(4, str(tmp_path)))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["rl_model_16_steps.zip", "rl_model_32_steps.zip"]
    assert PIB.load(tmp_path / names[0]).num_timesteps == 16
    episodes = PIB.load(tmp_path / names[0], bandit(), force_reset=False)
    assert episodes._last_episode_starts.all()  # an agent that was saved within a rollout begins new ones
    assert episodes.learn(16, reset_num_timesteps=False).num_timesteps == 48
