"""Run folders that somebody changed: one line and exit code 2, whatever opens them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import save
from tampered_files import COMMANDS, filled, outcome, tampered

from pib_rl.agents.saved import KIND
from pib_rl.common.stored import checksum, read

OPENING = ["play", "adapt", "log", "train --init"]
MEAN, STD, WEIGHT = (f"model.{name}" for name in ("normaliser.mean", "normaliser.std", "readout.array.pair"))
SECOND = "model.readout.optimiser.second"


def put(value):
    def change(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[1] = value
        return tensor

    return change


TENSORS = {
    "weight inf": (WEIGHT, put(float("inf"))),
    "weights NaN": (WEIGHT, lambda tensor: tensor * float("nan")),
    "normaliser 1e38": (MEAN, put(1e38)),
    "deviation negative": (STD, put(-1.0)),
    "variance negative": (SECOND, put(-1.0)),
    "bool": (MEAN, lambda tensor: tensor.bool()),
    "float8": (MEAN, lambda tensor: tensor.to(torch.float8_e4m3fn)),
    "float32": (MEAN, lambda tensor: tensor.float()),
    "int32": (MEAN, lambda tensor: tensor.int()),
    "int64": (MEAN, lambda tensor: tensor.long()),
    "scalar": (MEAN, lambda tensor: tensor.sum()),
    "scalar readout": ("model.readout.optimiser.first", lambda tensor: tensor.sum()),
    "empty": (MEAN, lambda tensor: tensor[:0]),
}
SETTINGS = {
    "width of a billion": {"width": 10**9},
    "other width": {"width": 9},
    "more units": {"units": 3},
    "negative variance": {"hw_options": {"device_spread": -1.0}},
    "huge part": {"hw_options": {"levels": 10**12}},
    "a name that is a number": {1: 2},
    "width as text": {"width": "wide"},
}
TEXTS = {"YAML nested": "[" * 20_000, "mapping nested": "a: {" * 20_000, "cut": "hw: [", "none": ""}


@pytest.fixture
def run(small_run, tmp_path):
    return shutil.copytree(small_run.path, tmp_path / "run")


def opened(run, name):
    return outcome(COMMANDS[name][0], filled(name, run, run.parent / "out"))


@pytest.mark.parametrize("name", OPENING)
@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_no_chip_has_are_refused(case, name, run):
    path = run / "policy.safetensors"
    tensors, about = read(path, KIND)
    key, change = TENSORS[case]
    tensors[key] = change(tensors[key])
    header = {"format": KIND, "format_version": "1", "written_by": "0", "about": json.dumps(about)}
    path.write_bytes(save(tensors, header | {"checksum": checksum(tensors, header)}))
    if name == "train --init" and key in (SECOND, "model.readout.optimiser.first") and case != "weight inf":
        assert opened(run, name) == "used"  # the readout of a run is not taken over
    else:
        assert opened(run, name) == "refused"


@pytest.mark.parametrize("name", OPENING)
@pytest.mark.parametrize("case", [*SETTINGS, *TEXTS])
def test_settings_that_are_not_those_of_the_run_are_refused(case, name, run):
    path = run / "config.yaml"
    changed = TEXTS[case] if case in TEXTS else yaml.safe_dump(yaml.safe_load(path.read_text()) | SETTINGS[case])
    path.write_text(changed)
    assert opened(run, name) == "refused"


@pytest.mark.parametrize("name", ["play", "adapt", "log", "train --config", "train --init"])
def test_settings_that_do_not_exist_are_refused(name, run):
    with (run / "config.yaml").open("a") as file:
        file.write("mode: zz\n")
    assert opened(run, name) == "refused"


@pytest.mark.parametrize("text", ["[" * 20_000, '{"kind": "train", "eval_mean": "high"}', "", "[1]"])
def test_results_that_are_none_are_refused(text, run):
    (run / "result.json").write_text(text)
    shutil.rmtree(run.parent / "out", ignore_errors=True)
    module, _ = COMMANDS["train --out"]
    config = ["--config", str(run / "config.yaml"), "--out", str(run)]
    assert outcome(module, config) == "refused"


def test_random_changes_end_in_one_line_or_right_use(small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("play", "log", "train --config"):
        counts, wrong = tampered(name, small_run.path, tmp_path, 8, seed=3)
        assert not wrong
        assert counts.total() == 8


def test_a_traceback_and_a_flood_of_lines_count_as_wrong(tmp_path):
    class Broken:
        NAME = "broken"

        @staticmethod
        def main(arguments):
            raise KeyError("x")

    assert outcome(Broken, []).startswith("KeyError")
