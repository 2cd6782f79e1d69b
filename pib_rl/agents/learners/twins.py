"""Digital twins of media: models with closed-form vector-Jacobian products, for training by backpropagation.

The only place that knows what is inside a medium. A twin keeps parameters of its own, copied when it is made, so that
it may be wrong: theta = theta_0 (1 + error e) with e normal, drawn once per parameter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.digital import TanhMedium
from pib_rl.physical.memristive.activation import ActivationMedium
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.scattering import ScatteringMedium
from pib_rl.physical.optical.slm import PhaseModulator
from pib_rl.physical.pointwise import PointwiseMedium
from pib_rl.physical.substrate import Medium


class Parameter(nn.Module):
    """One parameter of a twin: its value when the twin was made, and in which direction it is wrong.

    Args:
        value: Any shape; copied.
        streams: The direction comes from ``fabrication``, aside from all that chips draw.
    """

    exact: Tensor
    direction: Tensor

    def __init__(self, value: Tensor, streams: Streams) -> None:
        super().__init__()
        with streams.aside("twin"):
            direction = streams.normal(FABRICATION, torch.zeros(value.shape, dtype=torch.float32))
        self.register_buffer("exact", value.clone())
        self.register_buffer("direction", direction.to(value.device))

    def believed(self, error: float) -> Tensor:
        """The value at a relative rms error."""
        return self.of(self.exact, error)

    def of(self, value: Tensor, error: float) -> Tensor:
        """Another value of the same shape, wrong in the same direction."""
        return value * (1 + error * self.direction) if error else value


class MediumTwin(nn.Module, ABC):
    """A differentiable model of one medium."""

    @abstractmethod
    def pull(self, drive: Tensor, gradient: Tensor, error: float) -> Tensor:
        """dL/ddrive, shape (n, in_features), from dL/dh, shape (n, out_features), at drives, shape (n, in_features).

        ``error`` is the relative rms error of the twin's parameters.
        """


class ActivationTwin(MediumTwin):
    """h = tanh(a drive + b), element by element: dh/ddrive = a (1 - h^2), with a and b of shape (features,)."""

    def __init__(self, gain: Tensor, offset: Tensor, streams: Streams) -> None:
        super().__init__()
        self.gain = Parameter(gain, streams)
        self.offset = Parameter(offset, streams)

    def pull(self, drive: Tensor, gradient: Tensor, error: float) -> Tensor:
        gain = self.gain.believed(error)
        h = torch.addcmul(self.offset.believed(error), drive, gain).tanh_()
        return gradient * gain * (1 - h.square())


class ScatteringTwin(MediumTwin):
    """h = c (min(|T e + r|^2, I_max) - mean) with e = exp(i phi), phi = range tanh(gain drive), r the reference.

    With I = u^2 + v^2 the chain is dI = 2 (u du + v dv), du and dv linear in (cos phi, sin phi), and
    dphi = range gain (1 - tanh^2) ddrive. A pixel beyond full scale has slope 0. The error falls on the contrast c,
    not on the standard deviation 1/c: one drawn near 0 would let one pixel drown all others.

    Args:
        real: Real part of T per drive, shape (in, out).
        imaginary: Imaginary part, same shape.
        background: r: real parts, then imaginary parts, shape (2 out,).
        contrast: c, the inverse standard deviation of each camera pixel, shape (out,).
        config: Phase law and full scale.
        streams: Named random streams.
    """

    def __init__(
        self,
        real: Tensor,
        imaginary: Tensor,
        background: Tensor,
        contrast: Tensor,
        config: OpticalConfig,
        streams: Streams,
    ) -> None:
        super().__init__()
        self.real = Parameter(real, streams)
        self.imaginary = Parameter(imaginary, streams)
        self.background = Parameter(background, streams)
        self.contrast = Parameter(contrast, streams)
        self.config = config

    def pull(self, drive: Tensor, gradient: Tensor, error: float) -> Tensor:
        config = self.config
        real, imaginary = self.real.believed(error), self.imaginary.believed(error)
        matrix = torch.cat([torch.cat([real, imaginary], 1), torch.cat([-imaginary, real], 1)], 0)
        bend = (drive * config.phase_gain).tanh_()
        phase = bend * config.phase_range_rad
        cosine, sine = phase.cos(), phase.sin()
        field = torch.addmm(self.background.believed(error), torch.cat([cosine, sine], 1), matrix)
        u, v = field.chunk(2, 1)
        below = u.square() + v.square() <= config.full_scale
        slope = 2 * gradient * self.contrast.believed(error) * below
        by_cosine, by_sine = (torch.cat([slope * u, slope * v], 1) @ matrix.T).chunk(2, 1)
        slope = cosine * by_sine - sine * by_cosine
        return slope * (1 - bend.square()) * (config.phase_range_rad * config.phase_gain)


class PointwiseTwin(MediumTwin):
    """The same twin for every place of an image.

    Args:
        point: Twin of the medium that each place sees.
        in_features, out_features: Sizes of that medium.
    """

    def __init__(self, point: MediumTwin, in_features: int, out_features: int) -> None:
        super().__init__()
        self.point = point
        self.sizes = in_features, out_features

    def pull(self, drive: Tensor, gradient: Tensor, error: float) -> Tensor:
        inner, outer = self.sizes
        return self.point.pull(drive.reshape(-1, inner), gradient.reshape(-1, outer), error).view(drive.shape)


Maker = Callable[[Any, Streams], MediumTwin]
TWINS: dict[type[Medium], Maker] = {}
M = TypeVar("M", bound=Maker)


def twin_of(kind: type[Medium]) -> Callable[[M], M]:
    """Decorator: registers what makes the twin of a medium of exactly this class."""

    def add(maker: M) -> M:
        TWINS[kind] = maker
        return maker

    return add


def make_twin(medium: Medium, streams: Streams) -> MediumTwin:
    """The twin of a medium, as the medium is now; ValueError if there is none for its class."""
    maker = TWINS.get(type(medium))
    if maker is None:
        raise ValueError(
            f"backprop needs a digital twin of {type(medium).__name__}; register one with "
            "pib_rl.agents.learners.twins.twin_of"
        )
    return maker(medium, streams)


@twin_of(TanhMedium)
def _tanh(medium: TanhMedium, streams: Streams) -> MediumTwin:
    return ActivationTwin(
        torch.ones(medium.in_features, dtype=torch.float32),
        torch.zeros(medium.in_features, dtype=torch.float32),
        streams,
    )


@twin_of(ActivationMedium)
def _activation(medium: ActivationMedium, streams: Streams) -> MediumTwin:
    return ActivationTwin(medium.gain, medium.offset, streams)


@twin_of(ScatteringMedium)
def _scattering(medium: ScatteringMedium, streams: Streams) -> MediumTwin:
    assert isinstance(medium.modulator, PhaseModulator)
    real, imaginary = medium.modulator.parts(medium.folded)
    return ScatteringTwin(real, imaginary, medium.background, 1 / medium.scale, medium._config, streams)


@twin_of(PointwiseMedium)
def _pointwise(medium: PointwiseMedium, streams: Streams) -> MediumTwin:
    return PointwiseTwin(make_twin(medium.point, streams), medium.point.in_features, medium.point.out_features)
