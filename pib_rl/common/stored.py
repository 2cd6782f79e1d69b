"""Tensors on disk: safetensors with a header that says what they are, checked before anyone uses them.

Everything that this package saves goes through here. Reading runs no code of the file. The header stands in the
metadata of the safetensors file, as texts:

- ``format``: what the file holds, such as "policy"; ``format_version``: how, a whole number;
- ``written_by``: the version of pib-rl;
- ``about``: plain data as JSON;
- ``checksum``: SHA-256 of all that, and of the names, types, shapes and bytes of the tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pib_rl.common.atomic import write_atomically

FORMAT_VERSION = 1
READERS: dict[int, str] = {}  # older formats, and the last version of pib-rl that reads each
LARGEST_FILE, LARGEST_HEADER = 2**35, 2**26  # bytes
TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8, "BOOL": torch.bool}
FIELDS = ("format", "format_version", "written_by", "about")


class Stored(NamedTuple):
    """What a file holds.

    Args:
        tensors: By name, on the CPU.
        about: Plain data that was stored with them.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def write(path: Path, tensors: Mapping[str, Tensor], kind: str, about: Mapping[str, Any] | None = None) -> None:
    """Writes tensors and plain data to a file, atomically.

    Args:
        path: The file; an old one is replaced.
        tensors: By name, of `TYPES`, on any device.
        kind: What they are, such as "policy"; `read` asks for it again.
        about: What JSON can hold, by name.

    Raises:
        TypeError: If a tensor has another type, or something in ``about`` is no plain data.
        OSError: If the file can't be written; it has the file's name.
    """
    write_atomically(path, pack(tensors, kind, about))


def read(path: Path, kind: str) -> Stored:
    """What `write` wrote; nothing of a broken file is used.

    Args:
        path: The file.
        kind: What it has to hold.

    Raises:
        ValueError: If it can't be read, holds something else or is damaged, or a number in it is not finite. The
            message is one line that begins with the file.
    """
    return unpack(_content(path), kind, str(path))


def peek(path: Path, kind: str) -> dict[str, Any]:
    """What a file says about itself, without its tensors; errors are those of `read`, but nothing is summed up."""
    with _opened(path), path.open("rb") as file:
        start = file.read(8)
        size = int.from_bytes(start, "little")
        content = start + (file.read(size) if size <= LARGEST_HEADER else b"")
    header = _header(content, str(path))[1]
    _check_header(header, kind, str(path))
    return _about(header["about"], str(path))


def pack(tensors: Mapping[str, Tensor], kind: str, about: Mapping[str, Any] | None = None) -> bytes:
    """The content of a file; arguments and TypeError as for `write`."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    for name, value in plain.items():
        if value.dtype not in TYPES.values():
            known = ", ".join(str(one) for one in TYPES.values())
            raise TypeError(f"tensor {name} has the type {value.dtype}, and a file can hold {known}; convert it")
    header = {
        "format": kind,
        "format_version": str(FORMAT_VERSION),
        "written_by": installed(),
        "about": json.dumps(dict(about or {})),
    }
    return _in_order(save(plain, header | {"checksum": checksum(plain, header)}))


def _in_order(content: bytes) -> bytes:
    """The same with its metadata in order, which safetensors writes in any: the same tensors make the same file."""
    size = int.from_bytes(content[:8], "little")
    names = json.loads(content[8 : 8 + size])
    names["__metadata__"] = dict(sorted(names["__metadata__"].items()))
    text = json.dumps(names, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def unpack(content: bytes, kind: str, source: str) -> Stored:
    """What `pack` packed; ``source`` names it in messages, errors are those of `read`."""
    names, header = _header(content, source)
    _check_header(header, kind, source)
    for name, entry in names.items():
        found = entry.get("dtype") if isinstance(entry, dict) else entry
        if not isinstance(entry, dict) or not isinstance(found, str) or found not in TYPES:
            raise ValueError(f"{source}: tensor {name} has the type {found!s:.40}; known: {', '.join(TYPES)}")
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ValueError(f"{source} cannot be read: {error}") from None
    if header["checksum"] != checksum(tensors, header):
        raise ValueError(f"{source} is damaged: its checksum differs from that of its content; take a copy, or redo it")
    check_finite(tensors, source)
    return Stored(tensors, _about(header["about"], source))


def installed() -> str:
    """The version of pib-rl that is installed."""
    from pib_rl import __version__  # the package names its agents, and they save through this module

    return __version__


def check_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Raises ValueError if a number is NaN or infinite; the message names tensor, index and ``source``."""
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            at = (~value.isfinite()).nonzero()[0].tolist()
            raise ValueError(f"{source}: {name}{at or ''} is {value[tuple(at)].item()}, and must be a finite number")


def checksum(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """SHA-256 of the header's `FIELDS` and of the names, types, shapes and bytes of tensors, hexadecimal."""
    digest = hashlib.sha256(json.dumps([header.get(name) for name in FIELDS]).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    with _opened(path):
        return path.read_bytes()


@contextmanager
def _opened(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into ValueError; it must be a file, no device, and no giant."""
    try:
        if not path.is_file():
            raise ValueError(f"{path} cannot be read: there is no such file")
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{path} is larger than {LARGEST_FILE} bytes, which nothing that pib-rl saves is")
        yield
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def _header(content: bytes, source: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What a file says of its tensors by name, and of itself."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, LARGEST_HEADER):
        raise ValueError(f"{source} cannot be read: it is no safetensors file, or cut short")
    try:
        names = json.loads(content[8 : 8 + size])
        header = names.pop("__metadata__", {})
    except (ValueError, RecursionError, AttributeError, TypeError):
        raise ValueError(f"{source} cannot be read: it is no safetensors file, or damaged") from None
    if not isinstance(header, dict) or not all(isinstance(value, str) for value in header.values()):
        raise ValueError(f"{source} cannot be read: its metadata are no texts")
    return names, header


def _check_header(header: dict[str, str], kind: str, source: str) -> None:
    """Raises ValueError unless this version reads the file, and it holds what is wanted."""
    if not {*FIELDS, "checksum"} <= header.keys():
        raise ValueError(
            f"{source} has no header of pib-rl (format {FORMAT_VERSION}, since 0.1.0): a development version before it "
            "wrote the file, and that version alone reads it (a config.yaml beside it names it), or another program did"
        )
    text = header["format_version"]
    version = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if version != FORMAT_VERSION:
        newer = f"pib-rl {header['written_by'][:40]}, which wrote it"
        reader = f"pib-rl {READERS[version]}" if version in READERS else newer
        raise ValueError(
            f"{source} has the format version {text[:40]}, and pib-rl {installed()} reads {FORMAT_VERSION}; it takes "
            f"{reader}"
        )
    if header["format"] != kind:
        raise ValueError(f"{source} holds something else: expected the format {kind!r}, got {header['format'][:40]!r}")


def _about(text: str, source: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{source} is damaged: what it says about itself is not JSON") from None
    if not isinstance(about, dict):
        raise ValueError(f"{source} is damaged: what it says about itself must be names and values")
    return about
