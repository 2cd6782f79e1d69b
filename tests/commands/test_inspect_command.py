"""The inspection of a chip: its folder and table, its numbers against formulas, and what it refuses."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from pib_rl import inspect
from pib_rl.cli import UserError, run
from pib_rl.inspection import arrays, costs, media
from pib_rl.inspection.arrays import effective_bits
from pib_rl.inspection.config import InspectConfig
from pib_rl.physical.converters import Converter
from pib_rl.physical.devices import DEVICES

KINDS = ["digital", "memristive", "optical", "mzi", "oscillator", "memristive:pcm", "memristive:reram-es",
         "optical:dmd"]
QUIET = ("adc_bits=none", "medium_noise=0", "stuck=0")


def chip(hw="memristive", *options, size=48, seed=0):
    return inspect.fabricate(InspectConfig(hw=hw, hw_options=options, size=size, seed=seed))


@pytest.mark.parametrize("hw", KINDS)
def test_every_kind_of_hardware_can_be_inspected(hw, tmp_path, capsys):
    folder = tmp_path / "one"
    inspect.main(["--hw", hw, "--size", "12", "--out", str(folder)])
    said = capsys.readouterr().out
    numbers = json.loads((folder / "result.json").read_text())["numbers"]
    assert all(name.split("[")[0].split(":")[0] in said for name in numbers)
    pictures = {path.stem for path in folder.glob("*.png")}
    assert {"weights", "steps", "transfer", "overview"} <= pictures
    assert ("speckle" in pictures) == hw.startswith(("optical", "mzi"))
    assert ("read_noise" in pictures) == hw.startswith(("memristive", "mzi"))
    assert ("drift" in pictures) == (hw in ("memristive", "memristive:pcm"))
    before = (folder / "result.json").stat().st_mtime_ns
    inspect.main(["--hw", hw, "--size", "12", "--out", str(folder)])
    assert "holds this inspection already" in capsys.readouterr().out
    assert (folder / "result.json").stat().st_mtime_ns == before


def test_the_chip_is_left_as_it_was_and_the_same_seed_finds_the_same():
    one, two = chip(), chip()
    found = inspect.inspect(one)
    assert all(torch.equal(value, two.array.state_dict()[key]) for key, value in one.array.state_dict().items()
               if "meter" not in key)
    assert {name: finding.numbers for name, finding in inspect.inspect(two).items()} == {
        name: finding.numbers for name, finding in found.items()}


def test_read_noise_is_that_of_the_crossbars_formula():
    found = arrays.read_noise(chip("memristive", *QUIET, "read_noise=0.02", "array_range=1000"))
    size = found.curves[0].x[1]  # too small to clip
    assert float(found.curves[0].y[1]) == pytest.approx(0.02 * float(size), rel=0.03)


def test_noise_relative_to_conductances_grows_with_the_weight():
    grown = arrays.weight_noise(chip("memristive:idealised", *QUIET, "read_noise=0", "relative_read_noise=0.1")).numbers
    flat = arrays.weight_noise(chip("memristive:idealised", *QUIET, "read_noise=0.01")).numbers
    assert grown["read noise of the strongest twelfth"] > 1.02 * grown["read noise of the weakest twelfth"]
    strongest, weakest = (flat[f"read noise of the {which} twelfth"] for which in ("strongest", "weakest"))
    assert strongest == pytest.approx(weakest, rel=0.1)


@pytest.mark.parametrize("name", ["ecram", "capacitor", "gokmen-vlasov"])
def test_steps_are_those_of_the_device(name):
    found = arrays.steps(chip(f"memristive:{name}", "stuck=0")).numbers
    unit = 4.0  # a weight of 1 is the bound, 4 sigma_0
    assert found["steps: first 20 up, each [sigma_0]"] == pytest.approx(unit * DEVICES[name].step, rel=0.1)


def test_drift_is_that_of_its_exponent():
    found = arrays.drift(chip("memristive", "drift=0.1", "drift_spread=0", "stuck=0")).numbers
    assert found["drift: left after 10,000 s"] == pytest.approx((10_020 / 20) ** -0.1, rel=0.01)


def test_fully_developed_speckle_has_contrast_one():
    bench = chip("optical", "slm_pixels=400", "camera_pixels=2000", "phase_gain=1", "reference=0")
    found = media.speckle(bench).numbers
    assert found["speckle: contrast over pixels, one drive"] == pytest.approx(1, abs=0.07)
    assert media.speckle(chip("memristive")) is None


@pytest.mark.parametrize("bits", [4, 8, 10])
def test_an_ideal_converter_has_the_bits_that_it_has(bits):
    sine = torch.sin(torch.linspace(0, 200 * torch.pi, 100_001, dtype=torch.float64))
    assert effective_bits(Converter(bits, -1.0, 1.0)(sine), sine) == pytest.approx(bits, abs=0.15)


def test_no_error_is_no_limit():
    assert effective_bits(torch.arange(4.0), torch.arange(4.0)) == float("inf")


def test_costs_are_those_of_medium_and_array():
    found = costs.costs(chip("memristive", "dac_j=1e-12", "adc_j=2e-12", "read_s=1e-6", "adc_s=0", "dac_s=0")).numbers
    assert found["energy of a sample: converters [J]"] == pytest.approx(48 * 1e-12 + 2 * 48 * 2e-12)
    assert found["latency of a unit [s]"] == pytest.approx(1e-6)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--hw", "memristve"], "unknown substrate 'memristve'; did you mean memristive"),
    (["--hw", "memristive:reram"], "has no preset 'reram'; did you mean"),
    (["--hw", "digital:fast"], "substrate digital has no preset 'fast'; it has none"),
    (["--size", "1"], "--size must be in 2..1024, got 1"), (["--size", "many"], "must be a whole number, got 'many'"),
    (["--seed", "-1"], "--seed must be 0 or more, got -1"),
    (["--hw-options", "stuck=2"], "stuck is a share of devices and must be in 0..1, got 2"),
    (["--hw-options", "stuk=0.2"], "did you mean stuck"), (["--hw-options", "stuck"], "takes NAME=VALUE, got 'stuck'"),
])
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inspect", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(inspect.NAME, inspect.main)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not a run folder"):
        inspect.main(["--out", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
