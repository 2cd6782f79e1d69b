"""Messages as bytes: safetensors with plain data in its header, and what converters gave as codes.

Reading runs no code of the message. Drives, taps and targets travel as unsigned codes of 2 to 8 or 16 bits, as from an
analog-to-digital converter: for every column its lowest value and a step, and one code per number. A handful of
samples, as when a policy acts, travels as it is: the columns would need more room than the codes spare.

A code of 8 bits and less is a byte, of which deflating leaves somewhat less than the bits of the code: frequent codes
get short words, and runs of one code become one. Longer repeats are not looked for, since codes of activations have
none: that took longer, and left up to a fifth more.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pib_rl.agents.split.message import Message
from pib_rl.common.options import check_plain

LARGEST = 2**28  # bytes of one message
MOST_ON_SOCKET = LARGEST + 64  # what a socket takes: a message and the header of its frame
DEEPEST, LONGEST = 5, 2**16  # axes of a tensor, and characters of the plain data
CODED = ("drive", "taps", "target", "slope")  # what is coded, if there are enough samples
FEW = 16  # samples that travel as they are
TYPES = (torch.float32, torch.float64, torch.uint8, torch.uint16, torch.int64, torch.bool)
CODES = dict.fromkeys(range(2, 9), torch.uint8) | {16: torch.uint16}  # types by the bits of a code
RAW, SMALL = b"r", b"z"  # first byte: as it is, or deflated


class WireError(ValueError):
    """Bytes that are no message."""


def pack(message: Message, bits: int = 8, deflate: bool = False) -> bytes:
    """A message as bytes.

    Args:
        message: Its plain data are what JSON can hold.
        bits: Of a code, one of `CODES`; fewer make messages smaller only if they are deflated.
        deflate: Makes it smaller, for slow links; that costs time here and there.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in message.tensors.items():
        if name in CODED and value.ndim >= 2 and value.shape[-2] >= FEW and value.is_floating_point():
            low, high = value.aminmax(dim=-2, keepdim=True)
            step = (high - low) / (2**bits - 1)
            codes = ((value - low) / torch.where(step > 0, step, 1)).round_()
            tensors[f"{name}#codes"] = codes.to(CODES[bits])
            tensors[f"{name}#low"], tensors[f"{name}#step"] = low, step
        else:
            tensors[name] = value
    header = {"kind": message.kind, "about": json.dumps(message.about, allow_nan=False)}
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    return SMALL + _deflated(content) if deflate else RAW + content


def unpack(content: bytes) -> Message:
    """The message that `pack` made bytes of.

    Raises:
        WireError: If it is none, is too large, or holds a number that is not finite. One line.
    """
    if len(content) > LARGEST:
        raise WireError(f"a message of {len(content)} bytes; the most is {LARGEST}")
    if content[:1] == SMALL:
        inflate = zlib.decompressobj()
        try:
            plain = inflate.decompress(content[1:], LARGEST)
        except zlib.error:
            raise WireError("deflated bytes are damaged") from None
        if not inflate.eof:
            raise WireError(f"deflated bytes are cut off, or are more than {LARGEST}")
    elif content[:1] == RAW:
        plain = content[1:]
    else:
        raise WireError("bytes do not begin as a message does")
    kind, about = _header(plain)
    try:
        tensors = load(plain)
    except (SafetensorError, ValueError, OverflowError, KeyError) as error:
        raise WireError(f"tensors are damaged: {str(error).splitlines()[0]}") from None
    for name, value in tensors.items():
        if value.dtype not in TYPES or value.ndim > DEEPEST:
            raise WireError(f"{name!r} is of a type or shape that does not travel")
    decoded = _decoded(tensors)
    for name, value in decoded.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise WireError(f"{name!r} holds numbers that are not finite")
    return Message(kind, about, decoded)


def _deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return deflater.compress(content) + deflater.flush()


def _header(content: bytes) -> tuple[str, dict[str, Any]]:
    """The kind and the plain data of a message, before anything else is touched."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, LONGEST * 4):
        raise WireError("bytes are cut off, or their header is too long")
    try:
        header = json.loads(content[8 : 8 + size])["__metadata__"]
        kind, text = header["kind"], header["about"]
        if len(text) > LONGEST:
            raise WireError(f"plain data of {len(text)} characters; the most is {LONGEST}")
        about = json.loads(text)
        check_plain(about, "a message")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise error if isinstance(error, WireError) else WireError("the header is damaged") from None
    if not isinstance(kind, str) or not isinstance(about, dict):
        raise WireError("the header does not say what the message is")
    return kind, about


def _decoded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    result = {}
    for name, value in tensors.items():
        base, coded, part = name.partition("#")
        if not coded:
            result[name] = value
        elif part == "codes":
            try:
                result[base] = value.float().mul_(tensors[f"{base}#step"]).add_(tensors[f"{base}#low"])
            except (KeyError, RuntimeError):
                raise WireError(f"codes of {base!r} do not fit their steps") from None
    return result
