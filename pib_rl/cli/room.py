"""Whether a wafer can be made: learner and substrate must be able to, and it must fit into memory."""

from __future__ import annotations

import psutil
import torch

from pib_rl.agents.learners.registry import LEARNERS, find_learner
from pib_rl.cli.cli import UserError
from pib_rl.physical import registry

GIGA = 1e9


def makes_wafers(learner: str, hw: str) -> bool:
    """Whether this learner trains several chips at once, and this substrate, or all of a mix, has several."""
    return find_learner(learner).wafers and all(registry.find(name).wafers for name in registry.each(hw))


def check_wafer(learner: str, hw: str, chips: int) -> None:
    """Raises UserError if there are to be several chips, and learner or substrate can't."""
    if chips == 1 or makes_wafers(learner, hw):
        return
    if not find_learner(learner).wafers:
        able = ", ".join(name for name, kind in LEARNERS.items() if kind.wafers)
        raise UserError(
            f"--learner {learner} trains one chip at a time, got --chips {chips}; take one that trains several at once "
            f"({able}), or leave --chips out"
        )
    raise UserError(f"--hw {hw} is one chip, got --chips {chips}; leave --chips out")


def check_fits(chips: int, each: float, device: str, *lower: str) -> None:
    """Raises UserError if so many chips need more memory than is free; it says how many fit.

    Args:
        chips: Chips of the wafer.
        each: Memory that one of them takes, in bytes.
        device: torch device.
        lower: Options besides --chips that make a chip smaller.
    """
    free = free_bytes(device)
    if chips * each > free:
        raise UserError(
            f"--chips {chips} need about {chips * each / GIGA:.1f} GB and {free / GIGA:.1f} GB are free; "
            f"at most {int(free // each)} chips fit: lower {', '.join(['--chips', *lower[:-1]])} or {lower[-1]}"
        )


def free_bytes(device: str) -> float:
    """Memory that is free on a torch device, in bytes."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    return float(psutil.virtual_memory().available)
