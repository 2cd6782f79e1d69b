"""Meshes of interferometers: transfer, detectors, calibration; weight banks: phases, cross-talk, programming."""

from __future__ import annotations

import math

import pytest
import torch
from chips import LOSSLESS, draws, make

from pib_rl.common.streams import Streams
from pib_rl.physical.mzi.config import MZIConfig
from pib_rl.physical.mzi.mesh import MeshMedium, fabricate_mesh, interferometer
from pib_rl.physical.mzi.substrate import MZI
from pib_rl.physical.mzi.weight_bank import WeightBank
from pib_rl.physical.standardised import MIN_CONTRAST
from pib_rl.physical.substrate import Read

PERFECT = MZIConfig(splitter_error_rad=0.0, phase_error_rad=0.0, insertion_loss_db=0.0)


def mesh(drives: int = 4, ports: int = 24, seed: int = 0, **options) -> MeshMedium:
    """A mesh without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, "ports": 1, **options}).make_medium(drives, ports)


def bank(inputs: int = 25, outputs: int = 40, seed: int = 0, readout: bool = False, **options) -> WeightBank:
    """A weight bank without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, **options}).make_array(inputs, outputs, readout=readout)


def light(medium: MeshMedium, drive: torch.Tensor, read: Read) -> torch.Tensor:
    """What the detectors show, in mean intensities at full drive: the standardisation undone."""
    return medium.measure(drive, read) * medium.scale + medium.mean


@pytest.mark.parametrize("errors", [0.0, 0.3])
def test_an_interferometer_is_splitters_and_phases_in_series(errors):
    theta, phi = (math.pi * draws(5, seed=seed).double() for seed in (0, 1))
    first, second = (errors * draws(5, seed=seed).double() for seed in (2, 3))
    found = torch.stack(interferometer(theta, phi, first, second), -1).view(5, 2, 2)
    for n in range(5):

        def splitter(error):
            angle = math.pi / 4 + float(error)
            return torch.tensor(
                [[math.cos(angle), 1j * math.sin(angle)], [1j * math.sin(angle), math.cos(angle)]],
                dtype=torch.complex128,
            )

        phases = [
            torch.diag(torch.exp(1j * torch.stack([angle[n], torch.zeros(()).double()]))) for angle in (theta, phi)
        ]
        torch.testing.assert_close(found[n], splitter(second[n]) @ phases[0] @ splitter(first[n]) @ phases[1])
    if not errors:
        torch.testing.assert_close(found[:, 1, 0].abs() ** 2, torch.cos(theta / 2) ** 2)


@pytest.mark.parametrize("ports", [1, 2, 3, 8, 65])
def test_meshes_without_loss_are_unitary_whatever_their_splitters_and_phases(ports):
    for config in (PERFECT, MZIConfig(splitter_error_rad=0.2, phase_error_rad=0.3, insertion_loss_db=0.0)):
        matrix = fabricate_mesh(ports, config, Streams(0))
        torch.testing.assert_close(matrix.mH @ matrix, torch.eye(ports, dtype=torch.complex128))


@pytest.mark.parametrize("ports", [2, 4, 7])
def test_perfect_meshes_are_haar_random(ports):
    count = 300
    power = torch.stack([fabricate_mesh(ports, PERFECT, Streams(seed)).abs() ** 2 for seed in range(count)])
    mean, square = 1 / ports, 2 / ports / (ports + 1)  # moments of |U_jk|^2; a mesh of equal phases is far from them
    assert (power.mean(0) - mean).abs().max() < 5 * (square - mean**2) ** 0.5 / count**0.5
    assert (power.square().mean(0) / square - 1).abs().max() < 5 * 5**0.5 / count**0.5  # |U|^8 has mean <= 6 |U|^4^2
    assert power.square().mean() / square == pytest.approx(1, abs=0.06)


def test_loss_takes_light_by_interferometers_on_the_way():
    matrix = fabricate_mesh(
        9, MZIConfig(splitter_error_rad=0.0, phase_error_rad=0.0, insertion_loss_db=1.0), Streams(0)
    )
    whole = fabricate_mesh(9, PERFECT, Streams(0))
    torch.testing.assert_close(matrix[-1, -1].abs() / whole[-1, -1].abs(), torch.tensor(10**-0.05).double())
    power = matrix.abs().square().sum(0)
    assert power.max() <= 10**-0.1 + 1e-12
    assert power.min() >= 10 ** (-0.1 * 15) - 1e-12
    assert power[0] < power[-1]


