"""Which runs of a comparison one process makes: one, or consecutive seeds as the chips of a wafer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pib_rl.cli.room import makes_wafers
from pib_rl.comparison.plan import Job
from pib_rl.training.config import TrainConfig
from pib_rl.training.settings.software import SOFTWARE, BaselineConfig

MOST = 64  # chips of one wafer: more of them take memory and save no more time


@dataclass(frozen=True)
class Group:
    """Runs of one process.

    Args:
        jobs: One run; or several of one learner on one substrate, of consecutive seeds: chips of one wafer.
    """

    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """Name of its folder while it is at work: that of the run, or of the first run with the last seed."""
        first, last = self.jobs[0], self.jobs[-1]
        return first.name if first is last else f"{first.name}-{last.seed}"

    @property
    def module(self) -> str:
        """The command that does it: ``python -m`` this."""
        return self.jobs[0].module

    def settings(self) -> TrainConfig | BaselineConfig:
        """What the command gets: the first run's configuration, with as many chips as there are runs."""
        first = self.jobs[0].settings()
        return replace(first, chips=len(self.jobs)) if isinstance(first, TrainConfig) else first

    def alone(self) -> list[Group]:
        """The same runs, a process for each."""
        return [Group((job,)) for job in self.jobs]


def grouped(jobs: Iterable[Job], wafers: bool = True) -> list[Group]:
    """Puts runs together as wafers, where that is possible, in the order of the first run of each.

    Args:
        jobs: What to run, seeds ascending.
        wafers: Whether to; otherwise each run stays alone.
    """
    found: list[list[Job]] = []
    latest: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        chips = latest.get((job.learner, job.hw), [])
        if wafers and chips and job.seed == chips[-1].seed + 1 and len(chips) < MOST and can_share(job):
            chips.append(job)
        else:
            latest[job.learner, job.hw] = [job]
            found.append(latest[job.learner, job.hw])
    return [Group(tuple(chips)) for chips in found]


def can_share(job: Job) -> bool:
    """Whether a run can be one chip of a wafer: learner and substrate must both be able to."""
    return job.hw != SOFTWARE and makes_wafers(job.learner, job.hw)
