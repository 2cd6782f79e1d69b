"""A trained chip that breaks and learns on: what adaptations of all kinds have in common."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from pib_rl.adaptation.config import STALE, AdaptConfig
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.faults import check, inject
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.wafer import chip_state
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.settings import LearnerSettings
from pib_rl.common.streams import Streams
from pib_rl.learning.config import LearnConfig
from pib_rl.runs.folder import CONFIG, RunFolder
from pib_rl.training.config import TrainConfig

Chip = PhysicalModel
QUARTER = 4  # of the run's own training is the length of an adaptation, unless told otherwise
COUNTED = ("measurements", "writes", "wall_s")  # of a learner's result, since the fault
Plan = TypeVar("Plan", TrainConfig, LearnConfig)
Point = tuple[float, float]  # steps or epochs since the fault, and performance


@dataclass
class RecoveryCurve:
    """How one learner fared.

    Args:
        final: Performance at the end, measured as before and after the fault.
        curve: Performance on the way, on what may be looked at meanwhile.
        counts: ``measurements`` and ``writes`` since the fault, ``wall_s`` in seconds.
        final_old_probe: Where performance is that of a probe that is fit to the features anew each time: performance at
            the end of the probe of before the fault.
    """

    final: float
    curve: list[Point]
    counts: dict[str, float] = field(default_factory=dict)
    final_old_probe: float | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data, without what there is no number of."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class RecoveryRun(ABC):
    """One trained chip, or one of the chips of a wafer, which then goes on by itself.

    All learners go on from one state: that of the run, broken once. Nothing of it is fabricated or drawn again. What
    a learner draws from then on comes from the seed of the adaptation, the same for all. Optimisers of the chip's own
    go on from where they were: on a tuning seed, forgetting cost PIB and frozen units a point of accuracy each.

    Args:
        config: The adaptation.
        run: The finished run.
        task: Its configuration.

    Attributes:
        chip: Number of the chip on its wafer, from 0; 0 without one.
        own: Learner of the run.
        unit: What the length of an adaptation counts.
        scored: What performance is, as a label.
        percent: Whether performance is a fraction.
        length: How long it learns on.
        before: Performance before the fault, on fresh episodes or test samples.
        after: The same after it, before anything was learned.
        held_before: Performance before the fault on what may be looked at meanwhile.
        held_after: The same after it.
        after_old_probe: ``after``, of a probe of before the fault, where performance is that of a probe.

    Raises:
        UserError: If there is no such chip, or another learner can't go on from it.
    """

    unit: ClassVar[str]
    scored: str
    percent: ClassVar[bool]
    length: int
    before: float
    after: float
    held_before: float
    held_after: float
    after_old_probe: float | None = None

    def __init__(self, config: AdaptConfig, run: RunFolder, task: LearnerSettings) -> None:
        self.config = config
        self.run = run
        self.own = own = task.learner
        self.chip, self.wafer = config.chip or 0, task.chips > 1
        if not 0 <= self.chip < task.chips:
            raise UserError(f"--chip must be in 0..{task.chips - 1}, the chips of {run.path}, got {config.chip}")
        self.healthy = run.load_policy()
        self.broken: dict[str, Tensor] = {}
        for name in self.learners[1:]:
            if find_learner(name).target_inputs != find_learner(own).target_inputs:
                raise UserError(
                    f"{name} can't go on from a chip of {own}: one of them needs inputs for answers, the "
                    "other has none; leave it out of --learner"
                )

    @property
    def learners(self) -> list[str]:
        """Their names: the run's own, then the others."""
        return list(dict.fromkeys([self.own, *self.config.learner]))

    @property
    @abstractmethod
    def origin(self) -> dict[str, Any]:
        """What the run was, for its result."""

    @abstractmethod
    def load(self) -> Chip:
        """Loads the trained chip, to be broken; raises ValueError or UserError if a learner can't be made."""

    def forecast(self) -> list[str]:
        """What may surprise, said before anything learns; the chip is loaded."""
        return []

    @abstractmethod
    def evaluate(self) -> float:
        """Performance of the loaded chip on fresh episodes or test samples."""

    @abstractmethod
    def evaluate_heldout(self) -> float:
        """Performance of the loaded chip on what may be looked at meanwhile."""

    @abstractmethod
    def learn_on(self, name: str, path: Path) -> RecoveryCurve:
        """One learner goes on from the broken chip, in a run folder of its own.

        Where the adaptation goes on after a stop, so does the learner: from its last checkpoint, or, if it was done,
        with what its folder says.

        Raises:
            UserError: If the training is interrupted; the folder holds what was learned so far.
        """

    def begin(self, plan: Plan, path: Path) -> tuple[Plan, RunFolder]:
        """The training of one learner with its run folder: a new one, or the one to go on with."""
        if self.config.resume is None:
            return plan, RunFolder.create(replace(plan, out=path))
        if not (path / CONFIG).exists():
            shutil.rmtree(path, ignore_errors=True)  # it was stopped before it had its settings
            return plan, RunFolder.create(replace(plan, out=path))
        return replace(plan, resume=path), RunFolder.resume(path)

    def healthy_state(self, single: nn.Module) -> dict[str, Tensor]:
        """The state that the run left; of a wafer, that of the chip. ``single`` is a module that holds one chip."""
        return chip_state(self.healthy, single.state_dict(), self.chip) if self.wafer else self.healthy

    def apply_faults(self, chip: Chip) -> None:
        """Performance before; the faults; performance after. From here on meters count from 0."""
        self.before, self.held_before = self.evaluate(), self.evaluate_heldout()
        for fault in self.config.faults():
            inject(chip, fault)
        self.after, self.held_after = self.evaluate(), self.evaluate_heldout()
        chip.meter.reset()
        self.broken = {name: value.clone() for name, value in chip.state_dict().items()}

    def check(self, chip: Chip) -> None:
        """Raises UserError if the hardware can't have one of the faults."""
        with mistakes():
            for fault in self.config.faults():
                check(chip, fault)

    @property
    def draws(self) -> int:
        """Seed of everything that is drawn from the fault on."""
        return Streams(self.config.seed).integer("adaptation")

    @staticmethod
    def twin_is_old(name: str) -> bool:
        """Whether a learner's digital twin is the chip of before the fault."""
        return name == STALE
