"""PIB on units in several processes: targets are broadcast, and every group learns from its own measurements."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.learners.pib import PIBLearner, UnitStep
from pib_rl.agents.learners.samples import Batch
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.split.message import Message, with_target
from pib_rl.agents.split.network import PendingActivations, SplitNetwork


class SplitPIB(PIBLearner):
    """`PIBLearner` whose units are elsewhere: it waits for nothing while they learn.

    Args:
        model: Network, a `SplitNetwork`, and readout.
        config: Settings of hidden arrays.
        taps: Whether the readout learns from the same passes as the units, as from data, so that taps are sent with
            each.
    """

    def __init__(self, model: PhysicalModel, config: HiddenConfig, taps: bool) -> None:
        super().__init__(model, config)
        assert isinstance(model.network, SplitNetwork)
        self._network, self._taps = model.network, taps
        self.memory.register_state_dict_pre_hook(lambda *_: self._pull() if self._network.fetches else None)  # type: ignore[no-untyped-call]
        self.memory.register_load_state_dict_post_hook(lambda *_: self._push() if self._network.fetches else None)  # type: ignore[no-untyped-call]

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        self._tell("update", batch, batch_target=True, step=list(UnitStep.at(self.config, self.rate_left(progress))))
        return {}  # their losses are known later, see `metrics`

    def metrics(self) -> Callable[[], dict[str, Tensor]]:
        pipeline = self._network.pipeline
        token = pipeline.request("report")
        return lambda: self._losses(pipeline.answers("report", token))

    def begin(self, held: Batch) -> None:
        self._tell("begin", held)

    def finish(self, held: Batch) -> dict[str, Tensor]:
        token = self._tell("finish", held)
        reports = self._network.pipeline.answers("report", token)
        alarms, freedom = (torch.cat([one.tensors[name] for one in reports]) for name in ("alarms", "freedom"))
        return self._losses(reports) | {"alarms": alarms.mean(), "freedom": freedom.mean()}

    def _losses(self, reports: list[Message]) -> dict[str, Tensor]:
        log: dict[str, Tensor] = {}
        for line, one in zip(self._network.pipeline.lines, reports, strict=True):
            if "report/losses" in one.tensors:
                losses = one.tensors["report/losses"].unbind()
                log |= {f"loss_unit{unit + 1}": loss for unit, loss in zip(line.units, losses, strict=True)}
        return log

    def remember(self, batch: Batch) -> None:
        if self.local.remembers:
            self._tell("remember", batch, batch_target=True)

    def forget(self, broken: Tensor) -> None:
        self._network.pipeline.tell(Message("forget", {}, {"broken": broken.to(torch.uint8)}))

    def _pull(self) -> None:
        """Brings the states of all safeguards here."""
        own = self.local.safeguard
        for line, message in zip(self._network.pipeline.lines, self._network.pull(), strict=True):
            for name in ("sums", "variances"):
                getattr(own, name)[line.units.start : line.units.stop] = message.tensors[f"safeguard.{name}"]

    def _push(self) -> None:
        own, states = self.local.safeguard, []
        for line in self._network.pipeline.lines:
            part = slice(line.units.start, line.units.stop)
            states.append({f"safeguard.{name}": getattr(own, name)[part].clone() for name in ("sums", "variances")})
        self._network.pipeline.tell_each([Message("load", {}, state) for state in states])

    def _tell(self, kind: str, batch: Batch, batch_target: bool = False, **about: object) -> int:
        """Broadcasts the target of a batch, or what should be kept of it, to all groups; the number of its pass."""
        measured = batch.measure(lambda x: self._network.start(x, taps=self._taps))
        assert isinstance(measured, PendingActivations)
        target = batch.target if batch_target else batch.kept
        self._network.pipeline.tell(with_target(kind, measured.token, target, **about))
        return measured.token
