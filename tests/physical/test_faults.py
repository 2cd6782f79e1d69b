"""Faults: how they are written, what the crossbar makes of them, and that a broken chip is saved broken."""

from __future__ import annotations

import pytest
import torch
from chips import EXACT, correlation, draws, make
from hypothesis import given
from hypothesis import strategies as st

from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.faults import KINDS, Fault, FaultPlan, parse, parse_all
from pib_rl.physical.substrate import Read


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stuck:0.5@20000", Fault("stuck", 0.5, 20_000)),
        ("dead-pixels:1", Fault("dead-pixels", 1.0)),
        ("drift:1e4", Fault("drift", 1e4)),
        ("drift:1e4s@3", Fault("drift", 1e4, 3)),
        ("rotate-medium:90", Fault("rotate-medium", 90)),
        ("shift-camera:2.5@0", Fault("shift-camera", 2.5)),
        ("dead-unit:2", Fault("dead-unit", 2)),
        ("adc-bits:24", Fault("adc-bits", 24)),
        ("stuck:0.5@start", Fault("stuck", 0.5)),
        ("stuck:0.1..0.5@start", Fault("stuck", 0.1, last=0.5)),
        ("drift:10s..1e4s@30", Fault("drift", 10.0, 30, 1e4)),
        ("rotate-medium:90..0", Fault("rotate-medium", 90, last=0)),
    ],
)
def test_a_fault_is_read_from_kind_size_and_step(text, fault):
    assert parse(text) == fault
    assert parse(str(fault)) == fault


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**9), st.floats(0, 1), st.none() | st.floats(0, 1))
def test_written_and_read_again_a_fault_is_the_same(kind, step, fraction, last):
    known = KINDS[kind]
    ends = [
        None if part is None else known.low + part * (min(known.high, 1e6) - known.low) for part in (fraction, last)
    ]
    size, end = (round(part) if known.whole and part is not None else part for part in ends)
    fault = Fault(kind, size, step, end if known.spreadable else None)
    assert parse(str(fault)) == fault


@pytest.mark.parametrize("chips", [1, 2, 5])
def test_sizes_go_evenly_from_the_first_chip_to_the_last(chips):
    sizes = Fault("stuck", 0.1, last=0.5).on((chips,))
    torch.testing.assert_close(sizes, torch.linspace(0.1, 0.5, chips))
    assert Fault("stuck", 0.1).on((chips,)) == 0.1
    assert Fault("stuck", 0.1).on(()) == 0.1
    assert Fault("stuck", 0.1, last=0.5).label == "stuck 0.1..0.5"


def test_a_size_per_chip_needs_a_wafer():
    words = r"stuck:0\.1\.\.0\.5@3 has a size per chip, and there is one chip; give one size, or more chips"
    with pytest.raises(ValueError, match=words):
        Fault("stuck", 0.1, 3, 0.5).on(())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stick:0.5", r"unknown fault 'stick'; did you mean stuck\?"),
        ("", "unknown fault ''; known: stuck, dead-pixels"),
        ("stuck", "'stuck' lacks its size; give stuck:SIZE, the fraction of devices, in 0..1"),
        ("stuck:@3", "'stuck:@3' lacks its size"),
        ("stuck:half", r"size of stuck \(fraction of devices\) must be a number, in 0\.\.1, got 'half'"),
        ("stuck:1.5", r"in 0\.\.1, got 1\.5"),
        ("stuck:-0.1", r"in 0\.\.1, got -0\.1"),
        ("stuck:nan", r"in 0\.\.1, got nan"),
        ("stuck:0.5s", "must be a number"),
        ("rotate-medium:91", r"in 0\.\.90, got 91"),
        ("shift-camera:-1", r"in 0\.\.1e\+06, got -1"),
        ("shift-camera:inf", "got inf"),
        ("shift-camera:1e30", r"got 1e\+30"),
        ("drift:10h", r"size of drift \(seconds\) must be a number"),
        ("drift:-1s", "got -1"),
        ("dead-unit:0", "a whole number, 1 or more, got 0"),
        ("dead-unit:1.5", "a whole number, 1 or more, got 1.5"),
        ("adc-bits:1", r"a whole number, in 2\.\.24, got 1"),
        ("adc-bits:2.5", "got 2.5"),
        ("adc-bits:25", "got 25"),
        ("stuck:0.1..", r"size of stuck \(fraction of devices\) must be a number, in 0\.\.1, got ''"),
        ("stuck:..0.5", "must be a number, in 0..1, got ''"),
        ("stuck:0.1..1.5", r"in 0\.\.1, got 1\.5"),
        ("stuck:-0.1..0.5", r"in 0\.\.1, got -0\.1"),
        ("adc-bits:3..5", r"adc-bits has one size for all chips, got 3\.\.5; kinds with a size per chip: stuck, dead"),
        ("dead-unit:1..2", "dead-unit has one size for all chips"),
        ("stuck:0.5@begin", "the step of stuck must be a whole number, 0 or more, such as stuck:0.5@3, got 'begin'"),
        ("stuck:0.5@", "the step of stuck must be a whole number, 0 or more, such as stuck:0.5@3, got ''"),
        (3, "a fault must be KIND:SIZE or KIND:SIZE@STEP, such as stuck:0.5@300, got 3"),
        ("stuck:0.5@-1", "got '-1'"),
        ("stuck:0.5@1e4", "got '1e4'"),
    ],
)
def test_mistakes_are_told_in_one_sentence(text, words):
    with pytest.raises(ValueError, match=words) as error:
        parse(text)
    assert "\n" not in str(error.value)


