"""Spaces come back as they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gymnasium import spaces

from pib_rl.agents.storing.attributes import from_plain, to_plain
from pib_rl.common.tree import Flat, flatten_state, join_state

BOX = spaces.Box(-1, 1, (2,))


@pytest.mark.parametrize(
    "space",
    [
        BOX,
        spaces.Box(np.array([-1, -np.inf, 0.1]), np.array([2, np.inf, 0.3]), dtype=np.float64),
        spaces.Box(-3.4e38, 3.4e38, (2, 2), np.float32),
        spaces.Box(0, 255, (3, 4, 2), np.uint8),
        spaces.Box(-5, 5, (), np.int32),
        spaces.Box(0, 2**63, (1,), np.uint64),
        spaces.Discrete(4, start=-2),
        spaces.MultiDiscrete([3, 4], start=[1, 1]),
        spaces.MultiDiscrete([[3, 4], [2, 2]]),
        spaces.MultiBinary(3),
        spaces.MultiBinary([2, 3]),
        spaces.Dict({"b": BOX, "a": spaces.Dict({"x": spaces.Discrete(2)})}),
        spaces.Tuple([BOX, spaces.Discrete(2)]),
    ],
    ids=str,
)
def test_a_space_comes_back(space):
    tensors, plain = flatten_state(to_plain(space))
    again = from_plain(join_state(Flat(tensors, json.loads(json.dumps(plain)))))
    assert again == space
    assert again.dtype == space.dtype
    assert str(again) == str(space)


def test_other_spaces_and_damaged_ones_are_refused():
    with pytest.raises(TypeError, match="a space of type Text"):
        to_plain(spaces.Text(3))
    for wrong in ({"kind": "Text"}, {"kind": "Box"}, {"kind": "Discrete", "n": -1, "start": 0, "type": "<i8"}, [1]):
        with pytest.raises(ValueError, match=r"^\w+"):
            from_plain({"@space": wrong})
