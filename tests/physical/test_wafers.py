"""Wafers: chip k of the wafer of seed s is the chip of seed s + k, in what it says, holds, costs and becomes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from chips import EXACT, KINDS, PULSED, draws, make
from pulsed_chips import PAIR, PLAIN, crossbar
from wafers import CHIPS, SEED, Bench, assert_same_chips, wafer_and_chips

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.faults import KINDS as FAULTS
from pib_rl.physical.faults import Fault
from pib_rl.physical.meter import PARTS, Meter
from pib_rl.physical.part import Part
from pib_rl.physical.ranging import RangedConverter
from pib_rl.physical.substrate import Read

ALL = sorted(KINDS | PULSED)
X, H = draws(CHIPS, 40, 6, size=0.4), draws(CHIPS, 40, 9, seed=1, size=0.5)
DELTA = draws(CHIPS, 5, 9, seed=2, size=0.1)
QUIET = {  # exact programming, or one that draws nothing; chips then differ by what they are alone
    "digital": {},
    "memristive": {"write_noise": 0.0},
    "multiplier": {},
    "mzi": {},
    "pcm": {"programming": "ideal"},
}


def assert_same_reads(wafer: Bench, chips: list[Bench], x=X, h=H) -> None:
    for read in (Read.MEAN, Read.IDEAL):
        together = wafer.measure(x, h, read)
        for number, chip in enumerate(chips):
            for one, alone in zip(together, chip.measure(x[number], h[number], read), strict=True):
                torch.testing.assert_close(one[number], alone, rtol=1e-3, atol=1e-3)


def close_to_codes(kind: str) -> dict:
    """No converters where a sum in another order may fall on the other side of a code."""
    coarse = dict.fromkeys(("dac_bits", "adc_bits", "camera_bits", "multiplier_bits", "phase_bits"))
    known = {*vars(make(kind).config)}
    return {name: value for name, value in coarse.items() if name in known}


@pytest.mark.parametrize("kind", ALL)
def test_each_chip_reads_as_it_does_alone_and_no_two_are_alike(kind):
    wafer, chips = wafer_and_chips(kind, **close_to_codes(kind))
    assert_same_reads(wafer, chips)
    assert_same_chips(wafer, chips)
    same = wafer.measure(X[:1].expand_as(X), H[:1].expand_as(H), Read.MEAN)
    for first, second in itertools.combinations(range(CHIPS), 2):
        assert not torch.allclose(same[1][first], same[1][second])
        assert kind == "digital" or not torch.allclose(same[0][first], same[0][second])


@pytest.mark.parametrize("kind", ALL)
def test_a_wafer_of_one_chip_has_the_axis_and_is_that_chip(kind):
    wafer, alone = Bench(kind, SEED, 1), Bench(kind, SEED)
    assert_same_chips(wafer, [alone])
    assert wafer.measure(X[:1], H[:1], Read.MEAN)[0].shape == (1, 40, wafer.medium.out_features)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "digital"])
def test_noise_differs_from_chip_to_chip(kind):
    wafer = Bench(kind, SEED, CHIPS)
    state = {name: value[:1].expand_as(value) for name, value in wafer.state_dict().items() if value.shape[:1] == (3,)}
    wafer.load_state_dict({**wafer.state_dict(), **state})  # three copies of one chip
    x, h = X[:1].expand_as(X), H[:1].expand_as(H)
    assert all(torch.allclose(seen[0], seen[2], atol=1e-5) for seen in wafer.measure(x, h, Read.MEAN))
    noisy = wafer.measure(x, h, Read.NOISY)[0]
    assert (noisy[0] != noisy[1]).float().mean() > 0.1
    assert (noisy[1] != noisy[2]).float().mean() > 0.1


@pytest.mark.parametrize("kind", QUIET)
def test_each_chip_is_programmed_as_alone_and_counts_its_own_pulses(kind):
    wafer, chips = wafer_and_chips(kind, **QUIET[kind], **close_to_codes(kind))
    delta = DELTA.clone()
    delta[1, :2] = 0
    for factor in (1.0, -0.3):
        wafer.hidden.program(factor * delta)
        for number, chip in enumerate(chips):
            chip.hidden.program(factor * delta[number])
    assert_same_chips(wafer, chips)
    assert_same_reads(wafer, chips)
    writes = wafer.substrate.meter.sums()["writes"]
    assert writes.shape == (CHIPS,)
    assert writes.tolist() == [chip.substrate.meter.totals()["writes"] for chip in chips]


@pytest.mark.parametrize("programming", ["ideal", "accumulate", "write-verify"])
@pytest.mark.parametrize("device", [PLAIN, PAIR], ids=["one-device", "pair"])
def test_pulsed_devices_of_each_chip_are_programmed_as_alone(device, programming):
    device = replace(device, step_spread=0.3, high_spread=0.1)
    wafer = crossbar(device, programming, 9, 5, seed=SEED, chips=CHIPS)
    chips = [crossbar(device, programming, 9, 5, seed=SEED + chip) for chip in range(CHIPS)]
    for call in range(40):  # pairs fill up and are rewritten on the way
        delta = 0.2 * draws(CHIPS, 5, 9, seed=call) * wafer.weight_unit
        wafer.program(delta)
        for number, chip in enumerate(chips):
            chip.program(delta[number])
    assert_same_chips(wafer, chips)
    assert wafer.meter.totals()["writes"] == sum(chip.meter.totals()["writes"] for chip in chips) > 1000


@pytest.mark.parametrize("programming", ["pulsed", "accumulate", "write-verify"])
@pytest.mark.parametrize("kind", PULSED)
def test_pulses_reach_the_chip_that_they_are_for_and_no_other(kind, programming):
    wafer = Bench(kind, SEED, CHIPS, programming=programming, read_noise=0.0, adc_bits=None)
    array, delta = wafer.hidden, torch.zeros(CHIPS, 5, 9)
    if programming == "write-verify":
        array.memory.copy_(array.weight())  # nothing is owed from fabrication
    delta[1] = 0.2
    before, held = array.weights().clone(), array.held.clone()
    for _ in range(5):
        array.program(delta)
    moved = array.weights() - before
    assert not moved[[0, 2]].any()
    assert torch.equal(array.held[[0, 2]], held[[0, 2]])
    assert moved[1].mean() > 0.1
    assert not array.wear[[0, 2]].any()
    writes = wafer.substrate.meter.sums()["writes"]
    assert writes[1] == array.wear[1].sum()
    assert writes[[0, 2]].tolist() == [0, 0]


@pytest.mark.parametrize("seconds", [50.0, torch.tensor([0.0, 5.0, 500.0])], ids=["one", "each"])
@pytest.mark.parametrize("kind", ["digital", "memristive", "pcm", "reram-es", "worn_bench", "mzi", "oscillator"])
def test_time_passes_for_each_chip(kind, seconds):
    drifting = {"drift": 0.05, "drift_spread": 0.02} if kind == "memristive" else {}
    wafer, chips = wafer_and_chips(kind, **drifting, **close_to_codes(kind))
    fresh = [Bench(kind, SEED + chip, **drifting, **close_to_codes(kind)) for chip in range(CHIPS)]
    for _ in range(2):
        for part in wafer.parts:
            part.age(seconds)
        for number, chip in enumerate(chips):
            for part in chip.parts:
                part.age(float(seconds[number]) if isinstance(seconds, torch.Tensor) else seconds)
    assert_same_chips(wafer, chips)
    assert_same_reads(wafer, chips)
    if kind in ("memristive", "pcm", "worn_bench"):
        part = "medium" if kind == "worn_bench" else "hidden"
        moved = [
            any(not torch.equal(old, new) for old, new in zip(*(getattr(b, part).buffers() for b in pair), strict=True))
            for pair in zip(chips, fresh, strict=True)
        ]
        assert moved[1:] == [True, True]


def broken(part: Part, fault: Fault, chips: tuple[int, ...]) -> None:
    ways = part.faults()
    if fault.kind in ways:
        ways[fault.kind](fault.on(chips))


WORST = {"stuck": 0.6, "dead-pixels": 0.6, "drift": 1000.0, "rotate-medium": 80.0, "shift-camera": 2.5, "adc-bits": 4}
CASES = [(kind, fault) for kind in ALL for fault in FAULTS if any(fault in part.faults() for part in Bench(kind).parts)]


@pytest.mark.parametrize(("kind", "fault"), CASES)
def test_a_fault_of_one_size_breaks_each_chip_as_alone(kind, fault):
    wafer, chips = wafer_and_chips(kind)
    before = {name: value.clone() for name, value in wafer.state_dict().items()}
    for part in wafer.parts:
        broken(part, Fault(fault, WORST[fault]), (CHIPS,))
    for chip in chips:
        for part in chip.parts:
            broken(part, Fault(fault, WORST[fault]), ())
    assert_same_chips(wafer, chips)
    ageless = fault == "drift" and kind not in ("pcm", "worn_bench")  # with these options
    assert ageless or any(not torch.equal(value, before[name]) for name, value in wafer.state_dict().items())


@pytest.mark.parametrize(("kind", "fault"), [case for case in CASES if FAULTS[case[1]].spreadable])
def test_a_fault_with_a_size_per_chip_breaks_each_by_its_own(kind, fault):
    wafer, chips = wafer_and_chips(kind)
    spread = Fault(fault, 0.0, last=WORST[fault])
    healthy = {name: value.clone() for name, value in chips[0].state_dict().items()}
    for part in wafer.parts:
        broken(part, spread, (CHIPS,))
    for number, chip in enumerate(chips):
        for part in chip.parts:
            broken(part, Fault(fault, WORST[fault] * number / (CHIPS - 1)), ())
    assert_same_chips(wafer, chips)
    if fault != "drift":
        state = wafer.state_dict()
        for name, value in healthy.items():
            found = state[name] if state[name].shape == value.shape else state[name][0]
            torch.testing.assert_close(found, value, msg=f"{name}: a size of 0 breaks nothing")


@pytest.mark.parametrize("kind", ALL)
def test_a_wafer_is_saved_and_loaded(kind):
    wafer, other = Bench(kind, SEED, CHIPS), Bench(kind, SEED + 9, CHIPS)
    for part in wafer.parts:
        for fault in ("stuck", "dead-pixels"):
            broken(part, Fault(fault, 0.0, last=0.5), (CHIPS,))
    other.load_state_dict(wafer.state_dict())
    for read in (Read.MEAN, Read.IDEAL):
        for one, two in zip(wafer.measure(X, H, read), other.measure(X, H, read), strict=True):
            assert torch.equal(one, two)


@pytest.mark.parametrize("kind", ALL)
def test_each_chip_costs_what_it_costs_alone(kind):
    wafer, chips = wafer_and_chips(kind)
    for index, (part, inputs) in enumerate(zip(wafer.parts, (X, H, H), strict=True)):
        together = part.costs(inputs, part.measure(inputs.clone(), Read.MEAN))
        for number, chip in enumerate(chips):
            own = chip.parts[index]
            alone = own.costs(inputs[number], own.measure(inputs[number].clone(), Read.MEAN))
            assert alone.keys() == together.keys()
            for name, joules in alone.items():
                found = torch.as_tensor(together[name])
                assert float(found[number] if found.ndim else found) == pytest.approx(float(joules), rel=1e-4)


def test_a_meter_counts_per_chip_and_tells_the_sum():
    meter = Meter((CHIPS,))
    meter.read(4, weights=10)
    meter.write(torch.tensor([1, 0, 5]), 2e-12)
    meter.write(torch.tensor([0, 1, 0]))
    meter.spend({"array": torch.tensor([1.0, 2.0, 3.0]), "light": 0.5})
    assert meter.totals() == {"measurements": 12, "writes": 7, "products": 120}
    assert meter.joules() == pytest.approx({"array": 6.0, "light": 1.5, "programming": 12e-12})
    assert not any(count.any() for count in meter.buffers()), "asking changes nothing"
    meter.settle()
    assert meter.measurements.tolist() == [4, 4, 4]
    assert meter.writes.tolist() == [1, 1, 5]
    assert meter.products.tolist() == [40, 40, 40]
    assert meter.energy[:, PARTS.index("array")].tolist() == [1, 2, 3]
    assert meter.energy[:, PARTS.index("light")].tolist() == [0.5] * 3
    assert meter.energy[:, PARTS.index("programming")].tolist() == pytest.approx([2e-12, 0, 10e-12], abs=1e-18)


@pytest.mark.parametrize("read", [Read.MEAN, Read.NOISY])
def test_each_chips_converter_follows_its_own_signal(read):
    options = {**EXACT, "adc_bits": 8, "array_range": 4.0, "ranging": "calibrated", "adc_noise": 0.01}
    wafer = make("memristive", SEED, CHIPS, **options).make_array(64, 50)
    h = draws(CHIPS, 200, 64) * torch.tensor([1.3, 0.3, 0.09])[:, None, None]
    assert wafer.recalibrate(h) == 200
    assert wafer._adc.gain.tolist() == [1, 4, 8]
    exact = wafer.measure(h, Read.IDEAL)
    seen = wafer.measure(h, read)
    for chip, gain in enumerate((1, 4, 8)):
        error = (seen - exact)[chip][exact[chip].abs() < 4 / gain]
        rounding, noise = 8 / 254 / gain / 12**0.5, (0 if read is Read.MEAN else 0.01 * 8 / gain)
        assert error.std().item() == pytest.approx((rounding**2 + noise**2) ** 0.5, rel=0.05)


def test_a_wafer_moves_to_another_device_with_all_that_it_needs():
    meter = Meter((CHIPS,))
    meter.write(torch.ones(CHIPS), 2.0)
    meter.spend({"array": torch.ones(CHIPS)})
    meter.to("meta")  # numbers of two devices do not combine
    there = torch.zeros(CHIPS, device="meta")
    meter.write(there, 2.0)
    meter.spend({"array": there})
    meter.settle()
    converter = RangedConverter(8, 4.0, 0.0, 16.0, (CHIPS,))
    converter.fit(torch.tensor([4.0, 1.0, 0.1])[:, None, None])
    assert converter.to("meta")(torch.zeros(CHIPS, 9, 4, device="meta")).device.type == "meta"
    spread = Streams(0, CHIPS).spread(torch.ones(CHIPS), torch.zeros(CHIPS, 4, device="meta"))
    assert (spread.shape, spread.device.type) == ((CHIPS, 1), "meta")


def test_a_meter_that_moves_keeps_what_it_noted():
    meter = Meter()
    meter.write(torch.tensor(3), 2.0)
    meter.read(4)
    assert meter.double().energy.sum() == 6
    assert meter.totals() == {"measurements": 4, "writes": 3, "products": 0}


def test_hardware_that_makes_one_chip_at_a_time_says_so():
    streams = Streams(0, 2)
    with pytest.raises(
        ValueError, match="remote makes one chip at a time, got 2 chips; leave chips out, and give every"
    ):
        registry.make("remote", {}, streams, Meter(streams.chips))
