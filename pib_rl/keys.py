"""Makes the keys that let sites join: python -m pib_rl.keys --out keys --site beijing tokyo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pib_rl.cli.cli import UserError, mistakes, parse, run
from pib_rl.cli.settings import Settings
from pib_rl.sites.keys import COORDINATOR, make_keys

NAME = "pib_rl.keys"


@dataclass(frozen=True, kw_only=True)
class KeysConfig(Settings):
    """Makes the keys that let sites join: one for the coordinator, once, and one for each site."""

    out: Path
    """Folder of keys; keep it where the coordinator runs. Files that are there are never overwritten."""
    site: tuple[str, ...] = ()
    """Names of sites to make keys for. Each site needs its NAME.key, and nothing else of the folder."""


def main(arguments: list[str]) -> None:
    """The command; it says which files it made, and never what is in them."""
    config = parse(KeysConfig, arguments, NAME)
    if not config.site and (config.out / f"{COORDINATOR}.key").exists():
        raise UserError(
            f"--out {config.out} has the coordinator's keys already; name sites to make keys for, --site NAME"
        )
    with mistakes():
        made = make_keys(config.out, config.site)
    for path in made:
        print(f"made {path}{' (secret)' if path.suffix == '.key' else ''}")
    for name in config.site:
        print(f"bring {config.out / name}.key to the site {name} in a safe way, such as scp, and delete it here")


if __name__ == "__main__":
    run(NAME, main)
