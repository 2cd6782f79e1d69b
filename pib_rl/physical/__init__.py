"""Simulated and real hardware: media, arrays, converters, and what using them costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pib_rl.common.late.attributes import late_attributes

if TYPE_CHECKING:
    from pib_rl.common.streams import Streams
    from pib_rl.physical.digital import Digital, DigitalConfig
    from pib_rl.physical.memristive.config import MemristiveConfig
    from pib_rl.physical.memristive.substrate import Memristive
    from pib_rl.physical.meter import Meter
    from pib_rl.physical.mzi.config import MZIConfig
    from pib_rl.physical.mzi.substrate import MZI
    from pib_rl.physical.optical.config import OpticalConfig
    from pib_rl.physical.optical.substrate import Optical
    from pib_rl.physical.oscillator import Oscillator, OscillatorConfig
    from pib_rl.physical.registry import find, names, register
    from pib_rl.physical.remote.config import RemoteConfig
    from pib_rl.physical.remote.instrument import InstrumentError
    from pib_rl.physical.remote.substrate import Remote
    from pib_rl.physical.substrate import Array, Medium, Read, Substrate

__all__ = [
    "MZI",
    "Array",
    "Digital",
    "DigitalConfig",
    "InstrumentError",
    "MZIConfig",
    "Medium",
    "Memristive",
    "MemristiveConfig",
    "Meter",
    "Optical",
    "OpticalConfig",
    "Oscillator",
    "OscillatorConfig",
    "Read",
    "Remote",
    "RemoteConfig",
    "Streams",
    "Substrate",
    "find",
    "names",
    "register",
]

__getattr__ = late_attributes(
    __name__,
    {
        "MZI": "pib_rl.physical.mzi.substrate",
        "Array": "pib_rl.physical.substrate",
        "Digital": "pib_rl.physical.digital",
        "DigitalConfig": "pib_rl.physical.digital",
        "InstrumentError": "pib_rl.physical.remote.instrument",
        "MZIConfig": "pib_rl.physical.mzi.config",
        "Medium": "pib_rl.physical.substrate",
        "Memristive": "pib_rl.physical.memristive.substrate",
        "MemristiveConfig": "pib_rl.physical.memristive.config",
        "Meter": "pib_rl.physical.meter",
        "Optical": "pib_rl.physical.optical.substrate",
        "OpticalConfig": "pib_rl.physical.optical.config",
        "Oscillator": "pib_rl.physical.oscillator",
        "OscillatorConfig": "pib_rl.physical.oscillator",
        "Read": "pib_rl.physical.substrate",
        "Remote": "pib_rl.physical.remote.substrate",
        "RemoteConfig": "pib_rl.physical.remote.config",
        "Streams": "pib_rl.common.streams",
        "Substrate": "pib_rl.physical.substrate",
        "find": "pib_rl.physical.registry",
        "names": "pib_rl.physical.registry",
        "register": "pib_rl.physical.registry",
    },
)
