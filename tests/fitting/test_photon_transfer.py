"""`pib-rl fit` of a photon transfer curve: a camera comes back within its errors, its file works, mistakes are told."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from measured_bench import write_bench
from one_line import stops
from photon_curves import FULL_WELL, GAIN, HEADER, OFFSET, READ_NOISE, curve, write_curve

from pib_rl import fit
from pib_rl.fitting.exposures import read_exposures
from pib_rl.fitting.photon_transfer import fit_camera
from pib_rl.physical.optical.bench_file import read_bench

SEEDS = range(20)


def pulls(tmp_path, **options) -> np.ndarray:
    """By how many of its errors each value is off, shape (seeds, 4); nan where there is none."""
    rows = []
    for seed in SEEDS:
        found = fit_camera(read_exposures(write_curve(tmp_path / "ptc.csv", curve(seed, **options))))
        pairs = (
            (found.gain, GAIN),
            (found.read_noise, READ_NOISE),
            (found.full_well, FULL_WELL),
            (found.offset_adu, OFFSET),
        )
        rows.append([np.nan if known is None else (known.value - true) / known.error for known, true in pairs])
    return np.array(rows)


@pytest.mark.parametrize("options", [{}, {"dark": False}, {"samples": 500, "points": 14}, {"top": 1.03}])
def test_values_come_back_within_their_errors(tmp_path, options):
    found = pulls(
        tmp_path, samples=options.get("samples", 2000), **{k: v for k, v in options.items() if k != "samples"}
    )
    assert (np.abs(found) < 2).mean() > 0.85, "95 % are expected of 80"
    assert np.abs(found).max() < 5
    assert np.abs(found.mean(0)).max() < 4 / len(SEEDS) ** 0.5, "and none is off on average"


def test_a_full_well_that_was_not_reached_is_none(tmp_path):
    found = fit_camera(read_exposures(write_curve(tmp_path / "ptc.csv", curve(0, samples=2000, top=0.7))))
    assert found.full_well is None
    assert abs(found.gain.value - GAIN) < 3 * found.gain.error


def test_outliers_count_nothing(tmp_path):
    rows = curve(0, samples=2000)
    rows[[8, 15], 2] *= 3
    found = fit_camera(read_exposures(write_curve(tmp_path / "ptc.csv", rows)))
    assert abs(found.gain.value - GAIN) < 3 * found.gain.error
    assert found.line.used.min() == 0


def test_pixels_are_averaged(tmp_path):
    rows = [
        np.column_stack([part[:, :1], part[:, 1:2] + offset, part[:, 2:], np.full(len(part), pixel)])
        for pixel, offset in enumerate((0.0, 20.0, -15.0))
        for part in [np.unique(curve(pixel, samples=2000, dark=False), axis=0)]
    ]
    data = read_exposures(write_curve(tmp_path / "ptc.csv", np.concatenate(rows), f"{HEADER},pixel"))
    assert (data.pixels, len(data.mean_adu)) == (3, 30)
    found = fit_camera(data)
    assert abs(found.gain.value - GAIN) < 3 * found.gain.error
    assert abs(found.offset_adu.value - OFFSET - 5 / 3) < 3 * found.offset_adu.error


def test_the_file_of_the_camera_works_in_a_bench(tmp_path, capsys):
    path = write_curve(tmp_path / "ptc.csv", curve(1, samples=2000))
    out = tmp_path / "camera.yaml"
    fit.main([str(path), "--out", str(out)])
    said = capsys.readouterr().out
    assert "gain, electrons per code" in said
    assert "residual" in said
    content = yaml.safe_load(out.read_text())
    assert content["gain_electrons_per_adu"]["value"] == pytest.approx(GAIN, rel=0.05)
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    options = read_bench(write_bench(tmp_path, camera="camera.yaml", camera_bits=14))
    assert options["electrons_per_adu"] == content["gain_electrons_per_adu"]["value"]
    assert options["full_well_electrons"] == pytest.approx(FULL_WELL, rel=0.05)
    assert options["read_noise_electrons"] == pytest.approx(READ_NOISE, rel=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exposure,mean_adu\n0,1", "must begin with the names of its columns, exposure,mean_adu,variance_adu"),
        (f"{HEADER}\n0,1,nan", "line 2: variance_adu must be a finite number, 0 or more, got 'nan'"),
        (f"{HEADER}\n-1,1,1", "line 2: exposure must be a finite number, 0 or more, got '-1'"),
        (f"{HEADER}\n0,1", "line 2: variance_adu must be a finite number, 0 or more, got ''"),
        (f"{HEADER}\n0,1,1\n1,2,2", "has 2 exposures, and 6 are the fewest"),
        (HEADER, "has 0 exposures"),
        (f"{HEADER},mean_adu\n0,1,1,1", "has 2 columns mean_adu; leave all but one out"),
        (
            HEADER + "".join(f"\n3,{k},{k}" for k in range(9)),
            "exposure must differ from line to line, got 3 throughout",
        ),
        (HEADER + "".join(f"\n{k},{k / 9},{k}" for k in range(9)), "mean_adu must be in ADC codes, got at most 0.889"),
        (HEADER + "".join(f"\n{k},{k},5" for k in range(9)), "variance must grow with the mean"),
        (
            f"{HEADER},pixel\n" + "\n".join(f"{k},{k},{k},{p}" for k in range(8) for p in range(2 + (k == 3))),
            "every exposure needs the same pixels, got 2 to 3",
        ),
    ],
)
def test_bad_curves_are_told(tmp_path, monkeypatch, capsys, text, message):
    path, out = tmp_path / "ptc.csv", tmp_path / "camera.yaml"
    path.write_text(text)
    assert message in stops(fit, [str(path), "--out", str(out)], monkeypatch, capsys)
    assert not out.exists()


def test_a_camera_that_is_there_is_not_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_curve(tmp_path / "ptc.csv", curve(1, samples=500))
    (tmp_path / "camera.yaml").write_text("mine")
    assert "camera.yaml exists" in stops(fit, ["ptc.csv"], monkeypatch, capsys)
    assert (tmp_path / "camera.yaml").read_text() == "mine"
