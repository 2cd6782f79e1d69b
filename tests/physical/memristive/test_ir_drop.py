"""IR drop against the exact solution of the whole circuit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from pib_rl.physical.memristive.ir_drop import behind_wires


def exact(conductance: np.ndarray, wire: float, voltages: np.ndarray) -> np.ndarray:
    """Currents into the grounds of all output lines: nodal analysis of both wires of every cell."""
    outputs, inputs = conductance.shape
    cells = np.arange(outputs * inputs).reshape(outputs, inputs)
    above, below = cells, cells + cells.size
    size, w = 2 * cells.size, 1 / wire
    pairs = [(above, below, conductance), (above[1:], above[:-1], w), (below[:, 1:], below[:, :-1], w)]
    a = np.concatenate([np.ravel(pair[0]) for pair in pairs])
    b = np.concatenate([np.ravel(pair[1]) for pair in pairs])
    g = np.concatenate([np.broadcast_to(pair[2], pair[0].shape).ravel() for pair in pairs])
    driven, grounded = above[0], below[:, -1]
    rows = np.concatenate([a, b, a, b, driven, grounded])
    columns = np.concatenate([a, b, b, a, driven, grounded])
    values = np.concatenate([g, g, -g, -g, np.full(inputs, w), np.full(outputs, w)])
    right = np.zeros(size)
    right[driven] = w * voltages
    nodes = spsolve(coo_matrix((values, (rows, columns)), (size, size)).tocsr(), right)
    return nodes[grounded] * w


@pytest.mark.parametrize(
    ("outputs", "inputs", "wire", "fraction"),
    [
        (8, 12, 1e-4, 0.02),
        (24, 40, 1e-4, 0.03),
        (24, 40, 1e-3, 0.08),
        (1, 60, 1e-3, 0.01),
        (60, 1, 1e-3, 0.01),
    ],
)
def test_what_remains_of_the_exact_drop_is_a_small_fraction_of_it(outputs, inputs, wire, fraction):
    rng = np.random.default_rng(0)
    conductance, voltages = rng.uniform(size=(outputs, inputs)), rng.normal(size=inputs)
    ideal, true = conductance @ voltages, exact(conductance, wire, voltages)
    ours = behind_wires(torch.tensor(conductance), wire).numpy() @ voltages
    drop = np.linalg.norm(true - ideal)
    assert drop > 1e-4 * np.linalg.norm(ideal)
    assert np.linalg.norm(ours - true) < fraction * drop


def test_one_device_is_a_voltage_divider():
    seen = behind_wires(torch.tensor([[0.5]], dtype=torch.float64), 0.1)
    assert seen.item() == pytest.approx(1 / (1 / 0.5 + 2 * 0.1), rel=0.003)


def test_no_wire_is_no_drop_and_lines_are_independent_of_their_batch():
    conductance = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    assert behind_wires(conductance, 0.0) is conductance
    seen = behind_wires(conductance, 0.01)
    for one, alone in zip(seen, conductance, strict=True):
        torch.testing.assert_close(one, behind_wires(alone, 0.01))
    assert (seen < conductance).all()
