"""Rings of oscillators: the law of motion, its integration, thermal noise, what is read of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from chips import UNDAMPED, correlation, draws, make
from scipy.integrate import solve_ivp

from pib_rl.common.streams import Streams
from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.oscillator import Oscillator, OscillatorConfig, RingMedium
from pib_rl.physical.standardised import MIN_CONTRAST
from pib_rl.physical.substrate import Read


def ring(drives: int = 5, oscillators: int = 12, seed: int = 0, **options) -> RingMedium:
    """An undamped ring that is read exactly, but for ``options``."""
    return make("oscillator", seed, **{**UNDAMPED, "oscillators": 1, **options}).make_medium(drives, oscillators)


def positions(medium: RingMedium, drive: torch.Tensor, read: Read) -> torch.Tensor:
    """What is read in radians: the standardisation undone."""
    return medium.measure(drive, read) * medium.scale + medium.mean


def exact(medium: RingMedium, start: torch.Tensor, time: float, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities by an adaptive integrator, from the law as it is printed."""
    couplings, force = (
        (medium.stiffness - torch.diag(medium.stiffness.diag())).double().numpy(),
        medium.force[0].numpy(),
    )

    def law(_: float, state: np.ndarray) -> np.ndarray:
        q, v = np.split(state, 2)
        pull = [sum(couplings[i, j] * (math.sin(q[j]) - math.sin(q[i])) for j in range(len(q))) for i in range(len(q))]
        return np.concatenate([v, -np.sin(q) + pull + force - damping * v])

    ends = [
        solve_ivp(law, (0, time), np.concatenate([row, 0 * row]), rtol=1e-9, atol=1e-9).y[:, -1]
        for row in start.double().numpy()
    ]
    return tuple(np.split(np.array(ends), 2, axis=1))


@pytest.mark.parametrize("damping", [0.0, 0.2])
def test_motion_follows_its_law(damping):
    medium = ring(damping=damping, time=2.5, steps=400, displacement_rad=0.8)
    start = medium.start(draws(4, 5))
    position, velocity = exact(medium, start, 2.5, damping)
    found = [part.double().numpy() for part in medium.evolve(start)]
    np.testing.assert_allclose(found[0], position, atol=2e-4)
    np.testing.assert_allclose(found[1], velocity, atol=2e-4)


