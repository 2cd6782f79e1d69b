"""A process settles in: one thread."""

from __future__ import annotations

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
