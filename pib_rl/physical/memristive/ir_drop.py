"""IR drop: what the resistance of a crossbar's wires makes of its conductances."""

from __future__ import annotations

import torch
from torch import Tensor


def behind_wires(conductance: Tensor, wire: float) -> Tensor:
    """Effective conductances of crossbar lines whose wires have resistance; the circuit is linear, so it has some.

    Each output line is a ladder: device j joins its input to node j, wires of resistance r join neighbouring nodes,
    the last node is joined to a virtual ground by r, the first is the far end. By reciprocity the current into the
    ground is

        sum_j G_j p_j v_j,  p_j = prod_{k >= j} 1/(1 + r Y_k),  Y_j = G_j + Y_{j-1}/(1 + r Y_{j-1}),

    with Y_j the conductance to ground of nodes 0..j: exact for one line. Input lines are ladders too, driven from the
    side of the first output; their fraction p' of the voltage is computed the same way, and both are multiplied:
    G_ij p_ij p'_ij. That neglects that a lower voltage on one line unloads the other, which is of second order.

    Source: nodal analysis; compared with an exact solution of both in the tests.

    Args:
        conductance: G, shape (..., outputs, inputs), in units of some largest conductance.
        wire: r per cell, times that conductance; 0 returns ``conductance`` itself.
    """
    if not wire:
        return conductance
    along_output = _fraction(conductance, wire)
    along_input = _fraction(conductance.flip(-2).transpose(-1, -2), wire).transpose(-1, -2).flip(-2)
    return conductance * along_output * along_input


def _fraction(conductance: Tensor, wire: float) -> Tensor:
    """P along the last dimension, whose last node is next to the terminal."""
    nodes = conductance.movedim(-1, 0)
    behind = torch.zeros_like(nodes[0])
    pass_on = torch.empty_like(nodes)
    for node, own in enumerate(nodes):
        behind = own + behind / (1 + wire * behind)
        pass_on[node] = 1 / (1 + wire * behind)
    return pass_on.flip(0).cumprod(0).flip(0).movedim(0, -1)
