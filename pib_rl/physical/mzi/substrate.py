"""The mzi substrate: light in a fixed mesh of Mach-Zehnder interferometers, weights in the phases of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pib_rl.common.options import check_signs
from pib_rl.common.streams import FABRICATION, FAULT, READ, Streams
from pib_rl.physical.converters import Converter, FragileConverter, check_bits
from pib_rl.physical.faults import struck
from pib_rl.physical.meter import Meter
from pib_rl.physical.part import Costs
from pib_rl.physical.standardised import MIN_CONTRAST, StandardisedMedium
from pib_rl.physical.substrate import Array, Medium, Read, Substrate

HALF = math.pi / 2


@dataclass(frozen=True)
class MZIConfig:
    """Parameters of the mesh and of the weight bank. Where no source stands, the number is assumed.

    Args:
        ports: Smallest number of waveguides of a mesh, each with a detector; raised where drives or outputs need more.
        reference: Share of the light that goes unmodulated into a port of its own. Detectors see no phase that all
            light shares, and no sign of a single drive; beside a reference they do.
        drive_phase: Phase of a modulator per drive, in radians per drive standard deviation.
        splitter_error: Standard deviation of the angle of each splitter, relative to pi/4 at 50:50, in radians.
        phase_error: Standard deviation of each phase as fabricated, in radians.
        insertion_loss: Loss of one interferometer in dB (0.1-0.5 are usual).
        detector_noise: Standard deviation of a detector's noise without loss, relative to the mean intensity behind a
            mesh at full drive; behind a row of weights, to w_max sqrt(in_features), which inputs of size 1 at largest
            weights and random signs add up to. Receivers make up for loss, and amplify this noise with the light.
        dac_bits: Resolution of the phases; None is exact.
        adc_bits: Resolution of the detectors; None is exact.
        full_scale: Intensity at which a detector of the mesh saturates, in mean intensities at full drive.
        weight_bound: Largest |weight|, in 1/sqrt(in_features).
        readout_bound: The same for the readout, whose weights start at 0 and must span logits and values.
        crosstalk: Phase that a heater gets of its neighbour's in the same row, relative to that (0.12, and 0.025 with
            a trench between them, in silicon nitride: arXiv 2203.16956).
        slope_floor: Floor of the slope by which a wanted change of weight is divided, relative to the slope at 0.
        array_range: The converter of a hidden array covers -array_range..array_range, in units of z.
        readout_range: The same for the readout.
        heater_power: Watts for a phase of pi (0.06 W: arXiv 2203.16956; 0.02 W in silicon).
        settle_time: Seconds until a phase has settled. A heater of 9.2 kHz (arXiv 2203.16956) takes
            ln(256)/(2 pi 9.2 kHz) = 96 us to 8 bits.
        laser_power: Electrical watts of the laser while one mesh or one array is measured.
        adc_energy: Joules of one conversion (1.67 pJ: 8 bits, 1.28 GS/s, 32 nm, of ISAAC, Shafiee et al., ISCA 2016).
        dac_energy: Joules of one phase set (0.291 pJ: 8 bits, 0.32 mW at 1.1 GHz, doi 10.1109/VLSIC.2018.8502370).

    Raises:
        ValueError: If a value lies outside its range.
    """

    ports: int = 64
    reference: float = 0.2
    drive_phase: float = 0.6
    splitter_error: float = 0.02
    phase_error: float = 0.01
    insertion_loss: float = 0.1
    detector_noise: float = 0.002
    dac_bits: int | None = 8
    adc_bits: int | None = 8
    full_scale: float = 4.0
    weight_bound: float = 4.0
    readout_bound: float = 16.0
    crosstalk: float = 0.025
    slope_floor: float = 0.1
    array_range: float = 4.0
    readout_range: float = 16.0
    heater_power: float = 0.06
    settle_time: float = 1e-4
    laser_power: float = 0.01
    adc_energy: float = 1.67e-12
    dac_energy: float = 0.291e-12

    def __post_init__(self) -> None:
        check_signs(
            self,
            "mzi",
            positive=(
                "ports",
                "drive_phase",
                "full_scale",
                "weight_bound",
                "readout_bound",
                "array_range",
                "readout_range",
            ),
            not_negative=(
                "splitter_error",
                "phase_error",
                "insertion_loss",
                "detector_noise",
                "heater_power",
                "settle_time",
                "laser_power",
                "adc_energy",
                "dac_energy",
            ),
        )
        for name in ("dac_bits", "adc_bits"):
            check_bits(f"mzi {name}", getattr(self, name))
        if not 0 <= self.reference < 1:
            raise ValueError(
                f"mzi reference is a share of the light and must be in 0..1 (1 excluded), got {self.reference}"
            )
        if not 0 <= self.crosstalk < 0.5:
            raise ValueError(f"mzi crosstalk must be in 0..0.5 (0.5 excluded), got {self.crosstalk}")
        if not 0 < self.slope_floor <= 1:
            raise ValueError(f"mzi slope_floor must be in 0..1 (0 excluded), got {self.slope_floor}")


def interferometer(theta: Tensor, phi: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Transfer matrix of Mach-Zehnder interferometers, of any one shape, in the order 11, 12, 21, 22.

    M = S(pi/4 + second) diag(exp(i theta), 1) S(pi/4 + first) diag(exp(i phi), 1) with the splitter
    S(x) = [[cos x, i sin x], [i sin x, cos x]]. Exact splitters send the share cos(theta/2)^2 across.

    Args:
        theta: Phases between the splitters, in radians.
        phi: Phases in front of them, in radians.
        first: Errors of the first splitters' angles, in radians.
        second: Errors of the second ones.
    """
    inner, outer = torch.exp(1j * theta), torch.exp(1j * phi)
    c1, s1 = (math.pi / 4 + first).cos(), (math.pi / 4 + first).sin()
    c2, s2 = (math.pi / 4 + second).cos(), (math.pi / 4 + second).sin()
    return (
        (c2 * c1 * inner - s2 * s1) * outer,
        1j * (c2 * s1 * inner + s2 * c1),
        1j * (s2 * c1 * inner + c2 * s1) * outer,
        c2 * c1 - s2 * s1 * inner,
    )


