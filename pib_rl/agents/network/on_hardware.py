"""What policies and models have in common: inputs, units and a readout on one chip."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.agents.network.network import Network
from pib_rl.agents.network.normaliser import Normaliser
from pib_rl.agents.network.readout import Readout
from pib_rl.common.streams import Streams
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read


class OnHardware:
    """Mixin of modules that hold a normaliser, a network and a readout, the chip's random streams and its meter."""

    normaliser: Normaliser
    network: Network
    readout: Readout
    streams: Streams
    meter: Meter

    @property
    def device(self) -> torch.device:
        """Where the buffers live."""
        return self.normaliser.mean.device

    @property
    def target_input_features(self) -> int:
        """Inputs of the network for an answer (an action, a label), behind those for the observation."""
        return self.network.in_features - len(self.normaliser.mean)

    @property
    def devices(self) -> int:
        """Programmable devices of all arrays."""
        return self.readout.array.devices + sum(unit.array.devices for unit in self.network.chain)

    @property
    def latency(self) -> float:
        """Seconds from an observation to the answer to it."""
        return self.network.latency + self.readout.array.latency

    def inputs(self, flat: Tensor, answers: Tensor | None = None) -> Tensor:
        """What the network sees, shape (n, network.in_features), of flat observations, shape (n, d).

        Args:
            flat: As they come.
            answers: Actions or labels, where the network has inputs for them; None for none at all.
        """
        raise NotImplementedError

    @torch.inference_mode()
    def taps(self, flat: Tensor, read: Read) -> Tensor:
        """What the readout sees, shape (n, tap_features), of flat observations, shape (n, d)."""
        return self.network.measure(self.inputs(flat), read).taps

    def inherit(self, state: dict[str, Tensor]) -> None:
        """Goes on with the units of another model: media, arrays as they are, gain controls, statistics of inputs.

        The readout stays as it is, and so does what belongs to a run: optimisers, objectives and meters.

        Args:
            state: State dict of the other model, a policy's or an estimator's.

        Raises:
            ValueError: If its network has other sizes; nothing is changed then.
        """
        seen = state.get("normaliser.mean")
        if seen is not None and seen.shape != self.normaliser.mean.shape:
            raise ValueError(f"the other network sees {len(seen)} numbers, this one {len(self.normaliser.mean)}")
        parts = []
        for owner, module in (("normaliser", self.normaliser), ("network", self.network)):
            own = {name: value for name, value in module.state_dict().items() if not _of_the_run(name)}
            part = {
                name.removeprefix(f"{owner}."): value
                for name, value in state.items()
                if name.startswith(f"{owner}.") and not _of_the_run(name)
            }
            for name in sorted(own.keys() | part.keys()):
                there, here = (tuple(known[name].shape) if name in known else "missing" for known in (part, own))
                if there != here:
                    raise ValueError(
                        f"the other network is not of this size: {owner}.{name} is {there} there, {here} here"
                    )
            parts.append((module, part))
        for module, part in parts:
            module.load_state_dict(module.state_dict() | part)


def _of_the_run(name: str) -> bool:
    """Whether a buffer belongs to how a unit learned and what that took, not to what it does."""
    return any(part in name.split(".") for part in ("optimiser", "objective", "meter"))
