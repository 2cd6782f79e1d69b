"""Replies as instruments really write them."""

from __future__ import annotations

import pytest
import torch

from pib_rl.physical.remote.instrument import InstrumentError, LineError, Link
from pib_rl.physical.remote.scpi import check_error, numbers


@pytest.mark.parametrize(
    ("reply", "separator"),
    [("1,-2.5,3e0", ","), ("1,-2.5,3,", ","), ("1, -2.5, 3, ", ","), ("1;-2.5;3;", ";"), ("1  -2.5 3 ", " ")],
)
def test_a_list_may_close_with_its_separator(reply, separator):
    assert torch.equal(numbers(reply, separator, 1, 3, 10.0, "it"), torch.tensor([[1, -2.5, 3]], dtype=torch.float64))


@pytest.mark.parametrize(("reply", "number"), [("1,,3", 1), ("1,2,3,,", 3), (",", 0), ("1,2;3", 1), ("1,0x2,3", 1)])
def test_what_is_no_number_is_named(reply, number):
    with pytest.raises(LineError, match=rf"it gave a garbled reply, .*: number {number} \(from 0\) is '"):
        numbers(reply, ",", 1, 3, 10.0, "it")


class Session:
    """Answers with what was put in."""

    write_termination = "\n"

    def __init__(self, reply):
        self.reply = reply

    def write(self, message):
        pass

    def read(self):
        return self.reply


@pytest.mark.parametrize("reply", ["1,2", "1,2\0", "\0" + "1,2", " 1,2\r\n\0", "\0\0\t1,2 "])
def test_a_nul_around_a_line_is_no_part_of_it(reply):
    link = Link("ASRL1::INSTR", "@py")
    link._session = Session(reply)
    assert link.ask("MEAS?") == "1,2"
    link._session = Session("\0")
    with pytest.raises(LineError, match="gave an empty reply"):
        link.ask("MEAS?")


@pytest.mark.parametrize(
    "text", ['-113,"Undefined\n header"', "1," + "x" * 5000, "9" * 4000 + ",a", "2,\r\n\tb", "3,\x1b[2Jc\0"]
)
def test_what_an_instrument_reports_is_one_short_line(text):
    with pytest.raises(InstrumentError, match=r"^lab reports error") as refusal:
        check_error(text, "lab")
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert str(refusal.value).isprintable()