@pytest.mark.parametrize(("drives", "ports", "reference"), [(1, 2, 0.0), (4, 24, 0.2), (10, 11, 0.5)])
@pytest.mark.parametrize("gain", [0.3, 1.2])
def test_light_is_the_square_of_the_field_behind_the_mesh(drives, ports, reference, gain):
    medium = mesh(drives, ports, reference=reference, drive_phase_rad=gain)
    matrix = fabricate_mesh(ports, PERFECT, Streams(0))
    drive = draws(50, drives)
    amplitude = torch.sin((gain * drive.double()).clamp(-math.pi / 2, math.pi / 2)) * ((1 - reference) / drives) ** 0.5
    amplitude = torch.cat([amplitude, torch.full((50, 1), reference**0.5).double()], 1)
    expected = (ports * (amplitude + 0j) @ matrix[:, : drives + 1].T.contiguous() / ports**0.5).abs() ** 2
    for read in Read:
        torch.testing.assert_close(light(medium, drive, read), expected.float(), rtol=1e-5, atol=1e-6)


def test_mean_intensity_is_one_at_full_drive_whatever_the_loss():
    for loss in (0.0, 0.3):
        medium = mesh(10, 200, insertion_loss_db=loss, reference=0.2)
        signs = draws(2000, 10).sign() * math.pi / 2
        assert medium.intensity(signs).mean() == pytest.approx(1, rel=0.05)


def test_detectors_see_signs_only_beside_a_reference():
    drive = torch.linspace(-1, 1, 20)[:, None]
    blind, seeing = mesh(1, reference=0.0), mesh(1, reference=0.2)
    torch.testing.assert_close(light(blind, drive, Read.MEAN), light(blind, -drive, Read.MEAN))
    assert (light(seeing, drive, Read.MEAN) - light(seeing, -drive, Read.MEAN)).abs().max() > 0.1


def test_outputs_are_standardised_per_detector_and_dark_ones_not_amplified():
    seen = make("mzi").make_medium(6, 24).measure(draws(4000, 6), Read.MEAN)
    assert seen.mean(0).abs().max() < 5 * 0.035
    assert (seen.std(0) - 1).abs().max() < 0.2
    still = mesh(3, drive_phase_rad=1e-6)
    assert (still.scale == torch.tensor(MIN_CONTRAST)).all()


def test_detector_noise_grows_with_loss():
    quiet, lossy = (mesh(4, 24, detector_noise=0.01, insertion_loss_db=loss) for loss in (0.0, 0.5))
    drive = draws(4000, 4)
    for medium in (quiet, lossy):
        noise = light(medium, drive, Read.NOISY) - light(medium, drive, Read.MEAN)
        bright = light(medium, drive, Read.MEAN) > 1  # no cut at no light
        assert noise[bright].std() == pytest.approx(float(medium.noise), rel=0.03)
    assert float(quiet.noise) == pytest.approx(0.01)
    transmission = fabricate_mesh(
        24, MZIConfig(splitter_error_rad=0.0, phase_error_rad=0.0, insertion_loss_db=0.5), Streams(0)
    )
    assert float(lossy.noise) == pytest.approx(0.01 / float(transmission[:, :5].abs().square().sum() / 5))


def test_meshes_are_as_large_as_drives_or_outputs_need():
    assert MZI().make_medium(4, 3).out_features == MZIConfig().ports
    assert make("mzi", ports=10).make_medium(4, 30).out_features == 30
    assert make("mzi", ports=10).make_medium(40, 30).out_features == 41
    with pytest.raises(ValueError, match="more ports than its 5 drives, got 5"):
        MeshMedium(5, 5, MZIConfig(), Streams(0))


def test_dead_detectors_see_no_light_in_every_read_mode():
    medium, drive = mesh(4), draws(50, 4)
    before = light(medium, drive, Read.MEAN)
    medium.faults()["dead-pixels"](0.5)
    dead = medium.alive == 0
    assert 4 <= dead.sum() <= 20
    for read in Read:
        after = light(medium, drive, read)
        assert after[:, dead].abs().max() < 1e-6
        assert torch.equal(after[:, ~dead], before[:, ~dead])


