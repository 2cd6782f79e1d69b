"""The script that keeps chips: rules do what they are called, the best of each family is taken, all are told."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from script_loader import load_script

from pib_rl.envs.chip_keeper.config import ChipKeeperConfig
from pib_rl.envs.chip_keeper.monitor import Monitor

NAMES = Monitor(ChipKeeperConfig()).names


@pytest.fixture
def script():
    return load_script("chip_keeper")


def seen(running: float, recalibrated: float = 200, refitted: float = 200, retrained: float = 200) -> np.ndarray:
    obs = dict.fromkeys(NAMES, 0.0) | {"running accuracy": running}
    for action, passed in (("recalibrate", recalibrated), ("refit", refitted), ("retrain", retrained)):
        obs[f"since {action}"] = np.log1p(passed) / np.log1p(200)
    return np.array(list(obs.values()), dtype=np.float32)


def test_rules_do_what_they_are_called(script):
    def act(rule, obs, step=0):
        return script.Rule(*rule).policy(NAMES, 200)(obs, step)

    low, high = seen(0.7), seen(0.95)
    assert [act(("every", 2, 3), low, step) for step in range(6)] == [0, 0, 2, 0, 0, 2]
    assert [act(("always", 1), obs) for obs in (low, high)] == [1, 1]
    assert act(("never",), low) == 0
    assert [act(("below", 3, 0.8), obs) for obs in (low, high)] == [3, 0]
    assert [act(("below", 3, 0.8), seen(0.7, recalibrated=passed)) for passed in (0, 1, 2)] == [0, 0, 3]
    escalated = [
        act(("escalate", 2, 0.8), obs)
        for obs in (low, seen(0.7, refitted=5), seen(0.7, refitted=30), seen(0.7, refitted=9, retrained=4), high)
    ]
    assert escalated == [2, 3, 2, 2, 0]


def test_the_best_of_each_family_is_taken(script):
    def score(rule, seed):
        return script.Score(-abs(rule.number - 0.8) - abs(rule.number - 10) / 100 + seed, 0.9, np.zeros(4))

    rules = script.chosen({rule: [score(rule, seed) for seed in (1, 2)] for rule in script.GRID})
    assert {(rule.kind, rule.action) for rule in rules} == {
        *((kind, action) for kind in ("every", "below") for action in (1, 2, 3)),
        ("escalate", 2),
    }
    assert {rule.number for rule in rules if rule.kind != "every"} == {0.8}


def test_a_rule_is_played_on_the_chip_of_its_seed(script, tmp_path):
    env, total = gym.make(script.ENV, hw="memristive", chip_seed=3), 0.0
    env.reset(seed=7)
    done = False
    while not done:
        _, reward, _, done, _ = env.step(0)
        total += reward
    job = (tmp_path, "memristive", 3, script.Rule("never"), range(7, 8))
    score = script.play_rule(*job)
    assert score.value == pytest.approx(total)
    np.testing.assert_array_equal(score.actions, [200, 0, 0, 0])


def test_what_is_finished_is_not_played_again(script, tmp_path, monkeypatch):
    job = (tmp_path, "memristive", 3, script.Rule("never"), range(7, 9))
    monkeypatch.setattr(script, "play", lambda *_: script.Score(12.0, 0.5, np.arange(4.0)))
    script.play_rule(*job)
    monkeypatch.setattr(script, "play", lambda *_: pytest.fail("played again"))
    score = script.play_rule(*job)
    assert score[:2] == (12.0, 0.5)
    np.testing.assert_array_equal(score.actions, np.arange(4.0))
    for other in (
        ("optical", 3, job[3], job[4]),
        ("memristive", 4, job[3], job[4]),
        ("memristive", 3, script.Rule("always", 1), job[4]),
        ("memristive", 3, job[3], range(8, 10)),
    ):
        with pytest.raises(pytest.fail.Exception, match="played again"):
            script.play_rule(tmp_path, *other)


def test_the_table_has_everyone(script, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(script, "GRID", [script.Rule("every", 2, 100)])
    monkeypatch.setattr(script, "FIXED", [script.Rule("never")])
    monkeypatch.setattr(script, "ENVS", 1)
    played = []

    def glance(hw, seed, make, episodes):
        played.append((hw, seed, list(episodes)))
        env = gym.make(script.ENV, hw=hw, chip_seed=seed)
        action = make(env)(env.reset(seed=episodes[0])[0], 0)
        return script.Score(float(seed), 0.5, np.eye(4)[action])

    monkeypatch.setattr(script, "play", glance)
    arguments = [
        "chip_keeper",
        "--hw",
        "memristive",
        "--seeds",
        "0",
        "1",
        "--steps",
        "16",
        "--jobs",
        "1",
        "--episodes",
        "1",
        "--tune",
        "1",
        "--tune-episodes",
        "1",
        "--ppo",
        "n_steps=16",
        "batch_size=16",
        "--out",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    script.main()
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows == ["policy", "PPO", "PPO, drawn", "never", "refit every 100"]
    assert ("memristive", 1, [script.APART]) in played
    assert all((hw, episodes) == ("memristive", [script.FRESH]) for hw, seed, episodes in played if seed == 0)
