"""Units in series, tapped: the readout sees the media outputs of all units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pib_rl.agents.images import Grid, Layout, Patch
from pib_rl.agents.network.optimisers import Adam, SignalGatedAdam
from pib_rl.agents.network.unit import GainControl, Unit
from pib_rl.agents.objectives import Score, make_objective
from pib_rl.agents.objectives.target import Target
from pib_rl.physical.substrate import Read, Substrate


class Activations(NamedTuple):
    """One pass of n samples.

    Per unit the array's inputs h, shape (n positions, in), and the unit's output z, shape (n, positions out); and the
    taps, shape (n, tap_features).
    """

    h: list[Tensor]
    z: list[Tensor]
    taps: Tensor


class Network(nn.Module):
    """x -> medium 1 -> array 1 -> gain control -> medium 2 -> ... -> medium L+1.

    Taps are the outputs of media 2..L+1. The encoded input, the output of medium 1, is not tapped: what the readout
    gets has passed a trainable array.

    Args:
        substrate: Makes media and arrays.
        in_features: Size of the input x.
        width: Outputs of each array.
        units: Number of units L.
        objective: Name of the objective.
        target_features: Dimensions of the targets.
        options: Keyword arguments of the objective.
        optimiser: Local optimiser of each array.
        patches: Units that look at squares of an image, in front of the ``units`` others; one array each.
        image: The image that they look at; its features are the input.

    Raises:
        ValueError: If a size is not positive or the objective is unknown.
    """

    def __init__(
        self,
        substrate: Substrate,
        in_features: int,
        width: int,
        units: int,
        *,
        objective: str = "gaussian",
        target_features: int = 1,
        options: dict[str, Any] | None = None,
        optimiser: type[Adam] = SignalGatedAdam,
        patches: Sequence[Patch] = (),
        image: Grid | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("units", units), ("in_features", in_features)):
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        if patches and (image is None or image.features != in_features):
            raise ValueError(f"patches need an image of {in_features} features, got {image}")
        self.in_features = in_features
        self.input_gain = substrate.input_gain
        self.meter = substrate.meter
        self.units = nn.ModuleList()
        size, grid = in_features, image
        for patch in [*patches, *[None] * units]:
            layout = None if patch is None or grid is None else Layout(grid, patch)
            outputs = width if patch is None else patch.channels
            medium = substrate.make_medium(size if layout is None else layout.fan_in, outputs)
            array = substrate.make_array(medium.out_features, outputs)
            control = GainControl(outputs, substrate.drive_gain, substrate.drive_offset, substrate.streams)
            size = outputs * (1 if layout is None else layout.positions)
            grid = None if layout is None else layout.after
            goal = make_objective(
                objective, options or {}, features=target_features, outputs=size, streams=substrate.streams, grid=grid
            )
            if layout is not None and goal.beta:
                raise ValueError(
                    f"beta must be 0 with patches, got {goal.beta}: a patch unit has no single input to "
                    "compress, but one per square"
                )
            unit = Unit(medium, array, control, goal, optimiser((outputs, medium.out_features)), layout)
            self.units.append(unit)
        self.last = substrate.make_medium(size, width)
        self.tap_features = sum(unit.medium.out_features for unit in self.chain[1:]) + self.last.out_features

    @property
    def layouts(self) -> list[Layout | None]:
        """The layouts of all units in order, and none for the last medium."""
        return [*(unit.layout for unit in self.chain), None]

    @property
    def chain(self) -> list[Unit]:
        """The units in order."""
        return [unit for unit in self.units if isinstance(unit, Unit)]

    def measure(self, x: Tensor, read: Read = Read.NOISY) -> Activations:
        """Passes inputs x, shape (n, in_features), in standard deviations, through the hardware."""
        hs, zs, drive = [], [], x * self.input_gain
        for unit in self.chain:
            inputs = unit.inputs(drive)
            hs.append(unit.medium.measure(inputs, read))
            zs.append(unit.measure(hs[-1], read))
            self._count(unit, inputs, hs[-1], zs[-1])
            drive = unit.control.drive(zs[-1])
        last = self.last.measure(drive, read)
        self.meter.spend(self.last.costs(drive, last))
        taps = [unit.tap(h) for unit, h in zip(self.chain[1:], hs[1:], strict=True)]
        return Activations(hs, zs, torch.cat([*taps, last], 1))

    def _count(self, unit: Unit, inputs: Tensor, h: Tensor, z: Tensor) -> None:
        """What the pass of inputs, shape (n positions, in), through a unit cost."""
        if self.meter.running:
            self.meter.read(len(inputs), unit.array.weights_held)
            self.meter.spend(unit.medium.costs(inputs, h))
            self.meter.spend(unit.array.costs(h, z.view(len(inputs), -1)))

    @property
    def latency(self) -> float:
        """Seconds from one input to its taps: units one after the other, positions of an image too."""
        return self.last.latency + sum(unit.latency for unit in self.chain)

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """Least and largest value that each tap can have, each of shape (tap_features,); infinite where unknown."""
        media = [*(unit.medium for unit in self.chain[1:]), self.last]
        low, high = zip(*(medium.bounds(read) for medium in media), strict=True)
        return torch.cat(low), torch.cat(high)

    def calibrate(self, x: Tensor) -> None:
        """Sets converters of every array and every gain control from a batch x, unit by unit, front to back."""
        drive = x * self.input_gain
        for unit in self.chain:
            inputs = unit.inputs(drive)
            h = unit.medium.measure(inputs)
            self.meter.read(unit.array.recalibrate(h), unit.array.weights_held)
            z = unit.measure(h)
            self._count(unit, inputs, h, z)
            unit.control.track(z, 1.0)
            drive = unit.control.drive(z)

    def recalibrate(self, x: Tensor) -> None:
        """Sets detectors of media, then every gain control, anew, as after a fault, from a batch x as `calibrate`."""
        for medium in [*(unit.medium for unit in self.chain), self.last]:
            self.meter.read(medium.recalibrate())
        self.calibrate(x)

    def learn(
        self,
        seen: Activations,
        target: Target,
        rate: float,
        track: float,
        plastic: float = 1.0,
        limit: float | None = None,
    ) -> list[Score]:
        """Every unit takes one step by itself, in parallel in spirit: no order matters.

        Args:
            seen: What was measured for n samples just now.
            target: Targets of the same samples.
            rate: Learning rate.
            track: Share by which the gain controls move towards this batch.
            plastic: Share of each unit's outputs that learn.
            limit: Root mean square of a unit's outputs beyond which they are drawn back; None for none.
        """
        scores = []
        for unit, h, z in zip(self.chain, seen.h, seen.z, strict=True):
            scores.append(unit.learn(h, z, target, rate, plastic, limit))
            unit.control.track(z, track)
        return scores
