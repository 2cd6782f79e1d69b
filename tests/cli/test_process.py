"""A training process settles in, also where the C library is another one."""

from __future__ import annotations

import ctypes

import torch

from pib_rl.cli import process


def test_one_thread_and_memory_that_is_kept(monkeypatch):
    asked = {}

    class Library:
        def __init__(self, name):
            self.mallopt = lambda name, value: asked.update({name: value})

    monkeypatch.setattr(ctypes, "CDLL", Library)
    before = torch.get_num_threads()
    try:
        process.settle_in()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert asked == {process.M_MMAP_THRESHOLD: process.LARGEST, process.M_TRIM_THRESHOLD: process.KEPT}


def test_another_c_library_is_left_alone(monkeypatch):
    for library in (lambda name: object(), lambda name: ctypes.PyDLL("/no such library")):
        monkeypatch.setattr(ctypes, "CDLL", library)
        process.settle_in()
    monkeypatch.undo()
    process.settle_in()
    assert torch.ones(1 << 22).sum() == 1 << 22
