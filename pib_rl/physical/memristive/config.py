"""Parameters of the memristive substrate."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from pib_rl.common.options import check_numbers, nearest
from pib_rl.physical.converters import check_inl
from pib_rl.physical.memristive.devices import DEVICES, Device
from pib_rl.physical.memristive.own_device import from_plain
from pib_rl.physical.memristive.programming import PROGRAMMINGS
from pib_rl.physical.ranging import RANGINGS

WARMING = 0.00451  # relative rise of a copper wire's resistance per kelvin, NeuroSim V2.1 (Peng et al., IEDM 2019)
ROOM_K = 300.0
OF_DEVICES = {  # options of linear devices, and what `Device` has in their place
    "write_noise": "pulse_noise",
    "device_spread": "step_spread",
    "drift": "drift",
    "drift_spread": "drift_spread",
    "drift_start_s": "drift_start_s",
    "max_conductance_us": "max_conductance_us",
    "write_energy_j": "pulse_energy_j",
}


@dataclass(frozen=True)
class MemristiveConfig:
    """Parameters of crossbars and activations.

    Weights are normalised by the initial standard deviation sigma_0 = 1/sqrt(in_features) of a hidden array.

    Args:
        weight_bound: Largest |weight|, in sigma_0: G+ - G- of one device pair at the ends of its range. Of a published
            ``device`` it is that of the mean device; single ones reach further, as far as their published spread says
            (reram-hfo2: one in a thousand beyond 2.3 times that).
        readout_bound: The same for the readout array, whose weights start at 0 and must span logits and values.
        write_noise: Standard deviation of the cycle-to-cycle error of a write, relative to that write (0.3: Gokmen
            & Vlasov, Front. Neurosci. 10:333 (2016), table 1, relative to dw_min).
        device_spread: Device-to-device standard deviation of the step size, relative to the mean step (0.2 for
            ReRAM: Gong et al., Nat. Commun. 9:2102 (2018)).
        stuck: Fraction of devices stuck at a random conductance, each of the two devices of a pair by itself.
        read_noise: Standard deviation of the conductance noise of a read per device pair, in sigma_0.
        activation_gain_spread: Standard deviation of the gain of an activation, relative to 1.
        activation_offset_spread: Standard deviation of the offset of an activation, in drive units.
        medium_noise: Standard deviation of the activation's output noise, relative to its full scale.
        dac_bits: Resolution of the drives; None is exact. Typical 7-8.
        adc_bits: Resolution of activations and array outputs; None is exact. Typical 8-9.
        drive_range: The DAC covers -drive_range..drive_range, in drive units.
        array_range: The ADC of a hidden array covers -array_range..array_range, in units of z.
        readout_range: The same for the readout.
        device: A published device (`pib_rl.physical.memristive.devices`) that moves by pulses, or one of your own as
            a mapping of its values (`pib_rl.physical.memristive.own_device`; ``--hw memristive:FILE.yaml`` reads them
            from a file of ``pib-rl fit``); None is a pair of linear devices. It has noise, spread, drift, conductance
            and energy of its own: the options that are for linear devices (`OF_DEVICES`) are refused with it.
        programming: How pulses are chosen, a name of `pib_rl.physical.memristive.programming`; None is what was
            found best for learning. Linear devices know no other than "ideal", a write that does what it is asked to,
            but for its noise.
        relative_read_noise: Standard deviation of a conductance's noise at a read, relative to that conductance.
        wire_resistance_ohm: Resistance of the wire from one cell to the next, in ohms at 300 K; 0 is no IR drop. 0.2-1
            at 65-130 nm (NeuroSim V2.1).
        temperature_k: Temperature of the wires, in kelvins.
        drift: Exponent of the drift of linear devices' conductances, mean over devices (PCM: 0.049-0.1, Nandakumar et
            al., ICECS 2019, 727); time passes only where it is asked to.
        drift_spread: Its standard deviation over devices.
        drift_start_s: Time after fabrication from which drift counts, in seconds (20: as aihwkit).
        max_conductance_us: Conductance of a fully open linear device, in microsiemens (PCM: 25).
        read_voltage_v: Voltage of an input at full scale, in volts (0.2: as in macro models of ISAAC-like chips).
        read_time_s: Duration of a read, in seconds (assumed; published ones go from 10 ns to 1 us).
        write_energy_j: Energy of a write to a linear device, in joules (assumed; 0.1-7 pJ are quoted for ReRAM).
        adc_inl: Largest integral nonlinearity of ADCs, relative to their range (1 step of 8 bits: 0.004).
        adc_noise: Standard deviation of their noise, relative to their range.
        dac_inl: Largest integral nonlinearity of the drives' DACs, relative to their range (0.34 steps of 4 bits,
            0.023, of a design in 180 nm: Patel & Naik, IJECE 10:5642 (2020), abstract; 1 step of 8 bits: 0.004).
        dac_noise: Standard deviation of their noise, relative to their range (assumed; no source).
        ranging: "fixed", or "calibrated": whenever the network is calibrated, the range of a hidden array's ADC is set
            to what the array gives, in steps of 2 (`pib_rl.physical.ranging`). A readout's stays readout_range.
        gain_limit: Largest gain of the amplifier that does so: the smallest range is array_range/gain_limit (16: TI
            ADS1114, SBAS444E).
        dac_energy_j: Energy of a conversion of the DAC, in joules (8 bits: 0.29 pJ, BRAHMS,
            10.1109/VLSIC.2018.8502370).
        adc_energy_j: The same of the ADC (8 bits: 1.67 pJ, ISAAC, 10.1109/ISCA.2016.12).
        dac_time_s: Duration of a conversion of the DAC, in seconds (0.9 ns at 1.1 GHz, as above).
        adc_time_s: The same of the ADC (0.78 ns at 1.28 GS/s, as above).

    Raises:
        ValueError: If a value lies outside its range.
    """

    weight_bound: float = 4.0
    readout_bound: float = 16.0
    write_noise: float = 0.3
    device_spread: float = 0.2
    stuck: float = 0.01
    read_noise: float = 0.01
    activation_gain_spread: float = 0.1
    activation_offset_spread: float = 0.1
    medium_noise: float = 0.01
    dac_bits: int | None = 8
    adc_bits: int | None = 8
    drive_range: float = 6.0
    array_range: float = 4.0
    readout_range: float = 16.0
    device: str | dict[str, Any] | None = None
    programming: str | None = None
    relative_read_noise: float = 0.0
    wire_resistance_ohm: float = 0.0
    temperature_k: float = ROOM_K
    drift: float = 0.06
    drift_spread: float = 0.02
    drift_start_s: float = 20.0
    max_conductance_us: float = 25.0
    read_voltage_v: float = 0.2
    read_time_s: float = 1e-7
    write_energy_j: float = 1e-12
    adc_inl: float = 0.0
    adc_noise: float = 0.0
    dac_inl: float = 0.0
    dac_noise: float = 0.0
    ranging: str = "fixed"
    gain_limit: float = 16.0
    dac_energy_j: float = 0.29e-12
    adc_energy_j: float = 1.67e-12
    dac_time_s: float = 0.9e-9
    adc_time_s: float = 0.78e-9

    def __post_init__(self) -> None:
        check_numbers(
            self,
            "memristive",
            positive="weight_bound readout_bound drive_range array_range readout_range drift_start_s "
            "max_conductance_us read_time_s",
            not_negative="write_noise device_spread read_noise activation_gain_spread activation_offset_spread "
            "medium_noise relative_read_noise wire_resistance_ohm drift drift_spread adc_noise dac_noise "
            "read_voltage_v write_energy_j dac_energy_j adc_energy_j dac_time_s adc_time_s",
            fraction="stuck",
            bits="dac_bits adc_bits",
        )
        for name in ("adc_inl", "dac_inl"):
            check_inl(f"memristive {name}", getattr(self, name))
        if self.ranging not in RANGINGS:
            raise ValueError(f"memristive ranging must be {' or '.join(RANGINGS)}, got {self.ranging!r}")
        if not self.gain_limit >= 1:
            raise ValueError(f"memristive gain_limit must be >= 1, got {self.gain_limit}")
        if isinstance(self.device, str) and self.device not in DEVICES:
            raise ValueError(f"memristive has no device {self.device!r}; {nearest(self.device, list(DEVICES))}")
        made_of = self.made_of  # a device of the user's own is checked here
        if self.programming is not None and self.programming not in PROGRAMMINGS:
            raise ValueError(
                f"memristive has no programming {self.programming!r}; {nearest(self.programming, list(PROGRAMMINGS))}"
            )
        if self.device is None and self.programming not in (None, "ideal"):
            raise ValueError(
                f"memristive programming {self.programming} is for pulsed devices; give one as device: "
                f"{', '.join(DEVICES)}"
            )
        if not 200 <= self.temperature_k <= 500:
            raise ValueError(f"memristive temperature_k must be in 200..500, got {self.temperature_k}")

        self._check_ignored(made_of)

    @property
    def made_of(self) -> Device | None:
        """The device that moves by pulses; None for linear devices."""
        if self.device is None:
            return None
        return DEVICES[self.device] if isinstance(self.device, str) else from_plain(self.device)

    def _check_ignored(self, made_of: Device | None) -> None:
        """Raises ValueError if an option was changed that another one makes meaningless."""
        changed = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        for name, own in OF_DEVICES.items():
            if name in changed and made_of is not None:
                called = self.device if isinstance(self.device, str) else "the device"
                raise ValueError(
                    f"memristive {name}={getattr(self, name)} is for linear devices and would change nothing: "
                    f"{called} has its own {own}, {getattr(made_of, own)}; leave out {name} or "
                    "device"
                )
        for name, needed, asked in (("gain_limit", "ranging", "fixed"), ("temperature_k", "wire_resistance_ohm", 0)):
            if name in changed and getattr(self, needed) == asked:
                raise ValueError(
                    f"memristive {name}={getattr(self, name)} changes nothing where {needed} is {asked}; give {needed} "
                    f"too, or leave {name} out"
                )

    @property
    def warm_wire_resistance_ohm(self) -> float:
        """Resistance of a wire from cell to cell at the temperature, in ohms."""
        return self.wire_resistance_ohm * (1 + WARMING * (self.temperature_k - ROOM_K))
