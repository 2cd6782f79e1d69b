"""Meshes of interferometers: transfer, detectors, calibration."""

from __future__ import annotations

import math

import pytest
import torch
from chips import LOSSLESS, draws, make

from pib_rl.common.streams import Streams
from pib_rl.physical.mzi.config import MZIConfig
from pib_rl.physical.mzi.mesh import MeshMedium, fabricate_mesh, interferometer
from pib_rl.physical.mzi.substrate import MZI
from pib_rl.physical.standardised import MIN_CONTRAST
from pib_rl.physical.substrate import Read

PERFECT = MZIConfig(splitter_error_rad=0.0, phase_error_rad=0.0, insertion_loss_db=0.0)


def mesh(drives: int = 4, ports: int = 24, seed: int = 0, **options) -> MeshMedium:
    """A mesh without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, "ports": 1, **options}).make_medium(drives, ports)


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
        assert medium.intensity(10 * draws(2000, 10).sign()).mean() == pytest.approx(1, rel=0.05)


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
    dead = medium.alive[0] == 0
    assert 4 <= dead.sum() <= 20
    for read in Read:
        after = light(medium, drive, read)
        assert after[:, dead].abs().max() < 1e-6
        assert torch.equal(after[:, ~dead], before[:, ~dead])
