"""Digital twins: their vector-Jacobian products against autograd of media written once more, and how they are wrong."""

from __future__ import annotations

import math

import pytest
import torch
from agent_toys import NumpyMedium, make_substrate
from learner_toys import D, make_learner, normal
from torch import Tensor

from pib_rl.agents import PIB, PIBPolicy
from pib_rl.agents.learners.backprop import NetworkTwin
from pib_rl.agents.learners.twins import TWINS, MediumTwin, Parameter, make_twin, twin_of
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.patches import Grid, Patch
from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.digital import TanhMedium
from pib_rl.physical.optical.config import OpticalConfig
from pib_rl.physical.optical.scattering import ScatteringMedium

QUIET = {
    "digital": {},
    "memristive": {
        "write_noise": 0.0,
        "device_spread": 0.0,
        "stuck": 0.0,
        "read_noise": 0.0,
        "medium_noise": 0.0,
        "dac_bits": None,
        "adc_bits": None,
        "drive_range": 1e3,
        "array_range": 1e3,
        "readout_range": 1e3,
    },
    "optical": {"slm_pixels": 24, "camera_pixels": 20, "photons": None, "camera_bits": None},
    "multiplier": {
        "slm_pixels": 24,
        "camera_pixels": 20,
        "photons": None,
        "camera_bits": None,
        "array": "multiplier",
        "multiplier_bits": None,
        "multiplier_bound": 1e3,
        "detector_noise": 0.0,
    },
}
HARDWARE = {"multiplier": "optical"}
DEFAULTS = OpticalConfig()


def light(drive: Tensor, field: Tensor, reference: Tensor, config: OpticalConfig) -> Tensor:
    """min(|T e + r|^2, I_max), T complex, shape (out, in), and r, shape (out,)."""
    phase = config.phase_range_rad * torch.tanh(config.phase_gain * drive)
    return (torch.exp(1j * phase) @ field.T + reference).abs().square().clamp(max=config.full_scale)


def speckle(medium: ScatteringMedium, drive: Tensor, config: OpticalConfig) -> Tensor:
    """The scattering medium pixel by pixel of its modulator, in double precision."""
    matrix = torch.complex(*medium.transmission.double()) / medium.transmission.shape[-1] ** 0.5
    spread = drive.repeat_interleave(medium.copies, 1)
    picture = light(spread, matrix[:, : spread.shape[1]], matrix[:, spread.shape[1] :].sum(1), config)
    return (picture - medium.mean.double()) / medium.scale.double()


def through(medium, drive: Tensor, config: OpticalConfig = DEFAULTS) -> Tensor:
    """What a medium does when nothing is noisy and no converter rounds."""
    if isinstance(medium, ScatteringMedium):
        return speckle(medium, drive, config)
    if isinstance(medium, TanhMedium):
        return torch.tanh(drive)
    return torch.tanh(medium.gain.double() * drive + medium.offset.double())


def make_medium(hw: str, seed: int = 0, **options):
    """5 drives; the optical one has 20 camera pixels."""
    return make_substrate(HARDWARE.get(hw, hw), seed, **QUIET[hw] | options).make_medium(5, 5)


def slope(function, drive: Tensor, gradient: Tensor) -> Tensor:
    """J^T gradient by autograd, in double precision."""
    leaf = drive.double().requires_grad_()
    (function(leaf) * gradient.double()).sum().backward()
    return leaf.grad.float()


def assert_near(found: Tensor, expected: Tensor, within: float = 1e-4) -> None:
    assert found.shape == expected.shape
    assert expected.norm() > 0
    assert ((found - expected).norm() / expected.norm()).item() < within


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_a_twins_pull_is_the_vector_jacobian_product_of_its_medium(hw):
    medium = make_medium(hw)
    drive, gradient = 1.5 * normal(40, 5, seed=1), normal(40, medium.out_features, seed=2)
    torch.testing.assert_close(through(medium, drive.double()).float(), medium.measure(drive), rtol=1e-4, atol=1e-5)
    found = make_twin(medium, Streams(0)).pull(drive, gradient, 0.0)
    assert_near(found, slope(lambda x: through(medium, x), drive, gradient), 1e-5)


@pytest.mark.parametrize("options", [{"phase_gain": 0.7}, {"phase_range_rad": 1.0}, {"reference": 0.0}])
def test_the_optical_twin_knows_phase_law_and_reference(options):
    medium, config = make_medium("optical", **options), OpticalConfig(**options)
    drive, gradient = normal(40, 5, seed=1), normal(40, 20, seed=2)
    found = make_twin(medium, Streams(0)).pull(drive, gradient, 0.0)
    assert_near(found, slope(lambda x: speckle(medium, x, config), drive, gradient), 1e-5)


