"""How a remote instrument is reached, which messages it gets, and in which units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pib_rl.common.options import check_numbers
from pib_rl.physical.remote.scpi import check_template


@dataclass(frozen=True)
class RemoteConfig:
    """Parameters of a real instrument behind VISA. Defaults are a convention of ours, no published device.

    The line:

    Args:
        resource: VISA address, such as TCPIP::192.168.1.20::5025::SOCKET or GPIB0::12::INSTR.
        library: PyVISA's backend: py (pure Python), ivi (the vendor's library), sim, or another one by name; or the
            path of a library, or FILE@sim. Empty: PyVISA's own choice.
        terminator: End of each message and reply.
        baud_rate: Of a serial line, in baud; None is VISA's own, 9600.
        timeout_s: How long to wait for a connection and for each reply, in seconds.
        retries: How often a measurement is asked for again after silence, a lost connection or a garbled reply.
            Programming is never repeated by itself.
        chunk: Samples per message.
        repeats: Readings that are averaged in read modes ``mean`` and ``ideal``.

        identify: Question for the instrument's identity, asked when a session is opened; None asks nothing.
        expect: Text that its answer must contain.
        clear: Message that empties the error queue, sent then; None sends nothing.
        configure: Message that sets a channel up before its first use, with {channel}, {kind} (MED or ARR), {inputs}
            and {outputs}; None sends nothing.
        drive: Message with the inputs {values} of medium or array {channel}, sample by sample.
        read_medium: Question for the outputs of medium {channel}, sample by sample.
        write: Message with the weights {values} of row {row} (from 0) of array {channel}.
        read_array: Question for the outputs of array {channel}.
        error: Question for the oldest error, answered by a number that is 0 for none; asked after each measurement
            and each programming. None asks nothing: what is refused then goes unnoticed.
        number: Format of a number sent, as `format` of Python takes it.
        separator: What stands between two numbers, both ways.
        first_channel: Number of the first channel. Media and arrays take one each, in the order of fabrication.

        elementwise: Media have as many outputs as drives; otherwise as many as the network wishes.
        drive_unit: Instrument's units (volts, codes) per drive standard deviation.
        drive_limit: Larger drives are sent as this one, in drive standard deviations.
        full_scale: Reading of a medium that counts as 1, in the instrument's units; arrays take their inputs in the
            same.
        medium_limit: Larger readings of a medium end the run, in full scales.
        weight_unit: Instrument's units per unit of weight.
        weight_bound: Largest |weight| of a unit's array, in 1/sqrt(inputs); larger ones are written as this one.
        readout_bound: The same of the readout.
        output_unit: Reading of an array that counts as z = 1, in the instrument's units.
        output_limit: Larger readings of an array end the run, in units of z.

        input_gain: Gain of the network's standardised input in front of the first medium.
        drive_gain: Gain of the automatic gain control in front of each further medium.
        drive_offset: Half width of the fixed random offset of each drive, in drive standard deviations.

    Raises:
        ValueError: If a value lies outside its range, or a template lacks a field.
    """

    resource: str = ""
    library: str = "py"
    terminator: str = "\n"
    baud_rate: int | None = None
    timeout_s: float = 5.0
    retries: int = 2
    chunk: int = 64
    repeats: int = 8

    identify: str | None = "*IDN?"
    expect: str = ""
    clear: str | None = "*CLS"
    configure: str | None = "CONF {channel},{kind},{inputs},{outputs}"
    drive: str = "DRIV {channel},{values}"
    read_medium: str = "MEAS:MED? {channel}"
    write: str = "WEIG {channel},{row},{values}"
    read_array: str = "MEAS:ARR? {channel}"
    error: str | None = "SYST:ERR?"
    number: str = ".6g"
    separator: str = ","
    first_channel: int = 0

    elementwise: bool = False
    drive_unit: float = 1.0
    drive_limit: float = 6.0
    full_scale: float = 1.0
    medium_limit: float = 2.0
    weight_unit: float = 1.0
    weight_bound: float = 4.0
    readout_bound: float = 16.0
    output_unit: float = 1.0
    output_limit: float = 100.0

    input_gain: float = 1.0
    drive_gain: float = 1.0
    drive_offset: float = 0.0

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_templates()
        for name in ("terminator", "separator"):
            if not getattr(self, name):
                raise ValueError(f"remote {name} must be one character or more, got none")
        if self.expect and self.identify is None:
            raise ValueError(f"remote expect {self.expect!r} needs identify, which is none")
        try:
            error = abs(float(format(1 / 3, self.number)) - 1 / 3)
        except ValueError:
            error = math.inf
        if error > 0.05:
            raise ValueError(f"remote number must be a format of decimal numbers, such as .6g, got {self.number!r}")

    def _check_numbers(self) -> None:
        check_numbers(
            self,
            "remote",
            positive="timeout_s drive_unit drive_limit full_scale medium_limit weight_unit weight_bound readout_bound "
            "output_unit output_limit input_gain drive_gain",
            not_negative="drive_offset",
        )
        sizes = {"chunk": (1, 10**6), "repeats": (1, 10**4), "retries": (0, 100), "first_channel": (0, 10**6)}
        for name, (least, most) in sizes.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"remote {name} must be in {least}..{most}, got {getattr(self, name)}")
        if self.baud_rate is not None and self.baud_rate < 1:
            raise ValueError(f"remote baud_rate must be none or >= 1, got {self.baud_rate}")

    def _check_templates(self) -> None:
        check_template("remote drive", self.drive, ("values",), ("channel",))
        check_template("remote write", self.write, ("values",), ("channel", "row"))
        check_template("remote read_medium", self.read_medium, (), ("channel",))
        check_template("remote read_array", self.read_array, (), ("channel",))
        if self.configure is not None:
            check_template("remote configure", self.configure, (), ("channel", "kind", "inputs", "outputs"))
