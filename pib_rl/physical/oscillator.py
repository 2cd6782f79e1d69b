"""The oscillator substrate: a ring of coupled pendula that drives displace and that is watched a little later."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pib_rl.common.options import check_numbers
from pib_rl.common.streams import FABRICATION, READ, Streams
from pib_rl.physical.converters import Converter, FragileConverter
from pib_rl.physical.digital import DigitalArray
from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.standardised import StandardisedMedium
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

ROOM = 300 * 1.380649e-23  # k_B T at 300 K, in joules


@dataclass(frozen=True)
class OscillatorConfig:
    """Parameters of the ring. Where no source stands, the number is assumed.

    Time is counted in 1/omega_0 of a free small oscillation, energy in m omega_0^2 (of a pendulum: m g l).

    Args:
        oscillators: Smallest number of oscillators; raised where drives or outputs need more.
        displacement_rad: Initial position per drive, in radians per drive standard deviation.
        neighbours: How many oscillators to each side one is coupled to.
        coupling: Mean strength J of a coupling, relative to omega_0^2.
        coupling_spread: Half width of the uniform spread of J, relative to the mean.
        bias: Standard deviation of the constant force on an oscillator, relative to its largest restoring force.
        time: When the ring is watched, in 1/omega_0 (0.5 in Wright et al., 2022, where couplings are trained).
        steps: Steps of the integration up to then.
        damping: Rate at which velocity decays, in omega_0: 1/Q.
        thermal_energy: Thermal energy k_B T, in m omega_0^2. It acts through damping alone: none, no thermal noise.
        read_noise_rad: Standard deviation of a position's read, in radians.
        dac_bits: Resolution of the initial positions; None is exact.
        adc_bits: Resolution of the positions that are read; None is exact.
        reach_rad: Initial positions saturate at -reach_rad..reach_rad, in radians.
        full_scale_rad: Reads saturate at -full_scale_rad..full_scale_rad, in radians.
        frequency_hz: omega_0/(2 pi), in hertz.
        adc_energy_j: Joules of one conversion (1.67 pJ: 8 bits, 1.28 GS/s, 32 nm, of ISAAC, Shafiee et al., ISCA 2016).
        dac_energy_j: Joules of one position set (0.291 pJ: 8 bits, doi 10.1109/VLSIC.2018.8502370).

    Raises:
        ValueError: If a value lies outside its range, or the steps are too long for the stiffest oscillation.
    """

    oscillators: int = 128
    displacement_rad: float = 0.4
    neighbours: int = 4
    coupling: float = 0.1
    coupling_spread: float = 0.5
    bias: float = 0.5
    time: float = 3.0
    steps: int = 20
    damping: float = 0.01
    thermal_energy: float = 1e-3
    read_noise_rad: float = 0.01
    dac_bits: int | None = 8
    adc_bits: int | None = 8
    reach_rad: float = math.pi
    full_scale_rad: float = math.pi
    frequency_hz: float = 1e6
    adc_energy_j: float = 1.67e-12
    dac_energy_j: float = 0.291e-12

    def __post_init__(self) -> None:
        check_numbers(
            self,
            "oscillator",
            positive="oscillators displacement_rad time steps reach_rad full_scale_rad frequency_hz",
            not_negative="neighbours coupling bias damping thermal_energy read_noise_rad adc_energy_j dac_energy_j",
            fraction="coupling_spread",
            bits="dac_bits adc_bits",
        )
        fastest = 1 + 4 * self.neighbours * self.coupling * (1 + self.coupling_spread)  # Gershgorin, square of omega
        if not self.time**2 * fastest < (2 * self.steps) ** 2:
            raise ValueError(
                f"oscillator steps must be > {self.time * fastest**0.5 / 2:.4g} for time {self.time} and "
                f"these couplings, got {self.steps}"
            )


class RingMedium(StandardisedMedium):
    """Drive -> initial positions of coupled pendula -> their positions after some time, standardised per oscillator.

    q_i'' = -sin q_i + sum_j J_ij (sin q_j - sin q_i) + e_i - damping q_i' + thermal force, from
    q_i(0) = DAC(displacement_rad drive_k), k = i modulo the number of drives, at rest. J is symmetric, couples each
    oscillator to its neighbours on a ring, and is drawn at fabrication as e is. q(time) is read with noise and
    digitised, then standardised with the mean and standard deviation that each oscillator showed for calibration drives
    (normal, drawn at fabrication).

    Steps: kick, drift, friction and thermal force, drift, kick (BAOAB: Leimkuhler & Matthews, Appl. Math. Res. Express
    2013, 34); without damping that is the velocity Verlet scheme, symplectic and of second order.

    Source of the law without the last two terms: Wright et al., Nature 601, 549 (2022); their J and e are trained,
    and all oscillators are coupled.
    """

    def __init__(self, in_features: int, out_features: int, config: OscillatorConfig, streams: Streams) -> None:
        super().__init__(in_features, out_features, streams)
        if out_features < in_features:
            raise ValueError(f"a ring needs an oscillator per drive, {in_features}, got {out_features}")
        self._config = config
        self._dac = Converter(config.dac_bits, -config.reach_rad, config.reach_rad)
        self.adc = FragileConverter(config.adc_bits, -config.full_scale_rad, config.full_scale_rad)
        coupling = fabricate_couplings(out_features, config, streams)
        self.stiffness = nn.Buffer(coupling - torch.diag_embed(1 + coupling.sum(-1)))
        self.force = nn.Buffer(config.bias * streams.normal(FABRICATION, streams.zeros(1, out_features)))
        self.alive = nn.Buffer(torch.ones_like(self.force))
        drives = self._drives(FABRICATION)
        self._standardise(drives, lambda part: self.shown(self.measure(part, Read.MEAN)))

    def start(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Initial positions in radians, shape (..., n, out_features), from drives, shape (..., n, in_features)."""
        placed = drive * self._config.displacement_rad
        placed = placed.clamp_(self._dac.low, self._dac.high) if read is Read.IDEAL else self._dac(placed)
        copies = -(-self.out_features // self.in_features)
        return torch.cat([placed] * copies, -1)[..., : self.out_features] * self.alive

    def evolve(self, position: Tensor, thermal: bool = False) -> tuple[Tensor, Tensor]:
        """Positions in radians and velocities in radians omega_0 after ``time``, shape (..., n, out_features) each.

        Args:
            position: Initial positions in radians, same shape; left alone.
            thermal: With thermal forces, from the stream ``read``.
        """
        config = self._config
        step = config.time / config.steps
        kept = math.exp(-config.damping * step)
        agitation = (config.thermal_energy * (1 - kept**2)) ** 0.5 * thermal
        position = position.clone()
        velocity = self._acceleration(position).mul_(step / 2)
        for count in range(1, config.steps + 1):
            position.add_(velocity, alpha=step / 2)
            if config.damping:
                velocity.mul_(kept)
            if agitation:
                velocity.addcmul_(self._streams.normal(READ, velocity), self.alive, value=agitation)
            position.add_(velocity, alpha=step / 2)
            velocity.add_(self._acceleration(position), alpha=step if count < config.steps else step / 2)
        return position, velocity

    def _acceleration(self, position: Tensor) -> Tensor:
        return (position.sin() @ self.stiffness.mT).add_(self.force)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        shown = self.evolve(self.start(drive, read), thermal=read is Read.NOISY)[0]
        if read is Read.NOISY and self._config.read_noise_rad:
            shown.addcmul_(self._streams.normal(READ, shown), self.alive, value=self._config.read_noise_rad)
        if read is not Read.IDEAL:
            shown = self.adc(shown)
        return self.standard(shown)

    @property
    def latency(self) -> float:
        return self._config.time / (2 * math.pi * self._config.frequency_hz)

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config = self._config
        conversions = inputs.shape[-1] * config.dac_energy_j + outputs.shape[-1] * config.adc_energy_j
        costs: Costs = {"converters": inputs.shape[-2] * conversions}
        if config.thermal_energy:
            lifted = (1 - self.start(inputs).cos()).sum((-2, -1))
            costs["modulator"] = lifted * (ROOM / config.thermal_energy)
        return costs

    def faults(self) -> Faults:
        return {"dead-pixels": self._seize, "adc-bits": self.adc.limit}

    def _seize(self, fraction: Size) -> None:
        self.alive.masked_fill_(struck("dead-pixels", fraction, self.alive, self._streams), 0.0)
        self.force.mul_(self.alive)
        self.stiffness.mul_(self.alive.mT)


def fabricate_couplings(oscillators: int, config: OscillatorConfig, streams: Streams) -> Tensor:
    """Couplings J of a ring, shape (*chips, oscillators, oscillators), symmetric, in omega_0^2, 0 on the diagonal."""
    size = streams.zeros(oscillators, oscillators)
    place = torch.arange(oscillators)
    apart = (place[:, None] - place).abs()
    near = torch.minimum(apart, oscillators - apart)
    spread = (2 * streams.uniform(FABRICATION, size) - 1).triu_(1) * config.coupling_spread
    coupled = (near > 0) & (near <= config.neighbours)
    return config.coupling * (1 + spread + spread.mT) * coupled


class Oscillator(Substrate):
    """Rings of coupled nonlinear oscillators, with digital weights on their digitised positions."""

    name = "oscillator"
    wafers = True
    Config = OscillatorConfig

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        oscillators = max(self.config.oscillators, in_features, out_features)
        return RingMedium(in_features, oscillators, self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return DigitalArray(in_features, out_features, self.meter, self.streams, readout)
