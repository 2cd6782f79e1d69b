"""Threads of torch: no more than help, and everything as before afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 2**17  # numbers of one layer, samples x width, up to which a second thread costs more than it brings

_lock = threading.Lock()
_inside = 0  # contexts that are open now, in all Python threads
_before = 1  # what torch used when the first of them opened
_own = threading.local()


@contextmanager
def few_threads(samples: int, width: int) -> Iterator[None]:
    """Inside, torch uses one thread if the work is small, and as many as it had if not.

    Small work is cut into pieces that take less time than waking a thread. With several threads it takes more CPU time
    and no less time, and processes or threads that fit side by side (``n_jobs``) get in each other's way. The number
    is only ever lowered. It is restored at the end, also after an exception.

    Args:
        samples: Samples that are measured at once.
        width: Outputs of the widest layer.
    """
    if samples * width > SMALL:
        yield
        return
    before = _enter()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _leave()
        torch.set_num_threads(before)


def _enter() -> int:
    """Notes one more context; gives the number of threads that it has to restore.

    A Python thread that is new to torch takes over the number of the process, which another context may have lowered:
    its outermost context restores what was there before all of them.
    """
    global _inside, _before
    with _lock:
        outermost = not getattr(_own, "depth", 0)
        if not _inside:
            _before = torch.get_num_threads()
        _inside += 1
        _own.depth = getattr(_own, "depth", 0) + 1
        return _before if outermost else torch.get_num_threads()


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        _own.depth -= 1
