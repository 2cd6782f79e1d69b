"""The rival: units in several processes that learn by backpropagation, for which gradients travel back."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.learners.backprop import Backprop
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.network import PendingActivations, SplitNetwork
from pib_rl.agents.split.segment import KEPT, Segment
from pib_rl.agents.split.worklist import SLOPE
from pib_rl.physical.substrate import Medium


class BackwardSegment(Segment):
    """A group that takes dL/ddrive of the group behind, steps, and hands on that of its own drives.

    Passes go on while a gradient is under way (one forward, one backward), so that a gradient is of weights of some
    batches ago.

    Source: asynchronous pipelines: Narayanan et al., SOSP 2019, here without their copies of old weights.

    Args:
        model: The whole model, of which only the group's own units are used.
        units: Their numbers, from 0.
        learner: Has the twin.
        kept: Passes whose activations are kept.
    """

    def __init__(self, model: PhysicalModel, units: range, learner: Backprop, kept: int) -> None:
        super().__init__(model.network, units, kept)
        if any(unit.patch_grid is not None for unit in model.network.chain):
            raise ValueError("backprop at sites does not know patches; leave patches out, or learn by pib")
        self._twin = learner
        self._drives: dict[int, Tensor] = {}

    def _driven(self, command: Message, value: Tensor) -> Message | None:
        if command.kind == "backward":
            return self._backward(command, value)
        answer = super()._driven(command, value)
        if command.kind == "measure":
            self._drives[command.about["token"]] = value
            self._drives = {token: drive for token, drive in self._drives.items() if token in self._kept}
        return answer

    def run(self, command: Message, drive: Tensor | None = None) -> Message | None:
        if command.kind == "backward" and drive is None:  # the last group begins
            return self._backward(command, None)
        return super().run(command, drive)

    @torch.inference_mode()
    def _backward(self, command: Message, slope: Tensor | None) -> Message | None:
        about, token = command.about, command.about["token"]
        if token not in self._drives:
            self.skipped += 1
            return None
        measured, drive = self._kept[token], self._drives[token]
        chain, media, arrays = self.network.chain, self._twin.twin.media, self._twin.weights()
        sizes = [medium.out_features for medium in self._tapped]
        gradients = list(torch.split(command.tensors["taps_gradient"], sizes, -1))
        if slope is None:
            end = self.units[-1].control.drive(measured.z[-1])
            slope = media[-1].pull(end, gradients.pop(), about["error"])
        changes: list[Tensor] = [slope.new_zeros(()) for _ in chain]
        for k in range(len(self.units) - 1, -1, -1):
            unit, number = self.units[k], self.first + k
            dz = slope * (unit.control.gain / unit.control.std)
            gradient = unit.outer(dz, measured.h[k])
            rate = unit.own_rate(about["rate"], about["patches"])
            changes[number] = self._twin.adams[number].step(gradient, rate)
            if number:
                before = drive if k == 0 else self.units[k - 1].control.drive(measured.z[k - 1])
                slope = media[number - 1].pull(before, dz @ arrays[number] + gradients.pop(), about["error"])
        for unit, change, z in zip(self.units, changes[self.first :], measured.z, strict=False):
            unit.array.program(change)
            unit.control.track(z, about["track"])
        self._twin.on_hidden_step(changes)
        self.updates += 1
        return Message("handed", {"token": token}, {SLOPE: slope}) if self.first else None

    @property
    def _tapped(self) -> list[Medium]:
        """Media here that the readout sees."""
        media = [unit.medium for unit in (self.units if self.first else self.units[1:])]
        return [*media, self.network.last] if self.ends else media


class SplitBackprop(Learner):
    """Sends every group its part of the gradient by the taps; the rest travels from group to group.

    Args:
        own: The learner whose place it takes; the readout's part of the twin is here.
        model: Network, a `SplitNetwork`, and readout.
    """

    uses_readout_batches = True

    def __init__(self, own: Backprop, model: PhysicalModel) -> None:
        super().__init__(model, own.config, own.options)
        assert isinstance(model.network, SplitNetwork)
        self._own, self._network = own, model.network
        self.memory = own.memory

    def on_readout_batch(self, measured: Activations, gradient: Tensor, progress: float) -> None:
        assert isinstance(measured, PendingActivations)
        taps = gradient @ self._own.weights()[-1][:, :-1]
        left = self.rate_left(progress)
        about = {
            "token": measured.token,
            "rate": self.config.hidden_rate * left,
            "patches": self.config.patch_rate,
            "track": self.config.track * left,
            "error": self.options.twin_error + self.options.twin_drift * progress,
        }
        parts = torch.split(taps, self._network.tap_sizes, -1)
        self._network.pipeline.tell_each(
            [
                Message("backward", about | {"ends": number == len(parts)}, {"taps_gradient": part.contiguous()})
                for number, part in enumerate(parts, 1)
            ]
        )

    def on_readout_step(self, change: Tensor) -> None:
        self._own.on_readout_step(change)


def make_segment(model: PhysicalModel, units: range, learner: Learner, kept: int = KEPT) -> Segment:
    """The group of some units that learns as ``learner`` does."""
    if isinstance(learner, Backprop):
        return BackwardSegment(model, units, learner, kept)
    return Segment(model.network, units, kept)
