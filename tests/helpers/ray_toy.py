"""Runs that take no time, for a cluster of Ray: ``python -m ray_toy`` makes one, and its name says how it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace


class ToyJob:
    """What a comparison asks of a job, with this module as its command."""

    module = "ray_toy"

    def __init__(self, name):
        self.name = name

    def settings(self):
        return SimpleNamespace(imports=(), plain=dict)


def main(out):
    if out.name.startswith("fails"):
        sys.exit("no light")
    if out.name.startswith("killed"):
        attempts = out.parent.parent / f"{out.name}.attempts"
        attempts.write_text(attempts.read_text() + "x" if attempts.exists() else "x")
        if out.name == "killed-always" or attempts.read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
    out.mkdir()
    if out.name.startswith("waits"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        (out / "at-work").touch()
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            (out / "saved").touch()


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--out") + 1]))
