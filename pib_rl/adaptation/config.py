"""The configuration of an adaptation: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from pib_rl.agents.learners.registry import find_learner
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.cli.imports import ImportSettings
from pib_rl.cli.settings import OutputSettings
from pib_rl.physical.faults import Fault, parse_all
from pib_rl.runs.resuming import Every

STALE = "backprop-stale"  # the learner whose digital twin is the chip of before the fault


@dataclass(frozen=True, kw_only=True)
class AdaptConfig(OutputSettings, ImportSettings):
    """Breaks a trained chip and lets it learn on in place, beside other learners on the same broken chip."""

    SHOWN: ClassVar[frozenset[str]] = OutputSettings.SHOWN - {"chip"}  # another chip is another adaptation
    UNLESS_SET: ClassVar[frozenset[str]] = frozenset({"chip"})

    run: tyro.conf.Positional[Path]
    """Finished run folder of train or of learn."""
    fault: tuple[str, ...] = ()
    """What breaks, as KIND:SIZE, such as stuck:0.5 rotate-medium:45."""
    timesteps: int | None = None
    """Environment steps to learn on for, after train; by default a quarter of the run's."""
    epochs: int | None = None
    """Epochs to learn on for, after learn; by default a quarter of the run's."""
    learner: tuple[str, ...] = ("frozen", STALE)
    """Who else goes on from the same broken chip. backprop-stale has the twin of before the fault, backprop one of
    after it."""
    seed: int = 0
    """Seed of what breaks, and of all noise, exploration and environments from then on."""
    chip: int | None = None
    """Of a run with several chips: the one that breaks, counted from 0; by default the first one."""
    data: str | None = None
    """Where the data of a run of learn are, if they moved."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    checkpoint_every: str = "5min"
    """How often each learner is saved, for --resume: a time such as 30s, 5min or 1h, or a number of environment steps
    (after train) or epochs (after learn)."""
    resume: Path | None = None
    """Folder of an unfinished adaptation to go on with; everything but how it is shown is as it was."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.faults()
        with mistakes():
            Every.parse(self.checkpoint_every)
            for name in self.learner:
                find_learner(name)

    def faults(self) -> list[Fault]:
        """What breaks.

        Raises:
            UserError: If nothing does, or a fault is none, or is meant for later.
        """
        if not self.fault:
            raise UserError("nothing breaks: give one fault or more, such as --fault stuck:0.5")
        with mistakes():
            found = parse_all(self.fault)
        later = [fault for fault in found if fault.step]
        if later:
            raise UserError(f"adapt breaks the chip at once: leave out @{later[0].step} of {later[0]}")
        return found

    @property
    def stem(self) -> str:
        """Name of the folder."""
        chip = "" if self.chip is None else f"-chip{self.chip}"
        return f"{self.run.resolve().name}{chip}-adapt-s{self.seed}"
