"""A medium used at one place of an image after the other."""

import pytest
import torch

from pib_rl.agents.learners.twins import make_twin
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.faults import inject
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.streams import Streams
from pib_rl.physical.faults import parse
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.substrate import Optical
from pib_rl.physical.pointwise import PointwiseMedium
from pib_rl.physical.substrate import Read
from tests.helpers.chips import draws

PLACES, IN, OUT = 5, 4, 6
OPTIONS = {"camera_pixels": OUT}


def make(chips: int | None = None) -> PointwiseMedium:
    optical = Optical(OpticalConfig(camera_pixels=OUT), Streams(3, chips))
    return PointwiseMedium(optical.make_medium(IN, OUT), PLACES)


@pytest.mark.parametrize("chips", [None, 2])
def test_every_place_is_an_exposure_of_the_same_medium(chips):
    medium = make(chips)
    drive = draws(*([] if chips is None else [chips]), 7, PLACES * IN)
    h = medium.measure(drive, Read.MEAN)
    assert h.shape == (*drive.shape[:-1], PLACES * OUT)
    for place in range(PLACES):
        alone = medium.point.measure(drive[..., place * IN : (place + 1) * IN], Read.MEAN)
        torch.testing.assert_close(h[..., place * OUT : (place + 1) * OUT], alone)
    low, high = medium.bounds()
    assert ((low <= h.amin(-2)) & (h.amax(-2) <= high)).all()


def test_it_takes_as_long_and_costs_as_much_as_its_exposures():
    medium, drive = make(), draws(7, PLACES * IN)
    h = medium.measure(drive)
    assert medium.latency == pytest.approx(PLACES * medium.point.latency)
    alone = medium.point.costs(drive.view(-1, IN), h.view(-1, OUT))
    assert medium.costs(drive, h) == alone
    assert medium.shown(h).shape == h.shape


def test_its_twin_is_that_of_every_place():
    medium = make()
    drive, gradient = draws(7, PLACES * IN), draws(7, PLACES * OUT)
    pulled = make_twin(medium, Streams(0)).pull(drive, gradient, 0.0)
    alone = make_twin(medium.point, Streams(0))
    for place in range(PLACES):
        inner, outer = (slice(place * size, (place + 1) * size) for size in (IN, OUT))
        torch.testing.assert_close(pulled[:, inner], alone.pull(drive[:, inner], gradient[:, outer], 0.0))


def chip(pointwise: bool, units: int = 1) -> PhysicalModel:
    options = OPTIONS | {"pointwise": pointwise, "pixels_per_drive": 1}
    return PhysicalModel(ChipConfig("optical", options, 8, units, [(3, 3, 1)], (5, 4)), 20, 2)


def test_a_readout_sees_every_place_behind_squares():
    assert chip(True).network.tap_features == 5 * 4 * 3 + 8
    assert chip(False).network.tap_features == 8 + 8
    first, second, third = chip(True, 2).network.chain
    assert isinstance(second.medium, PointwiseMedium)
    assert not isinstance(first.medium, PointwiseMedium)
    assert not isinstance(third.medium, PointwiseMedium)


@pytest.mark.parametrize(
    ("hw", "options", "patches"),
    [
        ("optical", {"pointwise": True}, []),
        ("optical,memristive", {"1.pointwise": True}, [(3, 3, 1)]),
    ],
)
def test_where_nothing_is_pointwise_it_is_refused(hw, options, patches):
    with pytest.raises(ValueError, match="pointwise is of the medium behind units that look at squares"):
        PhysicalModel(ChipConfig(hw, options, 8, 2 - len(patches), patches, (5, 4)), 20, 2)


def test_what_changes_at_one_place_changes_its_taps_alone():
    model, x = chip(True), torch.zeros(2, 20)
    x[1, 0] = 3.0  # a corner pixel, in the squares around it and around its three neighbours
    taps = model.network.measure(x, Read.MEAN).taps[:, : 5 * 4 * 3].view(2, 5, 4, 3)
    changed = (taps[0] != taps[1]).any(-1)
    assert changed[:2, :2].all()
    assert changed.sum() == 4


def test_a_dead_pixel_of_its_camera_is_dead_at_every_place():
    model = chip(True)
    inject(model, parse("dead-pixels:0.34"))
    medium = model.network.chain[1].medium
    h = medium.measure(draws(9, medium.in_features)).view(9, 20, -1)
    still = (h == h[:1, :1]).all(0).all(0)
    assert still.sum() == 1


def test_a_chip_with_one_is_saved_and_loaded():
    model, other = (
        chip(True),
        PhysicalModel(
            ChipConfig(
                "optical", OPTIONS | {"pointwise": True, "pixels_per_drive": 1}, 8, 1, [(3, 3, 1)], (5, 4), seed=1
            ),
            20,
            2,
        ),
    )
    x = draws(4, 20)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.taps(x, Read.MEAN), other.taps(x, Read.MEAN))
