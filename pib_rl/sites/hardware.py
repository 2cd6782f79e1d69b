"""Substrates of single sites: a run with them is a run on mixed substrates."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pib_rl.cli.cli import mistakes
from pib_rl.cli.settings import LearnerSettings
from pib_rl.physical.mixed import SEPARATOR
from pib_rl.sites.check import sites_of

S = TypeVar("S", bound=LearnerSettings)


def with_hardware_of_sites(config: S, units: int) -> S:
    """The configuration with the substrates that its sites file gives to single sites, named unit by unit.

    Args:
        config: The configuration of a run; without a sites file, or where no site has a substrate, it stays as it is.
        units: Units of its network, those with patches too.

    Raises:
        UserError: If the file can't be read, or a site has a unit that the network lacks.
    """
    with mistakes():
        sites = sites_of(config.sites, None)
        if sites is None or not any(site.hw or site.hw_options for site in sites.sites):
            return config
        names = config.hw.split(SEPARATOR)
        names = names * units if len(names) == 1 else names
        mixed = SEPARATOR in config.hw
        options = {
            f"{unit}.{name}": value
            for unit in range(1, units + 1)
            for name, value in config.hw_options.items()
            if not mixed
        } | (config.hw_options if mixed else {})
        for span, site in sites.groups(units):
            if site is None:
                continue
            for unit in span:
                if site.hw is not None:
                    names[unit] = site.hw
                    options = {name: value for name, value in options.items() if not name.startswith(f"{unit + 1}.")}
                options |= {f"{unit + 1}.{name}": value for name, value in site.hw_options.items()}
        return replace(config, hw=SEPARATOR.join(names), hw_options=options)
