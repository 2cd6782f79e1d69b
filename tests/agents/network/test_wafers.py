"""Networks on wafers, part by part: what holds for each chip alone holds for all of them side by side."""

from __future__ import annotations

import pytest
import torch
from agent_toys import make_substrate
from torch import Tensor
from wafers import HARDWARE, IDS, assert_same_chips

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.costs import costs
from pib_rl.agents.network.faults import age, inject
from pib_rl.agents.network.information import information_plane
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.network.network import Activations
from pib_rl.agents.network.normaliser import Normaliser, ReturnScale
from pib_rl.agents.network.optimisers import Adam
from pib_rl.agents.network.output_penalty import output_penalty
from pib_rl.agents.network.readout import Readout, with_one
from pib_rl.agents.network.unit import GainControl
from pib_rl.agents.network.wafer import chip_state
from pib_rl.agents.objectives import Score
from pib_rl.agents.objectives.target import Target
from pib_rl.agents.patches import Grid, Patch
from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.faults import parse
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read

CHIPS, SEED, N, D = 3, 5, 40, 6
SIZES = torch.tensor([1.0, 0.2, 4.0])[:, None, None]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def model(hw: str = "digital", chip: int | None = None, hw_options=None, **options) -> PhysicalModel:
    """A wafer of `CHIPS` chips, or one of its chips made alone."""
    seed, chips = (SEED, CHIPS) if chip is None else (SEED + chip, 1)
    config = ChipConfig(
        hw=hw, hw_options=hw_options or {}, seed=seed, chips=chips, **{"width": 5, "units": 2} | options
    )
    return PhysicalModel(config, D, 3)


def assert_near(found: Tensor, wanted: Tensor, within: float = 0.02) -> None:
    """A sum in another order may end in the next code of a converter; more than that it may not differ."""
    assert found.shape == wanted.shape
    assert float((found - wanted).norm() / wanted.norm().clamp(min=1e-6)) < within


@pytest.mark.parametrize(("hw", "options"), HARDWARE, ids=IDS)
def test_a_model_of_each_chip_measures_the_same_on_the_wafer(hw, options):
    wafer, x = model(hw, hw_options=options), normal(CHIPS, N, D)
    readout = 0.2 * normal(CHIPS, 3, wafer.network.tap_features + 1, seed=1)
    with torch.inference_mode():
        wafer.normaliser.update(x * SIZES + 1)
        wafer.readout.array.program(readout)
        for chip in range(CHIPS):
            alone = model(hw, chip, options)
            alone.load_state_dict(chip_state(wafer.state_dict(), alone.state_dict(), chip))
            for read in (Read.MEAN, Read.IDEAL):
                assert_near(wafer.outputs(x, read)[chip], alone.outputs(x[chip], read))
                assert_near(wafer.taps(x, read)[chip], alone.taps(x[chip], read))
        shared = wafer.outputs(x[0], Read.MEAN)  # the same inputs on all chips
        assert torch.equal(shared, wafer.outputs(x[:1].expand_as(x), Read.MEAN))


@pytest.mark.parametrize(("hw", "options"), HARDWARE, ids=IDS)
def test_a_model_is_fabricated_chip_by_chip(hw, options):
    wafer, chips = model(hw, hw_options=options), [model(hw, chip, options) for chip in range(CHIPS)]
    assert_same_chips(wafer, chips)
    for name, value in wafer.state_dict().items():
        assert value.is_floating_point(), name
        assert value.numel(), name
    own = [name for name, value in wafer.state_dict().items() if value.shape[:1] == (CHIPS,)]
    shared = {name.rsplit(".", 1)[1] for name in wafer.state_dict()} - {name.rsplit(".", 1)[1] for name in own}
    assert shared <= {"count", "alive", "bits", "shift"}, "what is fabricated, learned or counted belongs to a chip"


@pytest.mark.parametrize("text", ["stuck:0.1..0.5@start", "stuck:0.4", "adc-bits:3", "dead-unit:2", "drift:0..1e5"])
def test_faults_and_time_reach_the_network_of_each_chip(text):
    hw, fault = "memristive:pcm", parse(text)
    wafer, chips = model(hw), [model(hw, chip) for chip in range(CHIPS)]
    inject(wafer, fault)
    age(wafer, 60.0)
    for number, chip in enumerate(chips):
        size = fault.on((CHIPS,))
        inject(chip, parse(f"{fault.kind}:{float(size[number]) if isinstance(size, Tensor) else size}"))
        age(chip, 60.0)
    assert_same_chips(wafer, chips)


def test_one_chip_has_one_size():
    with pytest.raises(ValueError, match=r"stuck:0\.1\.\.0\.5 has a size per chip, and there is one chip"):
        inject(model("memristive", 0), parse("stuck:0.1..0.5"))


