"""Step response: all devices go up to the end of their range, pulse by pulse, and down again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pib_rl.characterisation.capabilities import PulseDriven
from pib_rl.characterisation.measurement import Measurement, plot_band, plot_few
from pib_rl.characterisation.test_chip import TestChip
from pib_rl.common.palette import RED

POINTS = 64  # writes to each side that are measured, at most; devices of more states get several pulses a time
WRITE = 0.1  # sigma_0 that a write asks for where an array takes no pulses
FEWEST, MOST_PULSES, MOST_WRITES = 8, 2**15, 128
FLAT = 0.05  # a range is crossed when the last quarter of a way makes less than this fraction of it
SEEN = 4096  # weights that are measured, at most
STUCK = 0.02  # of the mean range: a device that moves less is stuck

Push = Callable[[int], None]


@dataclass(frozen=True)
class StepResponse(Measurement):
    """Weights after every train of pulses upwards, and then downwards."""

    name: ClassVar[str] = "step_response"
    title: ClassVar[str] = "Step response: up, then down"

    up: Tensor  # weights in sigma_0 from the lowest state on, shape (points + 1, weights)
    down: Tensor  # the same from the highest one on
    train: int  # pulses of each train
    unit: str  # what moves the devices: "pulses" or "writes of 0.1 sigma_0"
    bounded: bool  # the end of the range was reached

    @classmethod
    def measure(cls, chip: TestChip) -> StepResponse | None:
        """Sends all devices down, then up and down again; None if nothing moves."""
        array = chip.array

        pulsed = isinstance(array, PulseDriven)

        def push(steps: int) -> None:
            if isinstance(array, PulseDriven):
                array.pulse(torch.full_like(array.weights(), steps))
                array.settle()
            else:
                array.program(torch.full_like(array.weights(), steps * WRITE * chip.sigma))

        def read_weights() -> Tensor:
            return array.weights().flatten()[:SEEN] / chip.sigma

        with chip.bench():
            total, bounded = pulses_across(push, read_weights, MOST_PULSES if pulsed else MOST_WRITES, pulsed)
            train = max(1, total // POINTS)
            record(push, read_weights, -train, total // train)
            up, down = (record(push, read_weights, sign * train, total // train) for sign in (1, -1))
        if not (up[-1] - up[0]).mean() > 0:
            return None
        return cls(up, down, train, "pulses" if pulsed else f"writes of {WRITE} $\\sigma_0$", bounded)

    def numbers(self) -> dict[str, Any]:
        span = self.up[-1] - self.up[0]
        moving = span > STUCK * span.mean()
        rising, falling = (self._middle(way[:, moving]) for way in (self.up, -self.down))
        mean_up, mean_down = rising.mean().item(), falling.mean().item()
        total = mean_up + mean_down
        mean = self.up[:, moving].mean(1)
        line = torch.linspace(mean[0].item(), mean[-1].item(), len(mean), dtype=torch.float32)
        return {
            "unit": self.unit,
            "pulses_each_way": self.train * (len(self.up) - 1),
            "pulses_per_point": self.train,
            "range_reached": self.bounded,
            "low_sigma0": self.up[0, moving].mean().item(),
            "high_sigma0": self.up[-1, moving].mean().item(),
            "range_spread": (span[moving].std() / span[moving].mean()).item(),
            "step_up_sigma0": mean_up / self.train,
            "step_down_sigma0": mean_down / self.train,
            "step_spread": (rising.mean(0).std() / mean_up).item(),
            "step_scatter": (rising.std(0).mean() / mean_up).item(),
            "asymmetry": (mean_up - mean_down) / total if total else 0.0,
            "nonlinearity": ((mean - line).abs().max() / (mean[-1] - mean[0])).item(),
            "not_moving": 1 - moving.float().mean().item(),
        }

    def _middle(self, way: Tensor) -> Tensor:
        """Changes per train on the way through the middle fifth of the range, shape (trains, weights).

        There devices of a small range stand at its end least often.
        """
        mean = way.mean(1)
        fraction = (mean - mean[0]) / (mean[-1] - mean[0])
        inside = (fraction[1:] > 0.4) & (fraction[:-1] < 0.6)
        first, last = int(inside.nonzero()[0]), int(inside.nonzero()[-1])
        return way.diff(dim=0)[first : max(last, first + 1) + 1]

    def rows(self) -> list[tuple[str, str]]:
        found = self.numbers()
        ends = f"{found['low_sigma0']:.2f} to {found['high_sigma0']:.2f} sigma_0"
        reach = f"{ends}, spread {100 * found['range_spread']:.0f} %" if self.bounded else "no end found"
        return [
            ("range of the weights", reach),
            (
                f"step up, down, a {'pulse' if self.unit == 'pulses' else 'write'}",
                f"{found['step_up_sigma0']:.3g}, {found['step_down_sigma0']:.3g} sigma_0",
            ),
            ("steps, spread over devices", f"{100 * found['step_spread']:.0f} %"),
            ("devices that do not move", f"{100 * found['not_moving']:.2f} %"),
        ]

    def labels(self) -> list[tuple[str, str]]:
        return [(self.unit, "weight [$\\sigma_0$]")]

    def plot(self, axes: list[Any]) -> None:
        both = torch.cat([self.up, self.down[1:]])
        across = [self.train * point for point in range(len(both))]
        plot_band(axes[0], across, both, "devices")
        plot_few(axes[0], across, both, "single devices", "0.35")
        axes[0].axvline(across[len(self.up) - 1], color=RED, linewidth=0.8, linestyle=":")


def pulses_across(push: Push, read_weights: Callable[[], Tensor], most: int, trains: bool) -> tuple[int, bool]:
    """How many pulses cross the range, a power of 2, and whether they do (or ``most`` are too few).

    With ``trains`` they are sent an eighth of the way at a time, not one by one.
    """
    total = FEWEST
    while True:
        train = total // FEWEST if trains else 1
        record(push, read_weights, -train, total // train)
        mean = record(push, read_weights, train, total // train).mean(1)
        late = mean[-1 - total // train // 4]
        crossed = bool(mean[-1] - late <= FLAT * (mean[-1] - mean[0]))
        if crossed or total >= most:
            return total, crossed
        total *= 2


def record(push: Push, read_weights: Callable[[], Tensor], train: int, points: int) -> Tensor:
    """Weights before and after each of so many trains, shape (points + 1, weights)."""
    states = [read_weights().clone()]
    for _ in range(points):
        push(train)
        states.append(read_weights().clone())
    return torch.stack(states)