def test_a_pixel_beyond_full_scale_has_no_slope():
    medium, config = make_medium("optical", full_scale=0.8), OpticalConfig(full_scale=0.8)
    drive = normal(40, 5, seed=1)
    full = medium.intensity(drive) > 0.8
    assert 0.2 < full.float().mean() < 0.8
    twin, gradient = make_twin(medium, Streams(0)), normal(40, 20, seed=2)
    assert_near(twin.pull(drive, gradient, 0.0), slope(lambda x: speckle(medium, x, config), drive, gradient), 1e-5)
    assert torch.equal(twin.pull(drive, gradient * full, 0.0), torch.zeros(40, 5))


def parameters(twin) -> dict[str, Parameter]:
    return {name: part for name, part in twin.named_modules() if isinstance(part, Parameter)}


@pytest.mark.parametrize("error", [0.2, 0.5])
def test_a_wrong_twin_has_that_relative_rms_error_in_every_parameter(error):
    twin = make_twin(make_medium("optical", camera_pixels=400), Streams(0))
    found = parameters(twin)
    assert len(found) == 4
    for part in found.values():
        relative = part.believed(error) / part.exact - 1
        assert relative.square().mean().sqrt().item() == pytest.approx(error, rel=0.15)
        assert relative.mean().abs() < 5 * error / relative.numel() ** 0.5
        assert torch.equal(part.believed(0.0), part.exact)
    flat = [part.direction.flatten()[:400] for part in found.values()]
    assert (torch.corrcoef(torch.stack(flat)) - torch.eye(4)).abs().max() < 0.25  # each by its own draw


def test_a_wrong_activation_twin_pulls_through_its_own_gain_and_offset():
    medium = make_medium("memristive")
    twin, drive, gradient = make_twin(medium, Streams(0)), normal(40, 5, seed=1), normal(40, 5, seed=2)
    gain, offset = ((part.exact * (1 + 0.2 * part.direction)).double() for part in (twin.gain, twin.offset))
    expected = slope(lambda x: torch.tanh(gain * x + offset), drive, gradient)
    assert_near(twin.pull(drive, gradient, 0.2), expected, 1e-5)
    assert (expected - twin.pull(drive, gradient, 0.0)).norm() / expected.norm() > 0.05


def test_a_wrong_scattering_twin_pulls_through_its_own_matrix_reference_and_pixels():
    medium, config = make_medium("optical", full_scale=1.0), OpticalConfig(full_scale=1.0)
    twin, drive, gradient = make_twin(medium, Streams(0)), normal(40, 5, seed=1), normal(40, 20, seed=2)
    real, imaginary, background, contrast = (
        (part.exact * (1 + 0.2 * part.direction)).double()
        for part in (twin.real, twin.imaginary, twin.background, twin.contrast)
    )
    matrix, reference = torch.complex(real, imaginary).T, torch.complex(*background.chunk(2, -1))
    expected = slope(lambda x: contrast * light(x, matrix, reference, config), drive, gradient)
    assert_near(twin.pull(drive, gradient, 0.2), expected, 1e-5)
    assert (expected - twin.pull(drive, gradient, 0.0)).norm() / expected.norm() > 0.05


def test_no_pixel_of_a_very_wrong_twin_drowns_all_others():
    twin = make_twin(make_medium("optical", camera_pixels=500), Streams(0))
    for part in (twin.real, twin.imaginary, twin.background):
        part.direction.zero_()  # the pixels' deviations alone are wrong
    drive, gradient = normal(40, 5, seed=1), normal(40, 500, seed=2)
    right, wrong = (twin.pull(drive, gradient, error).flatten() for error in (0.0, 0.5))
    assert torch.cosine_similarity(right, wrong, dim=0) > 0.8


def test_the_direction_of_an_error_is_fixed():
    medium = make_medium("optical")
    twin, drive, gradient = make_twin(medium, Streams(0)), normal(40, 5, seed=1), normal(40, 20, seed=2)
    first = twin.pull(drive, gradient, 0.2)
    twin.pull(drive, gradient, 0.1)
    assert torch.equal(twin.pull(drive, gradient, 0.2), first)
    part = twin.real
    torch.testing.assert_close(part.believed(0.2) - part.exact, 2 * (part.believed(0.1) - part.exact))
    other = 3 * part.exact + 1
    torch.testing.assert_close(part.of(other, 0.2) / other, part.believed(0.2) / part.exact, rtol=1e-4, atol=1e-4)


