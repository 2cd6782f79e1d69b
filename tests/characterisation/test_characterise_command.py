"""The calibration report of a chip: its numbers against known laws, its folder, and what it refuses."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys

import pytest
import torch

from pib_rl import characterise
from pib_rl.characterisation import bits, drift, report, speckle, test_chip
from pib_rl.characterisation.bits import EffectiveBits
from pib_rl.characterisation.costs import MeasurementCosts
from pib_rl.characterisation.drift import Drift
from pib_rl.characterisation.noise import ReadNoise
from pib_rl.characterisation.speckle import Speckle
from pib_rl.characterisation.steps import StepResponse
from pib_rl.characterisation.transfer import Transfer
from pib_rl.characterisation.weights import Weights
from pib_rl.characterisation.writes import Writes
from pib_rl.cli.cli import UserError
from pib_rl.common.streams import FABRICATION, READ, Streams
from pib_rl.physical import registry
from pib_rl.physical.converters import Converter
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.devices import DEVICES
from pib_rl.physical.meter import Meter

QUIET = ["--no-progress"]
LINEAR = {"write_noise": 0.0, "device_spread": 0.0, "stuck": 0.0, "adc_bits": None, "dac_bits": None}


def chip(hw, size=8, seed=0, **options):
    return test_chip.TestChip.fabricate(registry.make(hw, options, Streams(seed), Meter()), size)


@pytest.mark.parametrize("wanted", [4, 8, 12])
def test_an_ideal_quantiser_has_its_own_number_of_bits_for_a_full_scale_sine(wanted):
    angle = 2 * math.pi * torch.arange(100_003, dtype=torch.float64) * 0.1234567
    sine = (0.5 + 0.5 * angle.sin())[:, None]
    assert bits.effective_bits(sine, Converter(wanted, 0.0, 1.0)(sine))[0] == pytest.approx(wanted, abs=0.1)


def test_the_fit_takes_out_gain_and_offset_alone():
    ideal = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(bits.fitted(ideal, 3 - 2 * ideal), (3 - 2 * ideal).double())
    error = 0.01 * torch.randn(4000, 3, generator=torch.Generator().manual_seed(1))
    measured = 1 + 4 * ideal + error
    by_hand = (10 * math.log10(16 / 1e-4) - 1.76) / 6.02
    assert bits.effective_bits(bits.fitted(ideal, measured), measured)[0] == pytest.approx(by_hand, abs=0.05)


def test_effective_bits_are_those_of_the_range_in_use():
    options = {"read_noise": 0.0, "adc_bits": 8, "array_range": 64.0, "gain_limit": 16.0}
    fixed, ranged = (chip("memristive", 32, ranging=name, **options) for name in ("fixed", "calibrated"))
    before = ranged.array.state_dict()["_adc.gain"].item()
    found = [EffectiveBits.measure(each).numbers()["array_ideal_read"]["bits"] for each in (fixed, ranged)]
    assert found[1] - found[0] == pytest.approx(4.0, abs=0.3)  # a gain of 16
    assert ranged.array.state_dict()["_adc.gain"].item() == before == 1


def test_read_noise_of_a_crossbar_is_that_of_its_formula():
    found = ReadNoise.measure(chip("memristive", 64, read_noise=0.05, adc_bits=None, array_range=1e3)).numbers()
    for size, measured in zip(found["input_sizes"], found["noise_z"], strict=True):
        assert measured == pytest.approx(0.05 * size, rel=0.05)  # read_noise sigma_0 |h|, with |h| = size/sigma_0
    assert found["noise_one_weight_sigma0"] == pytest.approx(0.05, rel=0.02)


def test_noise_relative_to_conductances_follows_them():
    tested = chip("memristive", 16, read_noise=0.0, relative_read_noise=0.02, adc_bits=None)
    plus, minus = (each.clone() for each in tested.array.conductances())
    found = ReadNoise.measure(tested)
    law = 0.02 * 4 * (plus.square() + minus.square()).sqrt().T.flatten()  # w_max = 4 sigma_0
    assert found.by_weight / law == pytest.approx(1.0, abs=0.45)
    assert (found.by_weight / law).mean().item() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("modes", [1, 4])
def test_speckle_contrast_and_its_law(modes):
    found = Speckle.measure(chip("optical", 8, camera_pixels=4000, modes=modes)).numbers()
    assert found["contrast"] == pytest.approx(modes**-0.5, abs=0.04)
    if modes == 1:
        assert found["above_4_means"] == pytest.approx(math.exp(-4), rel=0.2)


def test_light_of_a_mesh_is_taken_at_the_phases_of_its_modulators():
    tested = chip("mzi", 8)
    with tested.bench():
        right = tested.medium.intensity(tested.normal(speckle.DRIVES, 8))
    torch.testing.assert_close(Speckle.measure(tested).intensity, right)
    assert Speckle.measure(chip("digital")) is None


def test_step_response_of_linear_devices():
    found = StepResponse.measure(chip("memristive", 16, **LINEAR)).numbers()
    assert found["range_reached"]
    assert (found["low_sigma0"], found["high_sigma0"]) == pytest.approx((-4, 4), abs=1e-4)
    assert found["step_up_sigma0"] == pytest.approx(0.1, rel=1e-3)
    assert found["step_down_sigma0"] == pytest.approx(0.1, rel=1e-3)
    assert found["step_spread"] == pytest.approx(0, abs=1e-3)
    spread = StepResponse.measure(chip("memristive", 32, **{**LINEAR, "device_spread": 0.2})).numbers()
    assert spread["step_spread"] == pytest.approx(0.2 / 2**0.5, rel=0.1)  # of two devices' mean
    stuck = StepResponse.measure(chip("memristive", 64, **{**LINEAR, "stuck": 0.5})).numbers()
    assert stuck["not_moving"] == pytest.approx(0.25, abs=0.03)


def test_step_response_of_a_pulsed_device_is_that_of_its_law():
    device = DEVICES["gokmen-vlasov"]
    tested = chip("memristive:gokmen-vlasov", 32)
    found = StepResponse.measure(tested).numbers()
    assert found["unit"] == "pulses"
    assert found["step_up_sigma0"] == pytest.approx(4 * device.step, rel=0.05)  # a weight of 1 is the bound, 4 sigma_0
    assert (found["low_sigma0"], found["high_sigma0"]) == pytest.approx((-4, 4), abs=0.3)
    assert found["step_spread"] == pytest.approx(device.step_spread, rel=0.15)


def test_no_end_is_claimed_where_there_is_none():
    found = StepResponse.measure(chip("digital"))
    assert not found.numbers()["range_reached"]
    assert found.rows()[0][1] == "no end found"


def test_drift_of_linear_devices_and_of_a_medium():
    found = Drift.measure(chip("memristive", 32, drift=0.1, drift_spread=0.0, stuck=0.0))
    law = [(1 + time / 20) ** -0.1 for time in drift.TIMES]
    assert found.numbers()["weights_kept"] == pytest.approx(law, rel=1e-3)
    assert found.numbers()["conductance_kept"] == pytest.approx(law, rel=1e-3)
    assert found.numbers()["weights_kept_std"] == pytest.approx([0.0] * len(law), abs=1e-3)
    assert Drift.measure(chip("memristive", drift=0.0, drift_spread=0.0)) is None
    bench = Drift.measure(chip("optical", 16, decorrelation_time_s=10.0)).numbers()
    assert bench["medium_correlation"][0] > 0.98
    assert abs(bench["medium_correlation"][-1]) < 0.1


def test_transfer_shows_gain_and_offset_as_fabricated():
    tested = chip("memristive", 64, **LINEAR)
    medium = tested.medium
    found = Transfer.measure(tested).numbers()
    assert found["slope_mean"] == pytest.approx(medium.gain.mean().item(), rel=0.05)  # tanh bends a little
    assert found["offset_std"] == pytest.approx(medium.offset.tanh().std().item(), rel=1e-3)
    assert found["noise"] == pytest.approx(MemristiveConfig().medium_noise, rel=0.05)


def test_costs_are_those_of_one_sample():
    tested = chip("memristive", 8)
    found = MeasurementCosts.measure(tested).numbers()
    config = tested.substrate.config
    assert found["latency_s"] == {
        "medium": config.dac_time_s + config.adc_time_s,
        "array": config.read_time_s + config.adc_time_s,
    }
    assert found["energy_j"]["medium"]["converters"] == pytest.approx(
        8 * (config.dac_energy_j + config.adc_energy_j), rel=1e-5
    )
    assert found["energy_j"]["array"]["converters"] == pytest.approx(8 * config.adc_energy_j, rel=1e-5)


def test_writes_count_pulses_energy_and_endurance():
    exact = Writes.measure(chip("memristive", 16, **LINEAR)).numbers()
    assert exact["gain"] == pytest.approx(1.0, abs=1e-3)
    assert exact["pulses_per_device"] == exact["pulses_most_written"] == 1.0
    assert exact["energy_per_weight_j"] == pytest.approx(2e-12, rel=1e-5)
    assert exact["endurance_pulses"] is None
    worn = Writes.measure(chip("memristive:pcm", 16)).numbers()
    assert worn["endurance_pulses"] == 1e9
    assert worn["updates_until_worn"] == pytest.approx(1e9 / worn["pulses_most_written"])


def test_weights_are_normal_and_conductances_within_their_range():
    found = Weights.measure(chip("memristive", 64, stuck=0.0)).numbers()
    assert found["std_sigma0"] == pytest.approx(1.0, abs=0.05)
    assert found["devices"] == 2 * found["count"] == 2 * 64 * 64
    assert found["conductance_mean"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("hw", ["memristive", "memristive:pcm", "optical", "mzi", "oscillator"])
def test_a_chip_comes_back_as_it_was_and_its_streams_with_it(hw):
    tested, twin = chip(hw, decorrelation_time_s=1.0) if hw == "optical" else chip(hw), None
    twin = chip(hw, decorrelation_time_s=1.0) if hw == "optical" else chip(hw)
    found = report.measure(tested, progress=False)
    for part, other in ((tested.medium, twin.medium), (tested.array, twin.array)):
        for (name, value), same in zip(part.state_dict().items(), other.state_dict().values(), strict=True):
            assert torch.equal(value, same), name
    for stream in (READ, FABRICATION):
        like = torch.zeros(4)
        assert torch.equal(tested.substrate.streams.normal(stream, like), twin.substrate.streams.normal(stream, like))
    again = report.measure(tested, progress=False)
    assert [each.numbers() for each in again] == [each.numbers() for each in found]


PRESETS = [
    name if preset is None else f"{name}:{preset}"
    for name in ("digital", "memristive", "optical", "mzi", "oscillator")
    for preset in (None, *registry.find(name).presets)
]


@pytest.mark.parametrize("hw", PRESETS)
def test_every_chip_can_be_measured(hw):
    found = {each.name: each for each in report.measure(chip(hw, 4), progress=False)}
    assert {"weights", "step_response", "writes", "transfer", "effective_bits", "costs"} <= found.keys()
    assert ("speckle" in found) == hw.startswith(("optical", "mzi"))
    json.dumps(report.finite({name: each.numbers() for name, each in found.items()}), allow_nan=False)
    assert all(isinstance(value, str) for each in found.values() for row in each.rows() for value in row)


def test_the_folder_holds_pictures_and_numbers(tmp_path, capsys):
    arguments = ["--hw", "memristive", "--hw-options", "read_noise=0.02", "--size", "6", "--out", str(tmp_path / "a")]
    characterise.main([*arguments, *QUIET])
    said = capsys.readouterr().out
    assert "effective bits" in said
    stored = json.loads((tmp_path / "a" / "report.json").read_text())
    assert stored["chip"] == {"hw": "memristive", "hw_options": {"read_noise": 0.02}, "seed": 0, "size": 6}
    assert stored["absent"] == ["speckle"]
    drawn = {path.stem for path in (tmp_path / "a").glob("*.png")}
    assert drawn == {"overview", *(kind.name for kind in report.MEASUREMENTS)} - {"speckle"}
    characterise.main([*arguments, *QUIET])  # the same chip again
    assert json.loads((tmp_path / "a" / "report.json").read_text()) == stored
    with pytest.raises(UserError, match="holds something else"):
        characterise.main([*arguments, "--seed", "1", *QUIET])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hw", "memristve"], "did you mean memristive"),
        (["--hw", "memristive:pcn"], "did you mean pcm"),
        (["--hw", "digital:pcm"], "it has none"),
        (["--hw", "remote"], "needs the VISA address"),
        (["--size", "1"], r"--size must be in 2..512, got 1"),
        (["--size", "513"], r"--size must be in 2..512, got 513"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--hw-options", "read_noise=1"], "digital has no option 'read_noise'"),
        (["--hw", "memristive", "--hw-options", "read_noise=-1"], "read_noise must be >= 0"),
    ],
)
def test_mistakes_are_refused_before_a_folder_is_made(arguments, told, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match=told):
        characterise.main([*arguments, "--out", str(out), *QUIET])
    assert not out.exists()


def test_what_is_no_report_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for out, told in ((tmp_path, "holds something else"), (tmp_path / "notes.txt", "is a file")):
        with pytest.raises(UserError, match=told):
            characterise.main(["--size", "4", "--out", str(out), *QUIET])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_as_a_command_it_ends_with_one_line_and_shadows_nothing():
    assert inspect.signature is not None
    command = [sys.executable, "-m", "pib_rl.characterise", "--hw", "optcal"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "pib_rl.characterise: error: unknown substrate 'optcal'; did you mean optical?\n"
