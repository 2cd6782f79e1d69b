"""A group of units does what it is told, in order, and survives what it can't do."""

import threading

import pytest
import torch

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.split.lines import LocalLine
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.network import SplitNetwork
from pib_rl.agents.split.pipeline import GroupLostError, Pipeline
from pib_rl.agents.split.segment import Segment
from pib_rl.agents.split.worklist import DRIVE, Worklist


def model() -> PhysicalModel:
    return PhysicalModel(ChipConfig(hw="digital", width=4, units=2), 3, 2, target_features=2)


def measure(token: int) -> Message:
    return Message("measure", {"token": token, "taps": True, "read": "noisy"}, {})


def test_an_unknown_command_is_named():
    with pytest.raises(ValueError, match=r"unknown command 'dance'; known: measure, .*update"):
        Segment(model().network, range(1)).run(Message("dance", {}, {}))


def test_no_more_passes_are_kept_than_asked_for():
    segment = Segment(model().network, range(2), kept=2)
    for token in range(4):
        segment.run(measure(token), torch.zeros(5, 3))
    gone = [segment.run(Message("fetch", {"token": token, "all": False}, {})).about.get("gone") for token in range(4)]
    assert gone == [True, True, None, None]
    assert segment.skipped == 2


@pytest.mark.parametrize("kind", ["update", "begin", "remember"])
def test_commands_on_a_pass_that_is_gone_teach_nothing(kind):
    segment = Segment(model().network, range(2))
    before = {name: value.clone() for name, value in segment.parts.state_dict().items()}
    assert segment.run(Message(kind, {"token": 3}, {})) is None
    assert all(torch.equal(value, before[name]) for name, value in segment.parts.state_dict().items())
    assert (segment.skipped, segment.updates) == (1, 0)


def test_a_state_of_another_size_is_refused():
    segment = Segment(model().network, range(2))
    name = next(iter(segment.parts.state_dict()))
    with pytest.raises(ValueError, match="must be"):
        segment.run(Message("load", {}, {name: torch.zeros(99)}))


def test_a_group_keeps_its_good_state_and_names_what_is_spoiled():
    segment = Segment(model().network, range(2))
    segment.run(Message("mark", {}, {}))
    before = {name: value.clone() for name, value in segment.parts.state_dict().items()}
    gain = segment.units[1].control.std
    gain.fill_(torch.nan)
    assert segment.run(Message("spoiled", {"token": 1}, {})).about["names"] == ["units/1.control.std"]
    segment.run(Message("go_back", {}, {}))
    assert all(torch.equal(value, before[name]) for name, value in segment.parts.state_dict().items())
    assert segment.run(Message("spoiled", {"token": 2}, {})).about["names"] == []


def test_a_command_waits_for_its_drive_and_those_behind_it_wait_too():
    work = Worklist()
    work.add(measure(0), 5)
    work.add(Message("report", {"token": 1}, {}), 6)
    assert work.next() is None
    assert work.first(9) == 5
    work.give(DRIVE, 0, torch.ones(1))
    assert [work.next()[0].kind for _ in range(2)] == ["measure", "report"]
    assert work.first(9) == 9


def split() -> SplitNetwork:
    whole, arrived = model().network, threading.Condition()
    lines = [LocalLine(Segment(whole, units), units, arrived) for units in (range(1), range(1, 2))]
    return SplitNetwork(whole, Pipeline(lines, arrived, 0))


def test_what_nobody_wants_is_not_kept():
    network = split()
    for _ in range(5):
        network.measure(torch.zeros(4, 3))
    network.pipeline.ask("report", "report")
    assert [len(line._came) + len(line._unwanted) for line in network.pipeline.lines] == [0, 0]


def test_who_waits_for_a_lost_group_is_told():
    network = split()
    network.pipeline.lines[1].lost = lambda: "site b is gone"
    network.pipeline.lines[1].submit = lambda command: None
    with pytest.raises(GroupLostError, match="site b is gone"):
        network.pipeline.ask("report", "report")
