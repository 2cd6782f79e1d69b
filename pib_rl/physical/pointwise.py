"""A medium that sees one place of an image after the other."""

from __future__ import annotations

from torch import Tensor

from pib_rl.physical.part import Costs, Faults, Size
from pib_rl.physical.substrate import Medium, Read


class PointwiseMedium(Medium):
    """One and the same medium for all places of an image: h = [medium(drives of place 1), medium(of place 2), ...].

    A camera that sees all places at once shows them mixed, and a readout can't tell what lies side by side. Here each
    place has its own exposure, and the readout gets all of them. Drives and outputs lie place by place. The name is
    that of the pointwise convolution (kernels of 1 x 1 pixel): Chollet, arXiv 1610.02357.

    Args:
        point: What each place sees.
        positions: Number of places.
    """

    def __init__(self, point: Medium, positions: int) -> None:
        super().__init__(point.in_features * positions, point.out_features * positions)
        self.point = point
        self.positions = positions
        self.shows, self.shown_unit = point.shows, point.shown_unit  # type: ignore[misc]

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        return self._join(self.point.measure(self.cut(drive), read))

    def cut(self, drive: Tensor) -> Tensor:
        """Drives of the places, shape (..., n positions, in), of those of all, shape (..., n, positions in)."""
        return drive.reshape(*drive.shape[:-2], -1, self.point.in_features)

    def _cut_outputs(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(*outputs.shape[:-2], -1, self.point.out_features)

    def _join(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(*outputs.shape[:-2], -1, self.out_features)

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        low, high = (edge.repeat(*[1] * (edge.ndim - 1), self.positions) for edge in self.point.bounds(read))
        return low, high

    @property
    def ready(self) -> bool:
        return self.point.ready

    def shown(self, outputs: Tensor) -> Tensor:
        return self._join(self.point.shown(self._cut_outputs(outputs)))

    def recalibrate(self) -> int:
        return self.point.recalibrate()

    @property
    def latency(self) -> float:
        return self.positions * self.point.latency

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        return self.point.costs(self.cut(inputs), self._cut_outputs(outputs))

    def age(self, seconds: Size) -> None:
        self.point.age(seconds)

    def faults(self) -> Faults:
        return self.point.faults()