def test_faults_happen_in_order_and_within_the_training():
    assert [str(fault) for fault in parse_all(["stuck:0.5@7", "adc-bits:4", "drift:5@7"], 7)] == [
        "adc-bits:4",
        "stuck:0.5@7",
        "drift:5@7",
    ]
    assert parse_all(["stuck:0.5@7"])[0].step == 7
    with pytest.raises(ValueError, match=r"stuck:0\.5@7 would happen after the end: there are 6 epochs"):
        parse_all(["stuck:0.5@7"], 6, "epochs")
    with pytest.raises(ValueError, match="the step of stuck must be 0 or more, got -1"):
        Fault("stuck", 0.5, -1)


def crossbar(fraction: float | None = None, inputs: int = 128, outputs: int = 100, **options):
    """A crossbar without imperfections, with a fraction of its devices stuck."""
    array = make("memristive", **{**EXACT, **options}).make_array(inputs, outputs)
    if fraction is not None:
        array.faults()["stuck"](fraction)
    return array


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_a_fraction_of_all_devices_gets_stuck_anywhere(fraction):
    before, array = crossbar(), crossbar(fraction)
    count, masks = 12_800, []
    for step, old, new in zip(array.step, before.pair, array.pair, strict=True):
        hit = step == 0
        assert hit.float().mean() == pytest.approx(fraction, abs=5 * (fraction * (1 - fraction) / count) ** 0.5)
        assert torch.equal(new[~hit], old[~hit])
        level = new[hit]
        assert abs(level.mean() - 0.5) < 5 * (1 / 12 / len(level)) ** 0.5, "anywhere in 0..1, evenly"
        assert level.var() == pytest.approx(1 / 12, rel=0.1)
        assert abs(correlation(level, old[hit])) < 5 / len(level) ** 0.5
        masks.append(hit.float())
    assert abs(correlation(*masks)) < 5 / count**0.5, "each of a pair by itself"
    torch.testing.assert_close(array.weights(), (array.pair[0] - array.pair[1]) * array.scale)


def test_stuck_devices_ignore_writes_and_the_others_do_not():
    array = crossbar(0.5, write_noise=0.3)
    before = array.pair.clone()
    array.program(draws(100, 128, size=0.02))
    for step, old, new in zip(array.step, before, array.pair, strict=True):
        moved, free = new != old, step > 0
        assert not moved[~free].any()
        assert moved[free].float().mean() > 0.95


def test_no_device_stuck_changes_nothing_and_all_stuck_leaves_none():
    before, array = crossbar(), crossbar(0.0)
    assert all(torch.equal(value, array.state_dict()[name]) for name, value in before.state_dict().items())
    assert not crossbar(1.0).step.any()


