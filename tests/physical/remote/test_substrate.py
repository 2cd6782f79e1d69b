"""The remote substrate against a chip on a socket: what is sent, what is believed, what is written anew, what fails."""

from __future__ import annotations

import copy
import io
import pickle
import time

import pytest
import torch
from chips import draws
from lab_chip import LabChip, lab_chip
from torch import nn

from pib_rl.physical import InstrumentError, Meter, Read, Streams, registry
from pib_rl.physical.remote.instrument import link_to

X, H = draws(60, 6, size=0.4), draws(60, 9, seed=1, size=0.5)


@pytest.fixture
def lab():
    with lab_chip() as chip:
        yield chip


class Part(nn.Module):
    """One medium, one hidden array and one readout array, as a network would fabricate them."""

    def __init__(self, lab: LabChip, seed: int = 0, **options) -> None:
        super().__init__()
        self.meter = Meter()
        substrate = registry.make("remote", {**lab.options, **options}, Streams(seed), self.meter)
        self.medium = substrate.make_medium(6, 9)
        self.hidden = substrate.make_array(9, 5)
        self.readout = substrate.make_array(9, 3, readout=True)

    def measure(self, read: Read = Read.NOISY) -> list[torch.Tensor]:
        return [self.medium.measure(X, read), self.hidden.measure(H, read), self.readout.measure(H, read)]


def told(lab: LabChip, command: str) -> list[list[str]]:
    return [line.split(" ")[1].split(",") for line in lab.log if line.startswith(f"{command} ")]


def matches(lab: LabChip, part: Part) -> bool:
    """Whether the chip holds what the arrays were asked to hold."""
    return all(
        torch.allclose(torch.tensor(lab.weights[channel]).float(), array.weight, rtol=1e-5, atol=1e-6)
        for channel, array in ((1, part.hidden), (2, part.readout))
    )


def test_measurements_are_those_of_the_chip(lab):
    part = Part(lab, number=".9g")
    part.readout.program(draws(3, 9, seed=2))
    h, z, o = part.measure()
    assert (h - torch.tanh(X[:, torch.arange(9) % 6])).abs().max() < 1e-6
    assert (z - H @ part.hidden.weight.T).abs().max() < 1e-6
    assert (o - H @ part.readout.weight.T).abs().max() < 1e-6
    assert {value.dtype for value in (h, z, o)} == {torch.float32}
    assert part.medium.measure(X[:0]).shape == (0, 9)


def test_slots_are_numbered_in_the_order_of_fabrication(lab):
    Part(lab, first_channel=4).measure()
    assert told(lab, "CONF") == [["4", "MED", "6", "9"], ["5", "ARR", "9", "5"], ["6", "ARR", "9", "3"]]


def test_a_batch_travels_in_portions(lab):
    whole, portions = Part(lab, chunk=60), Part(lab, chunk=7)
    assert torch.equal(whole.medium.measure(X), portions.medium.measure(X))
    assert [len(words) - 1 for words in told(lab, "DRIV")] == [60 * 6, *[7 * 6] * 8, 4 * 6]


def test_units_and_limits_are_applied_both_ways(lab):
    part = Part(lab, drive_unit=0.5, drive_limit=1.0, full_scale=0.25, weight_unit=10.0, output_unit=5.0, number=".9g")
    assert (
        part.medium.measure(4 * X) - torch.tanh(0.5 * (4 * X).clamp(-1, 1))[:, torch.arange(9) % 6] / 0.25
    ).abs().max() < 1e-5
    expected = (0.25 * H) @ (10 * part.hidden.weight).T / 5
    assert (part.hidden.measure(H) - expected).abs().max() < 1e-5


def test_weights_stay_within_their_bounds(lab):
    part = Part(lab, weight_bound=1.5, readout_bound=2.0)
    part.hidden.program(torch.full((5, 9), 100.0))
    part.readout.program(torch.full((3, 9), -100.0))
    assert torch.allclose(part.hidden.weights(), torch.full((5, 9), 1.5 / 3))
    assert torch.allclose(part.readout.weights(), torch.full((3, 9), -2.0 / 3))
    assert matches(lab, part)


