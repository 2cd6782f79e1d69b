"""The readout: a zero start, a local delta rule, and the ridge re-fit against textbook linear algebra."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES, make_substrate

from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.readout import Readout, with_one
from pib_rl.physical.substrate import Read


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("options", [{"stuck": 0.0}, None], ids=["memristive", "digital"])
def test_untrained_outputs_are_zero(options):
    substrate = make_substrate("digital") if options is None else make_substrate("memristive", **options)
    assert torch.equal(Readout(substrate, 6, 3).measure(normal(10, 6), Read.MEAN), torch.zeros(10, 3))


def test_the_constant_carries_a_bias():
    readout = Readout(make_substrate("digital"), 2, 2)
    weight = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    readout.array.program(weight)
    expected = torch.tensor([[1 * 3 + 2 * 4 + 0.5, -4 + 3.0]])
    assert torch.equal(readout.measure(torch.tensor([[3.0, 4.0]])), expected)
    assert torch.equal(with_one(torch.zeros(2, 1)), torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


def test_learning_is_the_delta_rule_through_adam():
    readout, inputs = Readout(make_substrate("digital"), 4, 2), with_one(normal(30, 4))
    adam = Adam((2, 5))
    weight = torch.zeros(2, 5)
    for step in range(3):
        gradient = normal(30, 2, seed=step + 1)
        readout.step(inputs, gradient, 0.1)
        weight += adam.step(gradient.T @ inputs, 0.1 / 5)
    torch.testing.assert_close(readout.array.weights(), weight)


def test_a_rate_moves_wide_and_narrow_readouts_alike():
    for taps in (1, 8, 200):
        readout, inputs = Readout(make_substrate("digital"), taps, 1), torch.ones(3, taps + 1)
        readout.step(inputs, -torch.ones(3, 1), 0.1)
        torch.testing.assert_close(readout.measure_inputs(inputs), torch.full((3, 1), 0.1))


@pytest.mark.parametrize("name", SUBSTRATES)
def test_regression_by_the_delta_rule_reaches_its_target(name):
    readout, inputs = Readout(make_substrate(name), 4, 2), with_one(normal(200, 4))
    wanted = inputs @ normal(5, 2, seed=9)
    for _ in range(300):
        readout.step(inputs, (readout.measure_inputs(inputs) - wanted) / 200, 0.1)
    error = (readout.measure_inputs(inputs, Read.MEAN) - wanted).square().mean() / wanted.var()
    assert error < 0.01


@pytest.mark.parametrize("ridge", [1e-6, 0.3, 5.0])
@pytest.mark.parametrize("taps", [6, 80])
def test_the_refit_solves_the_ridge_problem(ridge, taps):
    readout, inputs = Readout(make_substrate("digital"), taps, 3), with_one(normal(50, taps))
    start, shift = normal(3, taps + 1, seed=1), normal(50, 3, seed=2)
    readout.array.program(start)
    # |X dW' - s|^2 + ridge n |dW|^2 is plain least squares with sqrt(ridge n) I under X and zeros under s.
    under = (ridge * 50) ** 0.5 * torch.eye(taps + 1, dtype=torch.float64)
    change = torch.linalg.lstsq(
        torch.cat([inputs.double(), under]), torch.cat([shift.double(), torch.zeros(taps + 1, 3, dtype=torch.float64)])
    ).solution.T
    assert torch.equal(readout.refit(inputs, shift, ridge, torch.zeros(3)), torch.ones(3))
    torch.testing.assert_close(readout.array.weights() - start, change.float(), rtol=1e-3, atol=1e-5)
    assert change.abs().max() > 0.01


@pytest.mark.parametrize("margin", [0.0, 2.0])
def test_more_taps_than_samples_change_how_a_refit_is_computed_and_not_what_it_is(margin):
    """A tap that is always 0 changes nothing."""
    inputs, shift, noise = with_one(normal(50, 30)), normal(50, 2, seed=2), torch.tensor([0.1, 0.3])
    kept = []
    for empty in (0, 40):
        more = torch.cat([torch.zeros(50, empty), inputs], -1)
        readout = Readout(make_substrate("digital"), more.shape[-1] - 1, 2)
        kept.append((readout.refit(more, shift, 0.3, noise, margin), readout.array.weights()[:, empty:]))
    (few, narrow), (many, wide) = kept
    assert (few < 0.99).all()
    torch.testing.assert_close(many, few)
    torch.testing.assert_close(wide, narrow)


@pytest.mark.parametrize("name", SUBSTRATES)
def test_the_refit_moves_outputs_back_after_the_features_moved(name):
    readout, taps = Readout(make_substrate(name), 5, 2), normal(300, 5)
    readout.refit(with_one(taps), with_one(taps) @ normal(6, 2, seed=1), 1e-3, torch.zeros(2))
    old = readout.measure(taps, Read.MEAN)
    moved = with_one(taps @ (torch.eye(5) + 0.3 * normal(5, 5, seed=2)) + 0.2)
    before = (readout.measure_inputs(moved, Read.MEAN) - old).square().mean()
    for _ in range(1 if name != "memristive" else 4):  # a write to a memristor errs by a third of itself
        readout.refit(moved, old - readout.measure_inputs(moved), 1e-3, torch.zeros(2))
    after = (readout.measure_inputs(moved, Read.MEAN) - old).square().mean()
    assert before > 0.2
    assert after < 0.05 * before


def test_no_shift_moves_nothing():
    readout, inputs = Readout(make_substrate("digital"), 5, 2), with_one(normal(40, 5))
    readout.array.program(normal(2, 6, seed=3))
    before = readout.array.weights().clone()
    readout.refit(inputs, torch.zeros(40, 2), 0.3, torch.zeros(2))
    assert torch.equal(readout.array.weights(), before)


def test_each_output_keeps_the_share_of_its_fit_that_noise_does_not_explain():
    readout, inputs = Readout(make_substrate("digital"), 6, 3), with_one(normal(50, 6))
    shift, noise = normal(50, 3, seed=2), torch.tensor([0.0, 0.1, 50.0])
    x = inputs.double()
    hat = x @ torch.linalg.inv(x.T @ x + 0.3 * 50 * torch.eye(7)) @ x.T
    wanted = (1 - noise * (hat @ hat).trace() / (hat @ shift.double()).square().sum(0)).clamp(min=0)
    assert 0.05 < wanted[1] < 0.95
    assert wanted[2] == 0
    keep = readout.refit(inputs, shift, 0.3, noise)
    torch.testing.assert_close(keep, wanted.float(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        readout.measure_inputs(inputs), (hat @ shift.double() * wanted).float(), rtol=1e-3, atol=1e-4
    )


def test_a_margin_is_counted_in_deviations_of_the_power_of_noise():
    inputs, noise = with_one(normal(50, 6)), torch.tensor([0.2])
    x = inputs.double()
    hat = x @ torch.linalg.inv(x.T @ x + 0.3 * 50 * torch.eye(7)) @ x.T
    powers = (hat @ normal(50, 20_000, seed=4).double() * 0.2**0.5).square().sum(0)
    mean, deviation = 0.2 * (hat @ hat).trace(), 0.2 * (2 * (hat @ hat @ hat @ hat).trace()).sqrt()
    assert powers.mean() == pytest.approx(mean.item(), rel=0.02)
    assert powers.std() == pytest.approx(deviation.item(), rel=0.03)
    shift = 0.5 * inputs @ normal(7, 1, seed=2)
    power = (hat @ shift.double()).square().sum()
    keep = Readout(make_substrate("digital"), 6, 1).refit(inputs, shift, 0.3, noise, 2.0)
    assert keep.item() == pytest.approx((1 - (mean + 2 * deviation) / power).item(), rel=1e-3)
    assert 0.05 < keep.item() < 0.95


def test_a_margin_leaves_noise_alone():
    inputs = with_one(normal(500, 20))
    kept = [
        torch.cat(
            [
                Readout(make_substrate("digital"), 20, 1).refit(
                    inputs, 0.5 * normal(500, 1, seed=seed), 0.3, torch.tensor([0.25]), margin
                )
                for seed in range(60)
            ]
        )
        for margin in (0.0, 2.0)
    ]
    assert (kept[0] > 0).float().mean() > 0.3
    assert (kept[1] > 0).float().mean() < 0.12
    assert kept[1].max() < 0.3


def test_a_shift_of_noise_alone_is_mostly_left_alone_and_a_true_one_is_followed():
    inputs, moved = with_one(normal(2000, 40)), {}
    truth = inputs @ normal(41, 1, seed=1) * 0.3
    for name, shift in (("noise", torch.zeros(2000, 1)), ("true", truth)):
        powers = []
        for seed in range(20):
            readout = Readout(make_substrate("digital"), 40, 1)
            readout.refit(inputs, shift + 0.5 * normal(2000, 1, seed=50 + seed), 0.3, torch.tensor([0.25]))
            powers.append(readout.measure_inputs(inputs).square().mean())
        moved[name] = torch.stack(powers).mean()
    # Fitted whole, noise would leave 0.25 tr H^2/n = 0.25 * 41/2000/1.3^2 behind.
    assert moved["noise"] < 0.3 * 0.25 * 41 / 2000 / 1.3**2
    assert moved["true"] == pytest.approx((truth / 1.3).square().mean().item(), rel=0.1)
