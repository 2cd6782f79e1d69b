"""Checks of which chip it is: seeds, saving and loading, a session that is lost."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pib_rl.certify.specimen import Laboratory, rms
from pib_rl.certify.verdict import ContractCheck, Verdict, by_part
from pib_rl.common.stored import pack, unpack

KIND = "specimen"


@runtime_checkable
class Sessioned(Protocol):
    """A part that talks with an instrument."""

    def drop_session(self) -> None:
        """Closes the session, as a broken line would."""


def same_seed(lab: Laboratory) -> Verdict:
    """Whether two chips of one seed are the same."""
    found = lab.difference(lab.mean_reads(lab.first), lab.mean_reads(lab.specimen()))
    return Verdict(not any(found.values()), _apart(found))


def other_seed(lab: Laboratory) -> Verdict:
    """Whether a chip of another seed is another one. A real medium is always the same; its arrays start otherwise."""
    found = lab.difference(lab.mean_reads(lab.first), lab.mean_reads(lab.specimen(1)))
    return Verdict(found["medium"] > 0 or found["array"] > 0, _apart(found))


def saved(lab: Laboratory) -> Verdict:
    """Whether the state of a chip makes a chip of another seed the same."""
    chip, other = lab.specimen(), lab.specimen(1)
    chip.array.program(lab.normal(chip.array.out_features, chip.array.in_features) * chip.array.in_features**-0.5)
    before = lab.mean_reads(chip)
    other.load_state_dict(unpack(pack(chip.state_dict(), KIND), KIND, "the saved state").tensors)
    after = lab.mean_reads(other)
    lab.evidence["saved"], lab.evidence["loaded"] = before["array"].flatten(), after["array"].flatten()
    found = lab.difference(before, after)
    return Verdict(not any(found.values()), _apart(found))


def recovered(lab: Laboratory) -> Verdict:
    """Whether a lost session is opened again and the chip gets its weights back."""
    parts = [part for part in (lab.first.medium, lab.first.array, lab.first.readout) if isinstance(part, Sessioned)]
    if not parts:
        return Verdict(None, "no session")
    before = lab.mean_reads(lab.first)
    for part in parts:
        part.drop_session()
    found = lab.difference(before, lab.mean_reads(lab.first))
    return Verdict(not any(found.values()) and rms(before["array"]) > 0, _apart(found))


def _apart(found: dict[str, float]) -> str:
    """Relative differences in words."""
    return by_part(found) if any(found.values()) else "no difference"


CHECKS = (
    ContractCheck("equal seeds", "make the same chip", same_seed),
    ContractCheck("other seeds", "make another medium or other weights", other_seed),
    ContractCheck("saving and loading", "gives the same mean reads on a chip of another seed", saved),
    ContractCheck("lost session", "is opened again, with the same weights", recovered),
)
