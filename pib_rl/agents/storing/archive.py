"""The file of an agent: a zip that holds data.json and state.safetensors.

The zip is for the sake of Stable-Baselines3, whose callbacks name their files so. Nothing in it is compressed, so that
it can't unfold to more than it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from pib_rl.common.atomic import write_atomically
from pib_rl.common.options import check_plain
from pib_rl.common.stored import LARGEST_FILE, LARGEST_HEADER, pack, unpack
from pib_rl.common.tree import Flat

DATA, STATE, KIND, SUM = "data.json", "state.safetensors", "agent", "data"
Target = str | Path | io.BufferedIOBase


class PickledError(ValueError):
    """A file of Stable-Baselines3, which runs code when it is read."""


def write_archive(target: Target, content: Flat) -> None:
    """Writes plain data and tensors to a file, atomically, or to an open one.

    Args:
        target: A path, to which .zip is added where it has no ending, or an open binary file. Folders are made.
        content: What it holds.
    """
    data = json.dumps(content.plain, indent=1).encode()
    state = pack(content.tensors, KIND, {SUM: hashlib.sha256(data).hexdigest()})
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, part in ((DATA, data), (STATE, state)):
            archive.writestr(zipfile.ZipInfo(name), part)  # without the time: the same agent makes the same file
    if not isinstance(target, (str, Path)):
        target.write(whole.getvalue())
        return
    path = Path(target)
    path = path if path.suffix else path.with_name(f"{path.name}.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, whole.getvalue())


def read_archive(target: Target) -> Flat:
    """What `write_archive` wrote.

    Args:
        target: A path, with or without .zip, or an open binary file.

    Raises:
        FileNotFoundError: If there is no such file.
        PickledError: If Stable-Baselines3 wrote it.
        ValueError: If it is damaged or something else; the message is one line that begins with the file.
    """
    source = str(target) if isinstance(target, (str, Path)) else "the file"
    try:
        with zipfile.ZipFile(_found(target)) as archive:
            data, state = _parts(archive, source)
    except FileNotFoundError:
        raise
    except zipfile.BadZipFile as error:
        raise ValueError(f"{source} is no file of an agent, or damaged: it wasn't a zip-file ({error})") from None
    except (OSError, EOFError, NotImplementedError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"{source} is no file of an agent, or damaged: {error}") from None
    tensors, about = unpack(state, KIND, f"{source}: {STATE}")
    if about.get(SUM) != hashlib.sha256(data).hexdigest():
        raise ValueError(f"{source} is damaged: {DATA} is not the one that was written; take a copy, or train again")
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source} is damaged: {DATA} is not JSON: {error}") from None
    check_plain(plain, f"{source}: {DATA}")
    return Flat(tensors, plain)


def _found(target: Target) -> Any:
    if not isinstance(target, (str, Path)):
        return target
    path = Path(target)
    longer = path.with_name(f"{path.name}.zip")
    return longer if not path.is_file() and longer.is_file() else path


def _parts(archive: zipfile.ZipFile, source: str) -> tuple[bytes, bytes]:
    entries: dict[str, Any] = {entry.filename: entry for entry in archive.infolist()}
    if DATA not in entries and "data" in entries:
        raise PickledError(
            f"{source} is a file of Stable-Baselines3: it holds pickled objects, and these can run any code when they "
            "are read; if you trust who made it, load it with trust=True, and save it again"
        )
    if entries.keys() != {DATA, STATE}:
        raise ValueError(
            f"{source} is no file of an agent: expected {DATA} and {STATE} in it, got {len(entries)} parts"
        )
    for name, most in ((DATA, LARGEST_HEADER), (STATE, LARGEST_FILE)):
        if entries[name].compress_type != zipfile.ZIP_STORED or entries[name].file_size > most:
            raise ValueError(f"{source} is no file of an agent: {name} is compressed, or larger than {most} bytes")
    return archive.read(DATA), archive.read(STATE)
