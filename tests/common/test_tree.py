"""States as tensors and plain data, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pib_rl.common.tree import Flat, flatten_state, join_state

STATES = {
    "nothing": None,
    "numbers": [True, 3, -(2**62), 2**127 + 1, 0.1, 1e-320],
    "numpy": [np.float32(0.1), np.int64(7), np.bool_(True), np.uint64(2**63 + 5)],
    "texts": {"a": "x", "b": {"c": ["y", None]}},
    "tuples": ((1, 2), [(3,)]),
    "arrays": [np.arange(6.0).reshape(2, 3)[:, ::2], np.array(3, np.uint32), np.zeros((0, 4), np.int8)],
    "tensors": {"one": torch.arange(4), "two": [torch.tensor(1.5, dtype=torch.float64)]},
    "generator": np.random.default_rng(3).bit_generator.state,
    "noise": np.random.SFC64(3).state,
    "old": np.random.RandomState(3).get_state(legacy=False),
}


def same(one, two):
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[name], two[name]) for name in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    return (
        np.asarray(one).dtype == np.asarray(two).dtype and np.array_equal(one, two) and np.shape(one) == np.shape(two)
    )


@pytest.mark.parametrize("name", STATES)
def test_a_state_comes_back_bit_for_bit(name):
    flat = flatten_state(STATES[name])
    assert same(join_state(Flat(flat.tensors, json.loads(json.dumps(flat.plain)))), STATES[name])
    kinds = {torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool}
    assert {tensor.dtype for tensor in flat.tensors.values()} <= kinds


@pytest.mark.parametrize("wrong", [object(), {1: 2}, {"$x": 1}, np.array([None]), {1, 2}, [lambda: 0]])
def test_what_no_file_holds_is_refused(wrong):
    with pytest.raises(TypeError, match=r"can't hold .* \(at /a"):
        flatten_state({"a": wrong})


@pytest.mark.parametrize(
    "plain",
    [{"$tensor": "gone"}, {"$what": 1}, {"$array": "x"}, {"$int": "five"}, {"$number": 1, "type": "zz"}, {"$tuple": 3}],
)
def test_a_damaged_state_is_a_value_error(plain):
    with pytest.raises(ValueError, match=r"."):
        join_state(Flat({}, plain))
