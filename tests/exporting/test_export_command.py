"""`pib-rl export` and `restore`: tables of every substrate, and the same policy back."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from one_line import stops

from pib_rl import export, restore
from pib_rl.common import stored
from pib_rl.exporting.arrays import named_arrays, way
from pib_rl.runs.folder import LAST, RunFolder
from pib_rl.training.config import from_arguments
from pib_rl.training.loop import close
from pib_rl.training.run import build

pytestmark = pytest.mark.usefixtures("few_steps")

COLUMNS = {
    "memristive": {"conductance_us", "asked_us", "device"},
    "memristive:ecram": {"conductance_us", "pulses", "device"},
    "memristive:pcm": {"conductance_us", "pulses", "device"},
    "mzi": {"phase_rad"},
    "optical": {"weight"},
    "digital": {"weight"},
}


def run_of(hw, path):
    """A run folder of a chip whose arrays were programmed."""
    arguments = ["CartPole-v1", "--hw", hw, "--width", "4", "--n-envs", "2", "--out", str(path)]
    config = from_arguments(arguments, "test")
    model = build(config)
    generator = torch.Generator().manual_seed(3)
    for array in named_arrays(model.policy.model).values():
        array.program(0.1 * torch.randn(array.weights().shape, generator=generator))
    folder = RunFolder.create(config)
    folder.save_policy(model.policy.state_dict())
    folder.release()
    close(model)
    return model.policy


def state(path):
    return stored.read(path / LAST, "policy").tensors


@pytest.mark.parametrize("hw", COLUMNS)
def test_the_same_policy_comes_back(hw, tmp_path):
    run_of(hw, tmp_path / "run")
    export.main([str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    with (tmp_path / "out" / "unit1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"output", "input"} | COLUMNS[hw]
    restore.main([str(tmp_path / "out"), "--out", str(tmp_path / "back")])
    before, after = state(tmp_path / "run"), state(tmp_path / "back")
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


@pytest.mark.parametrize("hw", ["memristive", "memristive:ecram", "mzi"])
def test_what_was_changed_comes_back_changed_and_alone(hw, tmp_path):
    run_of(hw, tmp_path / "run")
    export.main([str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    path = tmp_path / "out" / "arrays.npz"
    content = dict(np.load(path))
    key = next(name for name in content if name.startswith("unit1.") and name.endswith(("_us", "_rad")))
    place = (0,) * content[key].ndim
    content[key][place] *= 0.9
    np.savez(path, **content)
    restore.main([str(tmp_path / "out"), "--out", str(tmp_path / "back")])
    export.main([str(tmp_path / "back"), "--out", str(tmp_path / "again")])
    again = dict(np.load(tmp_path / "again" / "arrays.npz"))
    np.testing.assert_allclose(again[key], content[key], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(again[key].ravel()[1:], content[key].ravel()[1:])


def test_the_pulses_lead_there_where_nothing_is_noisy(tmp_path):
    device = {"law": "soft-bounds", "step": 0.02, "step_spread": 0.2}
    from chips import make

    one, other = (make("memristive", device=device, stuck=0.1).make_array(6, 5) for _ in range(2))
    fabricated = one.held.clone()
    one.shift(0.3 * torch.randn(5, 6, generator=torch.Generator().manual_seed(0)))
    name, pulses = way(other, one)
    assert name == "pulses"
    torch.testing.assert_close(other.held, fabricated)
    other.pulse(pulses[0])
    assert (other.held - one.held).abs().max() < 0.02
    assert (one.held - fabricated).abs().max() > 0.1


def test_mistakes_are_told(tmp_path, monkeypatch, capsys):
    run_of("digital", tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    said = stops(export, [str(tmp_path / "run"), "--out", str(tmp_path / "full")], monkeypatch, capsys)
    assert "exists; choose another folder" in said
    said = stops(restore, [str(tmp_path / "run"), "--out", str(tmp_path / "back")], monkeypatch, capsys)
    assert "arrays.npz can't be read" in said
    export.main([str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    capsys.readouterr()
    content = dict(np.load(tmp_path / "out" / "arrays.npz"))
    np.savez(tmp_path / "out" / "arrays.npz", **content | {"unit1.weight": np.zeros((2, 2))})
    said = stops(restore, [str(tmp_path / "out"), "--out", str(tmp_path / "back")], monkeypatch, capsys)
    assert "unit1.weight must be numbers of shape" in said
