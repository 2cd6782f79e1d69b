"""Units in groups, all in this process: what they learn is what units of one network learn, to the last bit."""

import threading
from unittest.mock import Mock

import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env

from pib_rl.agents import PIB
from pib_rl.agents.estimators.samples.label_samples import ClassSamples
from pib_rl.agents.estimators.trainer import FitConfig, Trainer
from pib_rl.agents.learners.base import Learner
from pib_rl.agents.learners.registry import find_learner
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.agents.network.last_good import DivergedError
from pib_rl.agents.network.model import PhysicalModel
from pib_rl.agents.split.backward import SplitBackprop, make_segment
from pib_rl.agents.split.learner import SplitPIB
from pib_rl.agents.split.lines import LocalLine
from pib_rl.agents.split.message import Message
from pib_rl.agents.split.network import SplitNetwork
from pib_rl.agents.split.pipeline import Pipeline

N, D, CLASSES = 90, 5, 3
GROUPS = {"two": [range(2), range(2, 4)], "each": [range(k, k + 1) for k in range(4)], "all": [range(4)]}


def split(model: PhysicalModel, learner: Learner, groups: list[range], staleness: int = 0) -> None:
    """Puts groups of units in the place of a model's network."""
    arrived, whole = threading.Condition(), model.network
    lines = [LocalLine(make_segment(model, units, learner), units, arrived) for units in groups]
    model.network = SplitNetwork(whole, Pipeline(lines, arrived, staleness))


def make(hw: str, groups: list[range] | None, staleness: int = 0, learner: str = "pib") -> Trainer:
    model = PhysicalModel(ChipConfig(hw=hw, width=8, units=4), D, CLASSES, target_features=CLASSES)
    config = FitConfig(epochs=2, batch_size=20)
    model.normaliser.update(data()[0])
    kind = find_learner(learner)
    own = kind(model, config)
    if groups:
        split(model, own, groups, staleness)
        own = SplitPIB(model, config, taps=True) if learner == "pib" else SplitBackprop(own, model)
    model.network.calibrate(model.inputs(data()[0]))
    return Trainer(model, config, own)


def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, D, generator=generator)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def fit(trainer: Trainer) -> dict[str, torch.Tensor]:
    trainer.fit(ClassSamples(trainer.model, *data()))
    return trainer.model.state_dict() | trainer.learner.memory.state_dict()


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical"])
@pytest.mark.parametrize("groups", GROUPS)
def test_groups_learn_what_one_network_learns(hw, groups):
    whole, split = fit(make(hw, None)), fit(make(hw, GROUPS[groups]))
    assert whole.keys() == split.keys()
    assert [name for name, value in whole.items() if not torch.equal(value, split[name])] == []


@pytest.mark.parametrize("learner", ["backprop", "backprop-off", "backprop-stale"])
@pytest.mark.parametrize("groups", GROUPS)
def test_gradients_between_groups_are_those_of_one_network(learner, groups):
    whole = fit(make("optical", None, learner=learner))
    split = fit(make("optical", GROUPS[groups], learner=learner))
    for name, value in whole.items():
        torch.testing.assert_close(split[name], value, rtol=1e-4, atol=1e-5, msg=name)


def train(hw: str, groups: list[range] | None) -> dict[str, torch.Tensor]:
    """All that is left of some rollouts of reinforcement learning."""
    agent = PIB("MlpPolicy", make_vec_env("CartPole-v1", 2, seed=1), hw=hw, width=8, units=4, n_steps=16, seed=3)
    if groups:
        split(agent.policy.model, agent.rule.learner, groups)
        agent.rule.learner = SplitPIB(agent.policy.model, agent.rule.config, taps=False)
    agent.learn(3 * 32)
    return agent.policy.state_dict() | agent.rule.learner.memory.state_dict()


@pytest.mark.parametrize("hw", ["memristive", "optical"])
def test_groups_learn_from_rewards_what_one_network_learns(hw):
    whole, split = train(hw, None), train(hw, GROUPS["two"])
    assert [name for name, value in whole.items() if not torch.equal(value, split[name])] == []


def test_passes_are_under_way_at_once_and_no_more_than_asked_for():
    trainer = make("digital", GROUPS["two"], staleness=2)
    network, most = trainer.model.network, []
    start = network.pipeline.start
    network.pipeline.start = lambda *args, **more: (
        start(*args, **more),
        most.append(len(network.pipeline._under_way)),
    )[0]
    fit(trainer)
    assert max(most) == 3


def in_order(every: int) -> tuple[list[str], dict[str, torch.Tensor]]:
    """What happens in two epochs of five batches, and what the units and the readout are like at the end."""
    trainer, order = make("digital", GROUPS["two"], staleness=2), []
    teach = trainer.teach_units
    trainer.teach_units = lambda *about: (order.append("batch"), teach(*about))[1]
    trainer.fit(ClassSamples(trainer.model, *data()), lambda epoch, log: order.append(f"end {epoch}"), every=every)
    return order, trainer.model.state_dict()


