"""Simulated and real hardware: media, arrays, converters, and what using them costs."""

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
