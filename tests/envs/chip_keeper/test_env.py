"""The keeper's chip: what actions, time and faults do to it, what it costs, what the keeper sees."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils import seeding

from pib_rl.envs.chip_keeper.chip import Chip, digits, trained
from pib_rl.envs.chip_keeper.config import ACTIONS, ChipKeeperConfig, parse_hazard
from pib_rl.envs.chip_keeper.env import ChipKeeper
from pib_rl.envs.chip_keeper.picture import LEFT, RIGHT, ROW, History, draw_episode, height, row_of, ticks
from pib_rl.physical.faults import Fault, parse
from pib_rl.viewer import Canvas

CALM = {"faults": (), "period_s": 0.0}


def accuracy(chip: Chip) -> float:
    return float(chip.serve(*digits().served).right.mean())


def new(**settings) -> Chip:
    return trained(ChipKeeperConfig(**settings)).copy(0)


def site(n: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(part[:n] for part in digits().site)


def test_no_sample_is_in_two_parts():
    parts = digits()
    assert sum(len(y) for _, y in parts) == 1797
    rows = np.concatenate([x for x, _ in parts])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_chip_is_trained_once_and_copied():
    config = ChipKeeperConfig(width=8, units=1)
    chip = trained(config)
    assert trained(config) is chip
    assert chip.healthy > 0.7
    other = chip.copy(1)
    other.break_down(Fault("stuck", 1.0))
    assert accuracy(other) < 0.5 < accuracy(chip)
    assert chip.copy(1).energy_j == 0.0
    margins = [chip.copy(seed).serve(*site(50)).margin for seed in (1, 1, 2, 3)]
    assert margins[0] == margins[1]
    assert len(set(margins)) > 1  # codes of a converter: two seeds may agree


@pytest.mark.parametrize(("hw", "fault"), [("memristive", "stuck:0.15"), ("optical", "rotate-medium:25")])
def test_faults_hurt_and_care_helps(hw, fault):
    healthy, broken, refitted, retrained = np.mean([care(new(hw=hw).copy(seed), fault) for seed in range(3)], 0)
    assert broken < healthy - 0.05
    assert refitted > broken + 0.04
    assert retrained > refitted
    assert retrained > 0.85


def care(chip: Chip, fault: str) -> list[float]:
    """Accuracy of a chip as it is, broken, with its readout fitted again, and with its units trained again."""
    found = [accuracy(chip)]
    for step in (
        lambda: chip.break_down(parse(fault)),
        lambda: chip.refit(*site(200)),
        lambda: [chip.retrain(*site(count)) for count in (400, 600)],
    ):
        step()
        found.append(accuracy(chip))
    return found


@pytest.mark.parametrize(("hw", "seconds"), [("memristive", 1e5), ("optical", 4e5)])
def test_time_hurts_and_recalibration_helps(hw, seconds):
    chip = new(hw=hw)
    chip.pass_time(seconds)
    drifted, before = chip.serve(*digits().served), accuracy(chip)
    assert before < chip.healthy - 0.05
    chip.recalibrate(site(128)[0])
    after = chip.serve(*digits().served)
    assert after.right.mean() > before + 0.03
    assert max(map(abs, after.gain)) < max(map(abs, drifted.gain))
    assert max(after.shift) < max(drifted.shift)


def test_recalibration_writes_nothing_and_the_others_do():
    chip = new()
    chip.recalibrate(site(128)[0])
    assert chip.pulses == 0
    chip.refit(*site(128))
    refitted = chip.pulses
    assert 0 < refitted < 3
    chip.retrain(*site(256))
    assert chip.pulses - refitted > 3


def test_a_healthy_calm_chip_earns_its_accuracy_less_the_probes():
    env = ChipKeeper(**CALM)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(0)
    assert reward == pytest.approx(info["accuracy"] - 16 * 0.0005)
    assert not terminated
    assert not truncated
    assert info["energy_cost"] == info["wear_cost"] == 0
    assert info["action"] == "nothing"


@pytest.mark.parametrize("action", [1, 2, 3])
def test_the_reward_is_what_the_docstring_says(action):
    env = ChipKeeper(**CALM, label_price=0.001, energy_price=0.01, chip_price=10.0, endurance=100.0)
    env.reset(seed=0)
    before = env.chip.energy_j
    _, reward, _, _, info = env.step(action)
    care = info["care_j"]
    assert 0 < care < info["energy_j"] - before
    expected = {
        "label": 0.001 * (16 + (0, 0, 128, 256)[action]),
        "energy": 0.01 * care / env.new.period_j,
        "wear": 10 * info["pulses_per_device"] / 100,
    }
    for name, cost in expected.items():
        assert info[f"{name}_cost"] == pytest.approx(cost)
    assert reward == pytest.approx((1 - (0, 0.02, 0.1, 0.8)[action]) * info["accuracy"] - sum(expected.values()))
    assert (info["pulses_per_device"] > 0) == (action > 1)


def test_faults_arrive_as_often_as_they_should_and_are_told():
    env = ChipKeeper(width=8, units=1, faults=("stuck:0.001/4", "adc-bits:12/10"), periods=300, period_s=0, batch=16)
    env.reset(seed=0)
    found = [fault for _ in range(300) for fault in env.step(0)[4]["faults"]]
    stuck = [parse(fault).size for fault in found if fault.startswith("stuck")]
    assert abs(len(stuck) - 75) < 5 * 75**0.5
    assert abs(len(found) - len(stuck) - 30) < 5 * 30**0.5
    assert 0 <= min(stuck) < max(stuck) <= 0.002
    assert abs(np.mean(stuck) - 0.001) < 5 * 0.001 / 3**0.5 / len(stuck) ** 0.5
    assert set(found) - {f"stuck:{size!r}" for size in stuck} == {"adc-bits:12"}


def test_what_the_keeper_sees():
    env = ChipKeeper(**CALM)
    names = env.monitor.names
    obs = dict(zip(names, env.reset(seed=0)[0], strict=True))
    assert len(names) == 16
    assert abs(obs["margin"]) < 0.2
    assert abs(obs["gain 1"]) < 0.1
    assert obs["since recalibrate"] == obs["since refit"] == obs["since retrain"] == 1
    assert obs["time"] == obs["wear"] == obs["care energy"] == 0
    env.step(3)
    obs = dict(zip(names, env.step(0)[0], strict=True))
    assert obs["since retrain"] == pytest.approx(np.log(2) / np.log(201))
    assert obs["since refit"] == 1
    assert obs["time"] == pytest.approx(0.01)
    assert 0 < obs["wear"] < 0.1
    assert obs["care energy"] > 0
    assert obs["probe accuracy"] == pytest.approx(env.monitor.probe)
    assert 16 * obs["probe accuracy"] == pytest.approx(round(16 * float(obs["probe accuracy"])))


def test_damage_shows_in_what_the_keeper_sees():
    env = ChipKeeper(**CALM)
    before, names = env.reset(seed=0)[0], env.monitor.names
    env.chip.break_down(Fault("stuck", 0.3))
    for _ in range(8):
        after = env.step(0)[0]
    change = dict(zip(names, after - before, strict=True))
    assert change["running accuracy"] < -0.1
    assert change["running margin"] < -0.1
    assert change["shift 1"] > 0.1
    assert change["shift 2"] > 0.1


@pytest.mark.parametrize("action", [2, 3])
def test_margins_are_relative_to_the_last_write_of_the_readout(action):
    env = ChipKeeper(**CALM)
    env.reset(seed=0)
    before = env.chip.margin
    obs = dict(zip(env.monitor.names, env.step(action)[0], strict=True))
    assert env.chip.margin != before
    assert abs(obs["margin"]) < 0.35, "log(3.8/7) against what the maker noted, after a re-fit"
    assert abs(obs["spread"]) < 0.1


def test_retraining_begins_with_a_recalibration():
    chip = new(hw="optical")
    detectors = chip.model.model_.network.last.mean.clone()
    chip.refit(*site(128))
    assert (chip.model.model_.network.last.mean == detectors).all()
    chip.retrain(*site(128))
    assert (chip.model.model_.network.last.mean != detectors).all()


def test_time_passes_in_every_period():
    env = ChipKeeper(faults=(), period_s=1e5)
    env.reset(seed=0)
    assert np.mean([env.step(0)[4]["accuracy"] for _ in range(3)]) < env.chip.healthy - 0.05


def test_an_action_begins_the_running_figures_anew():
    env = ChipKeeper(**CALM)
    env.reset(seed=0)
    env.monitor.running = -3.0
    assert env.step(0)[0][1] < 0
    assert env.step(1)[0][1] == pytest.approx(env.monitor.probe)


def test_an_episode_is_truncated_at_its_length():
    env = ChipKeeper(width=8, units=1, periods=3)
    with pytest.raises(ValueError, match="the episode is over"):
        env.step(0)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(3)] == [False, False, True]
    with pytest.raises(ValueError, match="the episode is over"):
        env.step(0)


def test_an_episode_leaves_no_trace_in_the_next():
    env = ChipKeeper(width=8, units=1, periods=5)
    first = env.reset(seed=0)[0]
    for action in (3, 2, 1):
        env.step(action)
    np.testing.assert_array_equal(env.reset(seed=0)[0], first)
    assert env.step(0)[4]["writes"] == 0


def test_the_picture_shows_faults_and_actions():
    env = ChipKeeper(width=8, units=1, periods=10, faults=("stuck:0.05/1",), render_mode="rgb_array")
    env.reset(seed=0)
    empty = env.render()
    for action in (0, 1, 2, 3, 0):
        env.step(action)
    picture = env.render()
    assert picture.shape == empty.shape == (400, 600, 3)
    across = [round(LEFT + (RIGHT - LEFT) * (step + 0.5) / 10) for step in range(5)]
    rows = [row_of(action) + ROW // 2 for action in ACTIONS[1:]]
    marked = [[tuple(picture[row, x]) != tuple(empty[row, x]) for row in rows] for x in across]
    assert marked == [[False] * 3, *np.eye(3, dtype=bool).tolist(), [False] * 3], "each action in a row of its own"
    assert len({tuple(picture[row, x]) for row, x in zip(rows, across[1:4], strict=True)}) == 3
    assert (picture[45:58] != empty[45:58]).any()


@pytest.mark.parametrize(
    ("length", "named"),
    [(1, [0, 1]), (2, [0, 1, 2]), (3, [0, 1, 2, 3]), (6, [0, 2, 3, 4, 6]), (200, [0, 50, 100, 150, 200])],
)
def test_periods_are_named_where_they_are(length, named, monkeypatch):
    assert ticks(length) == named
    history, said = History(1.0, length), {}
    monkeypatch.setattr(Canvas, "text", lambda self, text, x, y, *rest, **kinds: said.setdefault((x, y), text))
    draw_episode(history)
    for period in named:
        assert said[history.x(period), row_of("retrain") + ROW + 6] == str(period)


def test_one_period_can_be_seen():
    history = History(0.9, 20)
    empty = draw_episode(history)
    history.add(0, 0.5, 0.2, [], 0.0)
    seen = draw_episode(history)
    across = round(history.x(1))
    for accuracy in (0.5, 0.2):
        down = round(height(accuracy))
        place = np.s_[down - 2 : down + 3, across - 2 : across + 3]
        assert (seen[place] != empty[place]).any(2).all()


def test_known_actions_only():
    env = ChipKeeper(width=8, units=1)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"the action must be in 0\.\.3 \(nothing, recalibrate, refit, retrain\)"):
        env.step(4)
    assert ACTIONS[env.action_space.n - 1] == "retrain"


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"hw": "digital"}, "hw must be one of memristive, optical, or a preset of one, got 'digital'"),
        ({"hw": "memristiv"}, "did you mean memristive"),
        ({"widht": 3}, "no option 'widht'; did you mean width"),
        ({"probes": 129}, r"probes must be in 1\.\.128, got 129"),
        ({"batch": 500}, r"batch must be in 2\.\.499"),
        ({"periods": 0}, "periods must be >= 1, got 0"),
        ({"retrain_labels": 601}, r"retrain_labels must be in 4\.\.600"),
        ({"refit_downtime": 1.5}, r"refit_downtime .* 0\.\.1, got 1\.5"),
        ({"endurance": 0.0}, "endurance must be > 0"),
        ({"label_price": -1.0}, "label_price must be >= 0"),
        ({"width": "wide"}, "width must be int, got 'wide'"),
        ({"faults": "stuck:0.1/3"}, r"a list of KIND:SIZE/PERIODS or None"),
        ({"faults": ["stuck:0.1"]}, "such as stuck"),
        ({"faults": ["stuck:2/3"]}, r"the size of stuck .* 0\.\.1"),
        ({"faults": ["stuck:0.1/0"]}, "must be 0.01 or more"),
        ({"faults": ["stuck:0.1/1e-9"]}, "must be 0.01 or more and finite, got 1e-09"),
        ({"faults": ["stuck:0.1@3/4"]}, "leave out @3"),
        ({"faults": ["stuk:0.1/3"]}, "did you mean stuck"),
        ({"faults": ["dead-pixels:0.1/3"]}, "can't have the fault dead-pixels"),
        ({"faults": [3]}, "got 3"),
        ({"render_mode": "human"}, "render_mode must be None or rgb_array, got 'human'"),
    ],
)
def test_bad_arguments_are_told(settings, answer):
    with pytest.raises(ValueError, match=answer):
        ChipKeeper(**({"width": 8, "units": 1} | settings))


def test_hazards_keep_to_the_range_of_their_kind():
    assert parse_hazard("stuck:0.8/3").sized(1.0).size == 1.0
    assert parse_hazard("adc-bits:6/3").sized(0.9).size == 6
    assert parse_hazard("rotate-medium:8/30").sized(0.25).size == 4
    random = seeding.np_random(0)[0]
    assert np.mean([parse_hazard("stuck:0.2/3").sized(random.random()).size for _ in range(500)]) == pytest.approx(
        0.2, abs=0.03
    )
