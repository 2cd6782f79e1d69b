"""How a training process uses its processor: one thread, and memory that it keeps."""

from __future__ import annotations

import ctypes

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt(3)
LARGEST, KEPT = 1 << 25, 1 << 30  # bytes: mallopt(3) documents no larger threshold; free memory that is kept


def settle_in() -> None:
    """Sets the process up for units, which are small.

    One torch thread: more cost more than they give. glibc returns every large tensor to the system when it is freed
    and faults it in again, page by page, at the next one; keeping it saved about a tenth of a short optical training
    and nothing on memristive hardware (`scripts/memory_time.py`).
    Does nothing about memory under another C library.
    """
    torch.set_num_threads(1)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST)
    mallopt(M_TRIM_THRESHOLD, KEPT)
