"""Units at sites learn what they learn in one place; cuts, deaths and other chips on the way."""

from __future__ import annotations

import pytest
import torch
from split_sites import Threads, accuracy, at_sites, data, in_threads, learn, toy

from pib_rl.agents.estimators.samples.label_samples import ClassSamples
from pib_rl.agents.learners.dfa import DirectFeedback
from pib_rl.agents.learners.frozen import Frozen
from pib_rl.agents.split.pipeline import GroupLostError
from pib_rl.sites import split_run
from pib_rl.sites.config import SitesConfig
from pib_rl.sites.emulated.relay import Relay


def two(**more: object) -> SitesConfig:
    """Units 1 and 3 at a site each, unit 2 here."""
    link = {"link": more.pop("link")} if "link" in more else {}
    return SitesConfig(({"name": "front", "units": [1], **link}, {"name": "back", "units": [3]}), **more)


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    in_threads(monkeypatch)


def states(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.network.state_dict().items()}


@pytest.mark.parametrize("hw", ["digital", "memristive"])
def test_two_sites_reach_what_one_place_reaches(tmp_path, hw):
    alone, apart = toy(hw), toy(hw)
    before = states(apart)
    reached = learn(alone)
    with at_sites(apart, tmp_path, two(bits=16, staleness=2)) as (run, sites):
        found = learn(apart)
        counted = {name: line.traffic for name, line in run.hub.lines.items()}
    assert reached > 0.85
    assert found == pytest.approx(reached, abs=0.06)
    assert accuracy(apart.model) == pytest.approx(found, abs=0.06)  # in one place again
    after = states(apart)
    for unit in (0, 1, 2):
        names = [
            name for name in after if name.startswith(f"units.{unit}.") and not torch.equal(after[name], before[name])
        ]
        assert names, f"unit {unit} has not learned"
    assert {name: (one.lives, one.lost, one.updates) for name, one in counted.items()} == {
        "front": (1, 0, 24),
        "back": (1, 0, 24),
    }
    assert not sites.ended
    assert sites.said["front"][-1] == "the run is over"


def test_units_elsewhere_stand_still_if_they_are_frozen(tmp_path):
    trainer = toy(learner=Frozen)
    with at_sites(trainer, tmp_path, two()) as (run, _):
        learn(trainer)
        assert all(line.traffic.updates == 0 for line in run.hub.lines.values())


def test_a_learner_that_needs_other_units_is_refused(tmp_path):
    trainer = toy()
    trainer.learner = DirectFeedback(trainer.model, trainer.config)
    with pytest.raises(ValueError, match="learner dfa needs what other units know"):
        split_run.SplitRun(two(), trainer.model, trainer.learner, tmp_path, taps=True)


class Watched(Relay):
    """A relay that a test can find."""

    made: Watched

    def __enter__(self) -> Relay:
        Watched.made = self
        return super().__enter__()


def test_a_cut_link_heals_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(split_run, "Relay", Watched)
    trainer = toy()

    def cut(epoch: int) -> None:
        if epoch < 3:
            Watched.made.cut()
            Watched.made.heal()

    with at_sites(trainer, tmp_path, two(link={"latency_ms": 1.0}, bits=16)) as (run, _):
        found = learn(trainer, cut)
        front = run.hub.lines["front"].traffic
        assert (front.lives, front.lost, front.updates, front.again) == (1, 0, 24, 2)
    assert found > 0.85


def test_a_killed_site_goes_on_from_its_saved_state(tmp_path):
    trainer = toy()

    def kill(epoch: int) -> None:
        if epoch == 2:
            sites = Threads.made
            sites.sites["front"].save()
            sites.kill("front")
            sites.begin("front")

    with at_sites(trainer, tmp_path, two(bits=16)) as (run, sites):
        found = learn(trainer, kill)
        front = run.hub.lines["front"].traffic
        assert (front.lives, front.lost, front.updates) == (2, 0, 24)
        assert "unit 1 go on after 16 steps" in sites.said["front"]
    assert found > 0.85


def test_steps_after_the_last_save_are_lost_and_counted(tmp_path):
    trainer = toy()

    def kill(epoch: int) -> None:
        sites = Threads.made
        if epoch == 1:
            sites.sites["front"].save()
        if epoch == 2:
            sites.kill("front")
            sites.begin("front")

    with at_sites(trainer, tmp_path, two(bits=16)) as (run, _):
        found = learn(trainer, kill)
        front = run.hub.lines["front"].traffic
        assert (front.lives, front.lost, front.updates) == (2, 8, 16)
    assert found > 0.8


def test_a_site_may_be_replaced_by_another_chip(tmp_path):
    """A chip of another seed has other devices; it learns in place, and its state comes here at the end."""
    trainer = toy("memristive", epochs=6)
    chips = {}

    def replace(epoch: int) -> None:
        if epoch == 2:
            sites = Threads.made
            chips["first"] = states(trainer)
            sites.kill("front")
            (tmp_path / "sites" / "front.safetensors").unlink(missing_ok=True)
            sites.seeds["front"] = 99
            sites.begin("front")

    with at_sites(trainer, tmp_path, two(bits=16)) as (run, sites):
        found = learn(trainer, replace)
        assert run.hub.lines["front"].traffic.lives == 2
        assert "unit 1 on a fresh chip" in sites.said["front"]
        last = states(trainer)
    fabricated = [name for name in last if "units.0.medium" in name and last[name].is_floating_point()]
    assert any(not torch.allclose(last[name], chips["first"][name]) for name in fabricated)
    same = [name for name in last if "units.1.medium" in name]
    assert all(torch.equal(last[name], chips["first"][name]) for name in same)
    assert found > 0.8


def test_a_pass_that_a_dead_site_forgot_is_made_again(tmp_path):
    trainer = toy()
    with at_sites(trainer, tmp_path, two(bits=16)) as (_, sites):
        learn(trainer)
        measured = trainer.model.network.start(trainer.model.inputs(data()[0]), taps=False)
        trainer.model.network.pipeline.ask("report", "report")
        sites.kill("front")
        sites.begin("front")
        assert measured.taps.isfinite().all()
        assert measured.taps.shape == (320, 24)


def test_a_site_that_fails_ends_the_run_with_its_reason(tmp_path):
    trainer = toy()
    why = r"site front: \w+: 'Segment' object has no attribute 'units'"
    with pytest.raises(GroupLostError, match=why), at_sites(trainer, tmp_path, two(bits=16)) as (_, sites):  # noqa: PT012
        learn(trainer)
        site = sites.sites["front"]
        del site._segment.units
        trainer.fit(ClassSamples(trainer.model, *data()))
    assert "units" in str(sites.ended["front"])  # it could not save its chip's state either
    assert site._context.closed


def test_a_coordinator_that_was_killed_goes_on_from_its_checkpoint(tmp_path):
    """Sites then get the states of the checkpoint, whatever they did since."""
    first = toy("memristive")
    with pytest.raises(KeyboardInterrupt), at_sites(first, tmp_path, two(bits=16)):  # noqa: PT012
        learn(first)
        checkpoint = states(first)
        learn(first)
        raise KeyboardInterrupt
    second = toy("memristive")
    second.model.network.load_state_dict(checkpoint)
    with at_sites(second, tmp_path, two(bits=16)) as (_, sites):
        assert "unit 1 go on after 48 steps" in sites.said["front"]
        now = states(second)
        assert [name for name in now if not torch.equal(now[name], checkpoint[name])] == []
        assert learn(second) > 0.85
