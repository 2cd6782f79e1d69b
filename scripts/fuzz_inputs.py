"""How fuzzing changes files: taken apart, so that changes get through checksums."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load

import pib_rl
from pib_rl.cli.cli import UserError
from pib_rl.common.stored import checksum

SPLIT = b"\n\0\n"  # between the parts of an input
LONGEST_MESSAGE = 2000
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 10**9, 2**63, 2**64, -(2**70), 0.5, -0.5, 1e38, 1e300, float("nan")),
    *(float("inf"), "", "zz", "nan", "/policy/log_std", "\0", "../x", "9" * 30, [], [1], [[]], {}, {"a": 1}),
    *({"$tensor": "zz"}, {"$tuple": []}, {"$array": "zz", "type": "<f8", "shape": [-1]}, {"@space": {}}, {"$int": "1"}),
)
FAVOURED = ("__metadata__", "about")  # names of JSON whose content is more than their number says
ROOT = str(Path(pib_rl.__file__).parent)


def is_ours(error: BaseException) -> bool:
    """Whether an error is one line that this package raised for people to read."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    raised_here = frame is not None and frame.tb_frame.f_code.co_filename.startswith(ROOT)
    kind, text = type(error), str(error)
    named = kind in (ValueError, UserError) or (kind.__module__.startswith("pib_rl") and isinstance(error, Exception))
    one_line = "\n" not in text or kind is UserError  # commands put that on one line
    return raised_here and named and bool(text) and one_line and len(text) <= LONGEST_MESSAGE


@contextmanager
def refusals() -> Iterator[None]:
    """Lets a refusal pass, so that the next question is asked."""
    try:
        yield
    except Exception as error:
        if not is_ours(error):
            raise


def apart(content: bytes) -> bytes:
    """A safetensors file as an input: its header as JSON, with what its texts hold as JSON too, then its bytes."""
    size = int.from_bytes(content[:8], "little")
    names = json.loads(content[8 : 8 + size])
    header = names.get("__metadata__", {})
    header["about"] = json.loads(header.get("about", "{}"))
    return json.dumps(names).encode() + SPLIT + content[8 + size :]


def together(parts: bytes, **own: str) -> bytes:
    """The file that an input stands for, with the checksum that its content has; ``own`` replaces what it says."""
    text, _, data = parts.partition(SPLIT)
    try:
        names = json.loads(text)
        header = names["__metadata__"]
        header["about"] = json.dumps(header["about"] | own)
        content = _file(names, data)
        tensors = load(content)
        header["checksum"] = checksum(tensors, header)
        return _file(names, data)
    except Exception:  # whatever this stands for, it is no sound file
        return len(text).to_bytes(8, "little") + text + data


def _file(names: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(names).encode()
    return len(text).to_bytes(8, "little") + text + data


def changed(value: Any, draw: random.Random) -> Any:
    """Plain data with one part of it replaced, left out, repeated or put into another."""
    if isinstance(value, (dict, list)) and value and draw.random() < 0.93:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = next((name for name in FAVOURED if name in keys and draw.random() < 0.8), draw.choice(keys))
        other: Any = dict(value) if isinstance(value, dict) else list(value)
        action = draw.random()
        if action < 0.05:
            del other[key]
        elif action < 0.1 and isinstance(other, dict):
            other[draw.choice(["zz", "$tensor", "@space", "step", str(key) + "x"])] = other[key]
        elif action < 0.15 and isinstance(other, list):
            other.insert(key, other[key])
        else:
            other[key] = changed(other[key], draw)
        return other
    if draw.random() < 0.2:
        return [value] if draw.random() < 0.5 else {"a": value}
    if isinstance(value, (int, float)) and draw.random() < 0.5:
        return draw.choice([value + 1, -value, value * 2, float(value), str(value)])
    return draw.choice(STRANGE)


def changed_json(content: bytes, draw: random.Random) -> bytes:
    """An input whose first part is JSON, with some of it changed; as it is if it is none."""
    text, split, data = content.partition(SPLIT)
    try:
        plain = json.loads(text)
        for _ in range(draw.choice([1, 1, 1, 2, 4])):
            plain = changed(plain, draw)
        return json.dumps(plain).encode() + split + data
    except (ValueError, RecursionError, OverflowError):
        return content
