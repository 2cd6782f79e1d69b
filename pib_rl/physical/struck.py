"""Which parts of an array or a medium a fault hits."""

from __future__ import annotations

import torch
from torch import Tensor

from pib_rl.common.streams import FAULT, Streams
from pib_rl.physical.part import Size


def struck(kind: str, fraction: Size, like: Tensor, streams: Streams, stream: str = FAULT) -> Tensor:
    """Which parts a fault hits, each by itself with probability ``fraction`` 0..1: truth values, shape of ``like``."""
    share = torch.as_tensor(fraction, dtype=torch.float32)
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"a fault {kind} hits a fraction of all and must be in 0..1, got {fraction}")
    return streams.uniform(stream, like) < streams.spread(share.to(like.device), like)
