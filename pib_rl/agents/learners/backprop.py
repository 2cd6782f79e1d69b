"""Backpropagation through a digital twin: measured forward, modelled backward."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.agents.learners.adam import GradientLearner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.twins import Parameter, make_twin
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations


@dataclass(frozen=True)
class TwinOptions:
    """How wrong the twin is.

    Args:
        twin_error: Relative rms error of all the twin's parameters, of media and of weights, drawn once.
        twin_drift: Relative rms distance of the media from the twin's at the end of the training; it grows linearly
            with progress.

    Raises:
        ValueError: If a value is negative or not finite.
    """

    twin_error: float = 0.0
    twin_drift: float = 0.0

    def __post_init__(self) -> None:
        for name in ("twin_error", "twin_drift"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"backprop's {name} must be a number >= 0, got {value}")


@dataclass(frozen=True)
class OffOptions(TwinOptions):
    """A twin that is wrong from the start."""

    twin_error: float = 0.2


@dataclass(frozen=True)
class StaleOptions(TwinOptions):
    """A twin that was right once."""

    twin_drift: float = 0.2


class NetworkTwin(nn.Module):
    """The way back from the readout's outputs to the outputs z of every unit.

    With g = dL/do, the taps receive g W_readout. The output of medium l+1 receives its own tap's part and, through
    the array behind it, W^T of what arrives there; then the medium's twin, then drive = gain ((z - m)/s + b), which is
    digital and known: dL/dz = gain/s dL/ddrive. Converters count as the identity; the statistics m and s as constants.

    Args:
        model: What it is the twin of, as it is now.
    """

    def __init__(self, model: PhysicalModel) -> None:
        super().__init__()
        chain, streams = model.network.chain, model.streams
        media = [unit.medium for unit in chain[1:]] + [model.network.last]
        self.sizes = [medium.out_features for medium in media]
        self.media = [make_twin(medium, streams) for medium in media]
        self.arrays = [
            Parameter(array.weights(), streams) for array in (*(unit.array for unit in chain), model.readout.array)
        ]
        self.parts = nn.ModuleList([*self.media, *self.arrays])

    def pull(
        self, model: PhysicalModel, measured: Activations, gradient: Tensor, weights: list[Tensor], error: float
    ) -> list[Tensor]:
        """dL/dz of every unit, shape (n, out_features) each.

        Args:
            model: What it is the twin of.
            measured: Its operating point: what was measured for the n samples.
            gradient: dL/do, shape (n, outputs).
            weights: The weights to go back through: hidden arrays in order, then the readout with its bias.
            error: Relative rms error of the media.
        """
        *hidden, readout = weights
        taps = torch.split(gradient @ readout[:, :-1], self.sizes, 1)
        slopes: list[Tensor] = []
        arriving = torch.zeros_like(taps[-1])
        for index in range(len(hidden) - 1, -1, -1):
            control, z = model.network.chain[index].control, measured.z[index]
            drive, tap = control.drive(z), taps[index]
            patch_grid = model.network.patch_grids[index + 1]
            if patch_grid is not None:
                drive, tap = (
                    patch_grid.cut(drive),
                    (tap / patch_grid.positions).repeat_interleave(patch_grid.positions, 0),
                )
            slope = self.media[index].pull(drive, tap + arriving, error)
            slope = (slope if patch_grid is None else patch_grid.join(slope)) * (control.gain / control.std)
            slopes.insert(0, slope)
            arriving = slope.reshape(-1, hidden[index].shape[0]) @ hidden[index]
        return slopes


class Backprop(GradientLearner):
    """Physics-aware training with an exact twin: the upper limit, and a crutch that no hardware offers.

    The forward pass is measured, the backward pass is computed: closed-form derivatives of the media at the measured
    operating point, and the arrays' weights read afresh at every step. No chip can be read out that exactly, and
    reading is not metered.

    Source: Wright et al., Nature 601, 549 (2022).
    """

    Options: ClassVar[type] = TwinOptions
    defaults: ClassVar[dict[str, Any]] = {"hidden_rate": 1e-3, "track": 1e-3}

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        super().__init__(model, config, options)
        self.twin = NetworkTwin(model).to(model.device)
        self.memory["twin"] = self.twin

    def weights(self) -> list[Tensor]:
        """What the twin takes for the weights: hidden arrays in order, those of dead units 0, then the readout."""
        read = [
            *(unit.array.weights() * unit.alive for unit in self.model.network.chain),
            self.model.readout.array.weights(),
        ]
        return [own.of(weight, self.options.twin_error) for own, weight in zip(self.twin.arrays, read, strict=True)]

    def hidden_gradients(self, measured: Activations, gradient: Tensor, progress: float) -> list[Tensor]:
        error = self.options.twin_error + self.options.twin_drift * progress
        return self.twin.pull(self.model, measured, gradient, self.weights(), error)


class BackpropOff(Backprop):
    """Backpropagation through a twin whose every parameter is wrong by a fixed 20 %, each by its own draw."""

    Options: ClassVar[type] = OffOptions


class BackpropStale(Backprop):
    """Backpropagation through a twin that was exact at fabrication and is never measured again.

    Media: the chip is taken to drift away from it in one random direction per parameter, at a constant speed, by
    ``twin_drift`` at the end of the training. The simulator has no drift yet, so it is the twin that moves; only their
    distance matters to the backward pass. Weights: the initial ones plus all changes that were ever asked for. What
    the devices made of them (write noise, step size, bounds, stuck devices) is never read back.
    """

    Options: ClassVar[type] = StaleOptions

    def weights(self) -> list[Tensor]:
        return [own.believed(self.options.twin_error) for own in self.twin.arrays]

    def on_hidden_step(self, changes: list[Tensor]) -> None:
        for own, change in zip(self.twin.arrays, changes, strict=False):
            own.exact.add_(change)

    def on_readout_step(self, change: Tensor) -> None:
        self.twin.arrays[-1].exact.add_(change)
