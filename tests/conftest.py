"""Settings of every test: one thread, as tests run side by side; hypothesis without chance or clock; quick pictures."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch and scikit-learn are imported

from functools import partial

import pytest
import torch
from hypothesis import settings
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from pib_rl.agents.learners.pib import PIBLearner
from pib_rl.learning import figures as maps

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="module", autouse=True)
def pictures_take_half_the_time(request):
    """Pictures in files are drawn without a first drawing that makes their layout, and maps are not finished."""
    save = Figure.savefig

    def unlaid(figure, *arguments, **options):
        if options.get("format") == "png":
            figure.set_layout_engine(None)
        save(figure, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        if "figures" not in request.path.parts:
            patch.setattr(Figure, "savefig", unlaid)
            patch.setattr(maps, "TSNE", partial(TSNE, max_iter=250))
        yield


@pytest.fixture(scope="module")
def few_steps():
    """Units take a tenth of their steps per rollout, for tests in which it does not matter how well they learn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PIBLearner.defaults, "hidden_steps", 8)
        yield


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
