"""Threads of torch: fewer while work is small, and as before afterwards."""

from __future__ import annotations

import threading

import pytest
import torch

from pib_rl.common.threads import SMALL, few_threads


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_small_work_takes_one_thread_and_large_work_all_of_them():
    for samples, width, threads in ((64, 128, 1), (SMALL, 1, 1), (SMALL + 1, 1, 2), (512, 512, 2)):
        with few_threads(samples, width):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 2


def test_the_number_comes_back_after_an_exception_and_from_within_another_context():
    with pytest.raises(KeyError), few_threads(1, 1), few_threads(1, 1):
        raise KeyError
    assert torch.get_num_threads() == 2
    with few_threads(1, 1):
        with few_threads(1, 1):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_python_threads_that_overlap_restore_what_was_there_before_all_of_them():
    inside, first_is_out, seen = threading.Event(), threading.Event(), []

    def second():
        with few_threads(1, 1):
            inside.set()
            assert first_is_out.wait(10)
        seen.append(torch.get_num_threads())

    other = threading.Thread(target=second)
    with few_threads(1, 1):
        other.start()
        assert inside.wait(10)
    first_is_out.set()
    other.join()
    assert seen == [2]
    assert torch.get_num_threads() == 2