def test_the_direction_comes_from_the_seed_and_not_from_what_the_chip_drew():
    fresh, used = Streams(3), Streams(3)
    chip = used.normal(FABRICATION, torch.zeros(200))
    directions = [Parameter(torch.ones(200), streams).direction for streams in (fresh, used)]
    assert torch.equal(*directions)
    assert torch.corrcoef(torch.stack([chip, directions[0]]))[0, 1].abs() < 0.25
    assert not torch.equal(Parameter(torch.ones(200), Streams(4)).direction, directions[0])


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_making_a_twin_leaves_the_chip_and_its_noise_alone(hw):
    learner = make_learner("frozen", hw=hw)
    policy, other = learner.policy, make_learner("frozen", hw=hw).policy
    before = {key: value.clone() for key, value in policy.streams.__getstate__()["states"].items()}
    twin = NetworkTwin(policy.model)
    after = policy.streams.__getstate__()["states"]
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    theirs = other.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in policy.state_dict().items())
    for part in parameters(twin).values():
        part.exact.zero_()  # a copy: the chip does not follow
    assert all(torch.equal(value, theirs[key]) for key, value in policy.state_dict().items())
    assert torch.equal(policy.model.outputs(normal(9, D)), other.model.outputs(normal(9, D)))


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
def test_one_seed_is_one_chip_in_every_mode(hw):
    settings = {"hw": hw, "width": 4, "n_steps": 8, "seed": 5}
    plain = PIB("MlpPolicy", "CartPole-v1", learner="frozen", **settings).policy.state_dict()
    for mode in ("backprop", "backprop-off", "backprop-stale", "dfa"):
        chip = PIB("MlpPolicy", "CartPole-v1", learner=mode, **settings).policy.state_dict()
        assert chip.keys() == plain.keys()
        assert all(torch.equal(value, plain[key]) for key, value in chip.items())


class Software:
    """The whole network once more, in double precision, with autograd through everything."""

    def __init__(self, model: PhysicalModel, weights: list[Tensor]) -> None:
        self.model = model
        self.weights = [weight.double().requires_grad_() for weight in weights]

    def outputs(self, x: Tensor) -> Tensor:
        network = self.model.network
        media = [*(unit.medium for unit in network.chain), network.last]
        drive, taps, self.z = network.input_gain * x.double(), [], []
        for medium, unit, weight in zip(media, network.chain, self.weights, strict=False):
            seen = through(medium, unit.inputs(drive))
            taps.append(unit.tap(seen))
            z = (seen @ weight.T).view(len(x), -1)
            z.retain_grad()
            self.z.append(z)
            control = unit.control
            channels = (z.view(-1, control.mean.shape[-1]) - control.mean) / control.std + control.shift
            drive = control.gain * channels.view(z.shape)
        taps.append(through(media[-1], drive))
        return torch.cat([*taps[1:], torch.ones(len(x), 1).double()], 1) @ self.weights[-1].T


def uneven(model: PhysicalModel) -> None:
    """Statistics that no two units share."""
    for number, unit in enumerate(model.network.chain):
        unit.control.mean.add_(0.2 * normal(unit.control.mean.shape[-1], seed=number))
        unit.control.std.mul_(0.7 + 0.6 * number)
        unit.control.restore()


@pytest.mark.parametrize("hw", QUIET)
def test_the_whole_way_back_is_the_gradient_of_the_whole_network(hw):
    learner = make_learner("backprop", hw=HARDWARE.get(hw, hw), hw_options=QUIET[hw], hidden_rate=1e-3)
    policy = learner.policy
    uneven(policy.model)
    x, gradient = normal(30, D, seed=3), normal(30, policy.head.outputs + 1, seed=4)
    seen = policy.model.network.measure(x)
    software = Software(policy.model, learner.weights())
    outputs = software.outputs(x)
    torch.testing.assert_close(outputs.float(), policy.model.readout.measure(seen.taps), rtol=1e-3, atol=1e-3)
    (outputs * gradient).sum().backward()
    pulled = learner.hidden_gradients(seen, gradient, 0.0)
    assert len(pulled) == 2
    for found, z in zip(pulled, software.z, strict=True):
        assert_near(found, z.grad.float())
    learner.on_readout_batch(seen, gradient, 0.0)
    for adam, weight in zip(learner.adams, software.weights, strict=False):
        assert_near(adam.first / 0.1, weight.grad.float())


