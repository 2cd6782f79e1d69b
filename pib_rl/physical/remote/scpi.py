"""Messages to an instrument and its replies, as lines of text in the manner of SCPI."""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter

import torch
from torch import Tensor

from pib_rl.physical.remote.instrument import InstrumentError, LineError, brief

NOT_FINITE = "the network asks its instrument for numbers that are not finite, which were not sent; training diverged"


def check_template(name: str, template: str, needed: Collection[str], allowed: Collection[str]) -> None:
    """Makes sure that a message can be made from a template.

    Args:
        name: Name of the template, for messages.
        template: Text with fields in braces, as `str.format` takes it.
        needed: Fields that it must have.
        allowed: Fields that it may have besides.

    Raises:
        ValueError: If it is no such text, lacks a field, or has another one.
    """
    known = [*needed, *allowed]
    try:
        found = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
        template.format(**dict.fromkeys(known, 0))
    except (ValueError, KeyError, IndexError, AttributeError):
        raise ValueError(
            f"{name} must be a text with the fields {_listed(known)} and no other braces, got {template!r}"
        ) from None
    if missing := [field for field in needed if field not in found]:
        raise ValueError(f"{name} must hold {_listed(missing)}, got {template!r}")


def written(values: Tensor, number: str, separator: str) -> str:
    """``values`` of any shape as text, a batch sample by sample, each in the format ``number``, such as ``.6g``.

    Raises:
        InstrumentError: If one is not finite: no instrument is driven with that.
    """
    if not values.isfinite().all():
        raise InstrumentError(NOT_FINITE)
    return separator.join(format(value, number) for value in values.flatten().tolist())


def numbers(reply: str, separator: str, rows: int, columns: int, limit: float, who: str) -> Tensor:
    """The numbers in a reply, shape (rows, columns), float64.

    Args:
        reply: Text.
        separator: What stands between two numbers.
        rows: Samples.
        columns: Numbers per sample.
        limit: Largest size of a number that can be.
        who: The part that was asked, for messages.

    Raises:
        LineError: If the reply is no list of numbers, or of another length.
        InstrumentError: If one is not finite or larger than ``limit``.
    """
    words = reply.split(separator) if separator.strip() else reply.split()
    if len(words) > 1 and not words[-1].strip():  # some close a list with a separator
        words.pop()
    found = []
    for place, word in enumerate(words):
        try:
            found.append(float(word))
        except ValueError:
            raise LineError(
                f"{who} gave a garbled reply, {reply[:40]!r}: number {place} (from 0) is {word[:20]!r}"
            ) from None
    values = torch.tensor(found, dtype=torch.float64)
    if len(values) != rows * columns:
        raise LineError(f"{who} gave {len(values)} numbers in place of {rows} x {columns}")
    wrong = values[~(values.abs() <= limit)]
    if len(wrong):
        raise InstrumentError(
            f"{who} gave {wrong[0].item():g}, which lies outside of its range "
            f"-{limit:g}..{limit:g} ({len(wrong)} of {len(values)} numbers do)"
        )
    return values.view(rows, columns)


def check_error(reply: str, who: str) -> None:
    """Reads the reply to SYST:ERR?, such as ``0,"No error"`` (SCPI-99, SYSTem subsystem).

    Raises:
        LineError: If it does not begin with a whole number.
        InstrumentError: If that number is not 0.
    """
    code, _, text = reply.partition(",")
    try:
        number = int(code)
    except ValueError:
        raise LineError(f"{who} gave a garbled error report, {reply[:40]!r}") from None
    if number:
        said = brief(text.strip(' "') or "no text")
        raise InstrumentError(f"{who} reports error {brief(number)}: {said}")


def _listed(fields: Collection[str]) -> str:
    return " ".join(f"{{{field}}}" for field in fields)