def test_an_epoch_begins_before_the_last_is_through_if_nobody_looks_and_units_learn_the_same():
    apart, alone = in_order(1)
    assert apart == ["batch"] * 5 + ["end 1"] + ["batch"] * 5 + ["end 2"]
    overlapping, together = in_order(2)  # digital units draw no noise, which groups in one process share
    assert overlapping == ["batch"] * 7 + ["end 1"] + ["batch"] * 3 + ["end 2"]
    units = [name for name in alone if name.startswith("network.")]
    assert units
    assert [name for name in units if not torch.equal(alone[name], together[name])] == []


def test_epochs_that_overlap_end_where_they_began_if_one_of_them_diverges(monkeypatch):
    trainer, epochs = make("digital", GROUPS["two"], staleness=2), []
    pace, before = trainer.pace(10), trainer.model.state_dict()
    metrics = trainer.learner.metrics
    lost = {"loss_unit1": torch.tensor(float("nan"))}
    monkeypatch.setattr(trainer.learner, "metrics", lambda: (lambda: lost) if epochs else metrics())
    with pytest.raises(DivergedError):
        trainer.fit(ClassSamples(trainer.model, *data()), lambda epoch, log: epochs.append(epoch), pace=pace, every=2)
    assert epochs == [1]
    assert pace.epoch == 0
    after = trainer.model.state_dict()
    assert [name for name, value in before.items() if not torch.equal(value, after[name])] == []


def test_units_elsewhere_take_no_step_here():
    network = make("digital", GROUPS["two"]).model.network
    with pytest.raises(NotImplementedError, match="SplitPIB"):
        network.update_units()


def test_what_comes_while_a_line_looks_for_work_does_not_disturb_it():
    """Other threads give drives at any moment, also while inputs that came twice are sorted out."""
    line = LocalLine(Mock(run=lambda command, drive: None), range(1), threading.Condition())
    tokens = range(0, 6_000, 2)
    feeder = threading.Thread(
        target=lambda: [line.feed("drive", token + odd, None) for token in tokens for odd in (1, 0)]
    )
    feeder.start()
    for token in tokens:
        line.submit(Message("measure", {"token": token}, {}))
    feeder.join()
    while line.work():
        pass
    assert not line._list._commands


@pytest.mark.parametrize("groups", GROUPS)
def test_groups_keep_the_last_good_state_themselves(groups):
    trainer = make("memristive", GROUPS[groups])
    network = trainer.model.network
    fit(trainer)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items() if ".meter." not in name}
    kinds = []
    tell, learner = network.pipeline.tell, trainer.learner
    network.pipeline.tell = lambda command: (kinds.append(command.kind), tell(command))[1]
    learner.metrics = lambda: (network.chain[2].control.std.fill_(torch.nan), dict)[1]
    with pytest.raises(DivergedError, match=r"the training diverged: .*units.2\.control\.std holds"):
        trainer.epoch(ClassSamples(trainer.model, *data()))
    assert "state" not in kinds
    after = trainer.model.state_dict()
    assert [name for name, value in before.items() if not torch.equal(value, after[name])] == []


def test_states_come_once_as_long_as_nothing_is_told():
    trainer = make("memristive", GROUPS["two"])
    network, asked = trainer.model.network, []
    ask = network.pipeline.ask
    network.pipeline.ask = lambda kind, *args, **more: (asked.append(kind), ask(kind, *args, **more))[1]
    trainer.learner.memory.state_dict(), trainer.model.state_dict()
    assert asked == ["state"]
    fit(trainer)
    assert asked.count("state") == 2


@pytest.mark.parametrize("lookahead", [0, 2, 9])
def test_passes_of_later_portions_are_under_way_while_one_is_waited_for(lookahead, monkeypatch):
    model = PhysicalModel(ChipConfig(hw="digital", width=8, units=2), D, CLASSES, target_features=CLASSES)
    x, happened = model.inputs(data()[0][:40]), []
    expected, measure = model.measure(x), model.network.measure

    class Watched:
        def __init__(self, number, part, read):
            self.number, self.found = number, measure(part, read)
            happened.append(("begins", number))

        @property
        def inputs(self):
            happened.append(("is wanted", self.number))
            return self.found.inputs

    begun = iter(range(5))
    monkeypatch.setattr(model.network, "portions", lambda x: torch.split(x, 10, -2))
    monkeypatch.setattr(model.network, "measure", lambda part, read: Watched(next(begun), part, read))
    monkeypatch.setattr(model.network, "lookahead", lookahead)
    torch.testing.assert_close(model.measure(x), expected)
    for number in range(4):
        before = happened[: happened.index(("is wanted", number))]
        assert len([one for one in before if one[0] == "begins"]) == min(4, number + lookahead + 1)
