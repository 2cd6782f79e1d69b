"""The script for accelerators: it runs on a CPU, smaller, and says so; clocks wait for an accelerator."""

from __future__ import annotations

import gpu_benchmark
import pytest
import torch

from pib_rl.cli.cli import UserError


def test_it_runs_on_a_cpu_and_says_so(capsys):
    gpu_benchmark.main(["--small", "--rounds", "1", "--device", "cpu"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("CPU, one thread, smaller sizes than on CUDA; Python")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[1].split()[1] for row in rows] == ["samples/s", "weights/s", "pictures/s", "samples/s", "steps/s"]
    assert rows[-1][0] == "2 chips on CartPole, training"
    for _, rate, of_product, memory in rows:
        assert float(rate.split()[0].replace(",", "")) > 0
        assert of_product == "-" or 0 < float(of_product) < 10
        assert float(memory) > 0


def test_one_row_by_name(capsys):
    gpu_benchmark.main(["--small", "--rounds", "1", "--device", "cpu", "--only", "optical"])
    assert "optics, 1,000 camera pixels" in capsys.readouterr().out.splitlines()[-1]


def test_a_clock_waits_for_an_accelerator(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    monkeypatch.setattr(gpu_benchmark.time, "perf_counter", lambda: float(len(waited)))
    assert gpu_benchmark.Clock("cuda:1", 1).once(lambda: waited.append("call")) == 2
    assert waited == ["cuda:1", "call", "cuda:1"]


def test_a_read_that_takes_twice_the_time_has_half_the_speed_of_the_product():
    clock = gpu_benchmark.Clock("cpu", 3)
    spent = iter([9.0, 9.0, 2.0, 1.0, 4.0, 2.0, 6.0, 3.0])
    clock.once = lambda call: next(spent)
    assert clock.compare(lambda: None, lambda: None) == (4.0, 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "tpu"], "--device must be cpu, cuda or cuda:N, got 'tpu'"),
        (["--rounds", "0"], "expected a whole number, 1 or more"),
        (["--only", "mirrors"], "invalid choice: 'mirrors'"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments, words):
    with pytest.raises(UserError, match=words):
        gpu_benchmark.main(arguments)
