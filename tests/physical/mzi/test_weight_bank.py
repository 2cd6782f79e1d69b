"""Weight banks: phases, cross-talk, noise, programming."""

from __future__ import annotations

import math

import pytest
import torch
from chips import LOSSLESS, draws, make

from pib_rl.common.streams import Streams
from pib_rl.physical.mzi.mesh import interferometer
from pib_rl.physical.mzi.weight_bank import WeightBank
from pib_rl.physical.substrate import Read


def bank(inputs: int = 25, outputs: int = 40, seed: int = 0, readout: bool = False, **options) -> WeightBank:
    """A weight bank without imperfections but for ``options``."""
    return make("mzi", seed, **{**LOSSLESS, **options}).make_array(inputs, outputs, readout=readout)


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
