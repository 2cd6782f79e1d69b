"""Frozen units: the baseline of every claim."""

from __future__ import annotations

from pib_rl.agents.learners.base import Learner


class Frozen(Learner):
    """Leaves the hidden units as fabricated: the baseline of every claim."""

    wafers = True
