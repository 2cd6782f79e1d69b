"""One unit: the gain control of its drives, and its own learning step."""

from __future__ import annotations

import pytest
import torch
from agent_toys import SUBSTRATES, explained, make_network, make_substrate

from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.unit import GainControl, Unit
from pib_rl.agents.objectives import Alignment, Gaussian
from pib_rl.agents.objectives.target import Target
from pib_rl.common.streams import Streams
from pib_rl.physical.substrate import Array


class Recorder(Array):
    """An array that keeps what it is asked for and does nothing."""

    asked = None

    def measure(self, h, read=None):
        return h

    def program(self, delta):
        self.asked = delta

    def weights(self):
        return torch.zeros(self.out_features, self.in_features)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_drive_is_standardised_by_channel_mean_and_one_deviation():
    control = GainControl(3, 1.5, 1.0, Streams(4))
    z = normal(50, 3) * torch.tensor([1.0, 2.0, 3.0]) + 5
    control.track(z, 1.0)
    drive = control.drive(z)
    deviation = (z - z.mean(0)).square().mean().sqrt()
    torch.testing.assert_close(drive, 1.5 * ((z - z.mean(0)) / deviation + control.shift))
    torch.testing.assert_close((drive - 1.5 * control.shift).square().mean(), torch.tensor(1.5**2))


def test_offsets_are_fixed_random_and_in_range():
    shift = GainControl(2000, 1.0, 0.7, Streams(4)).shift
    assert shift.abs().max() <= 0.7
    assert shift.std().item() == pytest.approx(0.7 / 3**0.5, rel=0.05)
    assert torch.equal(shift, GainControl(2000, 1.0, 0.7, Streams(4)).shift)
    assert torch.equal(GainControl(5, 1.0, 0.0, Streams(4)).shift, torch.zeros(1, 5))


def test_statistics_move_by_the_rate_and_only_when_asked():
    control = GainControl(2, 1.0, 0.0, Streams(0))
    z = torch.tensor([[0.0, 4.0], [2.0, 8.0]])
    control.drive(z)
    assert torch.equal(control.mean, torch.zeros(1, 2))
    control.track(z, 0.25)
    torch.testing.assert_close(control.mean, 0.25 * torch.tensor([[1.0, 6.0]]))
    torch.testing.assert_close(control.std, torch.tensor([[0.75 + 0.25 * 2.5**0.5]]))
    control.track(z, 0.0)
    torch.testing.assert_close(control.mean, 0.25 * torch.tensor([[1.0, 6.0]]))


def test_a_silent_array_does_not_divide_by_zero():
    control = GainControl(2, 1.0, 0.5, Streams(0))
    control.track(torch.ones(4, 2), 1.0)
    assert control.drive(torch.ones(4, 2)).isfinite().all()


def test_the_step_is_the_objectives_gradient_times_the_units_own_input():
    substrate = make_substrate("digital")
    array = Recorder(4, 3, substrate.meter)
    unit = Unit(
        substrate.make_medium(4, 4), array, GainControl(3, 1.0, 0.0, substrate.streams), Alignment(), Adam((3, 4))
    )
    h, z, target = normal(20, 4, seed=1), normal(20, 3, seed=2), Target(normal(20, 2, seed=3))
    score = unit.update(h, z, target, 0.01)
    wanted = Alignment()(z, target)
    assert torch.equal(score.gradient, wanted.gradient)
    torch.testing.assert_close(array.asked, Adam((3, 4)).step(wanted.gradient.T @ h, 0.01))
    torch.testing.assert_close(array.asked, -0.01 * (wanted.gradient.T @ h).sign(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("inputs", "share"), [(4, 1.0), (64, 1.0), (128, 0.5), (256, 0.25)])
def test_wide_arrays_learn_at_a_rate_that_falls_with_their_inputs(inputs, share):
    substrate = make_substrate("digital")
    array = Recorder(inputs, 3, substrate.meter)
    unit = Unit(
        substrate.make_medium(inputs, inputs),
        array,
        GainControl(3, 1.0, 0.0, substrate.streams),
        Alignment(),
        Adam((3, inputs)),
    )
    rate = unit.own_rate(0.01, 0.5)
    unit.update(normal(20, inputs, seed=1), normal(20, 3, seed=2), Target(normal(20, 2, seed=3)), rate)
    assert array.asked.abs().max().item() == pytest.approx(0.01 * share, rel=1e-3)


@pytest.mark.parametrize("name", SUBSTRATES)
@pytest.mark.parametrize(("plastic", "learning"), [(0.0, 0), (0.5, 4), (0.6, 5), (1.0, 8)])
def test_outputs_that_do_not_learn_stay_as_fabricated(name, plastic, learning):
    network, x = make_network(name, 6, 8, 2, objective="gaussian"), normal(100, 6)
    before = [unit.array.weights().clone() for unit in network.chain]
    for _ in range(3):
        network.update_units(network.measure(x), Target(x[:, :1]), 2e-2, 0.0, plastic)
    for unit, old in zip(network.chain, before, strict=True):
        moved = (unit.array.weights() != old).any(1)
        assert moved.tolist() == [True] * learning + [False] * (8 - learning)


def test_outputs_that_do_not_learn_count_in_the_objective():
    part, whole = (make_network("digital", 6, 8, 1, seed=3, objective="gaussian") for _ in range(2))
    x, target = normal(100, 6), Target(normal(100, 1, seed=2))
    part.update_units(part.measure(x), target, 2e-2, 0.0, 0.5)
    whole.update_units(whole.measure(x), target, 2e-2, 0.0)
    assert torch.equal(part.chain[0].array.weights()[:4], whole.chain[0].array.weights()[:4])


@pytest.mark.parametrize("objective", ["pointwise", "cka", "renyi", "gaussian"])
def test_a_step_lowers_the_loss_of_its_batch(objective):
    network = make_network("digital", 6, 8, 1, objective=objective)
    x = normal(100, 6)
    target = Target(x[:, :1])
    first = network.update_units(network.measure(x), target, 2e-2, 0.0)[0].loss
    for _ in range(40):
        network.update_units(network.measure(x), target, 2e-2, 0.0)
    network.chain[0].objective = type(network.chain[0].objective)()  # a gaussian gate starts shut again
    assert network.update_units(network.measure(x), target, 0.0, 0.0)[0].loss < first


def train(name: str, sign: float, seed: int, network=None):
    """A unit of 8 outputs on 16 inputs; the target is the product of two of them."""
    generator = torch.Generator().manual_seed(seed + 100)
    fresh = torch.randn(512, 16, generator=generator)
    if network is None:
        network = make_network(name, 16, 8, 1, seed, objective="gaussian")
        network.calibrate(fresh)
    for _ in range(300):
        x = torch.randn(128, 16, generator=generator)
        y = x[:, :1] * x[:, 1:2]
        network.update_units(network.measure(x), Target(y), sign * 1e-2, 0.0)
    return network, explained(network.measure(fresh).z[0], fresh[:, :1] * fresh[:, 1:2])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name == "digital" else []) for name in SUBSTRATES] + ["numpy-sine"],
)
def test_a_unit_finds_what_its_target_depends_on(name, seed):
    network, after = train(name, 0.0, seed)
    assert after < 0.05  # an untrained unit does not know the product of two inputs out of sixteen
    network, after = train(name, 1.0, seed)
    assert after > 0.25
    assert isinstance(network.chain[0].objective, Gaussian)
    _, after = train(name, -1.0, seed, network)
    assert after < 0.05  # the flipped sign makes it forget
