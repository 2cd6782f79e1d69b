"""sites.png of a run folder: where its units learned, and how that went."""

from __future__ import annotations

import numpy as np

from pib_rl.figures.curves import as_png
from pib_rl.figures.sites import SiteCurves, sites_figure
from pib_rl.runs.folder import RunFolder
from pib_rl.sites.watch.record import RECORD, Sample, read

PICTURE = "sites"


def draw_sites(folder: RunFolder, score: str, title: str, factor: float = 1.0) -> None:
    """Draws the figure if units of the run were at sites.

    Args:
        folder: The run folder.
        score: What a score of the record is, with the unit that it has after multiplication by ``factor``.
        title: Title of the figure.
        factor: See there.
    """
    samples = read(folder.path / RECORD)
    if not samples:
        return
    names = dict.fromkeys(one.site for one in samples)
    sites = [_curves([one for one in samples if one.site == name]) for name in names]
    first = [one for one in samples if one.site == samples[0].site]
    scores = factor * np.array([one.score for one in first])
    folder.save_picture(PICTURE, as_png(sites_figure(sites, sites[0].times, scores, score, title)))


def _curves(samples: list[Sample]) -> SiteCurves:
    last = samples[-1]
    known = [one.latency_ms for one in samples if one.latency_ms == one.latency_ms]
    lost = f"{last.lost:,} steps lost" if last.lost else "nothing lost"
    return SiteCurves(
        name=last.site,
        about=f"unit{'s' * ('-' in last.units)} {last.units}, {lost}",
        bytes_out=last.bytes_out,
        bytes_in=last.bytes_in,
        latency_ms=float(np.median(known)) if known else float("nan"),
        times=np.array([one.time_s for one in samples]),
        lags=np.array([one.lag for one in samples]),
        away=np.array([not one.there for one in samples]),
    )
