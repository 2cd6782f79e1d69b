"""Units in series: how drives and taps are wired, and what a measurement costs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from agent_toys import SUBSTRATES, make_network, make_substrate

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.network import Network
from pib_rl.agents.objectives import Gaussian, Renyi
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid, Patch
from pib_rl.physical.substrate import Read


def inputs(n: int = 30, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", SUBSTRATES)
def test_each_medium_is_driven_by_the_gain_controlled_array_before_it(name):
    network, x = make_network(name, 5, 7, 3), inputs()
    network.calibrate(x)
    seen = network.measure(x, Read.MEAN)
    drive, taps = x * network.input_gain, []
    for unit, h, z in zip(network.chain, seen.h, seen.z, strict=True):
        assert torch.equal(h, unit.medium.measure(drive.clone(), Read.MEAN))
        assert torch.equal(z, unit.array.measure(h, Read.MEAN))
        drive = unit.control.drive(z)
        taps.append(h)
    taps.append(network.last.measure(drive, Read.MEAN))
    assert torch.equal(seen.taps, torch.cat(taps[1:], 1))  # all media but the first: it only encodes the input
    assert seen.taps.shape == (30, network.tap_features)


def test_no_tap_sees_the_input_past_the_arrays():
    network = make_network("digital", 5, 7, 2)
    network.chain[0].array.weight.zero_()
    taps = network.measure(inputs()).taps
    assert torch.equal(taps, taps[:1].expand_as(taps))


@pytest.mark.parametrize("name", SUBSTRATES)
def test_calibration_sets_every_control_from_what_reaches_it(name):
    network, x = make_network(name, 5, 8, 3), inputs(400)
    network.calibrate(x)
    for unit, z in zip(network.chain, network.measure(x, Read.MEAN).z, strict=True):
        drive = unit.control.drive(z) / unit.control.gain - unit.control.shift
        assert drive.mean(0).abs().max() < 0.1
        assert drive.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.1)


def ranged(seed: int = 0, units: int = 3, **options: Any) -> Network:
    substrate = make_substrate("memristive", seed, ranging="calibrated", array_range=30.0, **options)
    return Network(substrate, 5, ChipConfig(width=8, units=units))


def test_calibration_ranges_the_converters_of_units_before_their_gain_controls_at_the_cost_of_one_more_read():
    network, x = ranged(adc_bits=6), inputs(400)
    network.calibrate(x)
    assert network.meter.totals()["measurements"] == 2 * 3 * 400
    seen = network.measure(x, Read.MEAN)
    for unit, z in zip(network.chain, seen.z, strict=True):
        assert unit.array._adc.gain.item() >= 4
        assert len(z.unique()) > 10  # at the fixed range, a step of 1, there would be about 5 codes
        drive = unit.control.drive(z) / unit.control.gain - unit.control.shift
        assert drive.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.1)


def test_recalibration_ranges_anew_and_other_hardware_measures_nothing_for_it():
    network, x = ranged(), inputs(400)
    network.calibrate(x)
    before = [unit.array._adc.gain.item() for unit in network.chain]
    for unit in network.chain:
        unit.array._adc.open()
    network.recalibrate(x)
    assert [unit.array._adc.gain.item() for unit in network.chain] == before
    assert min(before) > 1
    for name in SUBSTRATES:
        plain = make_network(name, 5, 8, 3)
        plain.calibrate(x)
        assert plain.meter.totals()["measurements"] == 3 * 400


def test_read_modes_reach_media_and_arrays():
    network, x = make_network("memristive", 5, 7, 2), inputs()
    noisy, again = network.measure(x), network.measure(x)
    mean, repeat, ideal = (network.measure(x, read) for read in (Read.MEAN, Read.MEAN, Read.IDEAL))
    assert torch.equal(mean.taps, repeat.taps)
    for part in ("h", "z"):
        for unit in range(2):
            a, b, c, d = (getattr(seen, part)[unit] for seen in (noisy, again, mean, ideal))
            assert not torch.equal(a, b)
            assert not torch.equal(c, d)
            assert (a - c).abs().mean() < 0.1 * c.abs().mean()


def test_a_measurement_costs_one_per_sample_and_unit():
    network = make_network("digital", 5, 7, 3, objective="cka")
    network.measure(inputs(11))
    assert network.meter.totals()["measurements"] == 33
    network.update_units(network.measure(inputs(10)), Target(inputs(10)), 0.0, 0.0)  # learning itself measures nothing
    assert network.meter.totals()["measurements"] == 63


def test_learning_scores_every_unit_and_tracks():
    network, x = make_network("digital", 5, 7, 2, objective="cka"), inputs(60)
    network.calibrate(x)
    seen, target = network.measure(x), Target(x[:, :2])
    before = [unit.array.weights().clone() for unit in network.chain]
    means = [unit.control.mean.clone() for unit in network.chain]
    scores = network.update_units(seen, target, 0.01, 0.5)
    for unit, score, z, weight, mean in zip(network.chain, scores, seen.z, before, means, strict=True):
        wanted = unit.objective(z, target)
        torch.testing.assert_close(score.loss, wanted.loss)
        torch.testing.assert_close(score.gradient, wanted.gradient)
        assert 0 < (unit.array.weights() - weight).abs().max() <= 0.0101
        torch.testing.assert_close(unit.control.mean, mean.lerp(z.mean(0), 0.5))


def test_options_reach_the_objective_of_each_unit():
    network = make_network("digital", 5, 7, 2, objective="renyi", options={"alpha": 3.0, "beta": 0.1})
    for unit in network.chain:
        assert isinstance(unit.objective, Renyi)
        assert (unit.objective.alpha, unit.objective.beta) == (3.0, 0.1)
    gated = make_network("digital", 5, 7, 2, objective="gaussian", target_features=9)
    assert isinstance(gated.chain[1].objective, Gaussian)
    assert gated.chain[1].objective.gate.explained.shape == (9,)


def test_units_have_their_own_state():
    network = make_network("digital", 5, 7, 2)
    first, second = network.chain
    assert first.objective is not second.objective
    assert first.optimiser is not second.optimiser
    assert not torch.equal(first.control.shift, second.control.shift)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"width must be a whole number in 1\.\.100000, got 0"):
        make_network("digital", 5, 0, 1)
    with pytest.raises(ValueError, match=r"units must be a whole number in 1\.\.1000, got 0"):
        make_network("digital", 5, 4, 0)
    with pytest.raises(ValueError, match="unknown objective 'gausian'; did you mean gaussian"):
        make_network("digital", 5, 4, 1, objective="gausian")
    for objective, options, words in (
        ("cka", {"alpha": 2.0}, "objective 'cka' has no option 'alpha'; known: scale, bandwidth, beta"),
        ("ridge", {"zzz": 0.2}, "objective 'ridge' has no option 'zzz'; known: beta, ridge, temperature"),
        ("ridge", {"features": 3}, "objective 'ridge' has no option 'features'"),
        ("ridge", {"temperature": "abc"}, "option temperature must be float, got 'abc'"),
        ("ridge", {"gain": float("inf")}, "option gain must be a finite number"),
        ("pointwise", {"scale": "foo"}, "option scale must be rms or sample or none, got 'foo'"),
    ):
        with pytest.raises(ValueError, match=words):
            make_network("digital", 5, 4, 1, objective=objective, options=options)
    with pytest.raises(ValueError, match=r"beta must be 0 with patches, got 0\.1"):
        make_network(
            "digital", 16, 4, 1, objective="cka", options={"beta": 0.1}, image=Grid(4, 4), patches=[Patch(2, 3, 1)]
        )
    assert make_network("digital", 5, 4, 1, objective="pointwise", options={"scale": "rms", "bandwidth": 1})
