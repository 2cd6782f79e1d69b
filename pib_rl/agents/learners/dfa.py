"""Direct feedback alignment: the error of the readout reaches every unit through a fixed random matrix."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pib_rl.agents.learners.adam import GradientLearner
from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations
from pib_rl.common.streams import FABRICATION


class Feedback(nn.Module):
    """Fixed random matrices B_l, shape (outputs, out_features), one per unit.

    Their entries are normal, with standard deviation 1/sqrt(outputs).
    """

    side_by_side: Tensor

    def __init__(self, model: PhysicalModel) -> None:
        super().__init__()
        outputs = model.readout.array.out_features
        self.sizes = [unit.out_features for unit in model.network.chain]
        with model.streams.aside("feedback"):
            draws = model.streams.normal(FABRICATION, torch.zeros(outputs, sum(self.sizes), dtype=torch.float32))
        self.register_buffer("side_by_side", draws / outputs**0.5)

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        """B_l of the units in order."""
        return torch.split(self.side_by_side, self.sizes, 1)


class DirectFeedback(GradientLearner):
    """Direct feedback alignment: the readout's error reaches every unit through a fixed random matrix.

    This is the augmented form: dL/dz is taken to be (g B) f(z), with g = dL/do of the readout, for the policy and for
    the value. B_l is random and never learned; the readout aligns with it. The true slope of the medium is unknown, so
    f is a surrogate that needs nothing but the measured z: f = 1 - tanh^2(drive), drive the gain control's output.

    Source: Noekland, arXiv 1609.01596; Nakajima et al., Nat. Commun. 13, 7847 (2022) for the surrogate slope.
    """

    defaults: ClassVar[dict[str, Any]] = {"hidden_rate": 3e-3, "hidden_decay": 1.0, "track": 1e-3}

    def __init__(self, model: PhysicalModel, config: HiddenConfig, options: Any = None) -> None:
        super().__init__(model, config, options)
        self.feedback = Feedback(model).to(model.device)
        self.memory["feedback"] = self.feedback

    def hidden_gradients(self, measured: Activations, gradient: Tensor, progress: float) -> list[Tensor]:
        return [
            (gradient @ matrix) * (1 - unit.control.drive(z).tanh().square())
            for matrix, unit, z in zip(self.feedback.matrices, self.model.network.chain, measured.z, strict=True)
        ]
