"""Attributes with a right checksum that no agent has."""

from __future__ import annotations

import pytest

from pib_rl import PIB
from pib_rl.agents.storing.archive import read_archive, write_archive
from pib_rl.common.tree import flatten_state, join_state
from pib_rl.envs.make import make_vec_env

ATTRIBUTES = {
    "n_envs": ({}, 0, "2", 2.5, None),
    "n_steps": (0, "8", 2**40),
    "envs_per_chip": ("x",),
    "_stats_window_size": (0, "x", []),
    "verbose": ("x", None),
    "seed": ("x", -1),
    "learner": (True, [], 3),
    "chip": ([], {"hw": {}}, {"hw": 3}, {"zz": 1}, {"width": "x"}),
    "policy_kwargs": (3, {"objective": []}, {"zz": 1}),
    "rule_options": ([], {"zz": 1}, {"ridge": "x"}),
    "learning_rate": ("x", True, None),
    "gamma": ("x", []),
    "clip_range": ("x", []),
    "observation_space": (3, None),
    "action_space": ({}, "Discrete"),
    "policy_class": (3, None),
    "learn": (3,),
    "action_noise": ("normal",),
    "start_time": ("now",),
    "rollout_buffer_class": ("list",),
    "max_grad_norm": ([],),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, values in ATTRIBUTES.items() for one in values])
def test_attributes_that_no_agent_has_are_refused_in_one_line(name, value, tmp_path):
    env = make_vec_env("CartPole-v1", 2, seed=0)
    agent = PIB("MlpPolicy", env, n_steps=8, policy_kwargs={"width": 2, "units": 1}, seed=0)
    path = tmp_path / "agent.zip"
    agent.save(path)
    content = join_state(read_archive(path))
    content["attributes"][name] = value
    write_archive(path, flatten_state(content))
    with pytest.raises(ValueError, match=r"\w") as refusal:
        PIB.load(path)
    assert "\n" not in str(refusal.value)


def test_an_environment_with_other_spaces_is_refused_in_one_line(tmp_path):
    PIB("MlpPolicy", "CartPole-v1", n_steps=8, policy_kwargs={"width": 2, "units": 1}).save(tmp_path / "agent")
    with pytest.raises(ValueError, match=r"the saved agent has the observation_space Box.*, env has Box") as refusal:
        PIB.load(tmp_path / "agent", make_vec_env("Acrobot-v1", 1, seed=0))
    assert "\n" not in str(refusal.value)
