"""What a file system refuses, in words."""

from __future__ import annotations

import errno
from pathlib import Path

MENDABLE = (
    errno.ENOSPC,
    errno.EFBIG,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EIO,
)  # what a user can mend; other errors of the system are ours
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def refused(error: OSError, folder: Path | None = None) -> str | None:
    """What the file system refused, in words; None of errors that are ours.

    Args:
        error: What it said.
        folder: The folder where the command works: whatever happens to its files comes from outside.
    """
    where = error.filename if isinstance(error.filename, str | Path) else folder
    inside = folder is not None and where is not None and Path(where).is_relative_to(folder)
    if error.errno not in MENDABLE and not inside:
        return None
    return f"cannot use {where or 'a file'}: {error.strerror or error}"


def cure(error: OSError) -> str:
    """What to do about it."""
    return "make room" if error.errno in FULL else "mend that"
