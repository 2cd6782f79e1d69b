"""The interface of hardware: what a lab implements to bring its own chip.

A unit on hardware is a fixed *medium* h = medium(drive) followed by a trainable *array* z = W h. A `Substrate`
makes both. Nothing in this project differentiates through them, so the inside may be anything: torch, NumPy, an
instrument driver.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.common.options import shown
from pib_rl.common.state import NOT_NEGATIVE, Valid
from pib_rl.common.streams import Streams
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Part


class Read(str, Enum):
    """How the hardware is read.

    NOISY: as it is. MEAN: everything drawn at read time off, the fabricated device kept; repeatable.
    IDEAL: every imperfection of reading off (noise, converters, mismatch); what was programmed and is stuck stays.
    """

    NOISY = "noisy"
    MEAN = "mean"
    IDEAL = "ideal"

    @classmethod
    def _missing_(cls, value: object) -> Read:
        raise ValueError(f"read must be {', '.join(one.value for one in cls)}, got {shown(value)}")


class Medium(Part, ABC):
    """A fixed physical transform of drives to outputs.

    State drawn at fabrication belongs in float buffers, so that it is saved and loaded with the policy.

    Attributes:
        shows: What `shown` is a picture of, for labels.
        shown_unit: Its unit.
    """

    shows: ClassVar[str] = "outputs"
    shown_unit: ClassVar[str] = "full scale"

    @abstractmethod
    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Sends drives through the matter.

        Args:
            drive: Drives, shape (..., n, in_features), in units of the drive's standard deviation.
            read: Read mode.

        Returns:
            Measured outputs h, shape (..., n, out_features), in units of the medium's full scale.
        """

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """Least and largest output h of a measurement, shape (out_features,) each; infinite if not known, as here."""
        edge = torch.full((self.out_features,), torch.inf, dtype=torch.float32)
        return -edge, edge

    @property
    def ready(self) -> bool:
        """Whether it can be measured now; otherwise a saved state must be loaded first."""
        return True

    def shown(self, outputs: Tensor) -> Tensor:
        """What the detectors showed where `measure` gave ``outputs``, shape (n, out_features). For pictures only."""
        return outputs

    def recalibrate(self) -> int:
        """Calibrates the detectors again, as after a fault; returns how many samples that took, 0 here."""
        return 0


