"""A process settles in: one thread, and memory that goes back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from pib_rl.cli import process


def test_one_thread():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        process.settle_in()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


HEAP = """
import ctypes, torch
from pib_rl.cli.process import settle_in

class Mallinfo(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo
SETTLE
torch.empty(4_000_000)  # freed at once: from now on glibc would take blocks of its size, 16 MB, from the heap
before = libc.mallinfo2().hblkhd
block = torch.empty(2_000_000)
print(libc.mallinfo2().hblkhd - before >= 8_000_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
@pytest.mark.parametrize(("settle", "mapped"), [("settle_in()", "True"), ("", "False")])
def test_large_blocks_go_back_to_the_system(settle, mapped):
    said = subprocess.run(
        [sys.executable, "-c", HEAP.replace("SETTLE", settle)], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == mapped
