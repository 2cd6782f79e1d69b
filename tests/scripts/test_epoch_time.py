"""The script that times an epoch: the plain network learns, and has the sizes of the simulated one."""

from __future__ import annotations

import epoch_time
import numpy as np
import pytest
import torch

from pib_rl.cli.cli import UserError
from pib_rl.learning.config import LearnConfig


def test_the_plain_network_learns_in_batches():
    generator = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])[np.arange(120) % 3]
    x = generator.normal(size=(120, 6)) + 4 * np.eye(3, 6)[np.arange(120) % 3]
    plain = epoch_time.PlainNetwork(x, labels, LearnConfig(width=16, units=2, batch_size=50))
    seen = []
    step = plain.step
    plain.step = lambda pick: seen.append(len(pick)) or step(pick)
    sizes = [tuple(layer.weight.shape) for layer in plain.layers if isinstance(layer, torch.nn.Linear)]
    assert sizes == [(16, 6), (16, 16), (3, 16)]
    for _ in range(40):
        plain.epoch()
    assert seen[:3] == [50, 50, 20]
    assert (plain.layers(plain.x).argmax(1) == plain.classes).float().mean() > 0.9


def test_both_take_turns_and_the_first_epoch_does_not_count():
    drawn = torch.get_rng_state()
    seconds = epoch_time.measure(LearnConfig(data="digits", hw="optical", width=8, units=1, epochs=3, progress=False))
    assert {name: len(seen) for name, seen in seconds.items()} == {"optical": 2, epoch_time.PLAIN: 2}
    assert all(spent > 0 for seen in seconds.values() for spent in seen)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_row_is_relative_to_plain_torch(monkeypatch):
    configs = []
    monkeypatch.setattr(
        epoch_time, "measure", lambda config: configs.append(config) or {config.hw: [9.0], epoch_time.PLAIN: [3.0]}
    )
    report = epoch_time.report("somewhere/mnist.npz", epochs=4)
    assert [(config.width, config.units, config.epochs) for config in configs] == [(512, 3, 5)] * 3
    assert report.lines[-1] == "| optical | 9.00 | 3.00 | 3.00 | 3.00 |"
    assert [(aim.name, aim.found) for aim in report.aims] == [("epoch of mnist, optical, over plain torch", 3.0)]


def test_data_that_are_not_there_are_one_line():
    with pytest.raises(UserError, match=r"there is no file nowhere\.npz"):
        epoch_time.report("nowhere.npz", ["digital"])
