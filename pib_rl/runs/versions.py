"""Versions that a result depends on, of this package and of those that it uses."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pib_rl import __version__


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    found = {"python": sys.version.split()[0], "pib-rl": f"{__version__}+{fingerprint()}"}
    for name in ("torch", "numpy", "gymnasium", "stable-baselines3", "sb3-contrib", "box2d", "scikit-learn"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def fingerprint() -> str:
    """Eight hexadecimal digits that change with every source or settings file of the package."""
    root = Path(__file__).parents[1]
    content = hashlib.sha256()
    for path in sorted(path for kind in ("*.py", "*.yml") for path in root.rglob(kind)):
        content.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:8]