@pytest.mark.parametrize("read", list(Read))
def test_without_imperfections_weights_are_sines_of_phases(read):
    array, h, delta = bank(slope_floor=1.0), draws(30, 25), draws(40, 25, seed=1, size=0.02)
    scale = 4 / 25**0.5
    phase = array.memory.clone().double()
    torch.testing.assert_close(
        array.measure(h, read), (h.double() @ (scale * phase.sin()).T).float(), rtol=1e-5, atol=1e-6
    )
    array.program(delta)
    wanted = scale * (phase + delta / scale).clamp(-math.pi / 2, math.pi / 2).sin()
    torch.testing.assert_close(array.measure(h, read), (h.double() @ wanted.T).float(), rtol=1e-5, atol=1e-6)


def test_small_changes_of_weight_come_out_as_wanted_and_the_slope_has_a_floor():
    array, delta = bank(slope_floor=0.1), draws(40, 25, size=1e-4)
    before = array.weights().double().clone()
    inside = array.memory.cos() > 0.1
    array.program(delta)
    torch.testing.assert_close((array.weights() - before)[inside].float(), delta[inside], rtol=0.05, atol=2e-7)
    top = bank(readout=True, slope_floor=0.1)
    top.program(torch.full((40, 25), 100.0))
    torch.testing.assert_close(top.memory, torch.full((40, 25), math.pi / 2))
    torch.testing.assert_close(top.weights(), torch.full((40, 25), 16 / 5))
    top.program(torch.full((40, 25), -0.01))
    torch.testing.assert_close(top.memory, torch.full((40, 25), math.pi / 2 - 0.01 / (0.1 * 16 / 5)))
    top.program(torch.full((40, 25), -100.0))
    torch.testing.assert_close(top.weights(), torch.full((40, 25), -16 / 5))


def test_weights_start_at_one_over_root_of_inputs_and_a_readout_at_zero():
    weights = bank(400, 100).weights()
    assert abs(weights.std() * 20 - 1) < 5 / (2 * 40_000) ** 0.5
    readout = bank(400, 100, readout=True)
    assert not readout.weights().any()


