"""Several choices at once, each independent of the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pib_rl.agents.heads.base import Head
from pib_rl.agents.heads.discrete import DiscreteHead
from pib_rl.common.streams import Streams

ABSENT = -1e30  # logit of what a number can't be: its probability is exactly 0, and p log p is no NaN


class ProductHead(Head):
    """A choice for each of d numbers: pi(a) = prod_j softmax(logits_j)[a_j]; actions have shape (..., n, d).

    The readout has an output for each value of each number, those of the first number first.

    Args:
        sizes: How many values each number has.
        correlation: Of the noise of successive steps, see `Head`.
    """

    sizes: Tensor
    _spots: Tensor
    _present: Tensor

    def __init__(self, sizes: Sequence[int], correlation: float = 0.0) -> None:
        super().__init__(correlation)
        self.shape = (len(sizes),)
        self.outputs = sum(sizes)
        self._table = len(sizes), max(sizes)
        self._choice = DiscreteHead(max(sizes))
        self.register_buffer("sizes", torch.tensor(sizes, dtype=torch.float32))  # what a saved policy chooses among
        present = torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]
        self.register_buffer("_present", present, persistent=False)
        self.register_buffer("_spots", present.flatten().nonzero().flatten(), persistent=False)

    def _logits(self, parameters: Tensor) -> Tensor:
        """Logits as a table, shape (..., n, d, most values), `ABSENT` where a number has fewer values."""
        rows, columns = self._table
        blank = parameters.new_full((*parameters.shape[:-1], rows * columns), ABSENT)
        return torch.unflatten(blank.index_copy(-1, self._spots, parameters), -1, self._table)

    def _listed(self, table: Tensor) -> Tensor:
        """The inverse of `_logits`."""
        return table.flatten(-2).index_select(-1, self._spots)

    def sample(self, parameters: Tensor, streams: Streams) -> Tensor:
        return self._choice.sample(self._logits(parameters), streams)

    def drawn_by(self, parameters: Tensor, noise: Tensor) -> Tensor:
        return self._choice.drawn_by(self._logits(parameters), self._logits(noise))

    def mode(self, parameters: Tensor) -> Tensor:
        return self._choice.mode(self._logits(parameters))

    def encode(self, actions: Tensor) -> Tensor:
        return self._listed(nn.functional.one_hot(actions, self._table[1]).float())

    def probabilities(self, parameters: Tensor) -> list[Tensor]:
        return [part.softmax(-1) for part in torch.split(parameters, self._present.sum(1).tolist(), -1)]

    def other(self, parameters: Tensor, actions: Tensor, streams: Streams) -> Tensor:
        """Where a draw repeats ``actions``, the number that was least certain becomes one of its other values."""
        logits = self._logits(parameters)
        logs = logits.log_softmax(-1).clamp(min=-30).scatter(-1, actions[..., None], -60.0)
        others = self._choice.sample(logs.masked_fill(~self._present, ABSENT), streams)
        certain = self._choice.log_prob(logits, actions).masked_fill(self._present.sum(-1) < 2, 1)  # has no other value
        return changed(self._choice.sample(logits, streams), actions, certain.argmin(-1), others)

    def log_prob(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return self._choice.log_prob(self._logits(parameters), actions).sum(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        return self._choice.entropy(self._logits(parameters)).sum(-1)

    def score(self, parameters: Tensor, actions: Tensor) -> Tensor:
        return self._listed(self._choice.score(self._logits(parameters), actions))

    def preference(self, parameters: Tensor) -> Tensor:
        table = self._logits(parameters)
        mean = table.masked_fill(~self._present, 0).sum(-1, keepdim=True) / self._present.sum(-1, keepdim=True)
        return self._listed(table - mean)

    def gradient(self, parameters: Tensor, score: Tensor, push: Tensor, entropy: float) -> Tensor:
        n = parameters.shape[-2]
        slope = score.mul_((push * (-1 / n))[..., None])
        if entropy:
            logs = self._logits(parameters).log_softmax(-1)
            pi = logs.exp()
            mean = (pi * logs).sum(-1, keepdim=True)
            slope.add_(self._listed(pi * (logs - mean)), alpha=entropy / n)
        return slope


def changed(drawn: Tensor, taken: Tensor, where: Tensor, others: Tensor) -> Tensor:
    """Draws, shape (..., n, d); those that are as ``taken`` get the number of ``others`` at ``where``, (..., n)."""
    same = (drawn == taken).all(-1, keepdim=True)
    place = nn.functional.one_hot(where, drawn.shape[-1]).bool()
    return others.where(same & place, drawn)