@pytest.mark.parametrize("units", [1, 3])
def test_the_way_back_has_any_length(units):
    policy = make_learner("frozen").policy
    policy = PIBPolicy(
        policy.observation_space, policy.action_space, hw="optical", hw_options=QUIET["optical"], width=6, units=units
    )
    policy.model.readout.array.program(0.1 * normal(4, policy.model.network.tap_features + 1))
    x, gradient = normal(30, D, seed=3), normal(30, 4, seed=4)
    weights = [*(unit.array.weights() for unit in policy.model.network.chain), policy.model.readout.array.weights()]
    software = Software(policy.model, weights)
    (software.outputs(x) * gradient).sum().backward()
    pulled = NetworkTwin(policy.model).pull(policy.model, policy.model.network.measure(x), gradient, weights, 0.0)
    assert len(pulled) == units
    for found, z in zip(pulled, software.z, strict=True):
        assert_near(found, z.grad.float())


@pytest.mark.parametrize("hw", ["digital", "optical"])
def test_the_way_back_leads_through_patches(hw):
    model = PhysicalModel(
        ChipConfig(
            hw=hw,
            hw_options=QUIET[hw],
            width=6,
            units=2,
            objective="cka",
            patches=[Patch(3, 3, 2), Patch(4, 2, 1)],
            image=Grid(6, 6),
        ),
        36,
        4,
    )
    model.readout.array.program(0.1 * normal(4, model.network.tap_features + 1))
    x, gradient = normal(20, 36, seed=3), normal(20, 4, seed=4)
    uneven(model)
    weights = [*(unit.array.weights() for unit in model.network.chain), model.readout.array.weights()]
    software = Software(model, weights)
    (software.outputs(x) * gradient).sum().backward()
    pulled = NetworkTwin(model).pull(model, model.network.measure(x), gradient, weights, 0.0)
    assert len(pulled) == 4
    for found, z in zip(pulled, software.z, strict=True):
        assert_near(found, z.grad.float())


@pytest.mark.parametrize("mode", ["backprop", "backprop-off", "backprop-stale"])
def test_a_medium_without_a_twin_is_refused_with_the_cure(mode):
    with pytest.raises(ValueError, match=r"twin of NumpyMedium; .*learners\.twins\.twin_of$") as caught:
        PIB("MlpPolicy", "CartPole-v1", learner=mode, hw="numpy-sine")
    assert "\n" not in str(caught.value)


def test_a_medium_of_ones_own_does_not_inherit_a_twin():
    class Squared(TanhMedium):
        def measure(self, drive, read=None):
            return torch.tanh(drive).square()

    with pytest.raises(ValueError, match="twin of Squared"):
        make_twin(Squared(3), Streams(0))


class SineTwin(MediumTwin):
    """h = sin(M drive/(2 sqrt(in)) + 1/2)."""

    def __init__(self, medium: NumpyMedium, streams: Streams) -> None:
        super().__init__()
        self.mix = Parameter(medium.mix / (2 * math.sqrt(medium.in_features)), streams)

    def pull(self, drive: Tensor, gradient: Tensor, error: float) -> Tensor:
        mix = self.mix.believed(error)
        return (gradient * (drive @ mix.T + 0.5).cos()) @ mix


def test_a_registered_twin_is_used(monkeypatch):
    monkeypatch.setattr("pib_rl.agents.learners.twins.TWINS", dict(TWINS))
    assert twin_of(NumpyMedium)(SineTwin) is SineTwin
    agent = PIB("MlpPolicy", "CartPole-v1", learner="backprop", hw="numpy-sine", width=4, n_steps=32, seed=0)
    assert all(isinstance(twin, SineTwin) for twin in agent.rule.learner.twin.media)
    medium, drive, gradient = agent.policy.model.network.last, normal(9, 4, seed=1), normal(9, 48, seed=2)
    expected = slope(lambda x: torch.sin(x @ medium.mix.double().T / 4 + 0.5), drive, gradient)
    assert_near(agent.rule.learner.twin.media[-1].pull(drive, gradient, 0.0), expected, 1e-5)
    before = agent.policy.model.network.chain[0].array.weights().clone()
    agent.learn(64)
    assert not torch.equal(agent.policy.model.network.chain[0].array.weights(), before)
