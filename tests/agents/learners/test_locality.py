"""Locality: a unit's update depends on its own measurements and the target alone, and nothing is differentiated."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES, Bandit, make_network

from pib_rl.agents import PIB
from pib_rl.agents.network.network import Activations, Network
from pib_rl.agents.objectives.target import Target

OBJECTIVES = ["gaussian", "pointwise", "cka", "renyi", "ridge", "decoder"]


def batches(count: int):
    generator = torch.Generator().manual_seed(5)
    for _ in range(count):
        x = torch.randn(64, 6, generator=generator)
        yield x, Target(torch.stack([x[:, 0] * x[:, 1], x[:, 2]], 1))


def scramble(module: torch.nn.Module) -> None:
    """Replaces all that a device is by other numbers of the same kind."""
    generator = torch.Generator().manual_seed(99)
    for name, buffer in module.named_buffers():
        if not name.startswith("array.meter") and buffer.numel() > 1:
            buffer.copy_(torch.rand(buffer.shape, generator=generator))


def learn(network: Network, x: torch.Tensor, target: Target, track: float) -> Activations:
    """One step of all units on a batch, which those with a memory then remember."""
    seen = network.measure(x)
    network.update_units(seen, target, 1e-2, track)
    for unit, h, z in zip(network.chain, seen.h, seen.z, strict=True):
        unit.objective.absorb(z, target, h)
    return seen


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers() if "meter" not in name}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", SUBSTRATES)
def test_later_units_change_no_bit_of_an_earlier_units_update(name, objective):
    plain, other = (
        make_network(name, 6, 8, 3, seed=1, objective=objective, target_features=2, options={"beta": 0.1})
        for _ in range(2)
    )
    for later in (*other.chain[1:], other.last):
        scramble(later)
    start = state(plain.chain[0])
    for x, target in batches(3):
        learn(plain, x, target, 0.05)
        learn(other, x, target, 0.05)
    first, same = state(plain.chain[0]), state(other.chain[0])
    for key, value in first.items():
        assert torch.equal(value, same[key]), key
    assert any(not torch.equal(first[key], start[key]) for key in first if key.startswith("array."))
    assert not torch.equal(plain.chain[1].array.weights(), other.chain[1].array.weights())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_update_is_a_function_of_own_input_own_output_and_target(objective):
    whole, alone = (make_network("digital", 6, 8, 2, seed=1, objective=objective, target_features=2) for _ in range(2))
    for x, target in batches(3):
        seen = learn(whole, x, target, 0.0)
        second = alone.chain[1]
        second.update(seen.h[1], seen.z[1], target, 1e-2)  # no network around it, its first unit never trained
        second.objective.absorb(seen.z[1], target, seen.h[1])
    assert torch.equal(second.array.weights(), whole.chain[1].array.weights())
    assert not torch.equal(alone.chain[0].array.weights(), whole.chain[0].array.weights())


def test_a_unit_has_no_way_to_reach_another():
    network = make_network("digital", 6, 8, 3)
    for index, unit in enumerate(network.chain):
        others = {id(module) for other in network.chain if other is not unit for module in (other, other.array)}
        reached = {id(module) for module in unit.modules()} | {id(value) for value in vars(unit).values()}
        assert not others & reached, index


@pytest.fixture
def _no_autograd(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("automatic differentiation was used")

    monkeypatch.setattr(torch.autograd, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    monkeypatch.setattr(torch.Tensor, "backward", refuse)


@pytest.mark.usefixtures("_no_autograd")
@pytest.mark.parametrize("name", [*SUBSTRATES, "numpy-sine"])
def test_nothing_anywhere_has_a_graph(name):
    # The media and arrays of numpy-sine raise when a tensor with a graph reaches them.
    agent = PIB("MlpPolicy", Bandit(16, 6, 0), n_steps=8, width=8, hw=name, seed=0, gamma=0.0)
    agent.learn(256)
    policy = agent.policy
    assert list(policy.parameters()) == []
    assert all(not buffer.requires_grad and buffer.grad_fn is None for buffer in policy.buffers())
    with torch.enable_grad():
        seen = policy.model.network.measure(torch.randn(4, 6))
        outputs = policy.model.readout.measure(seen.taps)
        parts = [*seen.h, *seen.z, seen.taps, outputs]
    assert all(part.grad_fn is None and not part.requires_grad for part in parts)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_learning_leaves_no_graph_where_autograd_is_on(objective):
    network = make_network("digital", 6, 8, 2, objective=objective, target_features=2)
    with torch.enable_grad():
        steps = [network.update_units(network.measure(x), target, 1e-2, 0.1) for x, target in batches(2)]
    assert all(score.loss.grad_fn is None and score.gradient.grad_fn is None for scores in steps for score in scores)
    assert all(buffer.grad_fn is None for buffer in network.buffers())
