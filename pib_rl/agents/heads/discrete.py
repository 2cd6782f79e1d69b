"""One choice among numbered actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pib_rl.agents.heads.base import Head
from pib_rl.common.streams import EXPLORATION, Streams


class DiscreteHead(Head):
    """pi = softmax(logits); actions are integers, shape (..., n)."""

    def __init__(self, actions: int, correlation: float = 0.0) -> None:
        super().__init__(correlation)
        self.outputs = actions

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        """The largest of p_a / e_a with e standard exponential has the law p, as in torch.multinomial."""
        generator = streams.generator(EXPLORATION, parameters.device)
        shape, kind, device = parameters.shape, parameters.dtype, parameters.device
        waits = torch.rand(shape, generator=generator, dtype=kind, device=device).log_().neg_()
        return parameters.softmax(-1).div_(waits).argmax(-1)

    def drawn_by(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """As `sample`, with -log Phi(noise) as the standard exponential."""
        return parameters.softmax(-1).div_(torch.special.log_ndtr(noise).neg_()).argmax(-1)

    def mode(self, parameters: Tensor) -> Tensor:
        return parameters.argmax(-1)

    def encode(self, actions: Tensor) -> Tensor:
        return nn.functional.one_hot(actions, self.outputs).float()

    def probabilities(self, parameters: Tensor) -> list[Tensor]:
        return [parameters.softmax(-1)]

    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        return self.sample(parameters.log_softmax(-1).clamp(min=-30).scatter(-1, actions[..., None], -60.0), streams)

    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return parameters.log_softmax(-1).gather(-1, actions[..., None]).squeeze(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        logs = parameters.log_softmax(-1)
        return -(logs.exp() * logs).sum(-1)

    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        minus = parameters.softmax(-1).neg_()
        return minus.scatter_add_(-1, actions[..., None], torch.ones_like(minus[..., :1]))

    def preference(self, parameters: Tensor) -> Tensor:
        return parameters - parameters.mean(-1, keepdim=True)

    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        n = parameters.shape[-2]
        slope = score.mul_((push * (-1 / n))[..., None])
        if entropy:
            logs = parameters.log_softmax(-1)
            pi = logs.exp()
            mean = (pi * logs).sum(-1, keepdim=True)
            slope.add_(pi * (logs - mean), alpha=entropy / n)
        return slope