def test_a_fault_draws_from_its_own_stream_and_nothing_else():
    chips = [make("memristive") for _ in range(2)]
    arrays = [chip.make_array(8, 4) for chip in chips]
    arrays[0].faults()["stuck"](0.5)
    for name in ("fabrication", "read", "write", "learning"):
        assert torch.equal(*(chip.streams.normal(name, torch.zeros(3)) for chip in chips)), name


@pytest.mark.parametrize("part", ["array", "readout", "medium"])
def test_converters_lose_bits(part):
    chip = make("memristive", **{**EXACT, "adc_bits": 8, "drive_range": 6.0, "array_range": 4.0, "readout_range": 4.0})
    device = chip.make_medium(30, 30) if part == "medium" else chip.make_array(30, 30, readout=part == "readout")
    if part == "readout":
        device.program(draws(30, 30, seed=3, size=0.3))
    values = draws(400, 30, size=3)
    ideal = device.measure(values, Read.IDEAL).clone()
    fine = len(device.measure(values, Read.MEAN).unique())
    device.faults()["adc-bits"](3)
    coarse = device.measure(values, Read.MEAN)
    assert fine > 100
    assert len(coarse.unique()) == 7
    device.faults()["adc-bits"](6)
    assert torch.equal(device.measure(values, Read.MEAN), coarse), "lost bits do not come back"
    assert torch.equal(device.measure(values, Read.IDEAL), ideal)


@pytest.mark.parametrize("bits", [None, 8])
def test_a_broken_converter_is_saved_broken(bits):
    broken, fresh = FragileConverter(bits, -1, 1), FragileConverter(bits, -1, 1)
    value = torch.linspace(-2, 2, 101)
    broken.limit(4)
    assert not torch.equal(fresh(value), broken(value))
    fresh.load_state_dict(broken.state_dict())
    assert torch.equal(fresh(value), broken(value))
    assert len(fresh(value).unique()) == 15


@pytest.mark.parametrize("stored", [0.37, 0.0, 1.0, 2.5, 25.0, -8.0, float("nan"), float("inf")])
def test_what_is_no_number_of_bits_is_no_quantisation(stored):
    converter = FragileConverter(8, -1, 1)
    converter.load_state_dict({"bits": torch.tensor(stored)})
    value = torch.linspace(-0.99, 0.99, 101)
    assert torch.equal(converter(value), value)
    assert torch.equal(converter.bits, torch.tensor(stored)) or stored != stored


def test_a_broken_crossbar_is_saved_broken():
    broken, fresh = crossbar(0.5, adc_bits=8), crossbar(adc_bits=8)
    broken.faults()["adc-bits"](4)
    fresh.load_state_dict(broken.state_dict())
    for array in (broken, fresh):
        array.program(draws(100, 128, size=0.05))
    h = draws(20, 128)
    assert torch.equal(broken.measure(h, Read.MEAN), fresh.measure(h, Read.MEAN))
    assert torch.equal(broken.weights(), fresh.weights())


def test_a_plan_makes_each_fault_happen_once_and_remembers_when():
    seen = []
    plan = FaultPlan([Fault("stuck", 0.5, 3), Fault("drift", 60.0, 3), Fault("dead-unit", 1, 9)], seen.append)
    plan.reach(2)
    assert (seen, plan.happened) == ([], [])
    plan.reach(5)
    plan.reach(6)
    plan.strike(Fault("adc-bits", 4), 7)
    assert [fault.kind for fault in seen] == ["stuck", "drift", "adc-bits"]
    assert [(fault.kind, fault.step) for fault in plan.happened] == [("stuck", 5), ("drift", 5), ("adc-bits", 7)]
    assert plan.labels == ("stuck 0.5", "drift 60", "adc-bits 4")
    assert plan.ahead == [Fault("dead-unit", 1, 9)]


def test_a_fault_that_cannot_happen_is_not_remembered():
    def refuse(fault):
        raise ValueError(fault.kind)

    plan = FaultPlan([], refuse)
    with pytest.raises(ValueError, match="stuck"):
        plan.strike(Fault("stuck", 0.5), 1)
    assert plan.happened == []