def learn(made: PhysicalModel, x: Tensor, target: Target) -> list[Score]:
    """A step of all units on a batch, which is remembered then."""
    seen = made.network.measure(x)
    scores = made.network.update_units(seen, target, 1e-2, 0.1, 0.6, 1.5)
    for unit, h, z in zip(made.network.chain, seen.h, seen.z, strict=True):
        unit.objective.absorb(z, target, h)
    return scores


@pytest.mark.parametrize("patches", [(), [Patch(2, 2, 1)]], ids=["plain", "patches"])
@pytest.mark.parametrize("objective", ["gaussian", "ridge", "cka", "pointwise", "renyi", "decoder"])
def test_units_learn_chip_by_chip(objective, patches):
    options = {"objective": objective, "patches": patches, "image": Grid(2, 3) if patches else None}
    wafer, chips = model(**options).double(), [model(chip=chip, **options).double() for chip in range(CHIPS)]
    x, y = normal(CHIPS, N, D).double(), normal(CHIPS, N, 1, seed=1).double()
    with torch.inference_mode():
        wafer.fit_statistics(x * SIZES + 1)
        for number, chip in enumerate(chips):
            chip.fit_statistics(x[number] * SIZES[number] + 1)
        assert_same_chips(wafer, chips)
        for _ in range(5):
            scores = learn(wafer, x, Target(y))
            for number, chip in enumerate(chips):
                own = learn(chip, x[number], Target(y[number]))
                for one, alone in zip(scores, own, strict=True):
                    torch.testing.assert_close(one.loss[number], alone.loss)
                    torch.testing.assert_close(one.gradient[number], alone.gradient, rtol=1e-6, atol=1e-9)
    assert_same_chips(wafer, chips)


def test_what_a_wafer_costs_is_what_its_chips_cost():
    x, wafer, chips = normal(CHIPS, N, D), model("memristive"), [model("memristive", chip) for chip in range(CHIPS)]
    delta = normal(CHIPS, 3, wafer.network.tap_features + 1, seed=1)
    delta[1] = 0
    wafer.outputs(x)
    wafer.readout.array.program(delta)
    for number, chip in enumerate(chips):
        chip.outputs(x[number])
        chip.readout.array.program(delta[number])
    found, alone = costs(wafer), [costs(chip) for chip in chips]
    for name in ("measurements", "writes", "devices", "reference_j"):
        assert found[name] == pytest.approx(sum(one[name] for one in alone)), name
    assert found["energy_parts_j"] == pytest.approx(
        {
            part: sum(one["energy_parts_j"][part] for one in alone if part in one["energy_parts_j"])
            for part in alone[0]["energy_parts_j"]
        },
        rel=1e-3,
    )
    assert found["latency_s"] == alone[0]["latency_s"], "chips work side by side"
    assert found["writes_mean_per_device"] == pytest.approx(sum(one["writes_mean_per_device"] for one in alone) / CHIPS)
    assert wafer.meter.sums()["writes"].tolist() == [one["writes"] for one in alone]


def test_optimisers_keep_the_moments_of_each_chip():
    wafer, chips = Adam((CHIPS, 4, 5)), [Adam((4, 5)) for _ in range(CHIPS)]
    for step in range(20):
        gradient = (normal(CHIPS, 4, 5, seed=step) + 0.5) * SIZES
        together = wafer.step(gradient, 0.1 / (1 + step))
        for number, chip in enumerate(chips):
            assert torch.equal(together[number], chip.step(gradient[number], 0.1 / (1 + step)))


def test_the_count_of_steps_is_saved_and_goes_on():
    one, other = Adam((2, 3)), Adam((2, 3))
    for step in range(4):
        one.step(normal(2, 3, seed=step), 0.1)
    state = {name: value.clone() for name, value in one.state_dict().items()}
    assert state["count"] == 4
    other.load_state_dict(state)
    assert torch.equal(one.step(normal(2, 3, seed=9), 0.1), other.step(normal(2, 3, seed=9), 0.1))
    assert other.state_dict()["count"] == 5


