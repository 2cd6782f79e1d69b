"""Several decisions at once, each yes or no."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.heads.base import Head
from pib_rl.agents.heads.product import changed
from pib_rl.common.streams import EXPLORATION, Streams


class BernoulliHead(Head):
    """Yes or no, d times: pi(a_j = 1) = sigmoid(logit_j); actions are 0 and 1, shape (..., n, d).

    Args:
        bits: d.
        correlation: Of the noise of successive steps, see `Head`.
    """

    sizes: Tensor

    def __init__(self, bits: int, correlation: float = 0.0) -> None:
        super().__init__(correlation)
        self.outputs = bits
        self.shape = (bits,)
        self.register_buffer("sizes", torch.full((bits,), 2.0, dtype=torch.float32))  # saved policies tell

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        return (streams.uniform(EXPLORATION, parameters) < parameters.sigmoid()).long()

    def drawn_by(self, parameters: Tensor, noise: Tensor) -> Tensor:
        below: Tensor = torch.special.ndtr(noise) < parameters.sigmoid()
        return below.long()

    def mode(self, parameters: Tensor) -> Tensor:
        return (parameters > 0).long()

    def encode(self, actions: Tensor) -> Tensor:
        return actions.float()

    def probabilities(self, parameters: Tensor) -> list[Tensor]:
        return [torch.stack([1 - pi, pi], -1) for pi in parameters.sigmoid().unbind(-1)]

    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        """Where a draw repeats ``actions``, the bit that was least certain is turned."""
        least = self._each(parameters, actions).argmin(-1)
        return changed(self.sample(parameters, streams), actions, least, 1 - actions)

    def _each(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return actions * parameters - nn.functional.softplus(parameters)

    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return self._each(parameters, actions).sum(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        return (nn.functional.softplus(parameters) - parameters * parameters.sigmoid()).sum(-1)

    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return actions - parameters.sigmoid()

    def preference(self, parameters: Tensor) -> Tensor:
        return parameters

    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        n = parameters.shape[-2]
        slope = score.mul_((push * (-1 / n))[..., None])
        if entropy:
            pi = parameters.sigmoid()
            slope.add_(parameters * pi * (1 - pi), alpha=entropy / n)
        return slope
