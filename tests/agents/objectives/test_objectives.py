"""Losses and closed-form gradients of every objective against automatic differentiation of their formulas."""

from __future__ import annotations

import pytest
import references
import torch

from pib_rl.agents.objectives import OBJECTIVES, Alignment, Decoder, Gaussian, Pointwise, Renyi, Ridge
from pib_rl.agents.objectives.gram import Gram
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid

N, D = 18, 5
KINDS = {
    "gaussian": ("gaussian", {}),
    "gaussian-ungated": ("gaussian", {"gated": False}),
    "pointwise": ("pointwise", {}),
    "cka": ("cka", {}),
    "renyi-2": ("renyi", {}),
    "renyi-1.5": ("renyi", {"alpha": 1.5}),
    "renyi-3": ("renyi", {"alpha": 3.0}),
    "ridge": ("ridge", {}),
    "ridge-ungated": ("ridge", {"gated": False}),
    "decoder": ("decoder", {}),
    "decoder-ungated": ("decoder", {"gated": False}),
}


def batch(seed: int, classes: bool):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(N, D, generator=generator, dtype=torch.float64) * 2 + 0.5
    h = torch.randn(N, 4, generator=generator, dtype=torch.float64)
    if classes:
        label = torch.randint(0, 3, (N,), generator=generator)
        return z, h, Target(torch.nn.functional.one_hot(label, 3).double(), classes=True)
    y = torch.randn(N, 3, generator=generator, dtype=torch.float64) + z[:, :3] * torch.tensor([1.0, 0.3, 0.0])
    return z, h, Target(y, (2, 1))


def make(kind: str, scale: str, bandwidth: float, beta: float):
    name, options = KINDS[kind]
    if name == "ridge":
        return Ridge(beta, features=3, outputs=D, **options).double()
    if name == "decoder":
        objective = Decoder(beta, features=3, outputs=D, inputs=4, **options).double()
        z, h, target = batch(12, False)  # what it has learned from before
        objective.absorb(z, target, h)
        return objective
    extra = {"features": 3} if name == "gaussian" else {}
    return OBJECTIVES[name](scale, bandwidth, beta, **options, **extra).double()


def decoders(objective):
    return objective.decoder.weights, objective.of_input.weights if objective.beta else torch.zeros(D, 4).double()


def open_gate(objective):
    if hasattr(objective, "gate"):
        objective.gate.shut = False


@pytest.mark.parametrize("beta", [0.0, 0.3])
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
@pytest.mark.parametrize(("scale", "bandwidth"), [("rms", 0.8), ("sample", 0.6)])
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_follow_the_formula(kind, scale, bandwidth, classes, beta):
    z, h, target = batch(7, classes)
    objective = make(kind, scale, bandwidth, beta)
    state = None
    if kind in ("gaussian", "ridge", "decoder"):
        state = torch.tensor([0.5, -0.2, 0.01], dtype=torch.float64)  # the gates: open, shut, between
        objective.gate.explained.copy_(state)
    leaf = z.clone().requires_grad_()
    wanted = references.loss(
        KINDS[kind][0],
        leaf,
        target.values,
        h,
        scale=scale,
        bandwidth=bandwidth,
        beta=beta,
        classes=classes,
        blocks=target.blocks,
        alpha=KINDS[kind][1].get("alpha", 2.0),
        explained=state,
        shift=objective.saturation.shift if kind.startswith(("ridge", "decoder")) else None,
        decoders=decoders(objective) if kind.startswith("decoder") else None,
    )
    wanted.backward()
    score = objective(z, target, h)
    assert score.loss.item() == pytest.approx(wanted.item(), abs=1e-8, rel=1e-8)
    torch.testing.assert_close(score.gradient, leaf.grad, rtol=1e-8, atol=1e-8)
    assert leaf.grad.abs().max() > 1e-3  # there was something to compare


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
def test_no_graph_and_no_side_effect_on_the_measurement(kind, classes):
    z, h, target = batch(3, classes)
    before = z.clone(), h.clone(), target.values.clone()
    score = make(kind, "rms", 1.0, 0.2)(z, target, h)
    assert score.loss.grad_fn is None
    assert score.gradient.grad_fn is None
    assert score.gradient.shape == z.shape
    for was, now in zip(before, (z, h, target.values), strict=True):
        assert torch.equal(was, now)


@pytest.mark.parametrize("kind", KINDS)
def test_stepping_down_the_gradient_lowers_the_loss(kind):
    z, _, target = batch(5, True)
    objective = make(kind, "sample", 0.6, 0.0)
    open_gate(objective)
    score = objective(z, target)
    lower = objective(z - 1e-3 * score.gradient / score.gradient.norm(), target).loss
    assert score.loss - lower > 0.5e-3 * score.gradient.norm()


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.startswith(("renyi-1.5", "renyi-3", "ridge", "decoder"))]
)
def test_the_same_size_of_all_entries_changes_nothing(kind):
    # With k_ii = 0 no objective is won by driving all samples apart; with the diagonal kept it is.
    z, _, target = batch(9, True)
    objective = make(kind, "sample", 0.6, 0.0)
    open_gate(objective)
    k = Gram(z, "sample", 0.6).k
    torch.testing.assert_close(objective.on_gram(1e-3 * k, target)[0], objective.on_gram(k, target)[0])


