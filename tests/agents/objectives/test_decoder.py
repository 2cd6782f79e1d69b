"""The decoder objective: what it remembers, what it makes of new samples, and what it does before it knows anything."""

from __future__ import annotations

import math

import pytest
import references
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pib_rl.agents.objectives import Decoder
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid

N, OUT, IN, D = 40, 6, 4, 3


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(seed: int, n: int = N, outputs: int = OUT) -> tuple[Tensor, Target, Tensor]:
    """Outputs, a target of which they know much, little and nothing, and inputs."""
    z = 2 * normal(n, outputs, seed=seed) + 0.5
    y = normal(n, D, seed=seed + 100) + z[:, :D] * torch.tensor([1.0, 0.3, 0.0]) + 7
    return z, Target(y, (2, 1)), normal(n, IN, seed=seed + 200) + z[:, :IN]


def make(beta: float = 0.0, outputs: int = OUT, **options) -> Decoder:
    return Decoder(beta, features=D, outputs=outputs, inputs=IN, **options).double()


def regression(codes: list[Tensor], targets: list[Tensor], memory: float, ridge: float) -> Tensor:
    """Ridge regression of all samples at once, each with its weight: that of a batch falls with what came after it."""
    later = [sum(len(y) for y in targets[number + 1 :]) for number in range(len(targets))]
    weight = torch.cat([torch.full((len(y),), math.exp(-n / memory)) for y, n in zip(targets, later, strict=True)])
    t, y = torch.cat(codes), torch.cat([part - part.mean(0) for part in targets])
    c = t.T @ torch.diag(weight.double()) @ t
    c += ridge * c.trace() / len(c) * torch.eye(len(c))
    return torch.linalg.inv(c) @ t.T @ torch.diag(weight.double()) @ y


@pytest.mark.parametrize("ridge", [0.05, 1.0])
def test_it_remembers_a_ridge_regression_of_weighted_samples(ridge):
    objective = make(beta=0.2, memory=60.0, ridge=ridge)
    codes, targets, inputs = [], [], []
    for seed, n in enumerate((N, 25, N, 10)):
        z, target, h = batch(seed, n)
        objective.absorb(z, target, h)
        codes.append(references.saturated(z, objective.saturation.shift))
        targets.append(target.values)
        inputs.append(h)
    torch.testing.assert_close(objective.decoder.weights, regression(codes, targets, 60.0, ridge))
    torch.testing.assert_close(objective.of_input.weights, regression(codes, inputs, 60.0, ridge))


def test_parts_of_a_batch_weigh_alike():
    # What counts is samples, not calls: eight parts teach the same as one batch where the memory is long.
    whole, parts = make(memory=1e9), make(memory=1e9)
    z, target, _ = batch(0, 400)
    whole.absorb(z, target)
    for pick in torch.arange(400).split(50):
        parts.absorb(z[pick], target.take(pick))
    torch.testing.assert_close(parts.decoder.weights, whole.decoder.weights, rtol=0.3, atol=0.03)


@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_nothing_moves_before_anything_was_absorbed(beta):
    objective = make(beta)
    z, target, h = batch(0)
    assert not objective(z, target, h).gradient.any()
    assert not objective.gate.explained.any()
    objective.absorb(z, target, h)
    assert objective(*batch(1)).gradient.abs().max() > 1e-3


@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_a_chip_that_broke_is_forgotten_and_learned_again(beta):
    objective = make(beta)
    objective.absorb(*batch(0))
    kept = {name: value.clone() for name, value in objective.state_dict().items()}
    objective.forget(torch.tensor(False))
    assert all(torch.equal(value, kept[name]) for name, value in objective.state_dict().items())
    objective.forget(torch.tensor(True))
    assert not objective(*batch(1)).gradient.any()
    objective.absorb(*batch(0))
    torch.testing.assert_close(objective.decoder.weights, kept["decoder.weights"])


def test_a_batch_is_scored_by_a_decoder_that_has_not_seen_it():
    objective, (z, target, _) = make(), batch(0)
    state = {name: value.clone() for name, value in objective.decoder.state_dict().items()}
    objective(z, target)
    assert all(torch.equal(value, state[name]) for name, value in objective.decoder.state_dict().items())
    for seed in range(200):  # the gate learns from held-out samples: noise that is fitted well explains nothing
        z, target, _ = batch(seed, 12)
        objective(z, target)
        objective.absorb(z, target)
    known, little, noise = objective.gate.explained.tolist()
    assert known > 0.4 > little > 0.02 > noise


def test_without_the_memory_noise_looks_known():
    # The check of the one before: scored after it was absorbed, a batch of few samples is fitted with its noise.
    objective = make(memory=1.0)
    for seed in range(200):
        z, target, _ = batch(seed, 12)
        objective.absorb(z, target)
        objective(z, target)
    assert objective.gate.explained[2] > 0.1


def test_on_an_image_the_code_is_means_over_squares():
    grid = Grid(3, 4, 2)
    objective = make(outputs=grid.features, grid=grid, pool=2, gated=False)
    shift = objective.saturation.shift
    assert len(shift.unique()) == grid.channels

    def means(t: Tensor) -> Tensor:
        return avg_pool2d(t.view(len(t), 3, 4, 2).permute(0, 3, 1, 2), 2, ceil_mode=True).flatten(1)

    def code(z: Tensor) -> Tensor:
        return references.saturated(z, shift, means)

    (before, learned, _), (z, target, _) = batch(1, outputs=grid.features), batch(2, outputs=grid.features)
    objective.absorb(before, learned)
    weights = objective.decoder.weights
    assert weights.shape == (2 * 2 * grid.channels, D)
    ours = objective.saturation(z).values
    order = torch.cdist(code(z).T, ours.T).argmin(1)  # squares and channels come in another order
    torch.testing.assert_close(ours[:, order], code(z))
    found = regression([code(before)], [learned.values], 1.0, 1.0)
    torch.testing.assert_close(weights[order], found)
    leaf = z.clone().requires_grad_()
    wanted = references.decoder(leaf, target.values, shift, found, means=means)
    wanted.backward()
    score = objective(z, target)
    torch.testing.assert_close(score.loss, wanted.detach())
    torch.testing.assert_close(score.gradient, leaf.grad)


def test_the_size_and_the_mean_of_outputs_do_not_matter():
    plain, other = make(), make()
    for seed in range(3):
        z, target, _ = batch(seed)
        scores = [plain(z, target), other(50 * z - 9, target)]
        torch.testing.assert_close(*(score.loss for score in scores))
        torch.testing.assert_close(scores[0].gradient, 50 * scores[1].gradient)
        plain.absorb(z, target)
        other.absorb(50 * z - 9, target)


def test_units_that_follow_it_come_to_tell_the_target():
    # Outputs z = W h from inputs that know the target; h's largest part is of no use.
    size = torch.tensor([3.0, 3, 3, 1, 1, 1]).double()
    weight, losses = 0.3 * normal(4, 6, seed=3), []
    objective = Decoder(features=1, outputs=4, inputs=6, memory=2000.0).double()
    for step in range(300):
        h = size * normal(64, 6, seed=1000 + step)
        z, target = h @ weight.T, Target(h[:, 3:4] * 1.0)
        score = objective(z, target)
        losses.append(float(score.loss))
        weight = weight - 0.05 * score.gradient.T @ h
        objective.absorb(z, target)
    assert sum(losses[-20:]) / 20 < sum(losses[:20]) / 20 - 0.5
