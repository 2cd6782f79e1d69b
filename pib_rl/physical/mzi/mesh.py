"""The medium of the mzi substrate: light in a fixed mesh of Mach-Zehnder interferometers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, READ, Streams
from pib_rl.physical.converters import Converter, FragileConverter
from pib_rl.physical.mzi.config import HALF, MZIConfig
from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.standardised import StandardisedMedium
from pib_rl.physical.struck import struck
from pib_rl.physical.substrate import Read


def interferometer(theta: Tensor, phi: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Transfer matrix of Mach-Zehnder interferometers, of any one shape, in the order 11, 12, 21, 22.

    M = S(pi/4 + second) diag(exp(i theta), 1) S(pi/4 + first) diag(exp(i phi), 1) with the splitter
    S(x) = [[cos x, i sin x], [i sin x, cos x]]. Exact splitters send the fraction cos(theta/2)^2 across.

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
    """Complex transfer matrix of a triangular mesh, shape (*chips, ports, ports): columns are inputs, rows outputs.

    The interferometer on ports m and m + 1 sends the fraction u^(1/(m+1)) of the light across, u uniform in 0..1, and
    has a uniform outer phase: without errors and loss that is a unitary matrix uniform by Haar's measure, but for
    phases at the outputs that no detector sees. Mesh: Reck et al., Phys. Rev. Lett. 73, 58 (1994); measure: Russell et
    al., New J. Phys. 19, 033007 (2017).
    """
    layers = max(0, 2 * ports - 3)
    like = streams.zeros(layers, ports).double()
    across = streams.uniform(FABRICATION, like) ** (0.5 / torch.arange(1, ports + 1, dtype=torch.float32))
    theta, phi = 2 * across.acos(), 2 * math.pi * streams.uniform(FABRICATION, like)
    theta = theta + config.phase_error_rad * streams.normal(FABRICATION, like)
    phi = phi + config.phase_error_rad * streams.normal(FABRICATION, like)
    first, second = (config.splitter_error_rad * streams.normal(FABRICATION, like) for _ in range(2))
    blocks = interferometer(theta, phi, first, second)
    kept = 10 ** (-config.insertion_loss_db / 20)
    light = torch.eye(ports, dtype=torch.complex128).expand(*streams.chips, ports, ports).clone()
    for layer in range(layers):
        last = min(layer, layers - 1 - layer)
        upper, lower = slice(layer % 2, last + 1, 2), slice(layer % 2 + 1, last + 2, 2)
        one, two, three, four = (kept * block[..., layer, upper, None] for block in blocks)
        above, below = light[..., upper, :], light[..., lower, :]
        light[..., upper, :], light[..., lower, :] = one * above + two * below, three * above + four * below
    return light


class MeshMedium(StandardisedMedium):
    """Drive -> amplitude of light -> mesh M -> photodetectors, standardised per detector.

    A modulator passes the amplitude a_k = sin(DAC(drive_phase_rad drive_k)), its phase saturating at +-pi/2; light of
    the reference goes into the port after the last drive, the others are dark:
    I_j = P |sqrt(reference) M_jr + sqrt((1 - reference)/d) sum_k M_jk a_k|^2 / T, with P ports, d drives and T the mean
    transmission of the ports in use, so that I has mean 1 at full drive. I gets noise of the detector and is digitised.
    It is standardised with the mean and standard deviation that each detector showed for calibration drives (normal,
    drawn at fabrication). Read modes leave the mesh as it was fabricated.
    """

    def __init__(self, in_features: int, out_features: int, config: MZIConfig, streams: Streams) -> None:
        super().__init__(in_features, out_features, streams)
        if out_features <= in_features:
            raise ValueError(f"a mesh needs more ports than its {in_features} drives, got {out_features}")
        self._config = config
        self._dac = Converter(config.dac_bits, -HALF, HALF)
        self.adc = FragileConverter(config.adc_bits, 0.0, config.full_scale)
        used = fabricate_mesh(out_features, config, streams)[..., : in_features + 1]
        transmission = used.abs().square().sum((-2, -1), keepdim=True) / used.shape[-1]
        used = used * (out_features / transmission) ** 0.5
        matrix = torch.cat([used.real, used.imag], -2).mT.float()
        fraction = (1 - config.reference) / in_features
        self.signal = nn.Buffer(matrix[..., :in_features, :] * fraction**0.5)
        self.background = nn.Buffer(matrix[..., in_features:, :] * config.reference**0.5)
        self.noise = nn.Buffer((config.detector_noise / transmission).float())
        self.alive = nn.Buffer(streams.zeros(1, out_features).add_(1))
        drives = self._drives(FABRICATION)
        self._standardise(drives, lambda part: self.shown(self.measure(part, Read.MEAN)))

    def phase(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Phases of the modulators in radians, shape (..., n, in_features), of drives of the same shape."""
        phase = drive * self._config.drive_phase_rad
        return phase.clamp_(-HALF, HALF) if read is Read.IDEAL else self._dac(phase)

    def intensity(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Noise-free light on the detectors, shape (..., n, out_features), in mean intensities at full drive."""
        field = (self.phase(drive, read).sin() @ self.signal).add_(self.background).square_()
        return (field[..., : self.out_features] + field[..., self.out_features :]).mul_(self.alive)

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        shown = self.intensity(drive, read)
        if read is Read.NOISY and self._config.detector_noise:
            shown.addcmul_(self._streams.normal(READ, shown), self.noise)
        if read is not Read.IDEAL:
            shown = self.adc(shown)
        return self.standard(shown)

    @property
    def latency(self) -> float:
        return self._config.settle_time_s

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        config, time = self._config, self.latency
        phase = self.phase(inputs).contiguous()  # a sum depends in its last digits on how its terms lie in memory
        watts = (phase + HALF).sum((-2, -1)) * (config.heater_power_w / math.pi)
        conversions = inputs.shape[-1] * config.dac_energy_j + outputs.shape[-1] * config.adc_energy_j
        return {
            "modulator": watts * time,
            "light": inputs.shape[-2] * config.laser_power_w * time,
            "converters": inputs.shape[-2] * conversions,
        }

    def faults(self) -> Faults:
        return {"dead-pixels": self._darken, "adc-bits": self.adc.limit}

    def _darken(self, fraction: Size) -> None:
        self.alive.masked_fill_(struck("dead-pixels", fraction, self.alive, self._streams), 0.0)