def test_phases_leak_to_the_neighbours_in_a_row_alone():
    array = bank(9, 4, readout=True, crosstalk=0.1)
    delta = torch.zeros(4, 9)
    delta[1, 3] = delta[2, 0] = delta[3, 8] = 0.5
    scale = array.scale
    array.program(delta)
    phase = 0.5 / scale
    expected = torch.zeros(4, 9)
    expected[1, 3] = expected[2, 0] = expected[3, 8] = scale * math.sin(phase)
    expected[1, 2] = expected[1, 4] = expected[2, 1] = expected[3, 7] = scale * math.sin(0.1 * phase)
    torch.testing.assert_close(array.weights(), expected)
    ideal = array.measure(torch.eye(9), Read.IDEAL).T
    torch.testing.assert_close(ideal, expected * (delta > 0))


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_weights_are_differences_of_the_two_outputs_of_real_interferometers(error):
    array = bank(6, 50, splitter_error_rad=error, phase_error_rad=error / 2)
    streams = Streams(0)
    like = torch.zeros(50, 6)
    streams.normal("fabrication", like)
    first, second = (error * streams.normal("fabrication", like) for _ in range(2))
    phase = array.memory + array.error + math.pi / 2
    through, _, across, _ = interferometer(phase.double(), torch.zeros(50, 6).double(), first.double(), second.double())
    torch.testing.assert_close(
        array.weights().double(), array.scale * (across.abs() ** 2 - through.abs() ** 2) * -1, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("bits", [3, 8])
def test_phases_are_set_in_codes_and_small_changes_add_up(bits):
    array = bank(25, 40, readout=True, dac_bits=bits)
    step = math.pi / (2**bits - 2)
    for count in range(1, 8):
        array.program(torch.full((40, 25), 0.12 * step * array.scale) * array.memory.cos())
        code = round(0.12 * count)
        torch.testing.assert_close(
            array.weights(), torch.full((40, 25), array.scale * math.sin(code * step)), rtol=1e-4, atol=1e-6
        )


def test_writes_are_phases_that_changed_and_cost_a_conversion_each():
    chip = make("mzi", **{**LOSSLESS, "dac_bits": 8, "dac_energy_j": 2e-12})
    array = chip.make_array(10, 6, readout=True)
    step = math.pi / 254 * array.scale
    array.program(torch.full((6, 10), 0.3 * step))
    assert chip.meter.totals()["writes"] == 0
    delta = torch.zeros(6, 10)
    delta[:, :4] = 0.3 * step
    array.program(delta)
    assert chip.meter.totals()["writes"] == 24
    assert array.wear.sum() == 24
    assert array.wear[:, 4:].sum() == 0
    assert chip.meter.joules() == {"programming": pytest.approx(48e-12)}


def test_array_noise_is_that_of_two_flashes_and_does_not_depend_on_the_input():
    array = bank(25, 40, detector_noise=0.01, insertion_loss_db=3.0)
    for size in (0.0, 3.0):
        h = size * draws(2000, 25)
        noise = array.measure(h) - array.measure(h, Read.MEAN)
        assert noise.std() == pytest.approx(2**0.5 * 0.01 * 4 * 10**0.3, rel=5 / 160_000**0.5)
        assert abs(noise.mean()) < 5 * 0.113 / 80_000**0.5


def test_array_outputs_are_digitised_and_saturate():
    array = bank(25, 40, adc_bits=4, array_range=1.5)
    codes = array.measure(draws(200, 25), Read.MEAN) / (1.5 / 7)
    assert (codes - codes.round()).abs().max() < 1e-4
    assert len(codes.round().unique()) == 15


def test_stuck_heaters_hold_a_random_phase_and_go_on_leaking():
    array = bank(40, 100, crosstalk=0.1)
    array.faults()["stuck"](0.3)
    stuck = array.working == 0
    assert stuck.float().mean() == pytest.approx(0.3, abs=5 * (0.21 / 4000) ** 0.5)
    assert array.stuck_at[stuck].abs().max() <= math.pi / 2
    assert array.stuck_at[stuck].std() == pytest.approx(math.pi / 12**0.5, rel=0.05)
    held, before = array.stuck_at.clone(), array.weights().clone()
    array.program(draws(100, 40))
    assert torch.equal(array.stuck_at, held)
    alone = stuck.clone()
    alone[:, 1:] &= stuck[:, :-1]
    alone[:, :-1] &= stuck[:, 1:]
    assert torch.equal(array.weights()[alone], before[alone])
    assert not torch.equal(array.weights()[stuck], before[stuck]), "working neighbours leak to them"
    torch.testing.assert_close(array.measure(torch.eye(40), Read.IDEAL).T[stuck], array.scale * held[stuck].sin())
    array.faults()["stuck"](1.0)
    assert torch.equal(array.stuck_at[stuck], held[stuck]), "what was stuck stays where it was"


def test_energy_is_power_times_time():
    config = {
        "heater_power_w": 0.06,
        "settle_time_s": 1e-4,
        "laser_power_w": 0.01,
        "adc_energy_j": 2e-12,
        "dac_energy_j": 1e-12,
    }
    medium, array = mesh(4, 24, **config), bank(25, 40, readout=True, **config)
    assert medium.latency == pytest.approx(1e-4)
    assert array.latency == pytest.approx(2e-4)
    drive = torch.zeros(10, 4)
    costs = {name: float(value) for name, value in medium.costs(drive, torch.zeros(10, 24)).items()}
    assert costs == pytest.approx(
        {"modulator": 10 * 4 * 0.03 * 1e-4, "light": 10 * 0.01 * 1e-4, "converters": 40e-12 + 480e-12}
    )
    full = float(medium.costs(torch.full((10, 4), 100.0), torch.zeros(10, 24))["modulator"])
    assert full == pytest.approx(10 * 4 * 0.06 * 1e-4)
    costs = {name: float(value) for name, value in array.costs(torch.zeros(10, 25), torch.zeros(10, 40)).items()}
    assert costs == pytest.approx(
        {
            "array": 10 * 1000 * 0.03 * 2e-4,
            "modulator": 10 * 25 * 0.03 * 2e-4,
            "light": 10 * 0.01 * 2e-4,
            "converters": 2 * (250e-12 + 800e-12),
        }
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ports", 0),
        ("drive_phase_rad", 0.0),
        ("full_scale", -1.0),
        ("weight_bound", 0.0),
        ("array_range", math.nan),
        ("splitter_error_rad", -0.1),
        ("insertion_loss_db", -1.0),
        ("detector_noise", math.nan),
        ("dac_bits", 1),
        ("adc_bits", 30),
        ("reference", 1.0),
        ("reference", -0.1),
        ("crosstalk", 0.5),
        ("slope_floor", 0.0),
        ("heater_power_w", -1.0),
    ],
)
def test_values_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"mzi {name}.*got {value}"):
        MZIConfig(**{name: value})
