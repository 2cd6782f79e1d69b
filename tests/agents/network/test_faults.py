"""Breaking a chip: which parts a fault reaches, dead units, saving, and hardware that can't have a fault."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agent_toys import SUBSTRATES
from gymnasium import spaces
from learner_toys import D, make_learner
from stable_baselines3.common.env_util import make_vec_env
from torch import Tensor

from pib_rl.agents import PIB, PIBPolicy
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.faults import check, inject, offered
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.common.streams import FABRICATION, FAULT, Streams
from pib_rl.physical import Digital, Medium, Read, register
from pib_rl.physical.faults import parse


class TurningMedium(Medium):
    """h = tanh(M drive), M random; it turns towards another M."""

    mix: Tensor

    def __init__(self, in_features: int, out_features: int, streams: Streams) -> None:
        super().__init__(in_features, out_features)
        self.streams = streams
        self.register_buffer("mix", streams.normal(FABRICATION, torch.zeros(out_features, in_features)))

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        return torch.tanh(drive @ self.mix.T / self.in_features**0.5)

    def faults(self):
        return {"rotate-medium": self.turn}

    def turn(self, degrees: float) -> None:
        angle = np.deg2rad(degrees)
        self.mix.copy_(np.cos(angle) * self.mix + np.sin(angle) * self.streams.normal(FAULT, self.mix))


@register
class Turning(Digital):
    """Media that turn, digital arrays."""

    name = "turning"

    def make_medium(self, in_features: int, out_features: int) -> Medium:
        return TurningMedium(in_features, out_features, self.streams)


def model(hw: str = "memristive", seed: int = 0, **options) -> PhysicalModel:
    return PhysicalModel(ChipConfig(hw=hw, width=6, units=2, seed=seed, **options), 5, 3)


def changed(broken: PhysicalModel, fresh: PhysicalModel) -> set[str]:
    """Which parts have another state than they were made with."""
    other = fresh.state_dict()
    return {
        name.rsplit(".", 1)[0].removesuffix("._adc")
        for name, value in broken.state_dict().items()
        if not torch.equal(value, other[name])
    }


def test_stuck_devices_are_in_every_array_and_lost_bits_in_every_converter():
    broken = model()
    inject(broken, parse("stuck:0.5"))
    arrays = {"network.units.0.array", "network.units.1.array", "readout.array"}
    assert changed(broken, model()) == arrays
    broken = model()
    inject(broken, parse("adc-bits:4"))
    assert changed(broken, model()) == arrays | {"network.units.0.medium", "network.units.1.medium", "network.last"}


def test_media_of_all_units_and_the_last_one_turn():
    broken, fresh = model("turning"), model("turning")
    inject(broken, parse("rotate-medium:45"))
    assert changed(broken, fresh) == {"network.units.0.medium", "network.units.1.medium", "network.last"}
    cosine = torch.nn.functional.cosine_similarity(
        broken.network.last.mix.flatten(), fresh.network.last.mix.flatten(), dim=0
    )
    assert cosine == pytest.approx(0.5**0.5, abs=0.3)


@pytest.mark.parametrize("hw", [*SUBSTRATES, "numpy-sine", "turning"])
def test_a_dead_unit_says_nothing_on_any_substrate(hw):
    broken = model(hw)
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(1))
    before = broken.network.measure(x, Read.MEAN)
    inject(broken, parse("dead-unit:2"))
    after = broken.network.measure(x, Read.MEAN)
    assert torch.equal(before.z[0], after.z[0])
    assert before.z[1].abs().min(0).values.max() > 0
    assert not after.z[1].any()
    for noisy in (broken.network.measure(x).z[1], broken.network.measure(x, Read.IDEAL).z[1]):
        assert not noisy.any()
    size = broken.network.last.out_features
    assert (after.taps[:, -size:] - after.taps[0, -size:]).abs().max() < 1e-6, "the last medium sees nothing any more"
    loaded = model(hw)
    loaded.load_state_dict(broken.state_dict())
    assert not loaded.network.measure(x).z[1].any()


@pytest.mark.parametrize(
    "mode",
    ["pib", "backprop-stale", "spsa", "local-td"]
    + [pytest.param(mode, marks=pytest.mark.slow) for mode in ("frozen", "backprop", "dfa")],
)
def test_a_chip_with_a_dead_unit_goes_on_learning(mode):
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 2), hw="memristive", learner=mode, n_steps=64, width=4, seed=3)
    agent.learn(128)
    inject(agent.policy.model, parse("dead-unit:1"))
    agent.learn(128, reset_num_timesteps=False)
    state = agent.policy.state_dict()
    assert all(value.isfinite().all() for value in state.values())
    assert state["model.network.units.0.alive"] == 0


@pytest.mark.parametrize(("mode", "deaf"), [("backprop", True), ("backprop-stale", False)])
def test_an_exact_twin_knows_of_dead_units_and_a_stale_one_does_not(mode, deaf):
    learner = make_learner(mode)
    network, gradient = learner.model.network, torch.ones(20, learner.model.readout.array.out_features)
    inject(learner.model, parse("dead-unit:2"))
    seen = network.measure(torch.randn(20, D, generator=torch.Generator().manual_seed(1)))
    before = learner.hidden_gradients(seen, gradient, 0.0)[0]
    behind = torch.zeros_like(learner.model.readout.array.weights())
    behind[:, -1 - network.last.out_features : -1] = 1.0  # what only the dead unit feeds
    learner.model.readout.array.program(behind)
    learner.on_readout_step(behind)
    assert torch.equal(learner.hidden_gradients(seen, gradient, 0.0)[0], before) == deaf


def test_faults_of_one_seed_are_the_same_and_of_two_are_not():
    first, again, other = model(), model(), model()
    other.streams.restart(1)
    for one in (first, again, other):
        inject(one, parse("stuck:0.5"))
    key = "network.units.0.array.step"
    assert torch.equal(first.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(first.state_dict()[key] == 0, other.state_dict()[key] == 0)


def test_a_broken_agent_is_saved_broken(tmp_path):
    agent = PIB("MlpPolicy", "CartPole-v1", hw="memristive", n_steps=32, width=4, seed=3)
    for text in ("stuck:0.5", "adc-bits:3", "dead-unit:1"):
        inject(agent.policy.model, parse(text))
    agent.save(tmp_path / "agent")
    loaded = PIB.load(tmp_path / "agent")
    states = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(agent.policy.model.outputs(states, Read.MEAN), loaded.policy.model.outputs(states, Read.MEAN))
    fresh = PIB("MlpPolicy", "CartPole-v1", hw="memristive", n_steps=32, width=4, seed=3)
    assert not torch.equal(
        fresh.policy.model.outputs(states, Read.MEAN), loaded.policy.model.outputs(states, Read.MEAN)
    )


def test_random_numbers_in_all_buffers_load_and_are_kept():
    policy = PIBPolicy(spaces.Box(-1, 1, (4,)), spaces.Discrete(2), hw="memristive", width=4)
    numbers = {key: torch.rand_like(value) for key, value in policy.state_dict().items()}
    policy.load_state_dict(numbers)
    loaded = policy.state_dict()
    assert all(torch.equal(loaded[key], numbers[key]) for key in numbers if "meter" not in key)  # one meter, many names
    assert policy.model.outputs(torch.zeros(3, 4)).shape == (3, 3)


def test_hardware_says_what_can_happen_to_it():
    assert offered(model()) == ["adc-bits", "dead-unit", "drift", "stuck"]
    assert offered(model("digital")) == ["dead-unit"]
    assert offered(model("turning")) == ["dead-unit", "rotate-medium"]
    untouched = model()
    for text, words in (
        ("rotate-medium:9", "can't have the fault rotate-medium; choose among adc-bits, dead-unit, drift, stuck"),
        ("dead-unit:3", r"must be in 1\.\.2, the units of this network, got 3"),
    ):
        for act in (check, inject):
            with pytest.raises(ValueError, match=words):
                act(untouched, parse(text))
    check(untouched, parse("stuck:1"))
    assert not changed(untouched, model())
