"""Where a fit is: the model on its chip, its learner, and random streams."""

from __future__ import annotations

from typing import Any

from pib_rl.agents.learners.base import Learner
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.state import check_state


def model_state(model: PhysicalModel, learner: Learner) -> dict[str, Any]:
    """All that a model and its learner know after an epoch, as `flatten_state` takes it."""
    meter = model.meter.state()
    buffers = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.meter.load_state(meter)  # saving sums up, and that changes last digits
    return {
        "policy": buffers,
        "meter": meter,
        "streams": model.streams.state(),
        "memory": {name: value.clone() for name, value in learner.memory.state_dict().items()},
    }


def load_model_state(model: PhysicalModel, learner: Learner, state: dict[str, Any]) -> None:
    """Goes on from the `model_state` of a model and a learner that were made with the same arguments.

    Raises:
        ValueError, RuntimeError, KeyError: If it does not fit them.
    """
    for module, found in ((model, state["policy"]), (learner.memory, state["memory"])):
        check_state(module, found)
        module.load_state_dict(found)
    model.meter.load_state(state["meter"])
    model.streams.load_state(state["streams"], model.device)
