"""What a run must be like so that its units can live at sites; checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pib_rl.agents.learners.registry import LEARNERS
from pib_rl.common.options import shown
from pib_rl.sites.config import NAME, SitesConfig, read_sites

if TYPE_CHECKING:
    from pib_rl.agents.learners.base import Learner
    from pib_rl.agents.network.model import PhysicalModel


def check_installed(who: str) -> None:
    """Raises ValueError unless pyzmq is there, for ``who``."""
    try:
        import zmq  # noqa: F401 -- whether it is there
    except ImportError:
        raise ValueError(f"{who} needs pyzmq: pip install 'pib-rl[distributed]'") from None


def sites_of(file: Path | None, folder: Path | None) -> SitesConfig | None:
    """The sites of a run: those of its run folder if that has a copy of the file already; None without a file.

    Raises:
        ValueError: If the file can't be read or something in it does not fit.
    """
    if file is None:
        return None
    copy = None if folder is None else folder / NAME
    return read_sites(copy if copy is not None and copy.exists() else file)


def check_run(
    file: Path | None, folder: Path | None, model: PhysicalModel, learner: Learner, **refused: object
) -> None:
    """Checks that units of a run can live where a sites file says; without a file there is nothing to check.

    Args:
        file: The sites file.
        folder: The run folder, of a run that goes on.
        model: The model.
        learner: What trains the hidden arrays.
        refused: Options of the run that can't reach units elsewhere, by name; wrong where one is set.

    Raises:
        ValueError: If not, in one line.
    """
    config = sites_of(file, folder)
    if config is None:
        return
    check_installed("--sites")
    for name, value in refused.items():
        if value:
            raise ValueError(f"--{name} {shown(value)} does not reach units at sites; leave out --{name} or --sites")
    check_split(config, model, learner)


def check_split(config: SitesConfig, model: PhysicalModel, learner: Learner) -> None:
    """Raises ValueError if the model or the learner can't be split, or sites do not fit the network."""
    from pib_rl.agents.learners.backprop import Backprop  # late: they import torch
    from pib_rl.agents.learners.frozen import Frozen
    from pib_rl.agents.learners.pib import PIBLearner

    if not isinstance(learner, PIBLearner | Frozen | Backprop):
        name = next((name for name, kind in LEARNERS.items() if kind is type(learner)), type(learner).__name__)
        raise ValueError(f"learner {name} needs what other units know; with --sites it must be pib, frozen or backprop")
    if model.streams.chips:
        raise ValueError(f"units at sites are on one chip each, got {model.chip.chips} chips; leave out --chips")
    if model.device.type != "cpu":
        raise ValueError(f"units at sites need the readout on the CPU, got {model.device}; use --device cpu")
    config.groups(len(model.network.chain))