def fabricate_mesh(ports: int, config: MZIConfig, streams: Streams) -> Tensor:
    """Complex transfer matrix of a triangular mesh, shape (ports, ports): column = input port, row = output port.

    The interferometer on ports m and m + 1 sends the share u^(1/(m+1)) of the light across, u uniform in 0..1, and has
    a uniform outer phase: without errors and loss that is a unitary matrix uniform by Haar's measure, but for phases at
    the outputs that no detector sees. Mesh: Reck et al., Phys. Rev. Lett. 73, 58 (1994); measure: Russell et al.,
    New J. Phys. 19, 033007 (2017).
    """
    layers = max(0, 2 * ports - 3)
    like = torch.zeros(layers, ports, dtype=torch.float64)
    across = streams.uniform(FABRICATION, like) ** (0.5 / torch.arange(1, ports + 1))
    theta, phi = 2 * across.acos(), 2 * math.pi * streams.uniform(FABRICATION, like)
    theta = theta + config.phase_error * streams.normal(FABRICATION, like)
    phi = phi + config.phase_error * streams.normal(FABRICATION, like)
    first, second = (config.splitter_error * streams.normal(FABRICATION, like) for _ in range(2))
    blocks = interferometer(theta, phi, first, second)
    kept = 10 ** (-config.insertion_loss / 20)
    light = torch.eye(ports, dtype=torch.complex128)
    for layer in range(layers):
        last = min(layer, layers - 1 - layer)
        upper, lower = slice(layer % 2, last + 1, 2), slice(layer % 2 + 1, last + 2, 2)
        one, two, three, four = (kept * block[layer, upper, None] for block in blocks)
        above, below = light[upper], light[lower]
        light[upper], light[lower] = one * above + two * below, three * above + four * below
    return light


