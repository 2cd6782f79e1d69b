"""A real bench behind objects of slmsuite: what the modulator gets, what counts as output, what fails."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from chips import draws

from pib_rl.agents.policy import PIBPolicy
from pib_rl.common.streams import Streams
from pib_rl.physical import InstrumentError, Read, registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.optical.live.bench import LiveBench
from pib_rl.physical.optical.live.pair import OPENED
from pib_rl.physical.optical.live.parts import LiveBenchConfig

SIZE = 64


class Screen:
    """A modulator with the methods of slmsuite's."""

    def __init__(self, shape=(SIZE, SIZE)):
        self.shape, self.phase, self.shown = shape, np.zeros(shape), 0

    def set_phase(self, phase, *, settle):
        assert settle
        assert phase.shape == self.shape
        self.phase, self.shown = phase.copy(), self.shown + 1


class Scatterer:
    """A camera behind scattering matter in front of a `Screen`."""

    def __init__(self, screen, seed=0, noise=0.0):
        self.screen, self.noise, self.failures, self.random = screen, noise, 0, np.random.default_rng(seed)
        shape = 40 * 48, screen.shape[0] * screen.shape[1] // 16
        self.matrix = self.random.normal(size=shape) + 1j * self.random.normal(size=shape)

    def get_image(self):
        if self.failures:
            self.failures -= 1
            raise TimeoutError("no frame")
        field = np.exp(1j * self.screen.phase[::4, ::4].reshape(-1))
        light = np.abs(self.matrix @ field).reshape(40, 48) ** 2
        return light * (1 + self.noise * self.random.normal(size=light.shape))


class Table(LiveBench):
    name = "table"
    opened = 0
    noise = 0.0

    @classmethod
    def open(cls):
        cls.opened += 1
        screen = Screen()
        return screen, Scatterer(screen, noise=cls.noise)


SETTINGS = {"macropixels": 20, "camera_regions": 12, "region_pixels": 4, "calibration_drives": 32, "repeats": 2}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.register(Table)
    OPENED.clear()
    yield
    OPENED.clear()


def medium(seed=0, inputs=4, outputs=8, **options):
    return registry.make("table", {**SETTINGS, **options}, Streams(seed), Meter()).make_medium(inputs, outputs)


def test_drives_reach_their_macropixels_and_the_reference_stays():
    made = medium()
    drive = draws(1, 4)
    made.measure(drive)
    shown = np.unique(OPENED["table"][0].phase.round(6))
    asked = (math.pi * torch.tanh(0.1 * drive[0])).numpy()
    assert set(shown) == {0.0, *asked.astype(float).round(6)} or np.allclose(
        np.sort(shown), np.sort([0.0, *asked]), atol=1e-6
    )
    assert (made.place == -1).sum() == 4, "of 20 macropixels a fifth is reference"
    assert sorted(made.place.unique().tolist()) == [-1.0, 0.0, 1.0, 2.0, 3.0]


def test_outputs_are_means_of_regions_standardised():
    made = medium()
    drive = draws(200, 4, seed=1)
    h = made.measure(drive)
    assert h.shape == (200, 12)
    assert h.dtype is torch.float32
    assert h.mean(0).abs().max() < 0.8
    assert 0.5 < h.std() < 1.5
    picture = OPENED["table"][1].get_image()  # of the last drive
    means = torch.from_numpy(picture.reshape(10, 4, 12, 4).mean((1, 3)).reshape(-1)).float()
    shown = (h[-1] * made.scale[0] + made.mean[0]) * made.unit
    torch.testing.assert_close(shown, means[made.regions.long()], rtol=1e-3, atol=1e-3)
    assert made.measure(drive[:0]).shape == (0, 12)


def test_a_seed_places_drives_and_a_saved_state_goes_on(monkeypatch):
    monkeypatch.setattr(Table, "noise", 0.0)
    drive = draws(10, 4)
    one, twin, other = medium(1), medium(1), medium(2)
    first = one.measure(drive)
    assert torch.equal(first, twin.measure(drive))
    assert not torch.equal(first, other.measure(drive))
    other.load_state_dict(one.state_dict())
    assert torch.equal(first, other.measure(drive))
    fresh = medium(3)
    fresh.load_state_dict(one.state_dict())
    before = OPENED["table"][0].shown
    assert torch.equal(first, fresh.measure(drive))
    assert OPENED["table"][0].shown == before + 10, "no calibration again"


