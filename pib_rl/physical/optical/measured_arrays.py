"""Arrays of numbers that a user measured, in .npy and .npz files: looked at before any memory is taken for them."""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

MOST_ENTRIES = 2**28  # of an array: 2 GiB of complex numbers in single precision
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
UNREADABLE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
CHUNK = 2**20  # bytes that are hashed at once


@dataclass(frozen=True)
class StoredArray:
    """A file with one array, as it was when a user named it.

    Attributes:
        file: Absolute path.
        sha256: Checksum of the file, 64 hexadecimal digits.
    """

    file: str
    sha256: str

    def __post_init__(self) -> None:
        if not (isinstance(self.file, str) and self.file):
            raise ValueError(f"a measured array needs its file, got {self.file!r:.60}")
        if not (isinstance(self.sha256, str) and len(self.sha256) == 64):
            raise ValueError(f"a measured array needs the SHA-256 of its file, got {self.sha256!r:.60}")

    @classmethod
    def of(cls, path: Path) -> StoredArray:
        """Notes a file that is there; ValueError if it can't be read."""
        return cls(str(path.resolve()), checksum(path.resolve()))

    def trouble(self) -> str:
        """Why the file can't be used now, in a few words; nothing if it can."""
        path = Path(self.file)
        if not path.is_file():
            return f"{path} is not there"
        try:
            return "" if checksum(path) == self.sha256 else f"{path} has changed since"
        except ValueError as error:
            return str(error)


def checksum(path: Path) -> str:
    """SHA-256 of a file; ValueError if it can't be read."""
    try:
        stat = path.stat()
        return _checksum(str(path), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None


@lru_cache(maxsize=32)
def _checksum(path: str, size: int, changed_ns: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
    return digest.hexdigest()


def header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array in a file, without reading it.

    Raises:
        ValueError: If there is no array of numbers, or one with more than `MOST_ENTRIES` numbers.
    """
    with _opened(path) as file:
        with _unquoted(path):
            version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"{path}: version {version} of the format is not known; save it again with numpy.save")
        with _unquoted(path):
            shape, _, kind = HEADERS[version](file)
    if kind.kind not in "fciu":
        raise ValueError(f"{path} must hold real or complex numbers, got an array of type {kind}")
    if math.prod(shape) > MOST_ENTRIES:
        raise ValueError(f"{path} holds {math.prod(shape)} numbers, and {MOST_ENTRIES} are the most; save a part of it")
    return shape, kind


def read_array(path: Path) -> np.ndarray:
    """The finite numbers in a .npy file, or in a .npz file with one array.

    Raises:
        ValueError: If it can't be read, is too large, holds something else or a number that is not finite.
    """
    header(path)
    with _opened(path) as file:
        found: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    if not np.isfinite(found).all():
        at = tuple(int(place) for place in np.argwhere(~np.isfinite(found))[0])
        raise ValueError(f"{path}: all numbers must be finite, got {found[at]} at {list(at)}; measure it again")
    return found


@contextmanager
def _unquoted(path: Path) -> Iterator[None]:
    """NumPy's messages repeat what a file begins with, which may be anything: a plain one in their place."""
    try:
        yield
    except OSError:
        raise
    except Exception:  # it runs Python's own parser over the header
        raise ValueError(f"{path} can't be read as .npy or .npz: it is none; save the array with numpy.save") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The .npy content of a file; what goes wrong inside is one ValueError that names the file."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"{path} must hold one array, got {len(names)}: {', '.join(names):.60}")
            with archive.open(names[0]) as file:
                yield file
    except UNREADABLE as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        known = said.startswith(str(path))
        raise ValueError(said if known else f"{path} can't be read as .npy or .npz: {said}") from None
