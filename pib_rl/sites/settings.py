"""Arguments of `pib-rl site`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.cli import UserError


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """Runs a site: some units of a network, on a chip of their own, that learn with a run elsewhere."""

    connect: str
    """HOST:PORT where the run listens; the site connects to it, so it may be behind a firewall."""
    key: Path
    """The site's file of pib-rl keys, NAME.key."""
    name: str | None = None
    """Its name, to be sure that the key is the right one."""
    state: Path = Path("site")
    """Folder where the chip's state is kept, to go on with when the site is started again."""
    seed: int | None = None
    """Takes the chip of this seed in place of the run's: another draw, which learns in place."""

    lifeline: bool = False
    """Ends when the standard input does, as runs want it of the sites that they start: none outlives its run."""

    def __post_init__(self) -> None:
        self.address  # noqa: B018 -- checked before anything starts
        if self.seed is not None and self.seed < 0:
            raise UserError(f"--seed must be 0 or more, got {self.seed}")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``connect``."""
        host, _, port = self.connect.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UserError(f"--connect must be HOST:PORT, such as 192.0.2.7:5555, got {self.connect!r}")
        return host.strip("[]"), int(port)