@pytest.mark.parametrize("damping", [0.0, 0.2])
def test_the_scheme_is_of_second_order(damping):
    coarse = ring(damping=damping, time=2.5, steps=20)
    position, _ = exact(coarse, coarse.start(draws(6, 5)), 2.5, damping)
    errors = []
    for steps in (20, 40):
        medium = ring(damping=damping, time=2.5, steps=steps)
        errors.append(np.abs(medium.evolve(medium.start(draws(6, 5)))[0].numpy() - position).max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    assert errors[0] < 0.03


def test_energy_is_conserved_without_damping_and_lost_with_it():
    medium = ring(time=60.0, steps=1200, displacement_rad=0.6)
    law = medium.stiffness.double()
    inverse = -torch.linalg.inv(law)

    def energy(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """1/2 v'Av + sum (1 - cos q) - q'A e with A = -M^-1 of the law q'' = M sin q + e."""
        q, v = q.double(), v.double()
        return ((v @ inverse) * v).sum(1) / 2 + (1 - q.cos()).sum(1) - q @ inverse @ medium.force[0].double()

    start = medium.start(draws(10, 5))
    before = energy(start, torch.zeros_like(start))
    after = energy(*medium.evolve(start))
    scale = before.std()
    assert (after - before).abs().max() < 0.02 * scale
    damped = ring(time=60.0, steps=1200, displacement_rad=0.6, damping=0.05)
    assert (energy(*damped.evolve(start)) < before - 0.2 * scale).all()


def test_motion_without_damping_runs_backwards():
    medium = ring(time=5.0, steps=100, displacement_rad=0.8)
    start = medium.start(draws(4, 5))
    there = medium.evolve(start)
    step, position, velocity = 0.05, there[0].clone(), -there[1]
    for _ in range(100):
        velocity = velocity + step / 2 * medium._acceleration(position)
        position = position + step * velocity
        velocity = velocity + step / 2 * medium._acceleration(position)
    torch.testing.assert_close(position, start, rtol=0, atol=1e-4)


def test_small_swings_are_those_of_the_normal_modes():
    medium = ring(bias=0.0, displacement_rad=1e-3, time=4.0, steps=800)
    start = medium.start(draws(7, 5))
    squares, modes = torch.linalg.eigh(-medium.stiffness.double())
    assert squares.min() == pytest.approx(1, abs=1e-6), "all together swing as one alone"
    frequency_hz = squares.sqrt()
    amplitude = start.double() @ modes
    position, velocity = medium.evolve(start)
    torch.testing.assert_close(position.double(), amplitude * (4 * frequency_hz).cos() @ modes.T, rtol=0, atol=1e-7)
    torch.testing.assert_close(
        velocity.double(), -amplitude * frequency_hz * (4 * frequency_hz).sin() @ modes.T, rtol=0, atol=5e-7
    )


@pytest.mark.parametrize("read", list(Read))
def test_without_imperfections_reads_are_the_positions(read):
    medium, drive = ring(displacement_rad=0.7), draws(30, 5)
    expected, _ = medium.evolve(0.7 * drive.repeat(1, 3)[:, :12])
    torch.testing.assert_close(positions(medium, drive, read), expected, rtol=1e-6, atol=1e-6)


def test_couplings_are_symmetric_local_and_as_spread_as_stated():
    medium = ring(5, 400, neighbours=3, coupling=0.2, coupling_spread=0.5)
    couplings = medium.stiffness - torch.diag(medium.stiffness.diag())
    assert torch.equal(couplings, couplings.T)
    torch.testing.assert_close(medium.stiffness.sum(1), -torch.ones(400))
    place = torch.arange(400)
    apart = (place[:, None] - place).abs()
    near = torch.minimum(apart, 400 - apart)
    assert ((couplings != 0) == ((near > 0) & (near <= 3))).all()
    values = couplings.triu(1)[couplings.triu(1) > 0]
    assert values.min() >= 0.1
    assert values.max() <= 0.3
    assert values.mean() == pytest.approx(0.2, abs=5 * 0.1 / 3**0.5 / 1200**0.5)
    assert values.std() == pytest.approx(0.1 / 3**0.5, rel=0.1)
    assert medium.force.std() == pytest.approx(medium._config.bias, rel=5 / 800**0.5)


def test_thermal_motion_has_the_stated_temperature():
    # without bias and displacement_rad, free oscillators: T in position and in velocity, once motion forgot its start
    medium = ring(1, 60, damping=1.0, thermal_energy=0.01, time=12.0, steps=120, neighbours=0, bias=0.0)
    position, velocity = medium.evolve(torch.zeros(300, 60), thermal=True)
    for seen in (position, velocity):
        assert seen.var() == pytest.approx(0.01, rel=0.06)
        assert abs(seen.mean()) < 5 * 0.1 / 18_000**0.5
    assert abs(correlation(position[1:], position[:-1])) < 5 / 18_000**0.5
    assert abs(correlation(position[:, 1:], position[:, :-1])) < 5 / 18_000**0.5


def test_each_noise_switches_off_alone():
    drive = draws(20, 5)
    for options in (
        {"thermal_energy": 0.01},
        {"damping": 0.1},
        {"dac_bits": 4},
        {"adc_bits": 4, "full_scale_rad": 3.0},
    ):
        medium = ring(**options)
        assert torch.equal(medium.measure(drive), medium.measure(drive, Read.MEAN)), options
    thermal = ring(thermal_energy=0.01, damping=0.1)
    assert not torch.equal(thermal.measure(drive), thermal.measure(drive, Read.MEAN))
    read = ring(read_noise_rad=0.05)
    noise = positions(read, drive.repeat(100, 1), Read.NOISY) - positions(read, drive.repeat(100, 1), Read.MEAN)
    assert noise.std() == pytest.approx(0.05, rel=5 / (2 * noise.numel()) ** 0.5)


def test_drives_take_turns_and_saturate():
    medium = ring(5, 12, reach_rad=2.0, displacement_rad=1.0)
    start = medium.start(torch.tensor([[0.5, -5.0, 1.0, 9.0, -0.25]]))
    assert start.tolist() == [[0.5, -2.0, 1.0, 2.0, -0.25] * 2 + [0.5, -2.0]]
    coarse = ring(5, 12, reach_rad=2.0, displacement_rad=1.0, dac_bits=2).start(draws(50, 5, size=3))
    assert sorted(coarse.unique().tolist()) == [-2.0, 0.0, 2.0]


def test_reads_are_digitised_and_saturate():
    medium, drive = ring(adc_bits=4, full_scale_rad=0.7), draws(300, 5, size=2)
    codes = positions(medium, drive, Read.MEAN) / 0.1
    assert (codes - codes.round()).abs().max() < 1e-3
    assert sorted(codes.round().unique().tolist()) == list(range(-7, 8))


def test_outputs_are_standardised_per_oscillator_and_resting_ones_not_amplified():
    seen = make("oscillator").make_medium(6, 24).measure(draws(4000, 6), Read.MEAN)
    assert seen.mean(0).abs().max() < 5 * 0.035
    assert (seen.std(0) - 1).abs().max() < 0.2
    assert (ring(displacement_rad=1e-5).scale == torch.tensor(MIN_CONTRAST)).all()


def test_the_input_is_left_alone():
    medium, drive = make("oscillator").make_medium(5, 12), draws(20, 5)
    before = drive.clone()
    medium.measure(drive)
    assert torch.equal(drive, before)


def test_broken_oscillators_rest_and_hold_their_neighbours():
    medium, drive = ring(5, 24, thermal_energy=0.01, damping=0.1, read_noise_rad=0.01), draws(30, 5)
    before = positions(medium, drive, Read.MEAN)
    medium.faults()["dead-pixels"](0.3)
    dead = medium.alive[0] == 0
    assert 2 <= dead.sum() <= 13
    for read in Read:
        after = positions(medium, drive, read)
        assert after[:, dead].abs().max() < 1e-6
        assert (after[:, ~dead] - before[:, ~dead]).abs().max() > 0.05
    velocity = medium.evolve(medium.start(drive), thermal=True)[1]
    assert not velocity[:, dead].any()


def test_rings_are_as_large_as_drives_or_outputs_need():
    assert Oscillator().make_medium(4, 3).out_features == OscillatorConfig().oscillators
    assert make("oscillator", oscillators=10).make_medium(4, 30).out_features == 30
    assert make("oscillator", oscillators=10).make_medium(40, 30).out_features == 40
    assert type(make("oscillator").make_array(9, 4)) is DigitalArray
    with pytest.raises(ValueError, match="an oscillator per drive, 6, got 5"):
        RingMedium(6, 5, OscillatorConfig(), Streams(0))


def test_time_and_energy():
    medium = ring(
        1,
        12,
        time=3.0,
        frequency_hz=2e6,
        adc_energy_j=2e-12,
        dac_energy_j=1e-12,
        thermal_energy=1e-3,
        displacement_rad=1.0,
    )
    assert medium.latency == pytest.approx(3 / (2 * math.pi * 2e6))
    drive = torch.full((10, 1), math.pi / 2)
    costs = {name: float(value) for name, value in medium.costs(drive, torch.zeros(10, 12)).items()}
    assert costs == pytest.approx({"modulator": 120 * 300 * 1.380649e-23 / 1e-3, "converters": 10e-12 + 240e-12})
    assert set(ring(1, 12).costs(drive, torch.zeros(10, 12))) == {"converters"}, "no scale of energy at T = 0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oscillators", 0),
        ("displacement_rad", 0.0),
        ("time", -1.0),
        ("steps", 0),
        ("coupling", -0.1),
        ("neighbours", -1),
        ("coupling_spread", 1.5),
        ("damping", math.nan),
        ("thermal_energy", -1.0),
        ("read_noise_rad", -0.1),
        ("dac_bits", 1),
        ("adc_bits", 30),
        ("reach_rad", 0.0),
        ("full_scale_rad", math.nan),
        ("frequency_hz", 0.0),
        ("steps", 2),
    ],
)
def test_values_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"oscillator {name}.*got {value}"):
        OscillatorConfig(**{name: value})


def test_the_fewest_steps_that_are_taken_are_stable():
    options = {"time": 60.0, "coupling": 0.25, "neighbours": 4, "coupling_spread": 1.0}
    with pytest.raises(ValueError, match=r"oscillator steps must be > 90 for time 60.0 and these couplings, got 90"):
        OscillatorConfig(**options, steps=90)
    medium = ring(5, 12, **options, steps=91)
    assert medium.evolve(medium.start(draws(50, 5)))[0].abs().max() < 20
