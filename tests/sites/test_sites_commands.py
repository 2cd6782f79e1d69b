"""Commands with --sites: one real run, and one line for what can't be."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from one_line import stops

from pib_rl import adapt, learn, site_worker, train
from pib_rl.learning.config import LearnConfig
from pib_rl.sites.config import NAME
from pib_rl.sites.hardware import with_hardware_of_sites
from pib_rl.sites.keys import make_keys
from pib_rl.sites.watch.record import RECORD, read

pytestmark = pytest.mark.usefixtures("few_steps")

TWO = "sites: [{name: front, units: [1]}]\n"
SMALL = ["digits", "--units", "2", "--width", "8", "--epochs", "2"]
WITHOUT = """
import sys
import pib_rl, pib_rl.learn, pib_rl.train, pib_rl.adapt, pib_rl.compare, pib_rl.site_worker, pib_rl.sites.run
assert "zmq" not in sys.modules, "zmq is imported by commands that do not need it"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return path


def test_a_run_with_a_site_of_its_own(tmp_path, file, capsys):
    out = tmp_path / "run"
    learn.main([*SMALL, "--sites", str(file), "--out", str(out)])
    shown = capsys.readouterr()
    assert "1 site: " in shown.out
    assert "nothing lost" in shown.out
    result = json.loads((out / "result.json").read_text())
    assert result["test_accuracy"] > 0.5
    (entry,) = result["sites"]
    assert (entry["name"], entry["units"], entry["lives"], entry["lost"]) == ("front", "1", 1, 0)
    assert entry["bytes_out"] > 1000
    assert read(out / RECORD)[-1].steps == entry["steps"] > 0
    assert (out / "sites.png").exists()
    assert (out / NAME).read_text() == TWO
    log = (out / "sites" / "front.log").read_text()
    assert log.endswith("the run is over\n")  # it ended by itself
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"secret" not in everything
    assert not list(out.rglob("*.key"))


def test_nothing_imports_pyzmq_unasked():
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=120)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--fault", "dead-unit:1@1"], "does not reach units at sites; leave out --fault or --sites"),
        (["--clock", "0.5"], "does not reach units at sites; leave out --clock or --sites"),
        (["--chips", "2"], "leave out --chips"),
        (["--learner", "dfa"], "learner dfa needs what other units know"),
        (["--learner", "spsa"], "learner spsa needs what other units know"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_starts(more, said, file, tmp_path, monkeypatch, capsys):
    arguments = [*SMALL, *more, "--sites", str(file), "--out", str(tmp_path / "run")]
    assert said in stops(learn, arguments, monkeypatch, capsys)
    assert not (tmp_path / "run").exists()


def test_time_does_not_pass_for_units_elsewhere(file, tmp_path, monkeypatch, capsys):
    arguments = ["CartPole-v1", "--hw", "memristive", "--width", "8", "--n-envs", "2", "--clock", "0.02"]
    said = stops(train, [*arguments, "--sites", str(file), "--out", str(tmp_path / "run")], monkeypatch, capsys)
    assert "--clock 0.02 does not reach units at sites" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read"),
        ("sites: [", "is not YAML"),
        ("sites: [{name: a, units: [9]}]", "site a has unit 9"),
        ("sites: [{name: a, units: [1], hw: optcal}]", "did you mean optical?"),
        ("sites: [{name: a, units: [1], hw_options: {zz: 1}}]", "zz"),
    ],
)
def test_a_sites_file_that_is_no_use(text, said, tmp_path, monkeypatch, capsys):
    path = tmp_path / "some.yaml"
    if text is not None:
        path.write_text(text)
    assert said in stops(learn, [*SMALL, "--sites", str(path), "--out", str(tmp_path / "run")], monkeypatch, capsys)
    assert not (tmp_path / "run").exists()


def test_substrates_of_single_sites_make_a_mixed_network(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("sites: [{name: a, units: [2], hw: optical, hw_options: {camera_bits: 6}}]")
    config = LearnConfig(hw="memristive", hw_options={"adc_bits": 5}, units=3, sites=path)
    placed = with_hardware_of_sites(config, 3)
    assert placed.hw == "memristive,optical,memristive"
    assert placed.hw_options == {"1.adc_bits": 5, "2.camera_bits": 6, "3.adc_bits": 5}
    assert with_hardware_of_sites(placed, 3) == placed
    path.write_text("sites: [{name: a, units: [2]}]")
    assert with_hardware_of_sites(config, 3) is config
    path.write_text("sites: [{name: a, units: [1], hw_options: {read_noise: 0.1}}]")
    alone = with_hardware_of_sites(LearnConfig(hw="memristive", hw_options={"adc_bits": 5}, units=1, sites=path), 1)
    assert (alone.hw, alone.hw_options) == ("memristive", {"adc_bits": 5, "read_noise": 0.1})


def test_substrates_of_another_number_of_units_are_one_line(tmp_path, monkeypatch, capsys):
    path = tmp_path / "some.yaml"
    path.write_text("sites: [{name: a, units: [3], hw: optical}]")
    arguments = ["digits", "--units", "3", "--hw", "digital,memristive", "--sites", str(path)]
    said = stops(learn, [*arguments, "--out", str(tmp_path / "run")], monkeypatch, capsys)
    assert "hw names 2 substrates, and the network has 3 units" in said


def test_without_pyzmq_one_line_names_the_extra(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "zmq", None)
    said = stops(learn, [*SMALL, "--sites", str(file), "--out", str(tmp_path / "run")], monkeypatch, capsys)
    assert "--sites needs pyzmq: pip install 'pib-rl[distributed]'" in said
    said = stops(site_worker, ["--connect", "127.0.0.1:5555", "--key", "a.key"], monkeypatch, capsys)
    assert "pib-rl site needs pyzmq: pip install 'pib-rl[distributed]'" in said


def test_a_broken_chip_does_not_learn_on_at_sites(file, monkeypatch, capsys):
    assert "--sites" in stops(adapt, ["runs/some", "--sites", str(file)], monkeypatch, capsys)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--connect", "5555"], "--connect must be HOST:PORT"),
        (["--connect", "host:0"], "--connect must be HOST:PORT"),
        (["--connect", "h:1", "--seed", "-1"], "--seed must be 0 or more"),
        (["--connect", "h:1", "--name", "rome"], "is the key of site a, not of rome"),
        (["--connect", "h:1", "--key", "none.key"], "none.key"),
    ],
)
def test_a_site_that_cannot_start_says_why(more, said, tmp_path, monkeypatch, capsys):
    make_keys(tmp_path / "keys", ["a"])
    arguments = ["--key", str(tmp_path / "keys" / "a.key"), "--state", str(tmp_path / "state"), *more]
    assert said in stops(site_worker, arguments, monkeypatch, capsys)
