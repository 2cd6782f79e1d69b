"""Neighbouring units of a network that live in one process, and do what they are told in order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pib_rl.agents.learners.pib import LocalLearning, UnitStep
from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.split.message import Message, target_of
from pib_rl.agents.split.worklist import DRIVE, NEEDS
from pib_rl.common.state import check_state
from pib_rl.physical.substrate import Read

KEPT = 8  # passes whose activations are kept for what follows: updates come right after the pass that they are for
ON_PASSES = ("update", "begin", "finish", "remember", "fetch")  # commands on a pass of before
NOTHING = {"alarms": 0.0, "freedom": 1.0}  # what a rollout reports in which nothing was compared


class Segment:
    """A group of units: measures, learns, answers. Activations stay here; nothing ever comes back to it but targets.

    Args:
        network: The whole network, of which only the group's own units are used.
        units: Their numbers, from 0.

    Attributes:
        updates: Steps of learning that its units have made.
        calibrates: Whether the next pass sets converters and gain controls first, as on a fresh chip.
        skipped: Commands on passes that are gone, since the process was started again between the two.
    """

    def __init__(self, network: Network, units: range, kept: int = KEPT) -> None:
        self.network = network
        self.units = network.chain[units.start : units.stop]
        self.first = units.start
        self.ends = units.stop == len(network.chain)
        self.local = LocalLearning(self.units).to(next(network.buffers()).device)
        self.updates = self.skipped = 0
        self.calibrates = False
        self._kept: OrderedDict[int, Activations] = OrderedDict()
        self._most = kept
        self._losses: list[Tensor] = []
        self._good: dict[str, Tensor] = {}

    @property
    def parts(self) -> nn.ModuleDict:
        """Everything whose state is the group's own."""
        own: dict[str, nn.Module] = {f"units/{self.first + k}": unit for k, unit in enumerate(self.units)}
        if self.ends:
            own["last"] = self.network.last
        return nn.ModuleDict(own | {"safeguard": self.local.safeguard})

    @torch.inference_mode()
    def run(self, command: Message, drive: Tensor | None = None) -> Message | None:
        """Does what a command says; what comes of it, if anything does.

        Args:
            command: One of the commands that are named like methods of this class.
            drive: What it waited for, see `NEEDS`, shape (*chips, n, features).

        Raises:
            ValueError: If there is no such command, or it does not fit.
        """
        if drive is not None:
            return self._driven(command, drive)
        known: dict[str, Callable[[Message], Message | None]] = {
            "update": self._update,
            "begin": self._begin,
            "finish": self._finish,
            "remember": self._remember,
            "forget": self._forget,
            "fetch": self._fetch,
            "report": lambda command: Message("report", command.about, self._report()),
            "state": self._state,
            "load": self._load,
            "mark": self._mark,
            "spoiled": self._spoiled,
            "go_back": self._go_back,
        }
        if command.kind not in known:
            raise ValueError(f"unknown command {command.kind!r}; known: {', '.join([*NEEDS, *known])}")
        if command.kind in ON_PASSES and command.about["token"] not in self._kept:
            return self._skip(command)
        return known[command.kind](command)

    def _skip(self, command: Message) -> Message | None:
        """A command on a pass that is gone: nothing is learned; who waits for an answer learns that there is none."""
        self.skipped += 1
        if command.kind == "fetch":
            return Message("fetched", command.about | {"gone": True}, {})
        none = {name: torch.full((len(self.units),), value, dtype=torch.float32) for name, value in NOTHING.items()}
        return Message("report", command.about, none) if command.kind == "finish" else None

    def _driven(self, command: Message, value: Tensor) -> Message | None:
        return self._measure(command, value) if command.kind == "measure" else self._calibrate(command, value)

    def _measure(self, command: Message, drive: Tensor) -> Message:
        """One pass: taps for the readout, and drives for the group behind."""
        read = Read(command.about["read"])
        if self.calibrates:
            self.network.calibrate_units(self.units, drive)
            self.calibrates = False
        hs, zs, drive = self.network.through(self.units, drive, read)
        taps = [unit.tap(h) for unit, h in zip(self.units, hs, strict=True)][1 if self.first == 0 else 0 :]
        if self.ends:
            taps.append(self.network.measure_last(drive, read))
        own = torch.cat(taps, -1) if taps else drive[..., :0]
        self._kept[command.about["token"]] = Activations(hs, zs, own)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._output(command, drive, own if command.about["taps"] else None)

    def _calibrate(self, command: Message, drive: Tensor) -> Message:
        """Converters and gain controls; with ``media``, detectors too."""
        if command.about["media"]:
            last = [self.network.last] if self.ends else []
            self.network.recalibrate_media([*(unit.medium for unit in self.units), *last])
        return self._output(command, self.network.calibrate_units(self.units, drive), None)

    def _output(self, command: Message, drive: Tensor, taps: Tensor | None) -> Message:
        tensors = {} if taps is None else {"taps": taps}
        if not self.ends:
            tensors[DRIVE] = drive
        return Message("output", {"token": command.about["token"]}, tensors)

    def _update(self, command: Message) -> None:
        step = UnitStep(*command.about["step"])
        losses = self.local.update(self._measured(command), target_of(command), step)
        self._losses.append(torch.stack([loss.mean() for loss in losses]))
        self.updates += 1

    def _begin(self, command: Message) -> None:
        self.local.begin(self._measured(command), target_of(command))

    def _finish(self, command: Message) -> Message:
        alarm, freedom = self.local.finish(self._measured(command), target_of(command))
        return Message("report", command.about, self._report() | {"alarms": alarm.float(), "freedom": freedom})

    def _remember(self, command: Message) -> None:
        if self.local.remembers:
            self.local.remember(self._measured(command), target_of(command))

    def _forget(self, command: Message) -> None:
        for unit in self.units:
            unit.objective.forget(command.tensors["broken"].bool())

    def _fetch(self, command: Message) -> Message:
        """Taps, inputs and outputs of a pass, for those who look at the units."""
        measured = self._measured(command)
        tensors = {"taps": measured.inputs}
        if command.about["all"]:
            tensors |= {f"h{k}": h for k, h in enumerate(measured.h)} | {f"z{k}": z for k, z in enumerate(measured.z)}
        return Message("fetched", command.about, tensors)

    def _state(self, command: Message) -> Message:
        """The state of all that is its own, what learning and measuring cost since the last time, and losses."""
        state = self._copy()
        meter = self.network.meter
        meter.settle()
        for name, value in meter.named_buffers():
            state[f"meter/{name}"] = value.clone()
            value.zero_()
        return Message("state", command.about | {"updates": self.updates}, state | self._report())

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.parts.state_dict().items() if ".meter." not in name}

    def _mark(self, command: Message) -> None:
        """The state of now is good, and is kept here."""
        self._good = self._copy()

    def _spoiled(self, command: Message) -> Message:
        """Buffers that are not finite any more."""
        names = [
            name
            for name, value in self._copy().items()
            if not value.isfinite().all() and (name not in self._good or self._good[name].isfinite().all())
        ]
        return Message("spoiled", command.about | {"names": names}, {})

    def _go_back(self, command: Message) -> None:
        """The last good state again, if there is one: a process that was started again since has none."""
        if self._good:
            self._load(Message("load", {}, self._good))

    def _load(self, command: Message) -> None:
        parts = self.parts
        state = parts.state_dict()
        given = {name: value for name, value in command.tensors.items() if name in state}
        check_state(parts, given)
        parts.load_state_dict(state | given)

    def _report(self) -> dict[str, Tensor]:
        """Mean loss of each unit since the last report."""
        losses, self._losses = self._losses, []
        return {"report/losses": torch.stack(losses).mean(0)} if losses else {}

    def _measured(self, command: Message) -> Activations:
        return self._kept[command.about["token"]]
