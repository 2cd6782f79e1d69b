"""The gate of the gaussian objective: what a unit can't know weighs nothing."""

from __future__ import annotations

import pytest
import references
import torch

from pib_rl.agents.objectives import Gaussian
from pib_rl.agents.objectives.gate import TargetGate
from pib_rl.agents.objectives.target import Target

SHUT = TargetGate.floor / TargetGate.full


def stream(count: int, seed: int = 0):
    """Batches of outputs and a target: one dimension that follows from the outputs, two of noise."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        z = torch.randn(128, 3, generator=generator)
        noise = torch.randn(128, 2, generator=generator)
        yield z, torch.cat([z[:, :1].tanh(), noise], 1)


def gradients(objective: Gaussian, blocks: tuple[int, ...] = ()):
    """Per dimension: gradient of the gated objective over that of the ungated one."""
    z, y = next(stream(1))
    state, shares = objective.gate.explained.clone(), []
    for dimension in range(3):
        alone = torch.zeros_like(y)
        alone[:, dimension] = y[:, dimension]  # a constant adds nothing to the gradient
        objective.gate.explained.copy_(state)
        objective.gate.rate = 0.0
        gated = objective(z, Target(alone, blocks)).gradient
        free = Gaussian(features=3, gated=False)(z, Target(alone)).gradient
        shares.append(((gated * free).sum() / free.square().sum()).item())
        torch.testing.assert_close(gated, shares[-1] * free, rtol=1e-3, atol=1e-8)
    return shares


@pytest.fixture
def trained() -> Gaussian:
    objective = Gaussian(features=3)
    for z, y in stream(300):
        objective(z, Target(y))
    return objective


def test_a_predictable_dimension_weighs_all_and_noise_next_to_nothing(trained):
    knowable, *noise = gradients(trained)
    assert knowable == pytest.approx(1.0, rel=1e-4)
    for share in noise:
        assert SHUT - 1e-6 <= share < 3 * SHUT


def test_the_state_tells_them_apart(trained):
    assert trained.gate.explained[0] > 0.5
    assert trained.gate.explained[1:].abs().max() < 0.005


def test_explained_variance_of_noise_is_zero_on_average():
    # A regression loses sum_j p_ij^2 on a target that it cannot know; that loss is given back.
    plain, given = 0.0, 0.0
    for z, y in stream(300, seed=7):
        objective = Gaussian(features=3)
        objective.gate.rate = 1.0
        objective(z, Target(y))
        given += objective.gate.explained[1:].mean().item() / 300
        error, _ = references.leave_one_out(references.distances(z[:32], "rms", 1.0), y[:32])
        plain += (1 - error[1:] / y[:32, 1:].var(0, correction=0)).mean().item() / 300
    assert plain < -0.03
    assert abs(given) < 0.003


def test_state_moves_by_a_fiftieth_towards_the_explained_variance_of_the_batch():
    z, y = (part.double() for part in next(stream(1)))
    objective = Gaussian(features=3).double()
    objective.gate.explained.fill_(0.3)
    objective(z, Target(y))
    _, r2 = references.leave_one_out(references.distances(z, "rms", 1.0), y)
    torch.testing.assert_close(objective.gate.explained, 0.98 * 0.3 + 0.02 * r2)


@pytest.mark.parametrize(
    ("explained", "blocks", "expected"),
    [
        ([-0.5, 0.018, 0.9], (), [SHUT, 0.4, 1.0]),  # (0.018 + 0.002) / 0.05 = 0.4
        ([0.9, 0.9, 0.9], (3,), [1 / 3, 1 / 3, 1 / 3]),
        ([0.9, 0.9, 0.9], (1, 2), [1.0, 0.5, 0.5]),
        ([0.9, 0.018, -0.5], (3,), [1 / 1.44, 0.4 / 1.44, SHUT / 1.44]),
        ([0.0, 0.018, -0.5], (3,), [SHUT, 0.4, SHUT]),  # together less than one: nothing to share
    ],
)
def test_weights_by_hand(explained, blocks, expected):
    objective = Gaussian(features=3)
    objective.gate.explained.copy_(torch.tensor(explained))
    assert gradients(objective, blocks) == pytest.approx(expected, rel=1e-3)


def test_compression_has_no_gate_and_leaves_the_state_alone():
    z, y = next(stream(1))
    objective, plain = Gaussian(features=3, beta=0.5), Gaussian(features=3)
    objective(z, Target(y), z)
    plain(z, Target(y))
    assert torch.equal(objective.gate.explained, plain.gate.explained)


def test_an_ungated_objective_keeps_no_state():
    objective = Gaussian(features=3, gated=False)
    for z, y in stream(3):
        objective(z, Target(y))
    assert torch.equal(objective.gate.explained, torch.zeros(3))
