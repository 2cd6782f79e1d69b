"""Other ways to train the hidden arrays, on the same hardware and in the same loop."""

from __future__ import annotations

from pib_rl.agents.hidden import HiddenLearner, InformationLearner
from pib_rl.agents.rivals.backprop import Backprop, BackpropOff, BackpropStale
from pib_rl.agents.rivals.dfa import DirectFeedback
from pib_rl.agents.rivals.es import EvolutionStrategy
from pib_rl.agents.rivals.forward_forward import ForwardForward
from pib_rl.agents.rivals.frozen import Frozen
from pib_rl.agents.rivals.spsa import Spsa
from pib_rl.physical.options import nearest

RIVALS: dict[str, type[HiddenLearner]] = {
    "frozen": Frozen,
    "backprop": Backprop,
    "backprop-off": BackpropOff,
    "backprop-stale": BackpropStale,
    "dfa": DirectFeedback,
    "forward-forward": ForwardForward,
    "spsa": Spsa,
    "es": EvolutionStrategy,
}
MODES: dict[str, type[HiddenLearner]] = {"pib": InformationLearner, **RIVALS}


def find_mode(name: str) -> type[HiddenLearner]:
    """The learner of a mode: "pib" or a rival.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in MODES:
        raise ValueError(f"unknown mode {name!r}; {nearest(name, list(MODES))}")
    return MODES[name]


__all__ = ["MODES", "RIVALS", "Frozen", "find_mode"]
