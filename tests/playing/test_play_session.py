"""A chip that breaks, ages, learns on and is reset while it plays."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from pib_rl.agents.network.faults import offered
from pib_rl.agents.policy import PIBPolicy
from pib_rl.envs import make_env
from pib_rl.physical.faults import Fault
from pib_rl.playing.fault_menu import day_passes, fault_menu
from pib_rl.playing.learner import PlayLearner
from pib_rl.playing.session import Session
from pib_rl.runs.folder import LAST
from pib_rl.training.load import load


@pytest.fixture
def make(small_run):
    made = []

    def session(**kwargs):
        model, task = load(small_run, LAST)
        made.append(Session(model, task, make_env(task.env), **{"learn_steps": 256, **kwargs}))
        return made[-1]

    yield session
    for one in made:
        one.close()


def state(session):
    return {name: value.clone() for name, value in session.policy.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def steps(session, count):
    for _ in range(count):
        session.step()


def test_planned_faults_happen_at_their_step_and_are_told(make):
    session = make(faults=[Fault("stuck", 0.5, 5), Fault("drift", 86400.0, 7)])
    steps(session, 4)
    assert session.status().faults == ()
    before = session.policy.model.readout.array.weights().clone()
    steps(session, 1)
    assert session.status().faults == ("stuck 0.5",)
    assert session.status().marks == (1,)
    assert session.message == (
        "step 5: stuck 0.5 (fraction of devices): devices of arrays keep a random value for good and ignore writes"
    )
    assert not torch.equal(session.policy.model.readout.array.weights(), before)
    steps(session, 2)
    assert (session.status().age_s, session.status().faults) == (86400.0, ("stuck 0.5",))


def test_the_end_of_an_episode_can_be_seen_before_the_next_begins(make):
    session = make()
    scene = session.turn(1, -1)
    while not session.over:
        before, scene = scene, session.turn(1, -1)
    length = session.steps
    assert (scene.status.step, scene.status.episode, scene.status.reward) == (length, 1, float(length))
    assert (scene.status.returns, session.returns) == ((), [float(length)])
    assert scene.decision == before.decision  # the one that led to it: nobody asks about a state that is over
    scene = session.turn(1, -1)
    assert (scene.status.step, scene.status.episode, scene.status.reward) == (length, 2, 0.0)
    assert scene.status.returns == (float(length),)


@pytest.mark.parametrize(("few", "seen"), [(2, True), (3, False)])
def test_of_few_steps_the_end_of_an_episode_is_the_last(make, few, seen):
    plain, session = make(), make()
    while not plain.over:
        plain.step()
    steps(session, plain.steps - 1)
    session.turn(few, -1)
    assert session.over == seen
    assert session.steps == plain.steps + (0 if seen else few - 2)


def test_pictures_between_change_nothing_of_a_play(make):
    plain, shown = make(), make()
    while not plain.returns:
        plain.step()
    steps(plain, 5)
    while shown.steps < plain.steps:
        shown.advance()
        shown.scene()
    assert plain.returns == shown.returns
    assert same(state(plain), state(shown))


def test_a_reset_brings_the_chip_and_the_learner_back(make, small_run):
    session, healthy = make(), small_run.load_policy()
    session.happen(Fault("stuck", 0.9))
    session.learn()
    steps(session, 50)
    assert not same(healthy, state(session))
    assert session.status().learning.steps > 0
    session._decide = lambda obs: None  # a decision would be counted by the meter
    session.reset()
    assert same(healthy, state(session))
    status = session.status()
    assert (status.faults, status.marks, status.age_s, status.learning, status.reward) == ((), (), 0.0, None, 0.0)


def test_learning_beside_the_play_follows_its_plan_and_ends(make):
    session = make(learn_from=10, learn_every=5)
    steps(session, 9)
    assert session.status().learning is None
    wear = session.policy.model.readout.array.wear.sum().item()
    steps(session, 1)
    assert session.status().learning.at_work
    assert session.status().learning.steps == 128
    assert session.policy.model.readout.array.wear.sum().item() > wear
    steps(session, 5)
    assert session.status().learning.steps == 256
    assert not session.status().learning.at_work
    writes = session.policy.meter.totals()["writes"]
    steps(session, 10)
    assert session.policy.meter.totals()["writes"] == writes


def test_the_learner_goes_by_answers_from_before_the_fault(make):
    session = make()
    told = []
    session.happen(Fault("stuck", 0.9))
    session.learn()
    test, healthy = session.learner.model.rule.test, torch.zeros((), dtype=torch.bool)
    test.broken = lambda: told.append(test.remembered) or healthy
    session.learner.advance()
    assert told[0] is not None
    assert len(told[0][0]) >= 1024


def test_learning_may_halt_and_go_on_where_it_was(make):
    session = make(learn_steps=512)
    session.learn()
    session.learner.advance()
    rule = session.learner.model.rule
    session.learn()
    assert session.message.endswith("learning halts")
    assert not session.status().learning.at_work
    session.learn()
    session.learner.advance()
    assert session.learner.model.rule is rule
    assert session.status().learning.steps == 256


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_a_learner_in_a_thread_leaves_the_chip_to_the_player_and_ends(make):
    session = make(threaded=True, learn_steps=2048)
    session.ask(session.learn)
    session.turn(0, -1)
    turns, writes = 0, set()
    while session.learner.on and turns < 5000:
        scene = session.turn(1, -1)
        writes.add(session.policy.meter.totals()["writes"])
        turns += 1
    assert scene.status.step == session.steps
    assert session.steps + session.episode - 1 == turns  # one turn for each step, and for each beginning but the first
    assert turns > 10
    assert len(writes) > 3  # it learned between turns
    assert session.status().learning.steps == 2048


def test_whoever_waits_too_short_for_the_chip_is_told_so(make):
    session = make()
    with session.learner.chip() as first:
        assert first
        assert session.turn(1, 0.01) is None
    assert session.turn(1, 0.01) is not None


def test_a_thread_can_be_halted_and_reset_at_any_time(make, small_run):
    session = make(threaded=True, learn_steps=10**6)
    for action in (session.learn, session.reset):
        session.ask(session.learn)
        session.turn(1, -1)
        assert session.learner.on
        session.ask(action)
        session.turn(1, -1)
        assert not session.learner.on
        until(lambda: not session.learner.ending)
    assert same({name: value for name, value in small_run.load_policy().items() if "meter" not in name}, state(session))


def test_the_learner_lets_the_player_go_first(make):
    learner, order = make().learner, []

    def play_once():
        with learner.chip():
            order.append("player")

    learner._thread = threading.current_thread()
    player = threading.Thread(target=play_once)
    with learner._lock:
        player.start()
        until(learner._wanted.is_set)
        assert learner.give_way()
        order.append("learner")
    player.join()
    learner._thread = None
    assert order == ["player", "learner"]


def test_what_goes_wrong_in_the_thread_comes_out(make):
    session = make(threaded=True)
    session.learner.model.train = lambda: (_ for _ in ()).throw(ValueError("diverged"))
    session.ask(session.learn)
    session.turn(0, -1)
    until(lambda: session.learner.error is not None)
    with pytest.raises(ValueError, match="diverged"):
        session.turn(1, -1)


@pytest.mark.parametrize("hw", ["digital", "memristive", "optical", "mzi", "oscillator"])
def test_every_fault_of_any_hardware_has_a_size(hw):
    env = make_env("CartPole-v1")
    model = PIBPolicy(env.observation_space, env.action_space, hw=hw, width=8).model
    assert [fault.kind for fault in fault_menu(model)] == offered(model)
    assert (day_passes(model) is None) == ("drift" not in offered(model))


def test_a_learner_that_never_began_has_no_state():
    assert PlayLearner(None, 10).state() is None
