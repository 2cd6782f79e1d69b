"""States of two policies that lived through the same."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def same_state(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether all that is in one state is in the other, bit for bit but for the last digits of energy.

    A meter adds up in other places where somebody asked for a sum in between, and so it rounds in other places.
    """
    assert one.keys() <= other.keys()
    for name, value in one.items():
        if name.endswith("meter.energy"):
            if not torch.allclose(value, other[name], rtol=1e-12, atol=0):
                return False
        elif not torch.equal(value, other[name]):
            return False
    return True
