"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes to a temporary file beside ``path`` and renames it: the old file or the new one, never half of one.

    Raises:
        OSError: If that fails, with ``path`` as its file; a file that was there is as before.
    """
    try:
        _replace(path, content)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def write_once(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Writes a file that must not exist yet; of several processes that try, one does it. Whether this one did.

    Args:
        path: The file.
        content: What it will hold.
        mode: Who may read and write it, as in `os.chmod`; it is so before the file has its name.

    Raises:
        OSError: If it can't be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except (PermissionError, NotImplementedError):  # a file system without links
        return _write_new(path, content, mode)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return True


def _write_new(path: Path, content: bytes, mode: int) -> bool:
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    with suppress(OSError):  # folders of some file systems can't be flushed
        _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    """The new name survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
