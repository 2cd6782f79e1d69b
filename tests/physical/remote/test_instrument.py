"""Sessions with PyVISA's simulated instruments, and with none: identity, errors, silence, what is missing.

They answer from a script: one drive, one weight, no sums. Whole networks are tested on the chip of `lab_chip`.
"""

from __future__ import annotations

import sys

import pytest
import torch

from pib_rl.physical import InstrumentError, Meter, Streams, registry
from pib_rl.physical.remote.instrument import Link, link_to

ADDRESS = "GPIB0::12::INSTR"
# Channel 0: a medium that shows its drive, up to 2.5. Channel 1: an array that shows its weight, as for the input 1.
# Channel 2: a medium that is dead.
SCRIPT = r"""
spec: "1.1"
devices:
  chip:
    eom:
      GPIB INSTR: {q: "\n", r: "\n"}
    error:
      error_queue:
        - {q: "SYST:ERR?", default: '0,"No error"', command_error: '-222,"Data out of range"'}
    dialogues:
      - {q: "*IDN?", r: "Example Lab,Chip,7,1.0"}
      - {q: "*CLS"}
      - {q: "CONF 0,MED,1,1"}
      - {q: "CONF 1,ARR,1,1"}
      - {q: "CONF 2,MED,1,1"}
      - {q: "DRIV 1,1"}
      - {q: "DRIV 2,1"}
      - {q: "MEAS:MED? 2"}
    properties:
      drive:
        default: 0.0
        getter: {q: "MEAS:MED? 0", r: "{:.6f}"}
        setter: {q: "DRIV 0,{}"}
        specs: {min: -2.5, max: 2.5, type: float}
      weight:
        default: 7.0
        getter: {q: "MEAS:ARR? 1", r: "{:.6f}"}
        setter: {q: "WEIG 1,0,{}"}
        specs: {type: float}
resources:
  GPIB0::12::INSTR: {device: chip}
"""


@pytest.fixture
def options(tmp_path):
    script = tmp_path / "chip.yaml"
    script.write_text(SCRIPT)
    chosen = {"resource": ADDRESS, "library": f"{script}@sim", "timeout_s": 0.1, "chunk": 1, "medium_limit": 10.0}
    yield chosen
    link_to(ADDRESS, chosen["library"]).close()


def substrate(options, **others):
    return registry.make("remote", {**options, **others}, Streams(), Meter())


def test_a_scripted_unit_is_driven_programmed_and_read(options):
    chip = substrate(options, expect="Chip")
    medium, array = chip.make_medium(1, 1), chip.make_array(1, 1)
    drives = torch.tensor([[0.5], [-1.25], [2.0]])
    assert torch.equal(medium.measure(drives), drives)
    assert array.measure(torch.ones(1, 1)).item() == pytest.approx(array.weight.item(), abs=1e-5)
    array.program(torch.full((1, 1), -0.25))
    assert array.measure(torch.ones(1, 1)).item() == pytest.approx(array.weight.item(), abs=1e-5)


def test_what_the_instrument_refuses_is_told_in_its_words(options):
    medium = substrate(options).make_medium(1, 1)
    with pytest.raises(InstrumentError, match=r"channel 0 \(MED 1 to 1\), reports error -222: Data out of range$"):
        medium.measure(torch.tensor([[2.75]]))
    assert medium.measure(torch.tensor([[2.25]])).item() == 2.25, "its error is not reported again"


def test_another_instrument_at_the_address_is_refused(options):
    with pytest.raises(InstrumentError, match=r"is 'Example Lab,Chip,7,1\.0', expected one with 'Chip,8' in its name"):
        substrate(options, expect="Chip,8").make_medium(1, 1).measure(torch.zeros(1, 1))


def test_silence_ends_in_an_error_after_the_tries(options):
    chip = substrate(options, first_channel=2, retries=1)
    with pytest.raises(InstrumentError, match=rf"{ADDRESS} gave no reply to MEAS:MED\? 2: .*\(2 tries\)"):
        chip.make_medium(1, 1).measure(torch.ones(1, 1))


