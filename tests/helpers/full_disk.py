"""A disk that is full from some moment on, and a folder that nobody may write to."""

from __future__ import annotations

import errno
import os
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from stable_baselines3.common.logger import CSVOutputFormat

from pib_rl.common import atomic


class Disk:
    """Has writing fail from the so-manieth write of some file on.

    Args:
        pattern: Name of the file.
        call: Which write of it, from 1.
        number: What the system says.
    """

    def __init__(self, monkeypatch, pattern: str, call: int = 1, number: int = errno.ENOSPC) -> None:
        self.pattern, self.left, self.number, self.full = pattern, call, number, False
        make, log = tempfile.mkstemp, CSVOutputFormat.write

        def mkstemp(*arguments, dir=None, prefix=None, **options):
            self.use(Path(str(dir)) / str(prefix).strip("."))
            return make(*arguments, dir=dir, prefix=prefix, **options)

        def write(this, *arguments):
            self.use(Path(this.file.name))
            log(this, *arguments)

        monkeypatch.setattr(atomic.tempfile, "mkstemp", mkstemp)
        monkeypatch.setattr(CSVOutputFormat, "write", write)

    def use(self, path: Path) -> None:
        if fnmatch(path.name, self.pattern):
            self.left -= 1
        self.full = self.full or self.left <= 0
        if self.full:
            raise OSError(self.number, os.strerror(self.number))
