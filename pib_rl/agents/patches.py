"""Images as vectors, and squares of them: sizes, and the texts that give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Grid(NamedTuple):
    """An image as a vector: feature (row width + column) channels + channel."""

    height: int
    width: int
    channels: int = 1

    @property
    def features(self) -> int:
        """Length of the vector."""
        return self.height * self.width * self.channels


class Patch(NamedTuple):
    """What a patch unit looks at: squares of ``size`` pixels, ``stride`` apart, ``channels`` outputs for each."""

    channels: int
    size: int
    stride: int


IMAGE_PATCHES = (Patch(16, 3, 1),)  # what a policy for images has by default
FORM = re.compile(r"(\d{1,5}):(\d{1,5}):(\d{1,5})")
NO_PATCHES = "none"


def parse_patches(texts: Sequence[str]) -> tuple[Patch, ...]:
    """Patches from texts, CHANNELS:SIZE:STRIDE each; the text none alone stands for no patches.

    Raises:
        ValueError: If a text has another form.
    """
    found = []
    for text in () if list(texts) == [NO_PATCHES] else texts:
        match = FORM.fullmatch(str(text))
        if match is None:
            raise ValueError(f"--patches takes none or CHANNELS:SIZE:STRIDE, such as 32:5:2, got {text!r}")
        found.append(Patch(*map(int, match.groups())))
    return tuple(found)
