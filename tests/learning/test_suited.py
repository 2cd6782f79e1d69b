"""Sizes of a run that nobody gave: what the data ask for, and never in the place of what somebody gave."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data
from pib_rl.learning.suited import suited

MANY = 20_000


def data(samples, image=(2, 2)):
    x = np.zeros((samples, 4), dtype=np.float32)
    return Data(x, np.zeros(samples), x[:1], np.zeros(1), image=image)


def sizes(config):
    return config.width, config.batch_size, config.epochs, config.views


@pytest.mark.parametrize(
    ("config", "samples", "image", "expected"),
    [
        ({}, MANY, (2, 2), (512, 512, 25, {"strength": 0.5})),
        ({"patches": ("8:1:1",)}, MANY, (2, 2), (512, 128, 15, {"strength": 0.5})),
        ({}, MANY - 1, (2, 2), (128, 256, None, {})),
        ({}, MANY, None, (128, 256, None, {})),
        ({"target": "views"}, MANY, (2, 2), (128, 256, None, {})),
        ({"target": "values"}, MANY, (2, 2), (128, 256, None, {})),
        ({"width": 32, "epochs": 3}, MANY, (2, 2), (32, 512, 3, {"strength": 0.5})),
        ({"batch_size": 64, "views": {"strength": 0}}, MANY, (2, 2), (512, 64, 25, {"strength": 0})),
    ],
)
def test_sizes_follow_the_data_and_what_somebody_gave_stays(config, samples, image, expected):
    assert sizes(suited(LearnConfig(**config), data(samples, image))) == expected


def test_a_run_that_goes_on_is_left_as_it_is(tmp_path):
    config = LearnConfig(resume=tmp_path)
    assert suited(config, data(MANY)) is config
