"""The remote substrate: a real chip behind an instrument that is reached by VISA."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import restore_after_loading
from pib_rl.physical.remote.channel import Channel
from pib_rl.physical.remote.config import RemoteConfig
from pib_rl.physical.remote.instrument import InstrumentError
from pib_rl.physical.remote.scpi import NOT_FINITE
from pib_rl.physical.substrate import Array, Medium, Read, Substrate


class RemoteMedium(Medium):
    """h = reading / full_scale, of a medium driven with drive_unit clip(drive, -drive_limit, drive_limit)."""

    def __init__(self, in_features: int, out_features: int, config: RemoteConfig, number: int) -> None:
        super().__init__(in_features, out_features)
        self.channel = Channel(config, number, "MED", in_features, out_features)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        config = self.channel.config
        sent = drive.clamp(-config.drive_limit, config.drive_limit) * config.drive_unit
        return self.channel.measure(sent, read)

    def drop_session(self) -> None:
        """Closes the session, as a broken line would."""
        self.channel.link.close()


class RemoteArray(Array):
    """z = reading / output_unit, of an array that gets its weights in weight_unit.

    ``weight`` is what the chip was asked to hold, within its bounds; what it holds is not known. Loading a state, a
    copy of the network, or a session opened again writes all of it before the next measurement. A weight that changes
    counts as one pulse, and so does each when all are written: how many the instrument takes is its own affair.
    Those of a readout start at 0, others at normal draws of standard deviation 1/sqrt(in_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: RemoteConfig,
        number: int,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, meter)
        self.channel = Channel(config, number, "ARR", in_features, out_features)
        sigma = in_features**-0.5
        self._bound = sigma * (config.readout_bound if readout else config.weight_bound)
        weight = torch.zeros(out_features, in_features, dtype=torch.float32)
        if not readout:
            weight = (sigma * streams.normal(FABRICATION, weight)).clamp_(-self._bound, self._bound)
        self.weight = nn.Buffer(weight)
        restore_after_loading(self)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        return self.channel.measure(h * self.channel.config.full_scale, read, self._write_all)

    def program(self, delta: Tensor) -> None:
        if not delta.isfinite().all():
            raise InstrumentError(NOT_FINITE)
        wanted = (self.weight + delta).clamp_(-self._bound, self._bound)
        changed = wanted != self.weight
        self.weight.copy_(wanted)
        rows = changed.any(1).nonzero().flatten()
        if len(rows) and self.channel.program(rows, self._all_weights(), self._write_all):
            self.record(changed)

    def weights(self) -> Tensor:
        return self.weight

    def drop_session(self) -> None:
        """Closes the session, as a broken line would."""
        self.channel.link.close()

    def restore(self) -> None:
        """After a state was loaded: the chip holds something else."""
        self.channel.release()

    def _write_all(self) -> None:
        self.channel.write(torch.arange(self.out_features), self._all_weights())
        self.record(torch.ones_like(self.weight))

    def _all_weights(self) -> Tensor:
        """In the instrument's units, on the CPU."""
        return self.weight.cpu() * self.channel.config.weight_unit


class Remote(Substrate):
    """A chip behind an instrument that speaks in lines of text, by VISA (LAN, GPIB, USB, serial).

    Media and arrays take the channels of the instrument one after the other, in the order in which a network fabricates
    them: medium 1, array 1, medium 2, ..., last medium, readout.

    Raises:
        ValueError: If the configuration names no resource.
    """

    name = "remote"
    Config = RemoteConfig

    def __init__(self, config: Any = None, streams: Streams | None = None, meter: Meter | None = None) -> None:
        super().__init__(config, streams, meter)
        if not self.config.resource:
            raise ValueError(
                "remote needs the VISA address of the instrument, such as --hw-options "
                "resource=TCPIP::192.168.1.20::5025::SOCKET"
            )
        self.input_gain, self.drive_gain = self.config.input_gain, self.config.drive_gain
        self.drive_offset = self.config.drive_offset
        self._channels = itertools.count(self.config.first_channel)

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        outputs = in_features if self.config.elementwise else out_features
        return RemoteMedium(in_features, outputs, self.config, next(self._channels))

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return RemoteArray(
            in_features, out_features, self.config, next(self._channels), self.meter, self.streams, readout
        )
