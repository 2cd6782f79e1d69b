"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pib_rl.certify.specimen import Laboratory


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check.

    Attributes:
        passed: Whether it passed; None if the hardware has nothing of the kind.
        measured: What was measured, for people.
    """

    passed: bool | None
    measured: str


@dataclass(frozen=True)
class ContractCheck:
    """One part of the contract.

    Attributes:
        name: For tables.
        expected: What the contract says.
        run: Looks whether it holds.
    """

    name: str
    expected: str
    run: Callable[[Laboratory], Verdict]


def by_part(values: dict[str, float], form: str = ".2g") -> str:
    """Numbers of parts in one line."""
    return ", ".join(f"{name} {value:{form}}" for name, value in values.items())
