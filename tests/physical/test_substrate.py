"""What every substrate promises: read modes, fabrication from a seed, state that travels, no gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from chips import KINDS, NOISY_ARRAYS, NOISY_MEDIA, SMOOTH, draws, make
from torch import nn

from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.memristive.substrate import Memristive
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.substrate import Optical
from pib_rl.physical.substrate import Read

ALL = sorted(KINDS)
X, H = draws(60, 6, size=0.4), draws(60, 9, seed=1, size=0.5)


class Chip(nn.Module):
    """One medium, one hidden array and one readout array, as a network would fabricate them."""

    def __init__(self, kind: str, seed: int = 0, **options) -> None:
        super().__init__()
        substrate = make(kind, seed, **options)
        self.medium = substrate.make_medium(6, 9)
        self.hidden = substrate.make_array(9, 5)
        self.readout = substrate.make_array(9, 3, readout=True)

    def measure(self, read: Read) -> list[torch.Tensor]:
        return [self.medium.measure(X, read), self.hidden.measure(H, read), self.readout.measure(H, read)]

    def program(self) -> None:
        self.hidden.program(draws(5, 9, seed=2, size=0.1))
        self.readout.program(draws(3, 9, seed=3, size=0.1))


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("read", [Read.MEAN, Read.IDEAL])
def test_mean_and_ideal_reads_repeat_and_draw_nothing(kind, read):
    chip, untouched = Chip(kind), Chip(kind)
    assert same(chip.measure(read), chip.measure(read))
    assert same(chip.measure(Read.NOISY), untouched.measure(Read.NOISY)), "a noise-free read moved the noise"


@pytest.mark.parametrize("kind", NOISY_MEDIA)
def test_noisy_media_differ_from_read_to_read(kind):
    medium = Chip(kind).medium
    assert not torch.equal(medium.measure(X), medium.measure(X))


@pytest.mark.parametrize("kind", NOISY_ARRAYS)
def test_noisy_arrays_differ_from_read_to_read(kind):
    array = Chip(kind, **({"adc_bits": None} if kind == "memristive" else {})).hidden
    assert not torch.equal(array.measure(H), array.measure(H))


@pytest.mark.parametrize("kind", NOISY_MEDIA)
def test_noisy_reads_average_to_the_mean_read(kind):
    chip = Chip(kind, **SMOOTH[kind])
    chip.program()
    reads = [chip.measure(Read.NOISY) for _ in range(400)]
    for seen, mean in zip(map(torch.stack, zip(*reads, strict=True)), chip.measure(Read.MEAN), strict=True):
        error, variance = (seen.mean(0) - mean).square(), seen.var(0) / 400
        if not variance.any():  # an array without noise
            assert error.max() < 1e-10
            continue
        # the squared errors of means must be their variances, by their sum over outputs that are not all equally noisy
        spread = (2 * variance.square().sum()).sqrt()
        assert abs(error.sum() - variance.sum()) < 5 * spread


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("memristive", {"dac_bits": 3, "adc_bits": 3}),
        ("optical", {"camera_bits": 3}),
        ("multiplier", {"camera_bits": 3, "multiplier_bits": 3}),
        ("mzi", {"dac_bits": 3, "adc_bits": 3}),
        ("oscillator", {"dac_bits": 3, "adc_bits": 3}),
    ],
)
def test_ideal_reads_have_no_quantisation(kind, options):
    chip = Chip(kind, **options)
    drive = draws(400, 6, seed=5)
    per_channel = [len(channel.unique()) for channel in chip.medium.measure(drive, Read.MEAN).T]
    assert max(per_channel) <= 8
    per_channel = [len(channel.unique()) for channel in chip.medium.measure(drive, Read.IDEAL).T]
    assert min(per_channel) > 350
    if kind not in ("optical", "oscillator"):
        ideal, mean = chip.hidden.measure(H, Read.IDEAL), chip.hidden.measure(H, Read.MEAN)
        assert (ideal - mean).abs().max() > 0.05


@pytest.mark.parametrize("kind", ALL)
def test_a_seed_gives_one_chip_and_another_seed_another(kind):
    chip, twin, other = Chip(kind, 4).state_dict(), Chip(kind, 4).state_dict(), Chip(kind, 5).state_dict()
    assert all(torch.equal(chip[name], twin[name]) for name in chip)
    assert not torch.equal(
        chip["hidden.weight" if "hidden.weight" in chip else "hidden.difference"],
        other["hidden.weight" if "hidden.weight" in other else "hidden.difference"],
    )
    for name in ("medium.gain", "medium.offset", "medium.transmission"):
        assert name not in chip or not torch.equal(chip[name], other[name])
    assert same(Chip(kind, 4).measure(Read.NOISY), Chip(kind, 4).measure(Read.NOISY))


@pytest.mark.parametrize("kind", ALL)
def test_parts_of_one_chip_are_not_copies_of_each_other(kind):
    substrate = make(kind)
    arrays = [substrate.make_array(9, 5).weights() for _ in range(2)]
    assert not torch.equal(*arrays)
    if kind != "digital":
        media = [substrate.make_medium(6, 9).measure(X, Read.MEAN) for _ in range(2)]
        assert not torch.equal(*media)


@pytest.mark.parametrize("kind", ALL)
def test_state_is_floating_point_and_complete(kind):
    chip, other = Chip(kind, 0), Chip(kind, 1)
    chip.program()
    for name, buffer in chip.named_buffers():
        assert buffer.is_floating_point(), name
        assert buffer.numel(), name
        assert not buffer.requires_grad, name
    assert list(chip.parameters()) == []
    assert not same(chip.measure(Read.MEAN), other.measure(Read.MEAN))
    other.load_state_dict(chip.state_dict())
    for read in (Read.MEAN, Read.IDEAL):
        assert same(chip.measure(read), other.measure(read))


@pytest.mark.parametrize("kind", ["digital", "memristive", "multiplier", "mzi", "oscillator"])
def test_loaded_arrays_are_programmed_as_the_saved_ones_would_be(kind):
    exact = {"write_noise": 0.0} if kind == "memristive" else {}
    chip, other = Chip(kind, 0, **exact), Chip(kind, 1, **exact)
    other.load_state_dict(chip.state_dict())
    chip.program()
    other.program()
    assert same(chip.measure(Read.MEAN), other.measure(Read.MEAN))


@pytest.mark.parametrize("kind", ALL)
def test_deep_copies_go_on_with_the_same_noise_and_their_own_weights(kind):
    chip = Chip(kind)
    chip.measure(Read.NOISY)
    twin = copy.deepcopy(chip)
    assert same(chip.measure(Read.NOISY), twin.measure(Read.NOISY))
    before = twin.hidden.weights().clone()
    chip.program()
    assert torch.equal(twin.hidden.weights(), before)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("read", list(Read))
def test_no_gradient_is_recorded(kind, read):
    chip = Chip(kind)
    assert not any(part.requires_grad for part in chip.measure(read)), "outside of inference mode as well"
    with torch.inference_mode():  # as the agent calls it
        drive, h = X.clone().requires_grad_(), H.clone().requires_grad_()
        chip.program()
        seen = [chip.medium.measure(drive, read), chip.hidden.measure(h, read), chip.readout.measure(h, read)]
    assert not any(part.requires_grad or part.grad_fn for part in seen)
    assert not any(buffer.requires_grad for buffer in chip.buffers())
    assert len(chip.measure(read)) == 3, "and measures outside of it after a write inside"


def test_a_description_names_what_differs_from_the_default():
    assert Memristive().describe() == {}
    assert Memristive(MemristiveConfig(stuck=0.5, adc_bits=None)).describe() == {"stuck": 0.5, "adc_bits": None}
    assert Optical(OpticalConfig(array="multiplier")).describe() == {"array": "multiplier"}


@pytest.mark.parametrize("kind", ["optical", "mirrors", "mzi", "oscillator"])
def test_detectors_can_be_calibrated_anew(kind):
    one, two = (make(kind).make_medium(6, 40) for _ in range(2))
    drives = draws(2000, 6)
    assert one.recalibrate() == 1024
    torch.testing.assert_close(one.measure(drives, Read.MEAN), two.measure(drives, Read.MEAN), rtol=0.3, atol=0.3)
    one.mean.add_(3.0)
    one.scale.mul_(5.0)
    one.restore()
    assert one.measure(drives).abs().mean() > 0.3, "seen through other statistics"
    one.recalibrate()
    seen = one.measure(drives, Read.NOISY)
    live = seen.std(0) > 0.1
    assert live.float().mean() > 0.9
    torch.testing.assert_close(seen.mean(0)[live], torch.zeros(int(live.sum())), rtol=0, atol=0.25)
    torch.testing.assert_close(seen.std(0)[live], torch.ones(int(live.sum())), rtol=0.15, atol=0)


@pytest.mark.parametrize("kind", ["digital", "memristive"])
def test_other_media_have_nothing_to_calibrate(kind):
    medium = make(kind).make_medium(6, 6)
    before = medium.measure(draws(50, 6), Read.MEAN)
    assert medium.recalibrate() == 0
    assert torch.equal(medium.measure(draws(50, 6), Read.MEAN), before)
