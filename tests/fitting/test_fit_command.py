"""`pib-rl fit`: laws and parameters come back, the file works everywhere, and bad data are told in one line."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml
from one_line import stops
from photon_curves import curve, write_curve

from pib_rl import fit
from pib_rl.agents.network.chip import ChipConfig
from pib_rl.cli.cli import UserError
from pib_rl.fitting.device import device_table
from pib_rl.fitting.pulses import read_pulses
from pib_rl.fitting.selection import choose
from pib_rl.fitting.simulated import fabricate, simulate
from pib_rl.fitting.tracks import make_tracks
from pib_rl.physical.memristive.devices import Device
from pib_rl.physical.memristive.own_device import from_plain, read_device
from pib_rl.physical.memristive.step_laws import LinearStep, PowerStep
from pib_rl.training.config import from_arguments

HEADER = "device,cycle,pulse,direction,conductance_us"
QUICK = ("constant", "soft-bounds", "linear", "power")
LAWS = {
    "constant": LinearStep(),
    "linear": LinearStep(0.3, 0.5),
    "soft-bounds": LinearStep(1.0, 1.0, own_ends=True),
    "power": PowerStep(2.0, 2.0),
}


def kind(law: str) -> Device:
    return Device(LAWS[law], step=0.1, low_spread=0.1, high_spread=0.1, step_spread=0.1, pulse_noise=0.2)


def lines(device: Device, seed: int = 1, devices: int = 3, cycles: int = 2, readings: int = 30, factor: float = 5.0):
    """Lines of a file: up and down again, 10 uS at weight 0."""
    array = fabricate(device, devices, seed)
    found = [HEADER]
    for cycle in range(cycles):
        array.pulse(-np_full(devices, 60))
        for pulse in range(2 * readings):
            way = 1 if pulse < readings else -1
            array.pulse(np_full(devices, way))
            us = np.abs(10 + factor * array.seen[0, :, 0].numpy())
            found += [f"{d},{cycle},{pulse},{way},{us[d]:.6f}" for d in range(devices)]
    return found


def np_full(count: int, value: float):
    import torch

    return torch.full((count, 1), float(value))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "pulses.csv"
    path.write_text("\n".join(lines(kind("soft-bounds"), devices=4)))
    return path


@pytest.fixture(scope="module")
def device_file(data):
    out = data.parent / "my-device.yaml"
    fit.main([str(data), "--out", str(out), "--no-progress"])
    return out


@pytest.mark.parametrize(  # soft bounds are fitted by `device_file` as well
    "law", [pytest.param(law, marks=pytest.mark.slow if law in ("linear", "soft-bounds") else ()) for law in LAWS]
)
def test_the_law_and_its_parameters_come_back(law, tmp_path):
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join(lines(kind(law), devices=4)))
    tracks = make_tracks(read_pulses(path))
    choice = choose(tracks, QUICK)
    assert choice.chosen == law
    table, _ = device_table(choice.fits[law], tracks)
    # weights of the fit are those of the device times 5 uS over the fit's unit
    noise, own = table["pulse_noise"], 5 / tracks.unit_us
    assert abs(noise.value - 0.2) < 3 * noise.error
    assert abs(table["high"].value - (own + (10 - tracks.zero_us) / tracks.unit_us)) < 3 * table["high"].error
    if law == "power":
        assert abs(table["gamma_up"].value - 2) < 4 * table["gamma_up"].error


def test_the_file_holds_the_law_with_errors_and_the_picture_stands_beside_it(device_file):
    content = yaml.safe_load(device_file.read_text())
    assert content["law"] == "soft-bounds"
    assert set(content["heldout"]) == {"constant", "soft-bounds", "linear", "power", "exponential", "piecewise"}
    assert content["parameters"]["step"]["standard_error"] > 0
    assert device_file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    device = from_plain(read_device(device_file))
    assert device.step == content["parameters"]["step"]["value"]
    assert device.max_conductance_us == pytest.approx(10, rel=0.2)  # 5 uS a weight, and a range of 2


def test_a_run_holds_the_device_and_needs_the_file_no_more(device_file, tmp_path):
    config = from_arguments(["CartPole-v1", "--hw", f"memristive:{device_file}"], "test")
    assert config.hw == "memristive:my-device.yaml"
    assert config.hw_options["device"]["law"] == "soft-bounds"
    assert "/" not in config.stem
    stored = tmp_path / "config.yaml"
    stored.write_text(yaml.safe_dump(config.identity()))
    again = from_arguments(["--config", str(stored), "CartPole-v1"], "test")  # my-device.yaml is in another folder
    assert again.identity() == config.identity()
    chip = ChipConfig(hw=f"memristive:{device_file}")
    assert chip.hw_options["device"] == config.hw_options["device"]


def test_simulated_pulses_look_like_the_measured_ones(data, device_file):
    tracks = make_tracks(read_pulses(data))
    rows = simulate(from_plain(read_device(device_file)), tracks, 0)
    measured, simulated = (rows_[:, 29].mean() for rows_ in (tracks.weight, rows))  # at the top
    assert simulated == pytest.approx(measured, abs=0.25)
    np.testing.assert_array_equal(rows, simulate(from_plain(read_device(device_file)), tracks, 0))


def changed(data, number: int, column: int, text: str) -> str:
    rows = [line.split(",") for line in data.read_text().splitlines()]
    rows[number][column] = text
    return "\n".join(",".join(row) for row in rows)


@pytest.mark.parametrize(
    ("number", "column", "text", "message"),
    [
        (0, 3, "way", "direction is missing"),
        (0, 4, "current", "no columns of conductance"),
        (2, 3, "0", "line 3: direction must be 1 (up) or -1 (down), got '0'"),
        (2, 4, "nan", "line 3: conductance_us must be a finite number, 0 or more, got 'nan'"),
        (2, 4, "-3", "line 3: conductance_us must be a finite number, 0 or more, got '-3'"),
        (0, 1, "device", "has 2 columns device; leave all but one out"),
        (5, 2, "0", "pulse numbers must rise"),
        (2, 2, "one", "pulse must be a whole number"),
    ],
)
def test_bad_lines_are_told(data, tmp_path, monkeypatch, capsys, number, column, text, message):
    path = tmp_path / "pulses.csv"
    path.write_text(changed(data, number, column, text))
    assert message in stops(fit, [str(path), "--out", str(tmp_path / "d.yaml")], monkeypatch, capsys)
    assert not (tmp_path / "d.yaml").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 1}, "must hold 2 devices or more, got 1"),
        ({"cycles": 1}, "has 1 cycle, and 2 are the fewest"),
        ({"readings": 3}, "has 6 readings, and 8 are the fewest"),
        ({"factor": 1e9}, "if the unit is another, name the column conductance_s"),
    ],
)
def test_too_little_and_wrong_units_are_told(tmp_path, monkeypatch, capsys, options, message):
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join(lines(kind("constant"), **options)))
    assert message in stops(fit, [str(path), "--out", str(tmp_path / "d.yaml")], monkeypatch, capsys)


def test_siemens_under_the_name_of_microsiemens_are_told(data, tmp_path, monkeypatch, capsys):
    head, *rows = data.read_text().splitlines()
    siemens = [",".join([*row.split(",")[:4], f"{float(row.split(',')[4]) * 1e-6:.9g}"]) for row in rows]
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join([head, *siemens]))
    said = stops(fit, [str(path), "--out", str(tmp_path / "d.yaml")], monkeypatch, capsys)
    assert "if the unit is another, name the column conductance_s" in said
    path.write_text("\n".join([head.replace("_us", "_s"), *siemens]))
    one, other = read_pulses(path)[0], read_pulses(data)[0]
    np.testing.assert_allclose(one.conductance_us, other.conductance_us, rtol=1e-5)


def test_files_are_not_overwritten_and_missing_ones_are_told(data, tmp_path, monkeypatch, capsys):
    there = tmp_path / "d.yaml"
    there.write_text("mine")
    assert "exists" in stops(fit, [str(data), "--out", str(there)], monkeypatch, capsys)
    assert there.read_text() == "mine"
    said = stops(fit, [str(tmp_path / "no.csv"), "--out", str(tmp_path / "e.yaml")], monkeypatch, capsys)
    assert "can't be read as .csv: No such file" in said


def test_extra_columns_gaps_and_stuck_devices(data, tmp_path):
    head, *rows = data.read_text().splitlines()
    path = tmp_path / "pulses.csv"
    kept = [row + ",25" for row in rows if int(row.split(",")[2]) % 2 == 0]
    dead = [f"dead,{c},{p},1,7,25" for c in range(2) for p in range(20)]
    path.write_text("\n".join([head + ",celsius", *kept, *dead]))
    tracks = make_tracks(read_pulses(path))
    assert tracks.stuck == ("dead",)
    assert (tracks.pulses[:, 1:] == 2).all()


@pytest.mark.parametrize("noise", [0.012, 0.03])
def test_a_stuck_device_is_found_in_its_noise(data, tmp_path, noise):
    head, *rows = data.read_text().splitlines()
    largest = max(float(row.split(",")[4]) for row in rows)
    generator = np.random.default_rng(0)
    reads = 0.6 * largest * (1 + noise * generator.standard_normal((3, 40)))
    dead = [f"dead,{c},{p},{1 if p < 20 else -1},{reads[c, p]:.6f}" for c in range(3) for p in range(40)]
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join([head, *rows, *dead]))
    assert make_tracks(read_pulses(path)).stuck == ("dead",)
    first = rows[0].split(",")[0]
    path.write_text("\n".join([head, *(row for row in rows if row.split(",")[0] == first), *dead]))
    with pytest.raises(UserError, match="1 of 2 devices move"):
        make_tracks(read_pulses(path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(",", ";"), "separates its columns by ';'; separate them by commas"),
        (lambda text: text.replace(",", "\t"), "separates its columns by tabs"),
        (lambda text: text.replace(".", ",", 1), "cells under 5 names"),
    ],
)
def test_other_separators_are_named(data, tmp_path, change, said):
    path = tmp_path / "pulses.csv"
    path.write_text(change(data.read_text()))
    with pytest.raises(UserError, match=re.escape(said)):
        read_pulses(path)


@pytest.mark.parametrize("camera", [False, True])
def test_a_picture_that_is_there_is_refused_before_the_fit(camera, data, tmp_path, monkeypatch, capsys):
    source = write_curve(tmp_path / "ptc.csv", curve(1, samples=500)) if camera else data
    (tmp_path / "pic.png").write_bytes(b"mine")
    said = stops(fit, [str(source), "--out", str(tmp_path / "pic.yaml")], monkeypatch, capsys)
    assert "its picture" in said
    assert "pic.png exists" in said
    assert (tmp_path / "pic.png").read_bytes() == b"mine"
    assert not (tmp_path / "pic.yaml").exists()


@pytest.mark.parametrize("content", ["", "\n\n", ",,\n"])
def test_an_empty_file_is_called_so(content, tmp_path, monkeypatch, capsys):
    (tmp_path / "no.csv").write_text(content)
    said = stops(fit, [str(tmp_path / "no.csv"), "--out", str(tmp_path / "a.yaml")], monkeypatch, capsys)
    assert "is an empty file" in said