@pytest.mark.filterwarnings("ignore:read string doesn't end with termination characters")
def test_nobody_at_the_address(options):
    chip = substrate({**options, "resource": "GPIB0::13::INSTR"})  # pyvisa-sim opens it, but it says nothing
    with pytest.raises(InstrumentError, match=r"GPIB0::13::INSTR gave an empty reply to \*IDN\? \(3 tries\)"):
        chip.make_medium(1, 1).measure(torch.zeros(1, 1))


@pytest.mark.parametrize("resource", ["TCPIP::127.0.0.1::1::SOCKET", "nonsense"])
def test_nobody_on_the_network(resource):
    chip = registry.make("remote", {"resource": resource, "timeout_s": 0.1, "retries": 0}, Streams(), Meter())
    with pytest.raises(InstrumentError, match=f"instrument {resource} "):
        chip.make_medium(1, 1).measure(torch.zeros(1, 1))


def test_pyvisa_is_named_with_the_command_that_installs_it(options, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvisa", None)
    with pytest.raises(InstrumentError, match=r'needs PyVISA: pip install "pib-rl\[lab\]"'):
        substrate(options).make_medium(1, 1).measure(torch.zeros(1, 1))


def test_a_missing_library_is_named(options):
    chip = substrate({**options, "library": "no_such_backend"})
    with pytest.raises(InstrumentError, match=r"cannot use its library '@no_such_backend': .*pib-rl\[lab\]"):
        chip.make_medium(1, 1).measure(torch.zeros(1, 1))


def test_links_are_shared_by_address_and_library_and_names_stand_for_backends():
    assert link_to("a", "py") is link_to("a", "py")
    assert link_to("a", "py") is not link_to("b", "py")
    assert link_to("a", "py") is not link_to("a", "sim")
    assert [Link("a", library)._library for library in ("py", "", "x.yaml@sim")] == ["@py", "", "x.yaml@sim"]


def test_a_serial_line_gets_its_baud_rate(tmp_path):
    script = tmp_path / "serial.yaml"
    script.write_text(SCRIPT.replace("GPIB INSTR", "ASRL INSTR").replace(ADDRESS, "ASRL3::INSTR"))
    link = Link("ASRL3::INSTR", f"{script}@sim")
    assert link.open("\n", 0.1, 115_200)
    assert link._session.baud_rate == 115_200
    assert not link.open("\n", 0.1)
    assert link.ask("*IDN?") == "Example Lab,Chip,7,1.0"
    link.close()


class Session:
    """Notes what is written to it."""

    write_termination = "\n"

    def __init__(self) -> None:
        self.written: list[str] = []
        self.cleared = 0

    def clear(self) -> None:
        self.cleared += 1

    def write(self, message: str) -> None:
        self.written.append(message)

    def read(self) -> str:
        return "1"


@pytest.mark.parametrize(
    ("resource", "written"),
    [
        ("TCPIP::127.0.0.1::5025::SOCKET", ["DRIV 0,1\nMEAS:MED? 0", "WEIG 1,0,2\nWEIG 1,1,3"]),
        (ADDRESS, ["DRIV 0,1", "MEAS:MED? 0", "WEIG 1,0,2", "WEIG 1,1,3"]),
    ],
)
def test_what_waits_goes_out_in_one_piece_on_a_socket_and_message_by_message_elsewhere(resource, written):
    link, session = Link(resource, "py"), Session()
    link._session = session
    link.tell("DRIV 0,1")
    assert session.written == []
    assert link.ask("MEAS:MED? 0") == "1"
    link.tell("WEIG 1,0,2")
    link.tell("WEIG 1,1,3")
    link.flush()
    link.flush()
    assert session.written == written


def test_a_bus_is_cleared_of_old_replies_and_a_socket_is_closed_instead(monkeypatch):
    import pyvisa

    class Manager:
        def open_resource(self, resource: str, open_timeout: int) -> Session:
            return Session()

    monkeypatch.setattr(pyvisa, "ResourceManager", lambda library: Manager())
    for resource, cleared in ((ADDRESS, 1), ("TCPIP::127.0.0.1::5025::SOCKET", 0)):
        link = Link(resource, "py")
        link.open("\n", 0.1)
        assert link._session.cleared == cleared
