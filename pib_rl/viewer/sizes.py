"""How large panels may be; known without pygame."""

from __future__ import annotations

SMALLEST, LARGEST = (480, 270), (7680, 4320)


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError if a panel of that width and height, in pixels, would be too small or too large."""
    for name, value, least, most in zip(("width", "height"), size, SMALLEST, LARGEST, strict=True):
        if not least <= value <= most:
            raise ValueError(f"the {name} of a panel must be in {least}..{most} pixels, got {value}")
