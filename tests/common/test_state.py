"""States are checked before they reach a module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.network.optimisers import Adam
from pib_rl.common.state import check_state


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = Normaliser(3)
        self.optimiser = Adam((2, 3))
        self.same = self.inputs
        self.switch = nn.Buffer(torch.zeros(2, dtype=torch.bool))


def changed(name, value):
    return {**Parts().state_dict(), name: value}


def put(value, shape=(1, 3), at=1, dtype=torch.float32):
    tensor = torch.ones(shape, dtype=dtype)
    tensor.view(-1)[at] = value
    return tensor


def mean(value):
    return put(value, dtype=torch.float64)


def test_what_fits_passes_and_missing_names_are_left_to_torch():
    check_state(Parts(), Parts().state_dict())
    check_state(Parts(), {"elsewhere": torch.zeros(3, dtype=torch.int8)})
    check_state(Parts(), changed("inputs.mean", mean(-1e29)))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("inputs.std", put(-1e-9), r"inputs.std must be in 0\.\.1e\+30, got -1e-09"),
        ("inputs.std", put(-2.0), "got -2"),
        ("same.std", put(-2.0), "same.std must be in 0.."),
        ("inputs.std", put(1e38), r"must be in 0\.\.1e\+30, got 1e\+38"),
        ("inputs.mean", mean(-1e38), r"inputs.mean must be in -1e\+30\.\.1e\+30, got -1e\+38"),
        ("inputs.mean", mean(float("inf")), "got inf"),
        ("inputs.mean", mean(float("nan")), "got nan"),
        ("inputs.count", torch.tensor(-1.0, dtype=torch.float64), "inputs.count must be in 0.."),
        ("optimiser.second", put(-1e-9, (2, 3)), "optimiser.second must be in 0.."),
        ("inputs.mean", torch.ones(1, 3).bool(), r"must be float64 of shape \(1, 3\), got bool of shape \(1, 3\)"),
        ("inputs.mean", torch.ones(1, 3).to(torch.float8_e4m3fn), "got float8_e4m3fn"),
        ("inputs.mean", torch.ones(1, 3, dtype=torch.int32), "got int32"),
        ("inputs.mean", torch.ones(1, 3), "got float32"),
        ("inputs.mean", torch.tensor(1.0).double(), r"got float64 of shape \(\)"),
        ("inputs.mean", torch.ones(3, 1).double(), r"got float64 of shape \(3, 1\)"),
        ("switch", torch.zeros(2), "switch must be bool"),
        ("inputs.mean", 3.0, "inputs.mean must be a tensor, got float"),
    ],
)
def test_what_a_module_cannot_have_is_refused(name, value, words):
    with pytest.raises(ValueError, match=f"^{name.split('.')[0]}.*{words.removeprefix(name)}") as caught:
        check_state(Parts(), changed(name, value))
    assert "\n" not in str(caught.value)
