"""What media and arrays have in common: they take time, cost energy, age, and break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

Costs = dict[str, Tensor]  # joules of a batch by part of the hardware (`pib_rl.physical.meter.PARTS`), scalars
Faults = Mapping[str, Callable[[float], None]]  # by kind (`pib_rl.physical.faults.KINDS`), what makes it happen


def restore_after_loading(module: nn.Module) -> None:
    """Has ``module.restore()`` called whenever a state was loaded: what it keeps beside its buffers is outdated."""
    module.register_load_state_dict_post_hook(_restore)  # type: ignore[no-untyped-call]


def _restore(module: Any, _: Any) -> None:
    module.restore()


class Part(nn.Module):
    """A piece of hardware that drives or weights go into and measured numbers come out of.

    It says here what is modelled of its kind of hardware; by default nothing.

    Args:
        in_features: Number of inputs.
        out_features: Number of outputs.

    Raises:
        ValueError: If one of them is less than 1.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            kind = type(self).__name__
            raise ValueError(f"{kind} needs at least 1 input and 1 output, got {in_features} and {out_features}")
        self.in_features = in_features
        self.out_features = out_features

    @property
    def latency(self) -> float:
        """Seconds from the input of one sample to its output; 0 where that is not modelled."""
        return 0.0

    def costs(self, inputs: Tensor, outputs: Tensor) -> Costs:
        """Energy of one measured batch; empty where it is not modelled.

        Args:
            inputs: What went in, shape (n, in_features), in the part's own input unit.
            outputs: What came out, shape (n, out_features), in its output unit.
        """
        return {}

    def age(self, seconds: float) -> None:
        """Lets so much simulated time pass: conductances drift, media decorrelate. Nothing happens by default."""

    def faults(self) -> Faults:
        """The faults that this part can have.

        Each takes the size of the fault (a fraction, degrees, bits) and is permanent. What it changes is in the buffers
        of the part, so that a broken chip is saved and loaded broken; what it draws comes from the stream ``fault``.
        """
        return {}
