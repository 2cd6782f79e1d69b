"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pib_rl.certify import identity, reads, writes
from pib_rl.certify.specimen import Laboratory
from pib_rl.certify.verdict import ContractCheck, Verdict
from pib_rl.physical.remote.instrument import InstrumentError, brief
from pib_rl.physical.substrate import Substrate

CHECKS: tuple[ContractCheck, ...] = (*reads.CHECKS, *writes.CHECKS, *identity.CHECKS)


def certify(
    make: Callable[[int], Substrate], seed: int, size: int
) -> tuple[list[tuple[ContractCheck, Verdict]], Laboratory]:
    """Checks the contract of a substrate.

    Args:
        make: Makes it from a seed, each time with streams and a meter of its own.
        seed: Seed of the chip that is looked at; another one has the next.
        size: Drives of its medium, and outputs of its array.

    Returns:
        Each check with what it found, and what was measured.

    Raises:
        InstrumentError: If an instrument is not to be reached: that says nothing of the substrate.
    """
    lab = Laboratory(make, seed, size)
    return list(_found(lab)), lab


def _found(lab: Laboratory) -> Iterator[tuple[ContractCheck, Verdict]]:
    for check in CHECKS:
        try:
            yield check, check.run(lab)
        except InstrumentError:
            raise
        except Exception as error:  # whatever hardware of others does
            yield check, Verdict(False, f"{type(error).__name__}: {brief(error)}")