def test_ridge_finds_a_code_that_is_no_cluster_where_kernel_regression_sees_nothing():
    # Two classes by the parity of two signs, each sign one output: no class is a cluster, a saturated code reads it.
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (200, 2), generator=generator) * 2.0 - 1
    z = torch.cat([signs, signs.sum(1, keepdim=True)], 1) + 0.1 * torch.randn(200, 3, generator=generator)
    labels = (signs.prod(1) > 0).long()
    target = Target(torch.nn.functional.one_hot(labels, 2).float(), classes=True)
    assert Ridge(outputs=3)(z, target).loss < 0.35
    assert Ridge(outputs=3)(z[torch.randperm(200, generator=generator)], target).loss > 0.69


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "real"])
def test_ridge_on_an_image_sees_means_of_saturated_outputs_over_tiles(classes):
    grid, target = Grid(3, 4, 2), batch(7, classes)[2]
    objective = Ridge(features=3, outputs=grid.features, grid=grid, pool=2, gated=False).double()
    z = torch.randn(N, grid.features, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert len(objective.saturation.shift.unique()) == grid.channels
    torch.testing.assert_close(objective.saturation.shift.view(-1, 2), objective.saturation.shift[:, :2].expand(12, 2))

    def means(t):
        return torch.nn.functional.avg_pool2d(t.view(N, 3, 4, 2).permute(0, 3, 1, 2), 2, ceil_mode=True).flatten(1)

    leaf = z.clone().requires_grad_()
    wanted = references.ridge(leaf, target.values, objective.saturation.shift, classes, means=means)
    wanted.backward()
    score = objective(z, target)
    torch.testing.assert_close(score.loss, wanted.detach())
    torch.testing.assert_close(score.gradient, leaf.grad)


@pytest.mark.parametrize("alpha", [1.5, 2.0, 3.0])
def test_scattered_samples_are_told_from_clusters_by_class(alpha):
    # Eight samples, all nearly orthogonal: with the diagonal every labelling would reach the same information.
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    z = torch.cat([5 * torch.eye(8), 3 * torch.nn.functional.one_hot(label, 2)], 1).double()
    other = label[torch.tensor([0, 4, 1, 5, 2, 6, 3, 7])]
    objective = Renyi("rms", 0.4, alpha=alpha)
    right, wrong = (
        objective(z, Target(torch.nn.functional.one_hot(y, 2).double(), classes=True)).loss for y in (label, other)
    )
    assert right < wrong - 0.1


def test_samples_without_a_like_one_are_left_out():
    z, _, _ = batch(1, True)
    label = torch.tensor([0] * 8 + [1] * 9 + [2])
    target = Target(torch.nn.functional.one_hot(label, 3).double(), classes=True)
    k = Gram(z, "sample", 0.6).k
    same = target.values @ target.values.T
    expected = -((k * same).sum(1)[:17] / k.sum(1)[:17]).log().mean()
    torch.testing.assert_close(Pointwise("sample", 0.6)(z, target).loss, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["dead", "pair", "one class", "constant target"])
def test_degenerate_batches_stay_finite(kind, case):
    z, _, target = batch(2, case == "one class")
    if case == "dead":
        z = torch.zeros_like(z)
    elif case == "pair":
        z, target = z[:2], Target(target.values[:2], target.blocks)
    elif case == "one class":
        target = Target(torch.eye(3, dtype=torch.float64)[torch.zeros(N, dtype=torch.long)], classes=True)
    else:
        target = Target(torch.ones_like(target.values), target.blocks)
    score = make(kind, "rms", 1.0, 0.0)(z, target)
    assert score.loss.isfinite()
    assert score.gradient.isfinite().all()


def test_arguments_outside_their_range_are_refused():
    z, _, target = batch(0, False)
    with pytest.raises(ValueError, match=r"beta must be >= 0, got -0\.1"):
        Gaussian(beta=-0.1)
    with pytest.raises(ValueError, match="bandwidth must be > 0, got 0"):
        Alignment(bandwidth=0.0)
    with pytest.raises(ValueError, match=r"order alpha must be > 1, got 0\.5"):
        Renyi(alpha=0.5)
    for options, words in (
        ({"ridge": 0.0}, "ridge must be > 0, got 0"),
        ({"gain": 0.0}, "gain must be > 0"),
        ({"temperature": -1.0}, "temperature must be > 0"),
        ({"offset": -0.5}, r"offset must be >= 0, got -0\.5"),
        ({"pool": 2.5}, r"pool must be a whole number, 1 or more, got 2\.5"),
    ):
        with pytest.raises(ValueError, match=words):
            Ridge(**options)
        if "temperature" not in options:
            with pytest.raises(ValueError, match=words):
                Decoder(**options)
    with pytest.raises(ValueError, match="memory must be > 0, got 0"):
        Decoder(memory=0.0)
    with pytest.raises(ValueError, match="not 1"):
        Renyi(alpha=1.0)
    with pytest.raises(ValueError, match="needs the unit's input h"):
        Pointwise(beta=0.1)(z, target)


def test_the_decoder_of_a_large_image_averages_over_larger_squares():
    grid = Grid(42, 42, 16)
    objective = Decoder(features=3, outputs=grid.features, grid=grid)
    assert objective.saturation.features <= 1024
    assert objective.decoder.own.shape == (objective.saturation.features,) * 2
    small = Decoder(features=3, outputs=10 * 10 * 16, grid=Grid(10, 10, 16))
    assert small.saturation.features == 5 * 5 * 16