class MeshMedium(StandardisedMedium):
    """Drive -> amplitude of light -> mesh M -> photodetectors, standardised per detector.

    A modulator passes the amplitude a_k = sin(DAC(drive_phase drive_k)), its phase saturating at +-pi/2; light of the
    reference goes into the port after the last drive, the others are dark:
    I_j = P |sqrt(reference) M_jr + sqrt((1 - reference)/d) sum_k M_jk a_k|^2 / T, with P ports, d drives and T the mean
    transmission of the ports in use, so that I has mean 1 at full drive. I gets noise of the detector and is digitised.
    It is standardised with the mean and deviation that each detector showed for calibration drives (normal, drawn at
    fabrication). Read modes leave the mesh as it was fabricated.
    """

    signal: Tensor
    background: Tensor
    noise: Tensor
    alive: Tensor

    def __init__(self, in_features: int, out_features: int, config: MZIConfig, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        if out_features <= in_features:
            raise ValueError(f"a mesh needs more ports than its {in_features} drives, got {out_features}")
        self._config = config
        self._streams = streams
        self._dac = Converter(config.dac_bits, -HALF, HALF)
        self.adc = FragileConverter(config.adc_bits, 0.0, config.full_scale)
        used = fabricate_mesh(out_features, config, streams)[:, : in_features + 1]
        transmission = float(used.abs().square().sum()) / used.shape[1]
        used = used * (out_features / transmission) ** 0.5
        matrix = torch.cat([used.real, used.imag]).T.float()
        share = (1 - config.reference) / in_features
        self.register_buffer("signal", matrix[:in_features] * share**0.5)
        self.register_buffer("background", matrix[in_features] * config.reference**0.5)
        self.register_buffer("noise", torch.tensor(config.detector_noise / transmission))
        self.register_buffer("alive", torch.ones(out_features))
        self.register_buffer("mean", torch.zeros(out_features))
        self.register_buffer("scale", torch.ones(out_features))
        self._calibrate()

    @property
    def converter(self) -> FragileConverter:
        return self.adc

    def _calibrate(self) -> None:
        drives = self._streams.normal(FABRICATION, torch.zeros(1024, self.in_features))
        shown = self.adc(self.intensity(self.phase(drives)))
        self.mean.copy_(shown.mean(0))
        self.scale.copy_(shown.std(0).clamp_(min=MIN_CONTRAST))

    def phase(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Phases of the modulators in radians, shape (n, in_features), of drives of the same shape."""
        phase = drive * self._config.drive_phase
        return phase.clamp_(-HALF, HALF) if read is Read.IDEAL else self._dac(phase)

    def intensity(self, phase: Tensor) -> Tensor:
        """Noise-free light on the detectors, shape (n, out_features), in mean intensities at full drive."""
        field = torch.addmm(self.background, phase.sin(), self.signal).square_()
        return (field[:, : self.out_features] + field[:, self.out_features :]).mul_(self.alive)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        shown = self.intensity(self.phase(drive, read))
        if read is Read.NOISY and self._config.detector_noise:
            shown.addcmul_(self._streams.normal(READ, shown), self.noise)
        if read is not Read.IDEAL:
            shown = self.adc(shown)
        return shown.sub_(self.mean).div_(self.scale)

    @property
    def latency(self) -> float:
        return self._config.settle_time

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config, time = self._config, self.latency
        watts = (self.phase(inputs) + HALF).sum() * (config.heater_power / math.pi)
        conversions = inputs.numel() * config.dac_energy + outputs.numel() * config.adc_energy
        return {
            "modulator": watts * time,
            "light": watts.new_tensor(len(inputs) * config.laser_power * time),
            "converters": watts.new_tensor(conversions),
        }

    def faults(self) -> Mapping[str, Callable[[float], None]]:
        return {"dead-pixels": self._darken, "adc-bits": self.adc.limit}

    def _darken(self, share: float) -> None:
        self.alive.masked_fill_(struck("dead-pixels", share, self.alive, self._streams), 0.0)


class WeightBank(Array):
    """z = W h: one interferometer per weight, the difference of its two outputs is the weight.

    With phase pi/2 + phi between its splitters and angles pi/4 + a and pi/4 + b of these,
    w = w_max (cos 2a cos 2b sin phi + sin 2a sin 2b) and w_max = bound/sqrt(in_features); balanced detectors sum a row.
    A memory holds the wanted phases within +-pi/2 and a DAC sets them; phi is the phase set, plus ``crosstalk`` times
    those set left and right of it in its row, plus an error of fabrication. A wanted change of weight dW moves the
    memory by dW / (w_max max(cos phi, slope_floor)), with phi as in memory: what neighbours do is not known to it. A
    read sends the positive and the negative parts of h one after the other and digitises their difference. The
    modulators that send h are ideal.
    """

    memory: Tensor
    contrast: Tensor
    leakage: Tensor
    error: Tensor
    working: Tensor
    stuck_at: Tensor
    weight: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        config: MZIConfig,
        meter: Meter,
        streams: Streams,
        readout: bool = False,
    ) -> None:
        super().__init__(in_features, out_features, meter)
        self._config = config
        self._streams = streams
        bound, span = (
            (config.readout_bound, config.readout_range) if readout else (config.weight_bound, config.array_range)
        )
        self.scale = bound * in_features**-0.5
        self._noise = 2**0.5 * config.detector_noise * bound * 10 ** (config.insertion_loss / 10)  # of two flashes
        self._dac = Converter(config.dac_bits, -HALF, HALF)
        self.adc = FragileConverter(config.adc_bits, -span, span)
        like = torch.zeros(out_features, in_features)
        start = like if readout else (streams.normal(FABRICATION, like) / bound).clamp_(-1, 1).asin()
        first, second = (2 * config.splitter_error * streams.normal(FABRICATION, like) for _ in range(2))
        self.register_buffer("memory", start.clone())
        self.register_buffer("contrast", first.cos() * second.cos())
        self.register_buffer("leakage", first.sin() * second.sin())
        self.register_buffer("error", config.phase_error * streams.normal(FABRICATION, like))
        self.register_buffer("working", torch.ones_like(like))
        self.register_buffer("stuck_at", torch.zeros_like(like))
        self.register_buffer("weight", torch.zeros_like(like))
        self._settle()

    def _phase(self, wanted: Tensor) -> Tensor:
        """The phases wanted, but where a heater is stuck; a new tensor, shape (out_features, in_features)."""
        return torch.where(self.working > 0, wanted, self.stuck_at)

    def _settle(self) -> None:
        phase = self._phase(self._dac(self.memory))
        heard = phase + self.error
        heard[:, 1:].add_(phase[:, :-1], alpha=self._config.crosstalk)
        heard[:, :-1].add_(phase[:, 1:], alpha=self._config.crosstalk)
        self.weight.copy_(torch.addcmul(self.leakage, self.contrast, heard.sin_())).mul_(self.scale)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        if read is Read.IDEAL:
            return h @ self._phase(self.memory).sin_().mul_(self.scale).T
        z = h @ self.weight.T
        if read is Read.NOISY and self._noise:
            z.add_(self._streams.normal(READ, z), alpha=self._noise)
        converted: Tensor = self.adc(z)
        return converted

    def program(self, delta: Tensor) -> None:
        before = self._dac(self.memory)
        slope = self.memory.cos().clamp_(min=self._config.slope_floor).mul_(self.scale)
        self.memory.addcdiv_(delta, slope).clamp_(-HALF, HALF)
        changed = self._dac(self.memory) != before
        self._settle()
        self.record(changed)
        self.meter.spend({"programming": changed.sum() * self._config.dac_energy})

    def weights(self) -> Tensor:
        return self.weight

    @property
    def latency(self) -> float:
        return 2 * self._config.settle_time

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config, time = self._config, len(inputs) * self.latency
        held = (self._phase(self.memory) + HALF).sum() * (config.heater_power / math.pi)
        conversions = 2 * (inputs.numel() * config.dac_energy + outputs.numel() * config.adc_energy)
        return {
            "array": held * time,
            "light": held.new_tensor(config.laser_power * time),
            "modulator": held.new_tensor(inputs.shape[1] * config.heater_power / 2 * time),
            "converters": held.new_tensor(conversions),
        }

    def faults(self) -> Mapping[str, Callable[[float], None]]:
        return {"stuck": self._seize, "adc-bits": self.adc.limit}

    def _seize(self, share: float) -> None:
        hit = struck("stuck", share, self.working, self._streams) & (self.working > 0)
        phase = (self._streams.uniform(FAULT, self.memory) - 0.5) * math.pi
        self.stuck_at.copy_(torch.where(hit, phase, self.stuck_at))
        self.working.masked_fill_(hit, 0.0)
        self._settle()


class MZI(Substrate):
    """Meshes of Mach-Zehnder interferometers, with weights held by thermo-optic phases."""

    name = "mzi"
    Config = MZIConfig

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        ports = max(self.config.ports, in_features + 1, out_features)
        return MeshMedium(in_features, ports, self.config, self.streams)

    def make_array(self, in_features: int, out_features: int, *, readout: bool = False) -> Array:
        return WeightBank(in_features, out_features, self.config, self.meter, self.streams, readout)
