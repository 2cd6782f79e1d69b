"""Units in series, tapped: the readout sees the media outputs of all units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pib_rl.agents.images import PatchGrid
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.unit import GainControl, Unit
from pib_rl.agents.objectives import Score, make_objective
from pib_rl.agents.objectives.target import Target
from pib_rl.physical.pointwise import PointwiseMedium
from pib_rl.physical.substrate import Medium, Read, Substrate

AT_ONCE = 2**18  # outputs of the widest part, of all samples and chips, that a CPU simulates together: more leave its
# cache, 1.7 times slower


class Activations:
    """One pass of n samples, on all chips.

    Args:
        h: Per unit the array's inputs, shape (*chips, n positions, in).
        z: Per unit its outputs, shape (*chips, n, positions out).
        inputs: What the readout gets, the taps and a constant 1, shape (*chips, n, tap_features + 1).
    """

    def __init__(self, h: list[Tensor], z: list[Tensor], inputs: Tensor) -> None:
        self.h, self.z, self.inputs = h, z, inputs

    @property
    def taps(self) -> Tensor:
        """Shape (*chips, n, tap_features)."""
        return self.inputs[..., :-1]


class Network(nn.Module):
    """x -> medium 1 -> array 1 -> gain control -> medium 2 -> ... -> medium L+1.

    Taps are the outputs of media 2..L+1. The encoded input, the output of medium 1, is not tapped: what the readout
    gets has passed a trainable array.

    Args:
        substrate: Makes media and arrays, of each unit what `Substrate.of_unit` gives.
        in_features: Size of the input x.
        chip: Number of units, width, patches and objective.
        target_features: Dimensions of the targets.

    Attributes:
        lookahead: Batches whose passes units may begin before the readout learns from the one at hand.

    Raises:
        ValueError: If the objective or one of its options is unknown, patches do not fit the input, or the substrate
            is a mix for another number of units, or it is ``pointwise`` and nothing is there that can be.
    """

    lookahead: int = 0

    def __init__(
        self,
        substrate: Substrate,
        in_features: int,
        chip: ChipConfig,
        *,
        target_features: int = 1,
    ) -> None:
        super().__init__()
        image = chip.image
        if chip.patches and (image is None or image.features != in_features):
            raise ValueError(f"patches need an image of {in_features} features, got {image}")
        self.in_features = in_features
        patches = [*chip.patches, *[None] * chip.units]
        substrate.check_units(len(patches))
        self.input_gain = substrate.of_unit(0).input_gain
        self.meter = substrate.meter
        self.units = nn.ModuleList()
        size, grid = in_features, image
        squares: PatchGrid | None = None
        asked = any(substrate.of_unit(index).pointwise for index in range(len(patches) + 1))
        for index, patch in enumerate(patches):
            own, behind, before = substrate.of_unit(index), substrate.of_unit(index + 1), squares
            squares = None if patch is None or grid is None else PatchGrid(grid, patch)
            outputs = chip.width if patch is None else patch.channels
            medium = _make_medium(own, size, outputs, squares, before)
            array = own.make_array(medium.out_features, outputs)
            control = GainControl(outputs, behind.drive_gain, behind.drive_offset, substrate.streams)
            size = outputs * (1 if squares is None else squares.positions)
            grid = None if squares is None else squares.after
            objective = make_objective(
                chip.objective,
                chip.objective_options,
                features=target_features,
                outputs=size,
                inputs=medium.out_features,
                streams=substrate.streams,
                grid=grid,
            )
            if squares is not None and objective.beta:
                raise ValueError(
                    f"beta must be 0 with patches, got {objective.beta}: a patch unit has no single input to "
                    "compress, but one per square"
                )
            shape = (*substrate.streams.chips, outputs, medium.out_features)
            self.units.append(Unit(medium, array, control, objective, Adam(shape), squares))
        self.chain: list[Unit] = list(self.units)  # type: ignore[arg-type]
        if asked and not any(isinstance(unit.medium, PointwiseMedium) for unit in self.chain):
            raise ValueError(
                "pointwise is of the medium behind units that look at squares of an image, and there is none on that "
                "substrate; give patches, or leave pointwise out"
            )
        self.last = substrate.of_unit(len(patches)).make_medium(size, chip.width)
        self.tap_features = sum(unit.medium.out_features for unit in self.chain[1:]) + self.last.out_features

    @property
    def patch_grids(self) -> list[PatchGrid | None]:
        """Where on an image each unit is used, in order, and none for the last medium."""
        return [*(unit.patch_grid for unit in self.chain), None]

    def measure(self, x: Tensor, read: Read = Read.NOISY) -> Activations:
        """Passes inputs x, shape (*chips, n, in_features), in standard deviations, through the hardware."""
        hs, zs, drive = self.through(self.chain, x * self.input_gain, read)
        last = self.measure_last(drive, read)
        taps = [unit.tap(h) for unit, h in zip(self.chain[1:], hs[1:], strict=True)]
        return Activations(hs, zs, torch.cat([*taps, last, last.new_ones(*last.shape[:-1], 1)], -1))

    def through(
        self, units: Sequence[Unit], drive: Tensor, read: Read = Read.NOISY
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Passes drives, shape (*chips, n, features), through neighbouring units: h and z of each, and what they drive.

        Shapes as in `Activations`; the last are drives of the next medium.
        """
        hs, zs = [], []
        for unit in units:
            inputs = unit.inputs(drive)
            hs.append(unit.medium.measure(inputs, read))
            zs.append(unit.measure(hs[-1], read))
            self._count(unit, inputs, hs[-1], zs[-1])
            drive = unit.control.drive(zs[-1])
        return hs, zs, drive

    def measure_last(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        """What the last medium makes of drives, shape (*chips, n, features): taps, shape (*chips, n, width)."""
        last = self.last.measure(drive, read)
        if self.meter.running:
            self.meter.spend(self.last.costs(drive, last))
        return last

    def portions(self, x: Tensor) -> tuple[Tensor, ...]:
        """Inputs x, shape (*chips, n, in_features), in portions that a CPU's cache holds; all at once elsewhere."""
        widest = max(self.last.out_features, *(unit.medium.out_features * unit.positions for unit in self.chain))
        rows = max(1, AT_ONCE // (widest * math.prod(x.shape[:-2])))
        return (x,) if x.device.type != "cpu" or x.shape[-2] <= rows else torch.split(x, rows, -2)

    def _count(self, unit: Unit, inputs: Tensor, h: Tensor, z: Tensor) -> None:
        """What the pass of inputs, shape (*chips, n positions, in), through a unit cost."""
        if self.meter.running:
            self.meter.read(inputs.shape[-2], unit.array.weights_held)
            self.meter.spend(unit.medium.costs(inputs, h))
            self.meter.spend(unit.array.costs(h, z.view(*inputs.shape[:-1], -1)))

    @property
    def latency(self) -> float:
        """Seconds from one input to its taps: units one after the other, positions of an image too."""
        return self.last.latency + sum(unit.latency for unit in self.chain)

    @property
    def ready(self) -> bool:
        """Whether all media can be measured; otherwise a saved state must be loaded first."""
        return self.last.ready and all(unit.medium.ready for unit in self.chain)

    def check_ready(self) -> None:
        """Has a medium that can't be measured say why, by its own error; nothing happens where all can."""
        for medium in (*(unit.medium for unit in self.chain), self.last):
            if not medium.ready:
                medium.measure(torch.zeros(1, medium.in_features, dtype=torch.float32))

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        """Least and largest value that each tap can have, each of shape (tap_features,); infinite where unknown."""
        media = [*(unit.medium for unit in self.chain[1:]), self.last]
        low, high = zip(*(medium.bounds(read) for medium in media), strict=True)
        return torch.cat(low, -1), torch.cat(high, -1)

    def calibrate(self, x: Tensor) -> None:
        """Sets converters of every array and every gain control from a batch x, unit by unit, front to back."""
        self.calibrate_units(self.chain, x * self.input_gain)

    def calibrate_units(self, units: Sequence[Unit], drive: Tensor) -> Tensor:
        """The same for neighbouring units, from drives, shape (*chips, n, features); what they drive then."""
        for unit in units:
            inputs = unit.inputs(drive)
            h = unit.medium.measure(inputs)
            self.meter.read(unit.array.recalibrate(h), unit.array.weights_held)
            z = unit.measure(h)
            self._count(unit, inputs, h, z)
            unit.control.track(z, 1.0)
            drive = unit.control.drive(z)
        return drive

    def recalibrate(self, x: Tensor) -> None:
        """Sets detectors of media, then every gain control, again, as after a fault, from a batch x as `calibrate`."""
        self.recalibrate_media([*(unit.medium for unit in self.chain), self.last])
        self.calibrate(x)

    def recalibrate_media(self, media: Sequence[Medium]) -> None:
        """Sets the detectors of these media again."""
        for medium in media:
            self.meter.read(medium.recalibrate())

    def update_units(
        self,
        measured: Activations,
        target: Target,
        rate: float,
        track: float,
        plastic: float = 1.0,
        limit: float | None = None,
        patches: float = 1.0,
    ) -> list[Score]:
        """Every unit takes one step by itself, see `Unit.update`; the order of units does not matter.

        ``track`` is the fraction by which the gain controls move towards what was measured, ``patches`` that of the
        rate which arrays of squares take.
        """
        return update_units(self.chain, measured, target, rate, track, plastic, limit, patches)


def _make_medium(
    own: Substrate, size: int, outputs: int, squares: PatchGrid | None, before: PatchGrid | None
) -> Medium:
    """The medium of a unit for ``size`` drives: of one square, of all at once, or of one place after the other.

    ``squares`` are those that the unit looks at, ``before`` those of the unit in front of it.
    """
    if squares is not None:
        return own.make_medium(squares.fan_in, outputs)
    if before is not None and own.pointwise:
        channels = before.after.channels
        return PointwiseMedium(own.make_medium(channels, channels), before.positions)
    return own.make_medium(size, outputs)


def update_units(
    units: Sequence[Unit],
    measured: Activations,
    target: Target,
    rate: float,
    track: float,
    plastic: float = 1.0,
    limit: float | None = None,
    patches: float = 1.0,
) -> list[Score]:
    """`Network.update_units` of some units; ``measured`` holds h and z of these alone."""
    scores = []
    for unit, h, z in zip(units, measured.h, measured.z, strict=True):
        scores.append(unit.update(h, z, target, unit.own_rate(rate, patches), plastic, limit))
        unit.control.track(z, track)
    return scores
