"""Local optimisers against torch's, and the signal gate against its formula."""

from __future__ import annotations

import pytest
import torch

from pib_rl.agents.network.optimisers import Adam


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.97, 0.99)])
def test_adam_is_torchs_step_by_step(betas):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    leaf = weight.clone().requires_grad_()
    ours, theirs = Adam((3, 4), betas).double(), torch.optim.Adam([leaf], lr=1.0, betas=betas)
    for step in range(50):
        leaf.grad = torch.randn(3, 4, generator=generator, dtype=torch.float64) * (1 + step % 7)
        rate = theirs.param_groups[0]["lr"] = 1e-2 / (1 + step)
        weight += ours.step(leaf.grad, rate)
        theirs.step()
        torch.testing.assert_close(weight, leaf.detach(), rtol=1e-10, atol=1e-12)


def test_the_first_step_has_the_size_of_the_rate_against_the_gradient():
    gradient = torch.tensor([[3.0, -0.01], [1e-4, -200.0]])
    torch.testing.assert_close(Adam((2, 2)).step(gradient, 0.5), -0.5 * gradient.sign(), rtol=1e-3, atol=0)


def test_the_gradient_is_left_alone_and_the_state_is_float():
    gradient = torch.ones(2, 3)
    optimiser = Adam((2, 3))
    optimiser.step(gradient, 0.1)
    assert torch.equal(gradient, torch.ones(2, 3))
    assert all(buffer.is_floating_point() for buffer in optimiser.buffers())
    assert list(optimiser.parameters()) == []