def test_gain_controls_follow_their_own_chip():
    wafer = GainControl(4, 1.5, 0.7, Streams(SEED, CHIPS))
    chips = [GainControl(4, 1.5, 0.7, Streams(SEED + chip)) for chip in range(CHIPS)]
    z = normal(CHIPS, N, 4) * SIZES + SIZES
    wide = z.view(CHIPS, N // 2, 8)  # two positions of an image
    for control, seen in ((wafer, z), (wafer, wide)):
        for rate in (1.0, 0.2):
            control.track(seen * (1 + rate), rate)
            for number, chip in enumerate(chips):
                chip.track(seen[number] * (1 + rate), rate)
                torch.testing.assert_close(control.drive(seen)[number], chip.drive(seen[number]))
                torch.testing.assert_close(control.standard(seen)[number], chip.standard(seen[number]))
    assert_same_chips(wafer, chips)


def test_a_loaded_gain_control_drives_as_the_saved_one():
    one, other = (GainControl(4, 1.5, 0.7, Streams(seed, CHIPS)) for seed in (1, 2))
    one.track(normal(CHIPS, N, 4) * SIZES + 3, 1.0)
    other.load_state_dict(one.state_dict())
    z = normal(CHIPS, N, 4, seed=1)
    assert torch.equal(one.drive(z), other.drive(z))


@pytest.mark.parametrize("common", [False, True])
def test_statistics_of_inputs_are_those_of_each_chip(common):
    wafer, chips = Normaliser(4, common=common, chips=(CHIPS,)), [Normaliser(4, common=common) for _ in range(CHIPS)]
    for seed, n in enumerate((10, 3, 40)):
        batch = normal(CHIPS, n, 4, seed=seed) * SIZES + torch.arange(4.0)
        wafer.update(batch)
        for number, chip in enumerate(chips):
            chip.update(batch[number])
            torch.testing.assert_close(wafer(batch)[number], chip(batch[number]))
    assert_same_chips(wafer, chips)
    assert wafer.count == chips[0].count == 53 * (4 if common else 1)


def test_scales_of_returns_are_those_of_each_chip():
    wafer, chips = ReturnScale(0.9, (CHIPS,)), [ReturnScale(0.9) for _ in range(CHIPS)]
    running, own = torch.zeros(CHIPS, 2), [torch.zeros(2)] * CHIPS
    for seed in range(3):
        rewards, dones = normal(CHIPS, 20, 2, seed=seed) * SIZES, (normal(CHIPS, 20, 2, seed=seed + 9) > 1).float()
        running = wafer.update(rewards, dones, running)
        own = [chip.update(rewards[n], dones[n], own[n]) for n, chip in enumerate(chips)]
        torch.testing.assert_close(running, torch.stack(own))
    assert wafer.each.shape == (CHIPS, 1, 1)
    torch.testing.assert_close(wafer.each.flatten(), torch.tensor([chip.value for chip in chips]))


@pytest.mark.parametrize("margin", [0.0, 2.0])
def test_the_refit_of_each_readout_is_its_own(margin):
    streams = Streams(SEED, CHIPS)
    wafer = Readout(registry.make("digital", {}, streams, Meter(streams.chips)), 6, 2)
    chips = [Readout(make_substrate("digital", SEED + chip), 6, 2) for chip in range(CHIPS)]
    inputs, shift = with_one(normal(CHIPS, N, 6) * SIZES), normal(CHIPS, N, 2, seed=1)
    shift = shift + inputs[..., :2] / SIZES
    noise = torch.tensor([[0.0, 0.1], [0.5, 1.0], [0.2, 5.0]])
    keep = wafer.refit(inputs, shift, 0.3, noise, margin)
    assert keep.shape == (CHIPS, 2)
    assert ((keep > 0) & (keep < 1)).any()
    gradient = normal(CHIPS, N, 2, seed=4)
    wafer.step(inputs, gradient, 0.1)
    for number, chip in enumerate(chips):
        alone = chip.refit(inputs[number], shift[number], 0.3, noise[number], margin)
        torch.testing.assert_close(keep[number], alone, rtol=1e-3, atol=1e-4)
        chip.step(inputs[number], gradient[number], 0.1)
        torch.testing.assert_close(
            wafer.measure_inputs(inputs)[number], chip.measure_inputs(inputs[number]), rtol=1e-3, atol=1e-4
        )


def test_the_penalty_of_large_outputs_is_that_of_each_chip():
    z = normal(CHIPS, N, 4) * SIZES
    found = output_penalty(z, 0.8)
    for chip in range(CHIPS):
        torch.testing.assert_close(found[chip], output_penalty(z[chip], 0.8))
    assert not found[1].any()
    assert found[2].any()


def test_the_information_plane_shows_the_mean_of_all_chips():
    x, y, wafer = normal(CHIPS, N, D), normal(CHIPS, N, 1, seed=1), model()
    seen = wafer.network.measure(wafer.inputs(x))
    plane = information_plane(x, seen, Target(y))
    each = [
        information_plane(x[chip], Activations(seen.h, [z[chip] for z in seen.z], seen.inputs), Target(y[chip]))
        for chip in range(CHIPS)
    ]
    for unit, point in enumerate(plane):
        for axis in range(2):
            mean = sum(one[unit][axis] for one in each) / CHIPS
            assert point[axis] == pytest.approx(mean, rel=1e-4)