class Array(Part, ABC):
    """A programmable linear device z = W h.

    Args:
        in_features: Number of inputs.
        out_features: Number of outputs.
        meter: Where `program` counts its pulses.

    Attributes:
        wear: Pulses that each device has received, shape (..., out_features, in_features), each of several devices that
            hold a weight in a place of its own or all in one.
        endurance: Pulses that a device is good for; None where nothing is known.
    """

    VALID: ClassVar[Valid] = {"wear": NOT_NEGATIVE}
    endurance: float | None = None

    def __init__(self, in_features: int, out_features: int, meter: Meter) -> None:
        super().__init__(in_features, out_features)
        self.meter = meter
        self.wear = nn.Buffer(torch.zeros((*meter.chips, out_features, in_features), dtype=torch.float32))

    @property
    def weights_held(self) -> int:
        """Number of weights."""
        return self.in_features * self.out_features

    @property
    def devices(self) -> int:
        """How many devices hold the weights, each programmed by itself."""
        return self.weights_held

    def record(self, pulses: Tensor, joules: float = 0.0) -> None:
        """Counts pulses per device, shape of ``wear``, of so many ``joules`` each.

        Weights of several devices that ``wear`` does not tell apart get them in all of those.
        """
        self.wear.add_(pulses)
        each = self.devices * math.prod(self.meter.chips) // self.wear.numel()
        total = pulses.flatten(len(self.meter.chips)).sum(-1, dtype=torch.float64)
        self.meter.write(total * each if each > 1 else total, joules)

    @abstractmethod
    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Reads W h.

        Args:
            h: Inputs, shape (..., n, in_features), in units of the medium's full scale.
            read: Read mode.

        Returns:
            Outputs z, shape (..., n, out_features), in weight times medium full scale.
        """

    def recalibrate(self, h: Tensor) -> int:
        """Sets the converters, not the weights, to inputs as they come now; returns how many samples that took, 0 here.

        Args:
            h: Inputs, shape (..., n, in_features), in units of the medium's full scale.
        """
        return 0

    @abstractmethod
    def program(self, delta: Tensor) -> None:
        """Asks for a change of weights; what the device makes of it is its own law.

        Args:
            delta: Wanted change, shape (..., out_features, in_features), in units of weight.
        """

    @abstractmethod
    def weights(self) -> Tensor:
        """The weights held, shape (..., out_features, in_features). For pictures; learning never asks."""

    def settings(self) -> tuple[str, Tensor]:
        """What a bench would set to make this array again: its name with unit, and a value of each device.

        Here the weights, "weight". Conductances have the shape (..., devices of a weight, out_features, in_features).
        """
        return "weight", self.weights()

    def adopt(self, values: Tensor) -> None:
        """Sets what `settings` gives, shape as there; what is already so stays to the bit."""
        self.program(values - self.weights())


class Substrate(ABC):
    """A kind of hardware: makes media and arrays from one configuration and the named random streams.

    Args:
        config: The configuration dataclass of the substrate (class attribute ``Config``); its defaults if None.
        streams: Named random streams.
        meter: Counts measurements and writes.

    Attributes:
        presets: Published hardware by name, as options of the configuration: ``--hw memristive:reram-es``.
        file_option: The option that a file of the user's own fills: ``--hw memristive:my-device.yaml``; None where
            there is none.
        wafers: Whether its parts can stand for all chips of a wafer, with a leading axis of chips.
        input_gain: Gain of the network's standardised input in front of the first medium.
        drive_gain: Gain of the automatic gain control in front of each further medium.
        drive_offset: Half width of the fixed uniform random offset of each drive, in drive standard deviations.
        pointwise: Whether the medium behind units that look at squares of an image sees the outputs of one square after
            the other, see `pib_rl.physical.pointwise`, and not those of all squares at once.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    file_option: ClassVar[str | None] = None
    wafers: ClassVar[bool] = False
    input_gain: float = 1.0
    drive_gain: float = 1.0
    drive_offset: float = 0.0
    pointwise: bool = False

    def __init__(self, config: Any = None, streams: Streams | None = None, meter: Meter | None = None) -> None:
        self.config = self.Config() if config is None else config
        self.streams = Streams(0) if streams is None else streams
        self.meter = Meter(self.streams.chips) if meter is None else meter
        if self.streams.chips and not self.wafers:
            raise ValueError(
                f"{self.name} makes one chip at a time, got {self.streams.chips[0]} chips; leave chips out, and give "
                "every chip a run of its own"
            )

    def of_unit(self, index: int) -> Substrate:
        """What makes the parts of a unit, counted from 0: the same for all units, but where several are mixed.

        Behind the last unit it makes the last medium and the readout.
        """
        return self

    def check_units(self, units: int) -> None:
        """Raises ValueError if a network can't have so many units on it."""
        return None

    @abstractmethod
    def make_medium(self, in_features: int, out_features: int) -> Medium:
        """Fabricates a medium. ``out_features`` is a wish: element-wise media have as many outputs as drives."""

    @abstractmethod
    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        """Fabricates an array: random weights for a unit, all weights at zero for a readout."""

    @classmethod
    def read_file(cls, path: Path) -> Any:
        """The value of ``file_option`` that a file holds; ValueError if it holds none."""
        raise ValueError(f"substrate {cls.name} takes no file, got {path}")

    @classmethod
    def read_options(cls, path: Path) -> dict[str, Any]:
        """All options that a file of the user's own stands for, ``file_option`` among them; ValueError if none."""
        return {str(cls.file_option): cls.read_file(path)}

    def describe(self) -> dict[str, Any]:
        """The configuration values that differ from the default."""
        default = asdict(self.Config())
        return {name: value for name, value in asdict(self.config).items() if value != default[name]}
