"""A physical network that reads observations: what single and vectorised encoders share."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.observations import as_matrix, check_vectors
from pib_rl.agents.policy import PIBPolicy
from pib_rl.agents.saved import load_units
from pib_rl.common.limits import within_memory
from pib_rl.envs.hardware.chips import LARGE, FreshChip, Source, check_single, run_folder
from pib_rl.physical.substrate import Read


class Encoding:
    """Observations in, measured ``taps`` out, a `Box` with the bounds of the media's converters.

    Args:
        space: The task's observations.
        network: Run folder of ``learn --target views`` or of ``train``; or a model or policy, not copied.
        read: Read mode of the hardware.
        chip: Of a run of several chips (a wafer), the number of the one that encodes, from 0; None for the first one.

    Raises:
        ValueError: If the network can't be had, sees another number of features, or observations do not suit.
    """

    def __init__(
        self,
        space: spaces.Space[Any],
        network: Source | PhysicalModel | PIBPolicy,
        read: str,
        chip: int | None = None,
    ) -> None:
        check_vectors(space)
        self.space, self.read = space, Read(read)
        features = spaces.flatdim(space)
        if isinstance(network, FreshChip):
            raise ValueError(
                "network must be a run folder, a PhysicalModel or a PIBPolicy, got a FreshChip; make its "
                "network first: FreshChip.network(env)"
            )
        if isinstance(network, PIBPolicy):
            network = network.model
        if chip is not None and isinstance(network, PhysicalModel):
            raise ValueError(f"chip chooses one of a run folder, got a network and chip {chip}; leave it out")
        if not isinstance(network, PhysicalModel):
            folder = run_folder(network, "network", ", a FreshChip, a PhysicalModel or a PIBPolicy")
            with within_memory(*LARGE):
                network = load_units(folder, features, chip)
        check_single(network, "network")
        seen = network.normaliser.mean.shape[-1]
        if seen != features:
            raise ValueError(f"the network sees {seen} numbers, but observations have {features}")
        self.model = network
        low, high = (edge.cpu().numpy().astype(np.float32) for edge in network.network.bounds(self.read))
        self.taps = spaces.Box(low, high, dtype=np.float32)

    def __call__(self, obs: Any) -> np.ndarray:
        """One measurement of each of n observations, batched; shape (n, taps)."""
        flat = as_matrix(obs, self.space).to(self.model.device)
        taps = self.model.taps(flat, self.read).cpu().numpy()
        return np.asarray(np.clip(taps, self.taps.low, self.taps.high))  # the last bit of rounding
