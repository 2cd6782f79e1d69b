"""Keys of CURVE: with its own a site may join, and nobody else can read or change what it sends.

Files of a folder of keys, YAML each:

- ``coordinator.key``: the coordinator's secret; it stays with the coordinator.
- ``coordinator.pub``: its public key.
- ``NAME.key``: the secret of a site, and the coordinator's public key; the one file that a site needs.
- ``authorised/NAME.pub``: the site's public key. The coordinator lets in whose key is here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pib_rl.sites.key_files import Keys, create, curve, key_pair, read_keys

COORDINATOR, AUTHORISED = "coordinator", "authorised"
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class SiteKey:
    """What a site needs to join.

    Args:
        name: Name of the site.
        public: Its public key, 40 letters of Z85, as pyzmq takes keys.
        secret: Its secret key.
        coordinator: The coordinator's public key: a site talks to nobody else.
    """

    name: str
    public: bytes
    secret: bytes = field(repr=False)
    coordinator: bytes

    @classmethod
    def load(cls, path: Path) -> SiteKey:
        """The key of a site from ``NAME.key``.

        Raises:
            ValueError: If the file is missing, open to others, damaged, or no key of a site.
        """
        found = read_keys(path, secret=True, more=("coordinator",))
        return cls(found["name"], _key(found, "public"), _key(found, "secret"), _key(found, "coordinator"))


@dataclass(frozen=True)
class CoordinatorKeys:
    """What the coordinator needs to let sites in.

    Args:
        public: Its public key, 40 letters of Z85.
        secret: Its secret key.
        sites: Public keys of the sites that may join, by name.
    """

    public: bytes
    secret: bytes = field(repr=False)
    sites: dict[str, bytes]

    @classmethod
    def load(cls, folder: Path) -> CoordinatorKeys:
        """The keys of a folder that ``pib-rl keys`` made.

        Raises:
            ValueError: If a file is missing, open to others, damaged, or two sites have one key.
        """
        own = read_keys(folder / f"{COORDINATOR}.key", secret=True)
        sites: dict[str, bytes] = {}
        for path in sorted((folder / AUTHORISED).glob("*.pub")):
            found = read_keys(path)
            name, key = found["name"], _key(found, "public")
            if name != path.stem:
                raise ValueError(f"{path} holds the key of site {name}; rename it to {name}.pub")
            other = next((one for one in sites if sites[one] == key), None)
            if other is not None:
                raise ValueError(f"{path} holds the key of site {other}, too; delete one of the two")
            sites[name] = key
        return cls(_key(own, "public"), _key(own, "secret"), sites)

    def site_of(self, key: bytes) -> str | None:
        """Name of the site that has this public key; None if it may not join."""
        return next((name for name, known in self.sites.items() if known == key), None)


def make_keys(folder: Path, sites: Sequence[str]) -> list[Path]:
    """Makes keys of sites, and of the coordinator where there are none. Returns the files that it made.

    Args:
        folder: Where; it is made if it is missing.
        sites: Names of the sites.

    Raises:
        ValueError: If a name can't be one, a file is there already (none is ever overwritten), or pyzmq is missing.
        OSError: If a file can't be written.
    """
    check_names(sites)
    curve()
    authorised = folder / AUTHORISED
    taken = [path for name in sites for path in (folder / f"{name}.key", authorised / f"{name}.pub") if path.exists()]
    if taken:
        raise ValueError(f"{taken[0]} exists and keys are never overwritten; choose another name, or delete it first")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authorised.mkdir(exist_ok=True)
    own, public = folder / f"{COORDINATOR}.key", folder / f"{COORDINATOR}.pub"
    made: list[Path] = []
    if not own.exists():
        pair = key_pair(COORDINATOR)
        made += [create(public, pair.public()), create(own, pair.all())]
    coordinator = read_keys(own, secret=True)["public"]
    for name in sites:
        pair = key_pair(name)
        made += [create(folder / f"{name}.key", pair.all(coordinator=coordinator))]
        made += [create(authorised / f"{name}.pub", pair.public())]
    return made


def check_names(sites: Sequence[str]) -> None:
    """Raises ValueError unless all can be names of sites, each once."""
    for name in sites:
        if not NAMES.fullmatch(name) or name == COORDINATOR:
            raise ValueError(
                f"a site's name must be letters, digits, - and _, 64 at most, and not {COORDINATOR!r}; got {name!r}"
            )
        if sites.count(name) > 1:
            raise ValueError(f"two sites have the name {name!r}; give each its own")


def _key(found: Keys, name: str) -> bytes:
    return found[name].encode()
