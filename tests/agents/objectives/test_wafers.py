"""Objectives on a wafer: stacked batches score as each of them alone, and states belong to their chip."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pib_rl.agents.objectives import OBJECTIVES, Objective
from pib_rl.agents.objectives.entropy import entropy, mutual_information
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid
from pib_rl.common.streams import Streams

CHIPS, N, GRID = 3, 17, Grid(3, 4, 2)
KINDS = {
    "gaussian": {},
    "gaussian-ungated": {"gated": False},
    "pointwise": {},
    "cka": {},
    "renyi": {},
    "renyi-3": {"alpha": 3.0},
    "ridge": {},
    "ridge-ungated": {"gated": False},
    "ridge-image": {"grid": GRID, "pool": 2},
    "decoder": {},
    "decoder-ungated": {"gated": False},
    "decoder-image": {"grid": GRID, "pool": 2},
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(name: str, beta: float, streams: Streams) -> Objective:
    kind, options = OBJECTIVES[name.split("-")[0]], dict(KINDS[name])
    given = {"features": 3, "outputs": GRID.features, "inputs": 4, "streams": streams}
    needed = {need: given[need] for need in kind.needs if need in given}
    return kind(beta=beta, **options, **needed).double()


def batch(classes: bool, seed: int = 0) -> tuple[Tensor, Tensor, Target]:
    """Outputs, inputs and targets of all chips; the last one is twenty times as large as the first."""
    z = normal(CHIPS, N, GRID.features, seed=seed) * torch.tensor([1.0, 3.0, 20.0])[:, None, None] + 0.5
    h = normal(CHIPS, N, 4, seed=seed + 50)
    if classes:
        labels = torch.randint(0, 3, (CHIPS, N), generator=torch.Generator().manual_seed(seed))
        return z, h, Target(one_hot(labels, 3).double(), classes=True)
    return z, h, Target(normal(CHIPS, N, 3, seed=seed + 99) + z[..., :3] * torch.tensor([1.0, 0.3, 0.0]), (2, 1))


@pytest.mark.parametrize("beta", [0.0, 0.3])
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
@pytest.mark.parametrize("name", KINDS)
def test_stacked_batches_score_as_each_alone(name, classes, beta):
    wafer, chips = make(name, beta, Streams(4, CHIPS)), [make(name, beta, Streams(4 + chip)) for chip in range(CHIPS)]
    for seed in range(3):  # gates move on the way
        z, h, target = batch(classes, seed)
        before = z.clone()
        together = wafer(z, target, h)
        assert together.loss.shape == (CHIPS,)
        assert together.gradient.shape == z.shape
        assert torch.equal(z, before)
        for number, chip in enumerate(chips):
            one = Target(target.values[number], target.blocks, target.classes)
            alone = chip(z[number], one, h[number])
            assert alone.loss.shape == ()
            torch.testing.assert_close(together.loss[number], alone.loss, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(together.gradient[number], alone.gradient, rtol=1e-8, atol=1e-10)
            chip.absorb(z[number], one, h[number])
        wafer.absorb(z, target, h)
    for name_, value in wafer.state_dict().items():
        for number, chip in enumerate(chips):
            torch.testing.assert_close(value[number], chip.state_dict()[name_], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
@pytest.mark.parametrize("name", [name for name in KINDS if not name.startswith("gaussian")])
def test_targets_without_the_axis_are_those_of_all_chips(name, classes):
    z, _, target = batch(classes)
    shared = Target(target.values[1], target.blocks, target.classes)
    repeated = Target(target.values[1].expand(CHIPS, -1, -1), target.blocks, target.classes)
    objectives = [make(name, 0.0, Streams(4, CHIPS)) for _ in range(2)]
    for _ in range(2):  # the second one after what was absorbed from the first
        found, wanted = (each(z, one) for each, one in zip(objectives, (shared, repeated), strict=True))
        torch.testing.assert_close(found, wanted)
        for each, one in zip(objectives, (shared, repeated), strict=True):
            each.absorb(z, one)


@pytest.mark.parametrize("name", ["gaussian", "gaussian-ungated"])
def test_regression_takes_targets_of_all_chips_too(name):
    z, _, target = batch(False)
    shared = Target(target.values[1], target.blocks)
    repeated = Target(target.values[1].expand(CHIPS, -1, -1), target.blocks)
    found, wanted = (make(name, 0.0, Streams(4, CHIPS))(z, one) for one in (shared, repeated))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("scale", ["rms", "sample"])
def test_gram_matrices_and_the_way_back_know_no_other_chip(scale):
    z, back = batch(False)[0], normal(CHIPS, N, N, seed=8)
    gram = Gram(z, scale, 0.7)
    assert gram.k.shape == (CHIPS, N, N)
    for chip in range(CHIPS):
        alone = Gram(z[chip], scale, 0.7)
        torch.testing.assert_close(gram.k[chip], alone.k)
        torch.testing.assert_close(gram.pull(back)[chip], alone.pull(back[chip]))


@pytest.mark.parametrize("alpha", [2.0, 1.5])
def test_entropies_and_information_come_per_chip(alpha):
    first, second = (Gram(batch(False, seed)[0]).k + torch.eye(N) for seed in (0, 1))
    assert entropy(first, alpha).shape == (CHIPS,)
    for chip in range(CHIPS):
        torch.testing.assert_close(entropy(first, alpha)[chip], entropy(first[chip], alpha))
        torch.testing.assert_close(
            mutual_information(first, second, alpha)[chip], mutual_information(first[chip], second[chip], alpha)
        )


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
def test_a_dead_chip_leaves_the_others_alone(classes):
    z, _, target = batch(classes)
    for name in KINDS:
        whole, dead = (make(name, 0.0, Streams(4, CHIPS)) for _ in range(2))
        part = z.clone()
        part[1] = 0
        whole.absorb(z, target)
        dead.absorb(part, target)
        wanted = whole(z, target)
        found = dead(part, target)
        assert found.loss.isfinite().all()
        assert found.gradient.isfinite().all()
        for chip in (0, 2):
            torch.testing.assert_close(found.gradient[chip], wanted.gradient[chip], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
def test_samples_are_taken_for_all_chips(classes):
    target, pick = batch(classes)[2], torch.tensor([4, 0, 9])
    taken = target.take(pick)
    assert torch.equal(taken.values, target.values[:, pick])
    assert (taken.blocks, taken.classes) == (target.blocks, target.classes)
    for chip in range(CHIPS):
        alone = Target(target.values[chip], target.blocks, target.classes)
        torch.testing.assert_close(target.similarity()[chip], alone.similarity())
