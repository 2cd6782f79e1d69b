"""Settings of `pib_rl.log`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.cli import UserError
from pib_rl.cli.settings import TaskSettings


@dataclass(frozen=True, kw_only=True)
class LogConfig(TaskSettings):
    """Logs observations of random actions, or of a policy's, and what was seen a step later."""

    timesteps: int = 4000
    """Environment steps to log, rounded up to all environments; the last one of an episode is left out."""
    policy: Path | None = None
    """Run folder of python -m pib_rl.train whose last policy acts, exploring; by default actions are random."""
    chip: int | None = None
    """Of a --policy with several chips: the one that acts, counted from 0; by default the first one."""
    n_envs: int = 8
    """Environments that run side by side."""
    seed: int = 0
    """Seed of environments and actions."""
    minari: str | None = None
    """Name of a data set of Minari to write, too, such as cartpole/random-v0: episodes with actions and rewards (needs
    the extra minari)."""
    out: Path | None = None
    """File to write, .npz; by default one under observations/."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chip is not None and self.policy is None:
            raise UserError(f"--chip {self.chip} chooses a chip of --policy: give that too, or leave --chip out")
        if self.file.suffix != ".npz":
            raise UserError(f"--out must end with .npz, got {self.file}")
        try:
            if self.file.exists():
                raise UserError(f"{self.file} exists; choose another --out")
        except OSError as error:
            raise UserError(f"cannot write {self.file}: {error.strerror or error}") from None

    @property
    def file(self) -> Path:
        """Where the observations go."""
        extra = f"-d{self.distractors}" if self.distractors else ""
        name = f"{self.env.replace('/', '-').replace(':', '-')}{extra}-s{self.seed}.npz"
        return Path("observations") / name if self.out is None else self.out
