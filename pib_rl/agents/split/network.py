"""A network whose units are in several processes, measured and taught as if it were in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from pib_rl.agents.network.last_good import StateElsewhere
from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.network.readout import with_one
from pib_rl.agents.objectives import Score
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.pipeline import Pipeline
from pib_rl.physical.substrate import Read

MOST = 1024  # samples of one pass where more are measured: later ones are under way meanwhile


class PendingActivations(Activations):
    """A pass that is under way: what is asked for is waited for. Inputs and outputs of units are fetched only then.

    Args:
        pipeline: What started it.
        token: Its number.
        sent: Whether its taps come by themselves.
        again: Starts the same pass once more; its number.
    """

    def __init__(self, pipeline: Pipeline, token: int, sent: bool, again: Callable[[], int]) -> None:
        self._pipeline, self.token, self._sent, self._again = pipeline, token, sent, again
        if sent:
            pipeline.watch(self, token)

    @cached_property
    def inputs(self) -> Tensor:  # type: ignore[override]
        """What the readout gets, shape (*chips, n, tap_features + 1)."""
        if self._sent:
            return with_one(self._pipeline.taps(self.token))
        return with_one(torch.cat([message.tensors["taps"] for message in self._fetch(False)], -1))

    @cached_property
    def _all(self) -> tuple[list[Tensor], list[Tensor]]:
        messages = self._fetch(True)
        sizes = [len(line.units) for line in self._pipeline.lines]
        hs, zs = (
            [message.tensors[f"{name}{k}"] for message, size in zip(messages, sizes, strict=True) for k in range(size)]
            for name in "hz"
        )
        return hs, zs

    def _fetch(self, everything: bool) -> list[Message]:
        token = self.token
        while True:
            self._pipeline.tell(Message("fetch", {"token": token, "all": everything}, {}))
            messages = self._pipeline.answers("fetched", token)
            if not any(message.about.get("gone") for message in messages):
                return messages
            token = self._again()  # a group was started again, and has forgotten

    @property
    def h(self) -> list[Tensor]:  # type: ignore[override]
        """Inputs of every array."""
        return self._all[0]

    @property
    def z(self) -> list[Tensor]:  # type: ignore[override]
        """Outputs of every unit."""
        return self._all[1]


class SplitNetwork(Network, StateElsewhere):
    """Measures through a pipeline of groups of units.

    It has the parts of the whole network under the same names: its state, which comes from the groups whenever it is
    asked for, is saved and played like that of any other. The parts of groups that are elsewhere are copies that
    nothing is measured with.

    Args:
        whole: The network in this process.
        pipeline: The groups.
    """

    def __init__(self, whole: Network, pipeline: Pipeline) -> None:
        nn.Module.__init__(self)
        self.__dict__.update({name: value for name, value in vars(whole).items() if not name.endswith("_hooks")})
        self.pipeline = pipeline
        self.lookahead = pipeline.staleness
        self.fetches = True  # whether states come from the groups, and go to them
        self._newest: tuple[int, list[Message]] = (-1, [])
        self.register_state_dict_pre_hook(lambda *_: self.pull() if self.fetches else None)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(lambda *_: self.push() if self.fetches else None)  # type: ignore[no-untyped-call]

    @property
    def tap_sizes(self) -> list[int]:
        """Taps of every group."""
        sizes = [0, *(unit.medium.out_features for unit in self.chain[1:])]
        groups = [line.units for line in self.pipeline.lines]
        own = [sum(sizes[units.start : units.stop]) for units in groups]
        own[-1] += self.last.out_features
        return own

    def measure(self, x: Tensor, read: Read = Read.NOISY) -> Activations:
        return self.start(x, read, True)

    def start(self, x: Tensor, read: Read = Read.NOISY, taps: bool = False) -> PendingActivations:
        """Starts a pass of inputs x, shape (*chips, n, in_features), of which ``taps`` are sent or not."""

        def begin(taps: bool = False) -> int:
            return self.pipeline.start("measure", x * self.input_gain, taps, read=read.value)

        return PendingActivations(self.pipeline, begin(taps), taps, begin)

    def calibrate(self, x: Tensor, media: bool = False) -> None:
        self.pipeline.start("calibrate", x * self.input_gain, False, media=media)

    def recalibrate(self, x: Tensor) -> None:
        self.calibrate(x, True)

    def portions(self, x: Tensor) -> tuple[Tensor, ...]:
        """Inputs x, shape (*chips, n, in_features), in portions of which several are under way at once."""
        return tuple(part for most in torch.split(x, MOST, -2) for part in super(SplitNetwork, self).portions(most))

    def update_units(self, *_: Any, **__: Any) -> list[Score]:
        raise NotImplementedError("units in other processes take their steps there, see SplitPIB")

    def pull(self) -> list[Message]:
        """Brings the states of all groups here, and what they cost; what else they report.

        Where they were told nothing since the last time, that is what they said then.
        """
        told, messages = self._newest
        if told == self.pipeline.told:
            return messages
        messages = self.pipeline.ask("state", "state")
        self._newest = self.pipeline.told, messages
        meter = self.meter
        meter.settle()
        for message in messages:
            for name, value in message.tensors.items():
                place, _, rest = name.partition(".")
                owner: nn.Module | None = self.last if place == "last" else None
                if place.startswith("units/"):
                    owner = self.chain[int(place.removeprefix("units/"))]
                if owner is not None:
                    owner.get_buffer(rest).copy_(value)
                elif name.startswith("meter/"):
                    getattr(meter, name.removeprefix("meter/")).add_(value)
        for part in [*self.chain, self.last]:
            part.load_state_dict(part.state_dict())  # what follows from buffers
        return messages

    def push(self) -> None:
        """Gives all groups the states that their units have here."""
        self.pipeline.tell_each([Message("load", {}, self._state_of(line.units)) for line in self.pipeline.lines])

    def _state_of(self, units: range) -> dict[str, Tensor]:
        state = {
            f"units/{k}.{name}": value.clone()
            for k in units
            for name, value in self.chain[k].state_dict().items()
            if ".meter." not in name
        }
        if units.stop == len(self.chain):
            state |= {f"last.{name}": value.clone() for name, value in self.last.state_dict().items()}
        return state

    def mark(self) -> None:
        self.pipeline.tell(Message("mark", {}, {}))

    def spoiled(self) -> list[str]:
        return [name for message in self.pipeline.ask("spoiled", "spoiled") for name in message.about["names"]]

    def go_back(self) -> None:
        self.pipeline.tell(Message("go_back", {}, {}))

    @contextmanager
    def only_here(self) -> Iterator[None]:
        before, self.fetches = self.fetches, False
        try:
            yield
        finally:
            self.fetches = before
