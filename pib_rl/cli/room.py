"""Whether a wafer fits into memory, estimated before it is made."""

from __future__ import annotations

import psutil
import torch

from pib_rl.cli.cli import UserError

GIGA = 1e9


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