def test_mean_reads_average_and_ideal_reads_too(lab):
    part, lab.noise = Part(lab, repeats=100), 0.1
    true = torch.tanh(X[:, torch.arange(9) % 6])
    spread = {read: (part.medium.measure(X, read) - true).std().item() for read in Read}
    assert spread[Read.NOISY] == pytest.approx(0.1, rel=0.2)
    assert spread[Read.MEAN] == pytest.approx(0.01, rel=0.2)
    assert spread[Read.IDEAL] == pytest.approx(0.01, rel=0.2)


def test_only_rows_that_change_are_written(lab):
    part = Part(lab)
    part.hidden.measure(H)
    assert [words[1] for words in told(lab, "WEIG")] == ["0", "1", "2", "3", "4"]
    assert part.meter.totals()["writes"] == 45
    lab.log.clear()
    delta = torch.zeros(5, 9)
    delta[1, 2] = delta[3, 4] = delta[3, 5] = 0.1
    part.hidden.program(delta)
    assert [words[:2] for words in told(lab, "WEIG")] == [["1", "1"], ["1", "3"]]
    assert part.meter.totals()["writes"] == 48
    assert torch.equal(part.hidden.wear, 1.0 + (delta != 0))
    lab.log.clear()
    part.hidden.program(torch.zeros(5, 9))
    assert lab.log == []


def test_programming_before_any_measurement_writes_everything_once(lab):
    part = Part(lab)
    part.hidden.program(draws(5, 9, seed=3, size=0.1))
    part.readout.measure(H)
    assert len(told(lab, "WEIG")) == 5 + 3
    assert matches(lab, part)


def test_a_loaded_state_is_written_to_the_chip(lab):
    part, other = Part(lab), Part(lab, seed=1)
    before = part.measure()
    other.measure()
    assert not matches(lab, part)
    other.load_state_dict(part.state_dict())
    assert torch.equal(other.hidden.weight, part.hidden.weight)
    assert all(map(torch.equal, other.measure(), before))
    assert matches(lab, part)


def test_the_same_network_writes_anew_after_loading(lab):
    part = Part(lab)
    state = copy.deepcopy(part.state_dict())
    first = part.measure()
    part.hidden.program(draws(5, 9, seed=3, size=0.1))
    assert not torch.equal(part.measure()[1], first[1])
    part.load_state_dict(state)
    assert torch.equal(part.measure()[1], first[1])


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch"])
def test_copies_open_the_session_for_themselves_and_hold_their_own_weights(lab, how):
    part = Part(lab)
    before = part.measure()
    if how == "deepcopy":
        twin = copy.deepcopy(part)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(part))
    else:
        torch.save(part, file := io.BytesIO())
        file.seek(0)
        twin = torch.load(file, weights_only=False)
    twin.hidden.program(draws(5, 9, seed=3, size=0.1))
    moved = twin.measure()
    assert not torch.equal(moved[1], before[1])
    assert all(map(torch.equal, part.measure(), before)), "the chip was given back the weights of the first"
    assert all(map(torch.equal, twin.measure(), moved))
    link_to(lab.resource, "py").close()
    assert all(map(torch.equal, twin.measure(), moved)), "and in a new session"
    assert lab.connections == 2


def test_a_chip_that_lost_its_state_is_set_up_again(lab):
    part = Part(lab, retries=1, timeout_s=0.2)
    before = part.measure()

    def switch_off(true: str) -> str:
        lab.faults.clear()
        lab.power_cycle()
        raise ConnectionError

    lab.faults["MEAS:ARR?"] = switch_off
    assert torch.equal(part.hidden.measure(H), before[1])
    assert all(map(torch.equal, part.measure(), before))
    assert lab.connections == 2


