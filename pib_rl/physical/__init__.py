"""Simulated and real hardware: media, arrays, converters, and what using them costs."""

from pib_rl.physical.digital import Digital, DigitalConfig
from pib_rl.physical.instrument import InstrumentError
from pib_rl.physical.memristive import Memristive, MemristiveConfig
from pib_rl.physical.meter import Meter
from pib_rl.physical.mzi import MZI, MZIConfig
from pib_rl.physical.optical import Optical, OpticalConfig
from pib_rl.physical.oscillator import Oscillator, OscillatorConfig
from pib_rl.physical.registry import find, names, register
from pib_rl.physical.remote import Remote
from pib_rl.physical.remote_config import RemoteConfig
from pib_rl.physical.streams import Streams
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

__all__ = ["MZI", "Array", "Digital", "DigitalConfig", "InstrumentError", "MZIConfig", "Medium", "Memristive",
           "MemristiveConfig", "Meter", "Optical", "OpticalConfig", "Oscillator", "OscillatorConfig", "Read", "Remote",
           "RemoteConfig", "Streams", "Substrate", "find", "names", "register"]
