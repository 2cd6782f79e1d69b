"""The configuration of a run of learning: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from pib_rl.cli.cli import mistakes
from pib_rl.cli.settings import OBJECTIVE, LearnerSettings, Options
from pib_rl.figures.curves import literal
from pib_rl.physical.faults import check_clock, parse_all
from pib_rl.physical.registry import file_name
from pib_rl.runs.resuming import Every


@dataclass(frozen=True, kw_only=True)
class LearnConfig(LearnerSettings):
    """Trains physical units on data, with labels or without."""

    UNLESS_SET: ClassVar[frozenset[str]] = frozenset({"fault", "clock", "chips", "header", "sites", "look_every"})

    data: tyro.conf.Positional[str] = "digits"
    """digits, mnist, fashion-mnist or another name of OpenML, the path of an .npz or .csv file, or minari:NAME for a
    data set of Minari that is on this machine (needs the extra minari)."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first line of a .csv file holds names; auto takes words, and a line that counts up, for names."""
    target: Literal["labels", "values", "views"] = "labels"
    """What the units learn from: labels of classes, real values, or which views are of one sample."""
    epochs: int | None = None
    """Passes over the data; by default as many as make 2000 steps, 10 at least and 200 at most, and of 20,000 labelled
    images or more 25 (15 with --patches)."""
    width: int | None = None
    """Outputs of each unit; by default 128, and for 20,000 labelled images or more 512."""
    look_every: int = 1
    """Epochs between looks at validation samples. A checkpoint can be written then, and far sites, which otherwise go
    on with the next epoch, wait for each other."""
    units: int = 3
    """Number of units in series."""
    batch_size: int | None = None
    """Samples per step (of each two views, where those are the target); by default 256, and of 20,000 labelled images
    or more 512 (128 with --patches)."""
    objective: Annotated[str | None, tyro.conf.arg(help=f"{OBJECTIVE}; by default what suits the target.")] = None
    views: Options = field(default_factory=dict)
    """How strong views of samples are, where they differ from their default, as NAME=VALUE. With --target views they
    are what is learned from; otherwise they replace the samples (augmentation), by default of 20,000 labelled images or
    more, half as strong; strength=0 leaves samples as they are."""
    fault: tuple[str, ...] = ()
    """What breaks and after how many epochs, as KIND:SIZE@EPOCH, such as stuck:0.5@3; FIRST..LAST in place of SIZE
    gives the chips of a wafer sizes from FIRST to LAST, such as stuck:0.1..0.5@3."""
    clock: float = 0.0
    """Simulated seconds that pass for the hardware per training sample; it ages after each epoch."""

    checkpoint_every: str = "5min"
    """How often the network is saved, for --resume: a time such as 30s, 5min or 1h, or a number of epochs."""
    resume: Path | None = None
    """Run folder of an unfinished run to go on with; everything but how it is shown is as it was."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with mistakes():
            Every.parse(self.checkpoint_every)
            for fault in parse_all(self.fault, self.epochs, "epochs"):
                fault.on((self.chips,) if self.chips > 1 else ())
            check_clock(self.clock)

    @property
    def stem(self) -> str:
        """Name of the run, for its folder."""
        extra = "" if self.target == "labels" else f"-{self.target}"
        wafer = f"-c{self.chips}" if self.chips > 1 else ""
        return f"{Path(self.data).stem}{extra}-{file_name(self.hw)}-{self.learner}-s{self.seed}{wafer}".replace(
            ":", "-"
        )

    @property
    def real(self) -> bool:
        """Whether what the data name beside the samples are real values, not classes."""
        return self.target == "values"

    @property
    def title(self) -> str:
        """Name of the run, for people."""
        wafer = f", {self.chips} chips" if self.chips > 1 else ""
        return f"{literal(Path(self.data).name)}, {self.hw}, {self.learner}, seed {self.seed}{wafer}"
