"""The configuration of a run of learning: a dataclass whose field texts are the command line's help."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import tyro

from pib_rl.cli.cli import UserError, mistakes
from pib_rl.common.options import nearest
from pib_rl.figures.curves import literal
from pib_rl.physical.faults import check_clock, parse_all
from pib_rl.training.config import MAPPED, as_pairs, check_ranges, pairs

PRESENTATION = ("out", "progress", "tensorboard", "device")


@dataclass(frozen=True)
class LearnConfig:
    """Trains physical units on data, with labels or without."""

    data: tyro.conf.Positional[str] = "digits"
    """digits, mnist, fashion-mnist or another name of OpenML, or the path of an .npz or .csv file."""
    hw: str = "digital"
    """Substrate: digital, memristive, optical, mzi, oscillator, remote, or one of an installed package;
    SUBSTRATE:PRESET, such as memristive:pcm, for published hardware."""
    target: Literal["labels", "values", "views"] = "labels"
    """What the units learn from: labels of classes, real values, or which views are of one sample."""
    learner: str = "pib"
    """What trains the hidden arrays: pib, frozen, backprop, backprop-off, dfa, ..."""
    seed: int = 0
    """Seed of the chip, its noise and the order of samples."""
    epochs: int | None = None
    """Passes over the data; by default as many as make 2000 steps, 10 at least and 200 at most."""
    width: int = 128
    """Outputs of each unit."""
    units: int = 3
    """Number of units in series."""
    patches: tuple[str, ...] = ()
    """Units in front of the others that look at squares of an image, one array for all: CHANNELS:SIZE:STRIDE each."""
    batch_size: int = 256
    """Samples per step (of each two views, where those are the target)."""
    objective: str | None = None
    """Objective of the units: ridge, pointwise, gaussian, cka or renyi; by default the one that suits the target."""
    objective_options: tuple[str, ...] = ()
    """Settings of the objective that differ from its default, as NAME=VALUE."""
    views: tuple[str, ...] = ()
    """How strong views of samples are, where they differ from their default, as NAME=VALUE. With --target
    views they are what is learned from; otherwise they replace the samples (augmentation)."""
    hw_options: tuple[str, ...] = ()
    """Settings of the substrate that differ from its default, as NAME=VALUE."""
    rule: tuple[str, ...] = ()
    """Settings of the learning rule that differ from its default, as NAME=VALUE."""
    fault: tuple[str, ...] = ()
    """What breaks and after how many epochs, as KIND:SIZE@EPOCH, such as stuck:0.5@3."""
    clock: float = 0.0
    """Simulated seconds that pass for the hardware per training sample; it ages after each epoch."""
    out: Path | None = None
    """Run folder to make; by default one under runs/."""
    device: str = "cpu"
    """torch device: cpu, cuda or cuda:N."""
    progress: bool = True
    """Show a progress bar."""
    tensorboard: bool = False
    """Write event files for TensorBoard too, into the run folder (needs the extra log)."""

    def __post_init__(self) -> None:
        check_ranges(self)
        self.squares()
        with mistakes():
            parse_all(self.fault, self.epochs, "epochs")
            check_clock(self.clock)

    def squares(self) -> list[tuple[int, int, int]]:
        """Channels, size and stride of each unit of ``patches``.

        Raises:
            UserError: If one is no three whole numbers.
        """
        found = []
        for text in self.patches:
            match = re.fullmatch(r"(\d{1,5}):(\d{1,5}):(\d{1,5})", text)
            if match is None:
                raise UserError(f"--patches takes CHANNELS:SIZE:STRIDE, such as 32:5:2, got {text!r}")
            found.append((int(match[1]), int(match[2]), int(match[3])))
        return found

    @property
    def stem(self) -> str:
        """Name of the run, for its folder."""
        extra = "" if self.target == "labels" else f"-{self.target}"
        return f"{Path(self.data).stem}{extra}-{self.hw}-{self.learner}-s{self.seed}".replace(":", "-")

    @property
    def real(self) -> bool:
        """Whether what the data name beside the samples are real values, not classes."""
        return self.target == "values"

    @property
    def title(self) -> str:
        """Name of the run, for people."""
        return f"{literal(Path(self.data).name)}, {self.hw}, {self.learner}, seed {self.seed}"

    def identity(self) -> dict[str, Any]:
        """What defines the run, as plain data: everything but where and how it is shown."""
        plain = {key: value for key, value in asdict(self).items() if key not in PRESENTATION}
        plain["patches"] = list(self.patches)
        plain |= {"fault": list(self.fault)} if plain.pop("fault") else {}
        plain |= {"clock": float(self.clock)} if plain.pop("clock") else {}
        return plain | {name: pairs(getattr(self, name), name.replace("_", "-")) for name in (*MAPPED, "views")}


def from_plain(settings: dict[str, Any], source: Path) -> LearnConfig:
    """The configuration of plain data, as `LearnConfig.identity` gives it.

    Raises:
        UserError: If a name is unknown, or a value is none of its kind.
    """
    known, values = {field.name for field in fields(LearnConfig)}, dict(settings)
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"{source}: unknown setting {name!r}; {nearest(name, sorted(known))}")
        if name in (*MAPPED, "views"):
            if not isinstance(value, dict):
                raise UserError(f"{source}: {name} must be a mapping, got {value!r}")
            values[name] = as_pairs(value)
        elif name in ("patches", "fault"):
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise UserError(f"{source}: {name} must be a list of texts, got {value!r}")
            values[name] = tuple(value)
    try:
        return LearnConfig(**values)
    except TypeError as error:
        raise UserError(f"{source} has a value of another kind than expected: {error}") from None
