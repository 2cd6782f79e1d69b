"""Local optimisers against torch's, and the signal gate against its formula."""

from __future__ import annotations

import pytest
import torch

from pib_rl.agents.network.optimisers import Adam, SignalGatedAdam


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
    optimiser = SignalGatedAdam((2, 3))
    optimiser.step(gradient, 0.1)
    assert torch.equal(gradient, torch.ones(2, 3))
    assert all(buffer.is_floating_point() for buffer in optimiser.buffers())
    assert list(optimiser.parameters()) == []


def test_gated_adam_hardly_moves_for_noise():
    generator = torch.Generator().manual_seed(1)
    gated, plain = SignalGatedAdam((200,)), Adam((200,), (0.97, 0.999))
    path = torch.zeros(2)
    for step in range(600):
        gradient = torch.randn(200, generator=generator)
        moves = gated.step(gradient, 1e-2), plain.step(gradient, 1e-2)
        if step >= 200:
            path += torch.stack([move.abs().mean() for move in moves])
    # |m| exceeds sqrt(2) of its own deviation in 16 % of cases, and then the gate is still mostly shut.
    assert path[0] < 0.15 * path[1]
    assert path[1] > 0


def test_gated_adam_moves_like_adam_for_a_constant_gradient():
    gated, plain = SignalGatedAdam((5,)), Adam((5,), (0.97, 0.999))
    gradient = torch.tensor([1.0, -2.0, 1e-3, 50.0, -0.1])
    share = 1 - 2 * (1 - 0.97) / (1 + 0.97)
    for _ in range(20):
        torch.testing.assert_close(gated.step(gradient, 0.1), share * plain.step(gradient, 0.1), rtol=1e-4, atol=0)


def test_the_gate_follows_its_formula():
    optimiser = SignalGatedAdam((4,), (0.9, 0.99))
    noise = 2 * 0.1 / 1.9
    m = torch.tensor([1.0, -0.5, 0.1, 0.0])
    v = torch.tensor([1.0, 1.0, 1.0, 1.0])
    expected = torch.tensor([1 - noise, -0.5 * (1 - 4 * noise), 0.0, 0.0])
    optimiser.first.copy_(m)
    optimiser.second.copy_(v)
    torch.testing.assert_close(optimiser.gate(m / v.sqrt(), 1.0), expected)
    assert torch.equal(optimiser.gate(torch.ones(4), 3.0), (1 - noise * 3 * v / m.square()).clamp(min=0))


def test_the_gate_only_shrinks_a_step():
    generator = torch.Generator().manual_seed(3)
    gated, plain = SignalGatedAdam((50,)), Adam((50,), (0.97, 0.999))
    for _ in range(40):
        gradient = torch.randn(50, generator=generator) + 0.3
        a, b = gated.step(gradient, 1.0), plain.step(gradient, 1.0)
        assert (a * b >= 0).all()
        assert (a.abs() <= b.abs() + 1e-9).all()


def test_a_weight_that_never_saw_a_gradient_stays():
    for kind in (Adam, SignalGatedAdam):
        assert torch.equal(kind((3,)).step(torch.zeros(3), 1.0), torch.zeros(3))
