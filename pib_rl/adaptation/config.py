"""The configuration of an adaptation: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from pib_rl.agents.learners.registry import find_learner
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.physical.faults import Fault, parse_all
from pib_rl.training.config import check_ranges

STALE = "backprop-stale"  # the learner whose digital twin is the chip of before the fault


@dataclass(frozen=True)
class AdaptConfig:
    """Breaks a trained chip and lets it learn on in place, beside rivals on the same broken chip."""

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
    data: str | None = None
    """Where the data of a run of learn are, if they moved."""
    out: Path | None = None
    """Folder to make; by default one under runs/."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    progress: bool = True
    """Show a progress bar."""

    def __post_init__(self) -> None:
        check_ranges(self)
        self.faults()
        with mistakes():
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
        return f"{self.run.resolve().name}-adapt-s{self.seed}"

    def identity(self) -> dict[str, Any]:
        """What defines the adaptation, as plain data: everything but where and how it is shown."""
        return {
            "adapt": str(self.run),
            "fault": list(self.fault),
            "timesteps": self.timesteps,
            "epochs": self.epochs,
            "rivals": list(self.learner),
            "seed": self.seed,
            "data": self.data,
        }
