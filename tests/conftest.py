"""Settings of every test: one thread (tests run side by side), and hypothesis without chance or clock."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch and scikit-learn are imported

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A policy that was trained for a moment, to play with; nothing may be written into it."""
    from pib_rl import train
    from pib_rl.runs.folder import RunFolder

    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(
        [
            "CartPole-v1",
            "--hw",
            "memristive",
            "--timesteps",
            "512",
            "--n-envs",
            "8",
            "--n-steps",
            "16",
            "--width",
            "8",
            "--eval-episodes",
            "1",
            "--out",
            str(path),
            "--no-progress",
        ]
    )
    return RunFolder.open(path)
