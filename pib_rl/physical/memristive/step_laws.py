"""Step laws of pulsed devices: by how much one programming pulse moves a weight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

TINY = 1e-12  # stands for an end of the range that is 0, where no pulse goes downwards


class Population(NamedTuple):
    """What was drawn for each device, in units of weight, all of the shape of the weights."""

    high: Tensor  # largest weight
    low: Tensor  # smallest weight
    up: Tensor  # mean step of a pulse upwards at weight 0
    down: Tensor  # mean step of a pulse downwards at weight 0, positive
    bend_up: Tensor  # fraction by which the upward step falls from weight 0 to the upper end (linear law)
    bend_down: Tensor  # the same downwards

    def at(self, where: Tensor) -> Population:
        """The devices at flat indices ``where``."""
        return Population(*(values.flatten()[where] for values in self))


class StepLaw(ABC):
    """The mean step of one pulse as a function of the weight."""

    @abstractmethod
    def step(self, weight: Tensor, up: Tensor, devices: Population) -> Tensor:
        """Signed mean change of weight by one pulse.

        Args:
            weight: Weights before the pulse, in units of weight.
            up: Truth values: pulses upwards; the others go downwards.
            devices: Drawn parameters, of the shape of ``weight``.
        """


@dataclass(frozen=True)
class LinearStep(StepLaw):
    """Steps that fall linearly with the weight: dw = up (1 - b w/W) upwards, dw = -down (1 - b' w/W') downwards.

    W and W' are the ends of the range: each device's own, or those of the mean device. b = 0 gives constant steps, b =
    1 with each device's own ends the soft bounds, at which steps vanish.

    Source: the laws ``LinearStep`` and ``SoftBounds`` of aihwkit (Rasch et al., arXiv 2104.02184).
    """

    bend_up: float = 0.0  # mean b
    bend_down: float = 0.0  # mean b'
    bend_spread: float = 0.0  # standard deviation of b and b' over devices
    own_ends: bool = False  # each device's own ends; otherwise those of the mean device
    ends: tuple[float, float] = (-1.0, 1.0)  # smallest and largest weight of the mean device

    def step(self, weight: Tensor, up: Tensor, devices: Population) -> Tensor:
        low, high = (devices.low, devices.high) if self.own_ends else self.ends
        upwards = devices.up * (1 - devices.bend_up * weight / high)
        downwards = devices.down * (1 - devices.bend_down * weight / low)
        return upwards.where(up, -downwards)


@dataclass(frozen=True)
class ExponentialStep(StepLaw):
    """Steps that fall exponentially with the weight.

    With x = 2 a w/(W_max - W_min) + b: dw = up max(0, 1 - A exp(gamma x)) upwards and
    dw = -down max(0, 1 - A' exp(-gamma' x)) downwards.

    Source: the law ``ExpStep`` of aihwkit; its use for ReRAM: Gong et al., Nat. Commun. 9:2102 (2018).
    """

    gamma_up: float  # gamma
    gamma_down: float  # gamma'
    offset_up: float  # A; negative for steps that are larger than ``up`` at low weights
    offset_down: float  # A'
    slope: float  # a
    shift: float  # b

    def step(self, weight: Tensor, up: Tensor, devices: Population) -> Tensor:
        x = 2 * self.slope * weight / (devices.high - devices.low) + self.shift
        upwards = devices.up * (1 - self.offset_up * (self.gamma_up * x).exp()).clamp(min=0)
        downwards = devices.down * (1 - self.offset_down * (-self.gamma_down * x).exp()).clamp(min=0)
        return upwards.where(up, -downwards)


@dataclass(frozen=True)
class PowerStep(StepLaw):
    """Steps that fall as a power of the distance to the end of the range.

    dw = up ((W - w)/W)^gamma upwards and dw = -down ((W' - w)/W')^gamma' downwards, with each device's own ends W > 0
    and W' < 0. A power of 0 gives constant steps, 1 the soft bounds.

    Source: the law ``PowStep`` of aihwkit (Rasch et al., arXiv 2104.02184), scaled so that ``up`` and ``down`` are the
    steps at weight 0, as in the other laws.
    """

    gamma_up: float  # gamma
    gamma_down: float  # gamma'

    def step(self, weight: Tensor, up: Tensor, devices: Population) -> Tensor:
        above = ((devices.high - weight) / devices.high).clamp(min=0)
        below = ((devices.low - weight) / devices.low.clamp(max=-TINY)).clamp(min=0)
        return (devices.up * above.pow(self.gamma_up)).where(up, -devices.down * below.pow(self.gamma_down))


@dataclass(frozen=True)
class PiecewiseStep(StepLaw):
    """Steps given by a table, with straight lines between its points: for devices that follow no formula.

    dw = up t(x) upwards and dw = -down t'(x) downwards, where x = (w - W')/(W - W') goes from 0 to 1 over each device's
    own range W'..W. The points of a table are equally spaced, the first at x = 0 and the last at x = 1.

    Source: the law ``PiecewiseStep`` of aihwkit (Rasch et al., arXiv 2104.02184).
    """

    steps_up: tuple[float, ...]  # t, relative to ``up``
    steps_down: tuple[float, ...]  # t', relative to ``down``

    def step(self, weight: Tensor, up: Tensor, devices: Population) -> Tensor:
        place = ((weight - devices.low) / (devices.high - devices.low)).clamp(0, 1)
        upwards, downwards = (self._read(table, place) for table in (self.steps_up, self.steps_down))
        return (devices.up * upwards).where(up, -devices.down * downwards)

    @staticmethod
    def _read(table: tuple[float, ...], place: Tensor) -> Tensor:
        values = place.new_tensor(table)
        exact = place * (len(table) - 1)
        left = exact.floor().clamp(max=len(table) - 2)
        start = values[left.long()]
        return start + (exact - left) * (values[left.long() + 1] - start)
