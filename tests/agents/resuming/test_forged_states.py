"""States with a right checksum that no training left: refused in one line, before anything goes on from them."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from pib_rl import PIB
from pib_rl.agents.resuming.algorithm import MisfitError
from pib_rl.agents.resuming.attributes import set_attributes
from pib_rl.agents.resuming.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from pib_rl.common import stored
from pib_rl.common.noise import BLOCK, TableNormal
from pib_rl.common.tree import Flat, flatten_state, join_state
from pib_rl.envs.make import make_vec_env
from pib_rl.physical.meter import Meter

COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")


def agent():
    env = make_vec_env("CartPole-v1", 2, seed=0)
    return PIB("MlpPolicy", env, hw="memristive", n_steps=8, policy_kwargs={"width": 2, "units": 1}, seed=0)


@pytest.fixture(scope="module")
def state():
    model = agent()
    model.learn(16)
    return model.training_state()


def with_part(state, path, value):
    """The state with another value at a place, such as ``loop/num_timesteps``."""
    found = copy.deepcopy(join_state(state))
    *way, last = path.split("/")
    place = found
    for name in way:
        place = place[int(name) if isinstance(place, list) else name]
    place[last] = value
    return flatten_state(found)


WRONG = [
    *((f"loop/{name}", value) for name in COUNTERS for value in ("zz", -1, None, 2.5, [], 2**60, True)),
    *(("loop/progress_left", value) for value in ("zz", None, float("nan"), 2.0)),
    *(("loop/_last_obs", value) for value in ("zz", 3, [], {"a": 1}, np.zeros(4), np.zeros((3, 4)), np.zeros((2, 5)))),
    *(("loop/_last_episode_starts", value) for value in ("zz", [True, False], np.zeros(3, bool), np.zeros((2, 2)))),
    *(("loop/ep_info_buffer", value) for value in ("zz", 3, None, [3], [{"r": 1.0}], [{"r": "a", "l": 1}])),
    *(("loop/ep_success_buffer", value) for value in ("zz", None, ["a"])),
    ("loop/in_rollout", "zz"),
    ("iterations", None),
    ("meter/counts", ["a", 1]),
    ("meter/counts", [0]),
    ("meter/counts", [-1, 0]),
    ("meter/known", {"zz": 1.0}),
    ("meter/known", {"array": "zz"}),
    ("meter/known", {"array": -1.0}),
    ("meter/measured", {"array": torch.tensor([[1.0]], dtype=torch.float64)}),
    ("meter/pulses", [[0.0, torch.tensor(-1.0, dtype=torch.float64)]]),
    ("meter/pulses", [["a", torch.tensor(1.0, dtype=torch.float64)]]),
    ("streams/seed", "zz"),
    ("streams/states", [["exploration", "cpu", 0, torch.zeros(3, dtype=torch.uint8)]]),
    ("streams/states", [["exploration", "cpu"]]),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda value: str(value)[:30].replace("\n", " "))
def test_a_state_that_no_training_left_is_refused(path, value, state):
    model = agent()
    with pytest.raises(MisfitError, match="does not fit this agent") as refusal:
        model.load_training_state(with_part(state, path, value))
    assert "\n" not in str(refusal.value)


def test_the_state_itself_is_taken(state):
    assert agent().load_training_state(state) is True
    assert (
        agent().load_training_state(with_part(state, "loop/progress_left", -0.25)) is True
    )  # the last rollout is whole
    other = with_part(state, "loop/environments/kinds", ["VecMonitor", "Other", "2"])
    assert agent().load_training_state(other) is False  # new episodes begin


@pytest.mark.parametrize("used", [-1, BLOCK + 1, 10**12, 0.5, "zz"])
def test_a_table_of_noise_goes_on_within_its_block(used):
    table = TableNormal(0)
    table.draw(torch.Size([3]))
    with pytest.raises(ValueError, match="used must be a whole number"):
        TableNormal(0).load(table.state | {"used": used})


@pytest.mark.parametrize("name", ["step", "__class__", "__dict__", "unwrapped"])
def test_files_put_no_value_in_the_place_of_a_method(name):
    env = make_vec_env("CartPole-v1", 2, seed=0)
    with pytest.raises(ValueError, match="no value"):
        set_attributes(env, {name: {"plain": 3}})


def test_environments_stay_as_many_as_they_are(state):
    with pytest.raises(MisfitError, match="makes"):
        agent().load_training_state(with_part(state, "loop/environments/wrappers/0/num_envs", {"plain": 3}))


@pytest.mark.parametrize("parts", [{}, {"agent": {}}, {"agent": {}, "run": 3}, {"agent": [], "run": {}}])
def test_a_checkpoint_without_its_parts_is_damaged(parts, tmp_path):
    save_checkpoint(tmp_path, Checkpoint(1, 2, {name: Flat({}, plain) for name, plain in parts.items()}))
    with pytest.raises(ValueError, match=r"is damaged: it does not hold the states of an agent and of a run$"):
        newest_checkpoint(tmp_path)


@pytest.mark.parametrize("kind", [{}, [], 3, None, "F8", "I32"])
def test_types_of_tensors_that_are_none(kind, tmp_path):
    content = stored.pack({"a": torch.zeros(2)}, "policy")
    size = int.from_bytes(content[:8], "little")
    names = json.loads(content[8 : 8 + size])
    names["a"]["dtype"] = kind
    text = json.dumps(names).encode()
    with pytest.raises(ValueError, match=r"^file: tensor a has the type"):
        stored.unpack(len(text).to_bytes(8, "little") + text + content[8 + size :], "policy", "file")


@pytest.mark.parametrize("plain", [{"$int": "1" * 5000}, {"$int": "x"}, {"$array": "zz", "type": "<f8", "shape": [-1]}])
def test_plain_parts_of_states_that_are_none(plain):
    with pytest.raises(ValueError, match=r"^the state is damaged"):
        join_state(Flat({}, {"a": plain}))


def test_a_meter_goes_on():
    one, other = Meter(), Meter()
    one.read(3, 4)
    one.spend({"array": 1.0, "light": torch.tensor(2.0, dtype=torch.float64)})
    other.load_state(one.state())
    assert other.totals() == one.totals()
    assert other.joules() == one.joules()
