"""Networks with a substrate of its own for each unit."""

from __future__ import annotations

import pytest
import torch
from lab_chip import lab_chip
from learner_toys import normal

from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.costs import costs
from pib_rl.agents.network.faults import inject, offered
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.patches import Patch
from pib_rl.physical.digital import DigitalArray, TanhMedium
from pib_rl.physical.faults import parse
from pib_rl.physical.memristive.activation import ActivationMedium
from pib_rl.physical.memristive.pulsed import PulsedCrossbar
from pib_rl.physical.optical.scattering import ScatteringMedium
from pib_rl.physical.remote.substrate import RemoteArray, RemoteMedium

MIX = "optical,memristive:pcm"
X = normal(64, 5)


def model(hw: str = MIX, units: int = 2, **options) -> PhysicalModel:
    return PhysicalModel(ChipConfig(hw=hw, width=6, units=units, **{"seed": 4, **options}), 5, 3)


def used(made: PhysicalModel) -> PhysicalModel:
    """The same, calibrated, measured and programmed a little."""
    made.fit_statistics(X)
    for unit in made.network.chain:
        unit.array.program(0.1 * normal(*unit.array.weights().shape))
    made.readout.array.program(0.1 * normal(*made.readout.array.weights().shape))
    made.outputs(X)
    return made


def test_medium_and_array_of_each_unit_and_what_stands_behind_the_last():
    network = model().network
    one, two = network.chain
    assert isinstance(one.medium, ScatteringMedium)
    assert isinstance(one.array, DigitalArray)
    assert isinstance(two.medium, ActivationMedium)
    assert isinstance(two.array, PulsedCrossbar)
    assert isinstance(network.last, ActivationMedium)
    assert isinstance(model().readout.array, PulsedCrossbar)
    assert isinstance(model("memristive:pcm,digital").readout.array, DigitalArray)


@pytest.mark.parametrize(
    ("hw", "first", "gains"), [("optical,memristive", 1.0, [1.5, 1.5]), ("memristive,optical", 0.5, [1.0, 1.0])]
)
def test_every_medium_is_driven_as_its_own_substrate_wants_it(hw, first, gains):
    network = model(hw).network
    assert network.input_gain == first
    assert [unit.control.gain for unit in network.chain] == gains


def test_a_gain_control_between_two_substrates_has_the_offset_of_the_one_behind_it():
    one, two = model("digital,optical,digital", units=3).network.chain[:2]
    assert one.control.gain == 1.0
    assert not one.control.shift.any()
    assert two.control.gain == 1.5
    assert two.control.shift.any()


@pytest.mark.parametrize("hw", ["digital", "memristive", "memristive:pcm", "optical", "mzi", "oscillator"])
def test_a_mix_of_equal_substrates_is_that_substrate_bit_for_bit(hw):
    plain, mixed = used(model(hw)), used(model(f"{hw},{hw}"))
    assert torch.equal(plain.outputs(X), mixed.outputs(X))
    ours, theirs = plain.state_dict(), mixed.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert costs(plain) == costs(mixed)


def test_options_reach_the_unit_that_they_name():
    here = model("optical,optical", hw_options={"2.camera_pixels": 40})
    assert [unit.medium.out_features for unit in here.network.chain] == [256, 40]
    assert here.network.last.out_features == 40


def test_one_seed_makes_one_chip():
    one, again, other = (used(model(seed=seed)).outputs(X) for seed in (4, 4, 5))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_state_goes_into_a_chip_made_anew():
    source, other = used(model()), model(seed=9)
    other.load_state_dict(source.state_dict())
    assert torch.equal(source.outputs(X, "mean"), other.outputs(X, "mean"))


def test_chips_of_a_wafer_are_those_of_their_seeds():
    wafer = model(chips=2)
    whole = wafer.state_dict()
    for number in range(2):
        for name, value in model(seed=4 + number).state_dict().items():
            if value.ndim and whole[name].shape == (2, *value.shape):
                torch.testing.assert_close(whole[name][number], value)
    wafer.fit_statistics(X.expand(2, -1, -1))
    assert wafer.outputs(X.expand(2, -1, -1)).shape == (2, 64, 3)


def test_costs_add_up_over_the_substrates():
    found = costs(used(model()))
    assert found["energy_parts_j"]["light"] > 0
    assert found["energy_parts_j"]["programming"] > 0
    assert found["latency_s"] > max(unit.latency for unit in model().network.chain) > 0
    assert found["endurance_used"] > 0


def test_a_fault_breaks_what_can_have_it_alone():
    made = model("optical,memristive")
    before = {name: value.clone() for name, value in made.state_dict().items()}
    inject(made, parse("stuck:0.5"))
    broken = {name for name, value in made.state_dict().items() if not torch.equal(value, before[name])}
    assert broken
    assert all(name.startswith(("network.units.1.array", "readout.array")) for name in broken)
    assert {"stuck", "dead-pixels", "dead-unit"} <= set(offered(made))


def test_a_fault_that_no_substrate_of_the_mix_can_have_is_refused():
    with pytest.raises(ValueError, match="can't have the fault rotate-medium; choose among"):
        inject(model("digital,memristive"), parse("rotate-medium:30"))


@pytest.mark.parametrize(
    ("units", "patches", "said"),
    [
        (3, (), "hw names 2 substrates, and the network has 3 units"),
        (1, (), "hw names 2 substrates, and the network has 1 unit, "),
        (2, (Patch(2, 2, 1),), "hw names 2 substrates, and the network has 3 units, patch units included"),
    ],
)
def test_another_number_of_units_is_refused(units, patches, said):
    image = (1, 5, 1) if not patches else (5, 5, 1)
    features = image[0] * image[1]
    with pytest.raises(ValueError, match=said) as error:
        PhysicalModel(ChipConfig(hw=MIX, width=6, units=units, patches=patches, image=image), features, 3)
    assert "\n" not in str(error.value)


def test_patch_units_come_first():
    chip = ChipConfig(hw=MIX, width=6, units=1, patches=(Patch(4, 3, 1),), image=(5, 5, 1), seed=4)
    network = PhysicalModel(chip, 25, 3).network
    assert isinstance(network.chain[0].medium, ScatteringMedium)
    assert network.chain[0].patch_grid is not None
    assert isinstance(network.chain[1].medium, ActivationMedium)


def test_an_instrument_may_be_one_of_them():
    with lab_chip() as lab:
        options = {f"1.{name}": value for name, value in lab.options.items()} | {"1.elementwise": True}
        made = model("remote,digital", hw_options=options)
        one, two = made.network.chain
        assert isinstance(one.medium, RemoteMedium)
        assert isinstance(one.array, RemoteArray)
        assert isinstance(two.medium, TanhMedium)
        assert used(made).outputs(X).isfinite().all()
        assert torch.allclose(torch.tensor(lab.weights[1]).float(), one.array.weights(), rtol=1e-5, atol=1e-6)


def test_units_on_one_instrument_take_channels_of_their_own():
    options = {f"{number}.resource": "nowhere" for number in (1, 3)}
    network = model("remote,digital,remote", units=3, hw_options=options).network
    parts = [network.chain[0].medium, network.chain[0].array, network.chain[2].medium, network.chain[2].array]
    assert [part.channel.number for part in (*parts, network.last)] == [0, 1, 2, 3, 4]
