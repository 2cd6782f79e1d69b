"""What media and arrays have in common: they take time, cost energy, age, and break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

Costs = dict[str, float | Tensor]  # joules of a batch by part (`pib_rl.physical.meter.PARTS`): (*chips), or of each
Size = float | Tensor  # of a fault: a number, or one per chip, shape (*chips)
Faults = Mapping[str, Callable[[Any], None]]  # by kind (`pib_rl.physical.faults.KINDS`), takes its `Size`


def restore_after_loading(module: nn.Module) -> None:
    """Has ``module.restore()`` called whenever a state was loaded: what it keeps beside its buffers is outdated."""
    module.register_load_state_dict_post_hook(_restore)  # type: ignore[no-untyped-call]


def _restore(module: Any, _: Any) -> None:
    module.restore()


class Part(nn.Module):
    """A piece of hardware that drives or weights go into and measured numbers come out of.

    It says here what is modelled of its kind of hardware; by default nothing. A part may stand for the same piece on
    all chips of a wafer: its state, what goes in and what comes out then have a leading axis of chips, which "..."
    and "*chips" stand for in shapes. Without a wafer there is none.

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
            inputs: What went in, shape (..., n, in_features), in the part's own input unit.
            outputs: What came out, shape (..., n, out_features), in its output unit.

        Returns:
            Joules by part: a number of each chip, or a tensor of shape (*chips).
        """
        return {}

    def age(self, seconds: Size) -> None:
        """Lets so much simulated time pass: conductances drift, media decorrelate. Nothing happens by default."""

    def faults(self) -> Faults:
        """The faults that this part can have.

        Each takes the size of the fault (a fraction, degrees, bits), or one per chip if it is ``spreadable``
        (`pib_rl.physical.faults.Kind`), and is permanent. What it changes is in the buffers of the part, so that a
        broken chip is saved and loaded broken; what it draws comes from the stream ``fault``.
        """
        return {}
