"""What drawing needs: one pygame."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from gymnasium.error import DependencyNotInstalled


def check_pygame() -> None:
    """Makes sure that there is one pygame: two overwrite each other's files. Its greeting is switched off.

    Raises:
        DependencyNotInstalled: If it is missing, or if pygame and pygame-ce are both installed; the message says how to
            mend that.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    with suppress(PackageNotFoundError):
        for name in ("pygame", "pygame-ce"):
            version(name)
        raise DependencyNotInstalled(
            "pygame and pygame-ce are both installed and overwrite each other; mend it with "
            "pip uninstall -y pygame pygame-ce, then pip install pygame-ce"
        )
    try:
        importlib.import_module("pygame")
    except ImportError:
        raise DependencyNotInstalled("pictures of the hardware need pygame: pip install pygame-ce") from None
