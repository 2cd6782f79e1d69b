"""Lists what there is to choose from: python -m pib_rl.list learners."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.agents.objectives import OBJECTIVES
from pib_rl.cli.cli import parse, read_yaml, run
from pib_rl.physical import registry
from pib_rl.physical.faults import KINDS
from pib_rl.registration import IDS
from pib_rl.training.settings.software import ALGORITHMS
from pib_rl.training.tuned import FOLDER

NAME = "pib_rl.list"
MIX = "SUBSTRATE,SUBSTRATE"


@dataclass(frozen=True)
class ListConfig:
    """Lists substrates with their presets, learners, objectives, environments and faults, a line each."""

    what: tyro.conf.Positional[Literal["all", "substrates", "learners", "objectives", "environments", "faults"]] = "all"
    """What to list."""


def about(thing: Any) -> str:
    """The first line of the documentation of a class or function, or of its module where it has none."""
    text = thing.__doc__ or sys.modules[thing.__module__].__doc__ or thing.__name__
    return str(text).strip().partition("\n")[0]


def substrates() -> dict[str, str]:
    """What ``--hw`` takes: substrates, presets behind a colon, and one of both for each unit."""
    found = {}
    for name in registry.names():
        kind = registry.find(name)
        found[name] = about(kind)
        found |= {f"{name}:{preset}": _options(options) for preset, options in kind.presets.items()}
    return found | {MIX: "A substrate of its own for each unit, in order."}


def learners() -> dict[str, str]:
    """What ``--learner`` takes; software agents are for `pib_rl.compare` alone."""
    software = {name: f"{name.upper()} of {one.module}, in software (compare)" for name, one in ALGORITHMS.items()}
    return {name: about(kind) for name, kind in LEARNERS.items()} | software


def objectives() -> dict[str, str]:
    """What ``--objective`` takes."""
    return {name: about(kind) for name, kind in OBJECTIVES.items()}


def environments() -> dict[str, str]:
    """Environments of this package, and those of others that settings are tuned for."""
    own = {name: about(gym.envs.registration.load_env_creator(place)) for name, place in IDS.items()}
    tuned = [name for name in read_yaml(FOLDER / "pib.yml") if name != "default"]
    return own | dict.fromkeys(tuned, "of Gymnasium; settings are tuned for it")


def faults() -> dict[str, str]:
    """What ``--fault`` takes, as KIND:SIZE."""
    return {name: f"{kind.about} (size: {kind.size}, {kind.range})" for name, kind in KINDS.items()}


LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "substrates": substrates,
    "learners": learners,
    "objectives": objectives,
    "environments": environments,
    "faults": faults,
}


def main(arguments: list[str]) -> None:
    """The command."""
    config = parse(ListConfig, arguments, NAME)
    console = Console()
    for title, entries in LISTS.items():
        if config.what in ("all", title):
            table = Table(title=title, title_style="bold", title_justify="left", show_header=False, box=None)
            table.add_column(no_wrap=True)
            for name, line in entries().items():
                table.add_row(escape(name), escape(line))
            console.print(table)


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


if __name__ == "__main__":
    run(NAME, main)