def once(lab: LabChip, command: str, reply: str | None) -> None:
    """Spoils the next reply to a command."""

    def fault(true: str) -> str | None:
        del lab.faults[command]
        return reply

    lab.faults[command] = fault


@pytest.mark.parametrize("reply", [None, "1.0,oops,2.0", "0.1,0.2", "", ",".join(["0.1"] * 541), "\xff\xfe"])
def test_a_spoiled_reply_is_asked_for_again(lab, reply):
    part = Part(lab, timeout_s=0.2)
    before = part.medium.measure(X)
    once(lab, "MEAS:MED?", reply)
    assert torch.equal(part.medium.measure(X), before)
    assert lab.connections == 2, "in a new session: what is left of the old reply is no answer"


def test_a_late_reply_is_not_taken_for_the_next(lab):
    part = Part(lab, timeout_s=0.3, retries=0)
    before = part.measure()

    def late(true: str) -> str:
        lab.faults.clear()
        time.sleep(0.5)
        return ",".join(["0.5"] * 540)

    lab.faults["MEAS:MED?"] = late
    with pytest.raises(InstrumentError, match="gave no reply"):
        part.medium.measure(X)
    time.sleep(0.5)
    assert all(map(torch.equal, part.measure(), before))


@pytest.mark.parametrize(
    ("command", "reply", "words"),
    [
        ("MEAS:MED?", None, r"gave no reply to MEAS:MED\? 0"),
        (
            "MEAS:MED?",
            "1,2,x",
            r"channel 0 \(MED 6 to 9\), gave a garbled reply, '1,2,x': number 2 \(from 0\) is 'x' \(2 tries\)",
        ),
        ("MEAS:MED?", "1,2\0,3", r"a garbled reply, '1,2\\x00,3': number 1 \(from 0\) is '2\\x00'"),
        ("MEAS:MED?", "1,,2", r"a garbled reply, '1,,2': number 1 \(from 0\) is ''"),
        ("MEAS:MED?", "1,2", r"gave 2 numbers in place of 60 x 9 \(2 tries\)"),
        ("MEAS:MED?", ",".join(["0"] * 541), r"gave 541 numbers in place of 60 x 9"),
        ("SYST:ERR?", "?", r"gave a garbled error report, '\?'"),
    ],
)
def test_a_line_that_fails_every_time_ends_in_one_error(lab, command, reply, words):
    part = Part(lab, timeout_s=0.2, retries=1)
    lab.faults[command] = lambda true: reply
    with pytest.raises(InstrumentError, match=words) as error:
        part.medium.measure(X)
    assert "\n" not in str(error.value)
    assert lab.resource in str(error.value)
    assert len(told(lab, "DRIV")) == 2


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("nan", "gave nan"),
        ("9.91e37", r"gave 9\.91e\+37"),
        ("-inf", "gave -inf"),
        ("-2.5", r"gave -2\.5, which lies outside of its range -2\.\.2"),
    ],
)
def test_readings_that_cannot_be_are_refused_at_once(lab, bad, words):
    part = Part(lab, medium_limit=2.0)
    lab.faults["MEAS:MED?"] = lambda true: ",".join([*true.split(",")[:-1], bad])
    with pytest.raises(InstrumentError, match=words):
        part.medium.measure(X)
    assert len(told(lab, "DRIV")) == 1, "the line was good: the same question would only hide it"


def test_limits_of_arrays_are_in_their_own_units(lab):
    part = Part(lab, output_limit=3.0, output_unit=2.0)
    lab.faults["MEAS:ARR?"] = lambda true: ",".join(["5.9"] * 300)
    assert part.hidden.measure(H).max() == pytest.approx(2.95)
    lab.faults["MEAS:ARR?"] = lambda true: ",".join(["6.1"] * 300)
    with pytest.raises(InstrumentError, match=r"6\.1, which lies outside of its range -6\.\.6 \(300 of 300"):
        part.hidden.measure(H)


