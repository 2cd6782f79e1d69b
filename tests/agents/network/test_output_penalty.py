"""What keeps outputs in range: free below the limit, against it above, and without taking what was learned."""

from __future__ import annotations

import pytest
import torch
from agent_toys import make_network

from pib_rl.agents.learners.config import HiddenConfig
from pib_rl.agents.network.output_penalty import PULL, output_penalty
from pib_rl.agents.objectives.target import Target


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def cost(z: torch.Tensor, limit: float) -> torch.Tensor:
    return PULL / 4 * (z.square().mean() / limit**2 - 1).clamp(min=0) ** 2


@pytest.mark.parametrize("scale", [0.5, 1.5, 4.0])
def test_the_gradient_is_that_of_the_documented_cost(scale):
    z = (scale * normal(20, 6)).double().requires_grad_()
    cost(z, 1.2).backward()
    torch.testing.assert_close(output_penalty(z.detach(), 1.2), z.grad)
    assert bool(z.grad.any()) == (scale > 1.2)


def learn(limit: float | None):
    """Root mean square of a unit's outputs, losses before and after, and weights of a unit that learned."""
    network, x = make_network("digital", 6, 8, 1, objective="pointwise"), normal(200, 6)
    target = Target((x[:, :1] > 0).float())
    losses = [
        network.update_units(network.measure(x), target, 5e-2, 0.0, 1.0, limit)[0].loss.item() for _ in range(150)
    ]
    z = network.measure(x).z[0]
    return z.square().mean().sqrt().item(), losses[0], losses[-1], network.chain[0].array.weights()


def test_outputs_stay_below_the_limit_and_still_learn():
    free, before, after, weights = learn(None)
    assert free > 0.45
    assert after < 0.01 * before
    held, before, after, _ = learn(0.4)
    assert 0.35 < held < 0.42
    assert after < 0.01 * before
    assert torch.equal(learn(100.0)[-1], weights)  # never reached: nothing changes


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_limits_are_told(value):
    with pytest.raises(ValueError, match="output_rms must be a number > 0, or none for no limit, got"):
        HiddenConfig(output_rms=value)
