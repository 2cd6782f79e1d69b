"""sites.yaml: which units live where, and how the place is reached."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pib_rl.common.options import mapping, read_yaml, shown, whole
from pib_rl.sites.emulated.link import LinkConfig
from pib_rl.sites.keys import check_names

NAME = "sites.yaml"
BITS = (*range(2, 9), 16)  # of codes, as `pib_rl.sites.wire` packs them
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class SiteConfig:
    """One site.

    Args:
        name: Its name; ``pib-rl site --name`` gives the same.
        units: Numbers of its units, neighbours, counted from 1.
        elsewhere: It is started by hand on another machine; otherwise the run starts it here.
        hw: The substrate of its units; None for that of the run.
        hw_options: Options of that substrate.
        link: An emulated link to it; None for none.
        threads: Threads of torch that it may use.

    Raises:
        ValueError: If something does not fit.
    """

    name: str
    units: tuple[int, ...]
    elsewhere: bool = False
    hw: str | None = None
    hw_options: dict[str, Any] = field(default_factory=dict)
    link: LinkConfig | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        set_field = object.__setattr__  # the way to assign in a frozen dataclass
        name: Any = self.name
        if not isinstance(name, str):
            raise ValueError(f"a site's name must be a text, got {shown(name)}")
        check_names([name])
        hw: Any = self.hw
        if hw is not None and not isinstance(hw, str):
            raise ValueError(f"site {name}: hw must be the name of a substrate, got {shown(hw)}")
        where = f"site {self.name}"
        given: Any = self.units
        if not isinstance(given, (list, tuple)) or not given:
            raise ValueError(f"{where}: units must be a list of their numbers, such as [1, 2], got {shown(given)}")
        units = tuple(whole(f"{where}: a unit", unit, 1) for unit in given)
        if list(units) != list(range(units[0], units[0] + len(units))):
            raise ValueError(f"{where}: units must be neighbours in order, such as [1, 2], got {list(units)}")
        set_field(self, "units", units)
        set_field(self, "hw_options", mapping(f"{where}: hw_options", self.hw_options))
        set_field(self, "threads", whole(f"{where}: threads", self.threads, 1, 1024))
        elsewhere: Any = self.elsewhere
        if not isinstance(elsewhere, bool):
            raise ValueError(f"{where}: elsewhere must be true or false, got {shown(elsewhere)}")
        if self.elsewhere and self.link is not None:
            raise ValueError(f"{where}: a link is emulated to sites that the run starts; leave out link or elsewhere")
        link: Any = self.link
        if link is not None and not isinstance(link, LinkConfig):
            set_field(self, "link", LinkConfig.of(mapping(f"{where}: link", link)))

    @property
    def range(self) -> range:
        """Its units, counted from 0."""
        return range(self.units[0] - 1, self.units[-1])


@dataclass(frozen=True)
class SitesConfig:
    """All sites of a run.

    Args:
        sites: Each of them. Units that no site has stay in the process of the run.
        listen: HOST:PORT where sites join; port 0 takes a free one.
        keys: Folder of `pib-rl keys`; None makes keys for this run, which do for sites that it starts itself.
        staleness: Batches by which what a unit works on may lag behind the newest that was sent.
        bits: Of the codes that travel: 8, 16 for finer ones, or 2 to 7 for slow links, with ``deflate``.
        deflate: Whether messages are made smaller; it pays below some 50 Mbit/s.
        patience_s: Seconds without a sign of life after which a site is lost for good.

    Raises:
        ValueError: If something does not fit.
    """

    sites: tuple[SiteConfig, ...]
    listen: str = "127.0.0.1:0"
    keys: Path | None = None
    staleness: int = 8
    bits: int = 8
    deflate: bool = False
    patience_s: float = 120.0

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        given: Any = self.sites
        if not isinstance(given, (list, tuple)) or not given:
            raise ValueError(f"sites must be a list of {{name, units}}, got {shown(given)}")
        sites = tuple(one if isinstance(one, SiteConfig) else _site(mapping("each of sites", one)) for one in given)
        sites = tuple(sorted(sites, key=lambda site: site.units))
        set_field(self, "sites", sites)
        for what, values in (
            ("name", [site.name for site in sites]),
            ("unit", [str(unit) for site in sites for unit in site.units]),
        ):
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"sites: {what} {twice[0]} comes twice")
        set_field(self, "staleness", whole("staleness", self.staleness, 0, 1000))
        if type(self.bits) is not int or self.bits not in BITS:
            raise ValueError(f"bits must be 2 to 8, or 16, got {shown(self.bits)}")
        if self.keys is not None:
            if not isinstance(self.keys, (str, Path)):
                raise ValueError(f"keys must be the folder of pib-rl keys, got {shown(self.keys)}")
            set_field(self, "keys", Path(self.keys).expanduser())
        deflate: Any = self.deflate
        if not isinstance(deflate, bool):
            raise ValueError(f"deflate must be true or false, got {shown(deflate)}")
        if self.bits < 8 and not deflate:
            raise ValueError(f"bits {self.bits} spares nothing unless messages are deflated; give deflate: true, too")
        patience: Any = self.patience_s
        if type(patience) not in (int, float) or not 0 < patience < 1e9:
            raise ValueError(f"patience_s must be a number of seconds greater than 0, got {shown(patience)}")
        host, _port = self.address
        if host not in LOOPBACK and self.keys is None:
            raise ValueError(
                f"listen {self.listen} can be reached by others, and there are no keys: make some with pib-rl keys, "
                "and name their folder as keys"
            )
        if self.keys is None and any(site.elsewhere for site in sites):
            raise ValueError("a site elsewhere needs keys: make some with pib-rl keys, and name their folder as keys")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``."""
        host, colon, port = str(self.listen).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"listen must be HOST:PORT, such as 127.0.0.1:0, got {shown(self.listen)}")
        return host.strip("[]"), int(port)

    def groups(self, units: int) -> list[tuple[range, SiteConfig | None]]:
        """All units of a network in groups, front to back, each with its site or None for here.

        Raises:
            ValueError: If a site has a unit that the network lacks.
        """
        if (most := self.sites[-1].units[-1]) > units:
            raise ValueError(f"site {self.sites[-1].name} has unit {most}, the network has {units}")
        groups: list[tuple[range, SiteConfig | None]] = []
        done = 0
        for site in self.sites:
            if site.range.start > done:
                groups.append((range(done, site.range.start), None))
            groups.append((site.range, site))
            done = site.range.stop
        return groups + ([(range(done, units), None)] if done < units else [])


def read_sites(path: Path) -> SitesConfig:
    """What a file says.

    Raises:
        ValueError: If it can't be read or something in it does not fit; one line with the file's name.
    """
    try:
        content = read_yaml(path)
        _known(SitesConfig, content, "sites.yaml")
        return SitesConfig(**content)
    except (ValueError, TypeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(text if str(path) in text else f"{path}: {text}") from None


def _site(content: dict[str, Any]) -> SiteConfig:
    _known(SiteConfig, content, f"site {content.get('name', '')}")
    for name in ("name", "units"):
        if name not in content:
            raise ValueError(f"every site needs {name}")
    return SiteConfig(**content)


def _known(kind: type, content: dict[str, Any], owner: str) -> None:
    names = [one.name for one in fields(kind)]
    for name in content:
        if name not in names:
            raise ValueError(f"{owner}: unknown setting {name!r}; known: {', '.join(names)}")