def test_a_refused_command_is_reported(lab):
    part = Part(lab, drive="DRIVE {channel},{values}")
    with pytest.raises(InstrumentError, match="reports error -200: Execution error"):
        part.medium.measure(X)
    assert len([line for line in lab.log if line.startswith("DRIVE")]) == 1, "refused is refused"
    part = Part(lab, write="WEIGH {channel},{row},{values}")
    with pytest.raises(InstrumentError, match=r"channel 1 \(ARR 9 to 5\), reports error -200"):
        part.hidden.program(torch.ones(5, 9))


def test_errors_from_before_the_session_are_not_ours(lab):
    lab.errors.append('-350,"Queue overflow"')
    Part(lab).measure()


def test_programming_is_never_repeated_by_itself(lab):
    part = Part(lab, timeout_s=0.2, retries=3)
    part.measure()
    lab.log.clear()
    lab.faults["SYST:ERR?"] = lambda true: None
    with pytest.raises(InstrumentError, match=r"gave no reply to SYST:ERR\?"):
        part.hidden.program(torch.ones(5, 9))
    assert len(told(lab, "WEIG")) == 5
    assert part.hidden.wear.max() == 1, "counted is what was written for sure"
    lab.faults.clear()
    part.measure()
    assert matches(lab, part), "and the next measurement starts from what was asked for"


def test_numbers_that_are_not_finite_are_never_sent(lab):
    part = Part(lab)
    part.measure()
    before = part.hidden.weight.clone()
    lab.log.clear()
    nothing = torch.full((5, 9), torch.nan)
    for call in (lambda: part.medium.measure(X * torch.nan), lambda: part.hidden.program(nothing)):
        with pytest.raises(InstrumentError, match="not finite, which were not sent"):
            call()
    assert lab.log == []
    assert torch.equal(part.hidden.weight, before)


def test_interrupted_questions_leave_no_session(lab):
    part = Part(lab)
    before = part.measure()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        link_to(lab.resource, "py").exchange(interrupt, 3)
    assert all(map(torch.equal, part.measure(), before))
    assert lab.connections == 2


def test_without_error_queue_and_setup_messages_it_works_too(lab):
    part = Part(lab)
    before = part.measure()
    lab.log.clear()
    plain = Part(lab, error=None, configure=None, identify=None, clear=None)
    plain.hidden.program(torch.zeros(5, 9).fill_diagonal_(0.1))
    assert {line.split(" ")[0] for line in lab.log} <= {"WEIG"}
    assert torch.equal(plain.medium.measure(X), before[0])
    assert not torch.equal(plain.hidden.measure(H), before[1])
    assert {line.split(" ")[0] for line in lab.log} == {"WEIG", "DRIV", "MEAS:MED?", "MEAS:ARR?"}
    assert matches(lab, plain)


def test_state_is_floating_point_and_without_parameters(lab):
    part = Part(lab)
    assert all(buffer.is_floating_point() and buffer.numel() for buffer in part.buffers())
    assert list(part.parameters()) == []
    with torch.inference_mode():
        part.hidden.program(torch.ones(5, 9))
    assert not any(value.requires_grad for value in part.measure())
    assert torch.equal(Part(lab, 4).hidden.weight, Part(lab, 4).hidden.weight)
    assert not torch.equal(Part(lab, 4).hidden.weight, Part(lab, 5).hidden.weight)


def test_element_wise_media_and_gains_are_options(lab):
    options = {**lab.options, "elementwise": True, "input_gain": 0.5, "drive_gain": 1.5, "drive_offset": 1.0}
    substrate = registry.make("remote", options, Streams(), Meter())
    assert substrate.make_medium(6, 9).out_features == 6
    assert (substrate.input_gain, substrate.drive_gain, substrate.drive_offset) == (0.5, 1.5, 1.0)