def test_mean_reads_average_pictures(monkeypatch):
    monkeypatch.setattr(Table, "noise", 0.3)
    made, drive = medium(repeats=16), draws(20, 4)
    noisy, mean = ((made.measure(drive, read) - made.measure(drive, read)).std() for read in (Read.NOISY, Read.MEAN))
    assert mean / noisy == pytest.approx(0.25, rel=0.2)


def test_all_networks_share_one_pair_and_copies_too():
    Table.opened = 0
    policy = medium()
    twin = copy.deepcopy(policy)
    drive = draws(3, 4)
    assert torch.equal(policy.measure(drive), twin.measure(drive))
    assert Table.opened == 1


def test_a_policy_acts_on_it():
    import gymnasium as gym

    space = gym.spaces.Box(-1, 1, (4,))
    policy = PIBPolicy(space, gym.spaces.Discrete(2), hw="table", hw_options=SETTINGS, width=4, units=1)
    assert policy.predict(np.zeros(4, np.float32))[0] in (0, 1)


def test_a_frame_that_is_lost_is_taken_again():
    made, drive = medium(), draws(2, 4)
    first = made.measure(drive)
    OPENED["table"][1].failures = 2
    assert torch.equal(made.measure(drive), first)
    OPENED["table"][1].failures = 3
    with pytest.raises(InstrumentError, match=r"table took no picture: TimeoutError: no frame \(3 tries\)"):
        made.measure(drive)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"macropixels": 100_000}, "has 64 x 64 pixels, and .* macropixels are wanted"),
        ({"region_pixels": 20}, "has 4 regions of 20 x 20 pixels, and 12 outputs are wanted"),
    ],
)
def test_what_does_not_fit_is_told(options, message):
    with pytest.raises(InstrumentError, match=message):
        medium(**options).measure(draws(1, 4))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((40, 48, 3)), "must give finite numbers"),
        (np.full((40, 48), np.nan), "must give finite numbers"),
        (np.ones((40, 48)), "shows the same whatever the modulator does"),
    ],
)
def test_pictures_that_cannot_be_are_told(picture, message, monkeypatch):
    monkeypatch.setattr(Scatterer, "get_image", lambda self: picture)
    with pytest.raises(InstrumentError, match=message):
        medium().measure(draws(1, 4))


def test_a_bench_that_does_not_open_is_told(monkeypatch):
    monkeypatch.setattr(Table, "open", classmethod(lambda cls: (object(), object())))
    with pytest.raises(InstrumentError, match="must return a modulator with shape, set_phase and a camera"):
        medium().measure(draws(1, 4))
    monkeypatch.setattr(Table, "open", classmethod(lambda cls: 1 / 0))
    with pytest.raises(InstrumentError, match="table can't be opened: ZeroDivisionError"):
        medium().measure(draws(1, 4))


@pytest.mark.parametrize("option", [{"reference": 1.0}, {"repeats": 0}, {"region_pixels": 0}])
def test_settings_are_checked(option):
    with pytest.raises(ValueError, match=f"bench {next(iter(option))}"):
        LiveBenchConfig(**option)


def test_the_simulated_pair_of_slmsuite(monkeypatch):
    slms = pytest.importorskip("slmsuite.hardware.slms.simulated")
    cameras = pytest.importorskip("slmsuite.hardware.cameras.simulated")

    def open_pair(cls):
        slm = slms.SimulatedSLM((64, 64), pitch_um=(8, 8))
        return slm, cameras.SimulatedCamera(slm, (64, 64), bitdepth=12, gain=50)

    monkeypatch.setattr(Table, "open", classmethod(open_pair))
    made, drive = medium(mask_rad=2 * math.pi), draws(20, 4)
    h = made.measure(drive)
    assert torch.equal(h, made.measure(drive, Read.MEAN)), "it has no noise"
    assert 0.3 < h.std() < 3
    slm = OPENED["table"][0]
    wanted = np.exp(1j * made._pattern(made._phases(drive)[-1].numpy()))
    assert np.abs(np.exp(1j * slm.phase) - wanted).max() < 2 * math.pi / 256, "it has 8 bits"
