"""What media and arrays have in common: they take time, cost energy, age, and break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

Costs = dict[str, Tensor]  # joules of a batch by part of the hardware, scalars


def restore_after_loading(module: nn.Module) -> None:
    """Has ``module.restore()`` called whenever a state was loaded: what it keeps beside its buffers is outdated."""
    module.register_load_state_dict_post_hook(_restore)  # type: ignore[no-untyped-call]


def _restore(module: Any, _: Any) -> None:
    module.restore()


class Part(nn.Module):
    """A piece of hardware that drives or weights go into and measured numbers come out of.

    What is modelled of a kind of hardware, it tells here; by default nothing.
    """

    @property
    def latency(self) -> float:
        """Seconds from the input of one sample to its output; 0 where that is not modelled."""
        return 0.0

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        """Energy of one batch that was measured.

        Args:
            inputs: What went in, shape (n, in_features), in the part's own input unit.
            outputs: What came out, shape (n, out_features), in its output unit.

        Returns:
            Joules by the names of `pib_rl.physical.meter.PARTS`, each a scalar tensor; empty where it is not modelled.
        """
        return {}

    def age(self, seconds: float) -> None:
        """Lets so much simulated time pass: conductances drift, media decorrelate. Nothing happens by default."""

    def faults(self) -> Mapping[str, Callable[[float], None]]:
        """The faults that this part can have: kind (see `pib_rl.physical.faults`) to what makes it happen.

        Each takes the size of the fault (a fraction, degrees, bits) and is permanent. What it changes is in the buffers
        of the part, so that a broken chip is saved and loaded broken; what it draws comes from the stream ``fault``.
        """
        return {}
