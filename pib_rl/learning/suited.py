"""Sizes that suit the data, in the place of those that nobody gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import Data

FILE = Path(__file__).parents[1] / "hyperparams" / "learn.yml"


def suited(config: LearnConfig, data: Data) -> LearnConfig:
    """The configuration with width, batches, epochs and views that suit the data, unless it says other ones.

    Many labelled images need wide units, more passes and views; on small data these would only take longer. A run that
    goes on is left as it is: its file holds what it began with.
    """
    if config.resume is not None:
        return config
    content: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    settings, images = content["default"], content["labelled_images"]
    least = images.pop("from_samples")
    if config.target == "labels" and data.image is not None and len(data.x_train) >= least:
        settings = settings | images | (content["patches"] if config.patches else {})
    return replace(config, **{name: value for name, value in settings.items() if getattr(config, name) in (None, {})})
