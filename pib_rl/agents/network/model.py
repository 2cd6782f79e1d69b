"""Inputs -> units -> readout on one substrate: what learns from data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.agents.images import Grid, Patch
from pib_rl.agents.network.network import Network
from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.network.on_hardware import OnHardware
from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.readout import Readout
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read

CALIBRATION_SAMPLES = 1024


class PhysicalModel(OnHardware, nn.Module):
    """Vectors in, outputs of a readout out. Like a policy it is all buffers: chip, weights, optimisers, statistics.

    Args:
        in_features: Size of an input.
        outputs: Outputs of the readout.
        hw: Name of a substrate.
        hw_options: Values of the substrate's configuration that differ from its default.
        width: Outputs of each unit.
        units: Number of units.
        objective: Name of the units' objective.
        objective_options: Its keyword arguments.
        target_features: Dimensions of the targets.
        target_inputs: Give the network an input per output behind its own ones, for an answer; 0 but for learners that
            compare answers.
        common: One mean and deviation for all input features.
        patches: Units that look at squares of an image, in front of the others.
        image: The image that they look at.
        seed: Seed of fabrication and of all noise.

    Raises:
        ValueError: If a name is unknown or a size is not positive.
    """

    def __init__(
        self,
        in_features: int,
        outputs: int,
        *,
        hw: str = "digital",
        hw_options: dict[str, Any] | None = None,
        width: int = 128,
        units: int = 3,
        objective: str = "pointwise",
        objective_options: dict[str, Any] | None = None,
        target_features: int = 1,
        target_inputs: bool = False,
        common: bool = False,
        patches: Sequence[Patch] = (),
        image: Grid | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.streams = Streams(seed)
        self.meter = Meter()
        self.substrate = registry.make(hw, hw_options or {}, self.streams, self.meter)
        self.normaliser = Normaliser(in_features, common=common)
        self.network = Network(
            self.substrate,
            in_features + (outputs if target_inputs else 0),
            width,
            units,
            objective=objective,
            target_features=target_features,
            options=objective_options,
            optimiser=Adam,
            patches=patches,
            image=image,
        )
        self.readout = Readout(self.substrate, self.network.tap_features, outputs)

    def meet(self, x: Tensor) -> None:
        """Sets the statistics of the inputs and then every gain control, from raw inputs x, shape (n, in_features)."""
        self.normaliser.update(x)
        self.network.calibrate(self.inputs(x[:CALIBRATION_SAMPLES]))

    def inputs(self, flat: Tensor, answers: Tensor | None = None) -> Tensor:
        """What the network sees: standardised inputs, then the answer where it has inputs for one.

        Args:
            flat: Raw inputs, shape (n, in_features).
            answers: Numbers of the order of 1, shape (n, outputs); None is no answer at all, zeros.
        """
        standard: Tensor = self.normaliser(flat)
        if not self.target_input_features:
            return standard
        return torch.cat(
            [standard, flat.new_zeros(len(flat), self.target_input_features) if answers is None else answers], 1
        )

    @torch.inference_mode()
    def answer(self, inputs: Tensor, read: Read) -> Tensor:
        """Outputs of the readout, shape (n, outputs), from inputs of the network."""
        return self.readout.measure(self.network.measure(inputs, read).taps, read)

    @torch.inference_mode()
    def outputs(self, x: Tensor, read: Read) -> Tensor:
        """Outputs of the readout, shape (n, outputs), from raw inputs, shape (n, in_features)."""
        return self.answer(self.inputs(x), read)
