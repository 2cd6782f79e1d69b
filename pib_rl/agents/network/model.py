"""Inputs -> units -> readout on one chip: what learns, whatever it learns from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.network.readout import Readout
from pib_rl.common.state import check_state
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read

CALIBRATION_SAMPLES = 1024
ALIAS = ".meter."  # in names of what a part of a model has from the model's meter


class PhysicalModel(nn.Module):
    """Vectors in, outputs of a readout out. All its state is in float buffers: chip, weights, optimisers, statistics.

    Args:
        chip: The hardware and the network on it.
        in_features: Size of an input.
        outputs: Outputs of the readout.
        target_features: Dimensions of the targets that units learn.
        target_inputs: Inputs of the network behind those for the data, for an action or a label; 0 but for learners
            that compare two of them.
        common: One mean and standard deviation for all input features.

    Raises:
        ValueError: If a name is unknown or an option does not fit.
    """

    def __init__(
        self,
        chip: ChipConfig,
        in_features: int,
        outputs: int,
        *,
        target_features: int = 1,
        target_inputs: int = 0,
        common: bool = False,
    ) -> None:
        super().__init__()
        self.chip = chip
        self.streams = Streams(chip.seed, chip.chips if chip.chips > 1 else None)
        self.meter = Meter(self.streams.chips)
        self.substrate = registry.make(chip.hw, chip.hw_options, self.streams, self.meter)
        self.target_features, self.target_inputs = target_features, target_inputs
        self.normaliser = Normaliser(in_features, common=common, chips=self.streams.chips)
        self.network = Network(self.substrate, in_features + target_inputs, chip, target_features=target_features)
        last = self.substrate.of_unit(len(self.network.chain))
        self.readout = Readout(last, self.network.tap_features, outputs)
        self.register_state_dict_post_hook(_drop_aliases)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_add_aliases)  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """Where the buffers live."""
        return self.normaliser.mean.device

    @property
    def devices(self) -> int:
        """Programmable devices of all arrays of a chip."""
        return self.readout.array.devices + sum(unit.array.devices for unit in self.network.chain)

    @property
    def latency(self) -> float:
        """Seconds from an input to the outputs of the readout."""
        return self.network.latency + self.readout.array.latency

    def fit_statistics(self, x: Tensor, weight: Tensor | None = None, seen: Tensor | None = None) -> None:
        """Sets the statistics of the inputs and then every gain control.

        Args:
            x: Raw inputs, shape (n, in_features).
            weight: How often each counts in the statistics, shape (n,); None for all alike.
            seen: Raw inputs for the gain controls; None for ``x``.
        """
        self.normaliser.update(x, weight)
        if self.network.ready:
            self.network.calibrate(self.inputs((x if seen is None else seen)[..., :CALIBRATION_SAMPLES, :]))

    def inputs(self, flat: Tensor, targets: Tensor | None = None) -> Tensor:
        """What the network sees, shape (*chips, n, network.in_features): standard inputs, then an action or a label.

        Args:
            flat: Raw inputs, shape (*chips, n, in_features), or (n, in_features) for the same on all chips.
            targets: Actions or labels as numbers of the order of 1, shape (*chips, n, target_inputs); None for zeros.
        """
        standard: Tensor = self.normaliser(flat)
        if not self.target_inputs:
            return standard
        if targets is None:
            targets = standard.new_zeros(*standard.shape[:-1], self.target_inputs)
        return torch.cat([standard, targets], -1)

    @torch.inference_mode()
    def measure(self, inputs: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Outputs of the readout, shape (*chips, n, outputs), from inputs of the network."""
        return joined([self.readout.measure_inputs(part, read) for part in self._portions(inputs, read)])

    @torch.inference_mode()
    def readout_inputs(self, inputs: Tensor, read: Read = Read.NOISY) -> Tensor:
        """What the readout gets, the taps and a constant 1, shape (*chips, n, tap_features + 1), from such inputs."""
        return joined(list(self._portions(inputs, read)))

    def _portions(self, inputs: Tensor, read: Read) -> Iterator[Tensor]:
        """What the readout gets from each portion; where units are far away, passes of later ones are under way."""
        under_way: deque[Activations] = deque()
        for part in self.network.portions(inputs):
            under_way.append(self.network.measure(part, read))
            if len(under_way) > self.network.lookahead:
                yield under_way.popleft().inputs
        while under_way:
            yield under_way.popleft().inputs

    @torch.inference_mode()
    def outputs(self, flat: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Outputs of the readout, shape (*chips, n, outputs), from raw inputs as `inputs` takes them."""
        return self.measure(self.inputs(flat), read)

    @torch.inference_mode()
    def taps(self, flat: Tensor, read: Read) -> Tensor:
        """What the readout sees, shape (*chips, n, tap_features), of raw inputs as `inputs` takes them."""
        return self.readout_inputs(self.inputs(flat), read)[..., :-1]

    def inherit(self, state: dict[str, Tensor]) -> None:
        """Goes on with the units of another model: media, arrays as they are, gain controls, statistics of inputs.

        ``state`` is the state dict of that model, or of the policy that holds it. The readout stays as it is, and so
        does what belongs to a run: optimisers, objectives, the freedom of units and meters.

        Raises:
            ValueError: If its network has other sizes, or it has another number of chips; nothing is changed then.
        """
        there = {name: value for name, value in own_state(state).items() if _is_inherited(name)}
        here = self.state_dict()
        mean = there.get("normaliser.mean")
        if mean is not None and mean.ndim > 1 and mean.shape != here["normaliser.mean"].shape:
            own = here["normaliser.mean"]
            if mean.shape[:-2] != own.shape[:-2]:
                there_on, here_on = (_count(one.shape[:-2]) for one in (mean, own))
                raise ValueError(f"the other network is on {there_on}, this one on {here_on}; both need as many chips")
            raise ValueError(f"the other network sees {mean.shape[-1]} numbers, this one {own.shape[-1]}")
        for name in sorted(there.keys() | filter(_is_inherited, here)):
            theirs, ours = (tuple(known[name].shape) if name in known else "missing" for known in (there, here))
            if theirs != ours:
                raise ValueError(f"the other network is not of this size: {name} is {theirs} there, {ours} here")
        check_state(self, there)
        self.load_state_dict(here | there)


def joined(parts: list[Tensor]) -> Tensor:
    """Samples of all parts, shape (..., n, d), in order."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, -2)


def _drop_aliases(model: nn.Module, state: dict[str, Tensor], prefix: str, _metadata: Any) -> None:
    """All parts of a model count on one meter: a state dict holds it once, as the model's."""
    for name in [name for name in state if name.startswith(prefix) and ALIAS in name.removeprefix(prefix)]:
        del state[name]


def _add_aliases(model: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Gives every part that counts the model's meter, before a state is loaded."""
    for name, _buffer in model.named_buffers(remove_duplicate=False):
        source = f"{prefix}meter.{name.rpartition('.')[2]}"
        if ALIAS in name and source in state:
            state[prefix + name] = state[source]


def own_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a model, from that of the policy that holds it or from its own."""
    return {name.removeprefix("model."): value for name, value in state.items()}


def _count(axes: tuple[int, ...]) -> str:
    """Leading axes of chips, for a message."""
    return f"a wafer of {axes[0]} chips" if axes else "one chip"


def _is_inherited(name: str) -> bool:
    """Whether a buffer says what units do, rather than how they learned and what that took."""
    owner, *parts = name.split(".")
    return owner in ("normaliser", "network") and not {"optimiser", "objective", "meter", "freedom"} & set(parts)
