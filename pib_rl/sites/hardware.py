"""Substrates of single sites: a run with them is a run on mixed substrates."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pib_rl.cli.cli import mistakes
from pib_rl.cli.settings import LearnerSettings
from pib_rl.physical import registry
from pib_rl.physical.mixed_names import SEPARATOR
from pib_rl.sites.check import sites_of

S = TypeVar("S", bound=LearnerSettings)


def with_hardware_of_sites(config: S, units: int) -> S:
    """The configuration with the substrates that its sites file gives to single sites, named unit by unit.

    Args:
        config: The configuration of a run; without a sites file, or where no site has a substrate, it stays as it is.
        units: Units of its network, those with patches too.

    Raises:
        UserError: If the file can't be read, a site has a unit that the network lacks, or substrates are named for
            another number of units.
    """
    with mistakes():
        sites = sites_of(config.sites, None)
        if sites is None or not any(site.hw or site.hw_options for site in sites.sites):
            return config
        registry.check_units(config.hw, units)
        names = registry.each(config.hw)
        if len(names) == 1:
            names = names * units
        hw = SEPARATOR.join(names)
        options = config.hw_options if hw == config.hw else registry.for_each(hw, config.hw_options)
        for span, site in sites.groups(units):
            if site is None:
                continue
            for unit in span:
                number = f"{unit + 1}." if units > 1 else ""  # in front of the names of its options
                if site.hw is not None:
                    names[unit] = site.hw
                    options = {name: value for name, value in options.items() if not name.startswith(number)}
                options = options | {number + name: value for name, value in site.hw_options.items()}
        return replace(config, hw=SEPARATOR.join(names), hw_options=options)
