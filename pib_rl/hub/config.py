"""The configuration of a transfer to or from the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from pib_rl.cli.cli import UserError
from pib_rl.cli.settings import Settings

REPO = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", re.ASCII)  # no name begins with a dot


@dataclass(frozen=True, kw_only=True)
class HubConfig(Settings):
    """Puts a finished run on the Hugging Face hub, or takes one from it. Only files that run no code travel."""

    what: tyro.conf.Positional[Literal["push", "pull"]]
    """push puts the run there, pull takes it from there."""
    run: tyro.conf.Positional[Path]
    """Run folder: of push one that is finished, of pull one to make."""
    repo: str
    """Where on the hub, as USER/NAME."""
    private: bool = True
    """Of push: whether a repository that is made is seen by you alone."""
    revision: str | None = None
    """Of pull: a branch, tag or commit; by default the newest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not REPO.fullmatch(self.repo):
            raise UserError(f"--repo must be USER/NAME, such as me/cartpole-optical, got {self.repo!r}")
