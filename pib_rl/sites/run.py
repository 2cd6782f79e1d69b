"""Puts units of a run where a sites file says; what needs pyzmq is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.atomic import write_atomically
from pib_rl.sites.check import check_installed, sites_of
from pib_rl.sites.config import NAME
from pib_rl.sites.watch.record import RECORD


@contextmanager
def at_sites(
    file: Path | None,
    model: PhysicalModel,
    learner: Learner,
    folder: Path,
    *,
    taps: bool,
    score: Callable[[], float | None] = lambda: None,
    progress: bool = False,
) -> Iterator[Learner]:
    """Inside, units live where a sites file says; without a file nothing changes.

    The run folder gets ``sites.csv``, a row per second and site, which `pib_rl.sites.watch.record` reads.

    Args:
        file: The file, of which the run folder gets a copy; a run that goes on reads that.
        model: The model whose units go there.
        learner: What trains the hidden arrays.
        folder: The run folder.
        taps: Whether the readout learns from the same passes as the units, see `SplitPIB`.
        score: The newest score of the run, for the record.
        progress: Whether a live table is shown.

    Yields:
        What takes the learner's place.

    Raises:
        ValueError: If something does not fit.
    """
    config = sites_of(file, folder)
    if config is None or file is None:
        yield learner
        return
    check_installed("--sites")
    from pib_rl.sites.split_run import SplitRun
    from pib_rl.sites.watch.monitor import SitesMonitor
    from pib_rl.sites.watch.table import SitesDisplay

    if not (folder / NAME).exists():
        write_atomically(folder / NAME, file.read_bytes())
    run = SplitRun(config, model, learner, folder, taps)
    with SitesMonitor(run.site_lines, folder / RECORD, score, SitesDisplay.make(progress)), run:
        yield run.learner
