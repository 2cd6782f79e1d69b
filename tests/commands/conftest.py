"""What tests of several commands share."""

from __future__ import annotations

import pytest

from pib_rl import train
from pib_rl.runs import RunFolder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> RunFolder:
    """A policy that was trained for a moment, to play with; nothing may be written into it."""
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(["CartPole-v1", "--hw", "memristive", "--timesteps", "512", "--n-steps", "16", "--width", "8",
                "--eval-episodes", "1", "--out", str(path), "--no-progress"])
    return RunFolder.open(path)
