"""A measured bench: what is read of it, which part a unit gets, what a saved state brings along, what is refused."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from chips import draws
from measured_bench import CAMERA, MODES, PIXELS, dark, full_bench, matrix, response, write_bench

from pib_rl.common.streams import Streams
from pib_rl.physical import OpticalConfig, Read, registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.optical.bench_file import read_bench
from pib_rl.physical.optical.own_bench import MissingBenchError, OwnBench
from pib_rl.physical.optical.response import ResponseCurve, read_response


def substrate(path, seed=0, chips=None, **options):
    streams = Streams(seed, chips)
    return registry.make(f"optical:{path}", options, streams, Meter(streams.chips))


def rows_of(medium, whole):
    """Which row of the scaled matrix each camera pixel is, and which column each modulator pixel."""
    part = torch.complex(*medium.transmission).numpy()
    scaled = whole / np.sqrt(np.mean(np.abs(whole) ** 2))
    rows = [int(np.abs(scaled.T[:, :, None] - line).min(0).sum(-1).argmin()) for line in part]
    columns = [int(np.abs(scaled[rows].T - line).sum(-1).argmin()) for line in part.T]
    return rows, columns, scaled


def test_units_take_parts_of_the_matrix_that_do_not_overlap(tmp_path):
    made = substrate(write_bench(tmp_path))
    seen_rows, seen_columns = [], []
    for medium in (made.make_medium(4, 10), made.make_medium(6, 40)):
        rows, columns, scaled = rows_of(medium, matrix())
        np.testing.assert_allclose(torch.complex(*medium.transmission), scaled[np.ix_(rows, columns)], rtol=1e-5)
        seen_rows += rows
        seen_columns += columns
    assert len(set(seen_rows)) == len(seen_rows) == 30 + 40
    assert len(set(seen_columns)) == len(seen_columns)


def test_a_seed_says_which_part_and_a_wafer_has_one_for_each_chip(tmp_path):
    path = write_bench(tmp_path)
    one, twin, other = (substrate(path, seed).make_medium(4, 10).transmission for seed in (3, 3, 4))
    assert torch.equal(one, twin)
    assert not torch.equal(one, other)
    wafer = substrate(path, 3, chips=2).make_medium(4, 10).transmission
    assert torch.equal(wafer[0], one)
    assert torch.equal(wafer[1], other)


def test_the_picture_is_that_of_the_measured_matrix(tmp_path):
    medium = substrate(write_bench(tmp_path), photons=None, camera_bits=None, full_scale=1e6).make_medium(4, 10)
    drive = draws(20, 4)
    modulator = medium.modulator
    phases = torch.pi * torch.tanh(0.1 * drive).repeat_interleave(modulator.copies, -1)
    field = torch.cat([torch.exp(1j * phases), torch.ones(20, modulator.pixels - modulator.signal_pixels)], -1)
    whole = torch.complex(*medium.transmission)
    expected = (field @ whole.T).abs().square() / modulator.pixels
    shown = medium.measure(drive, Read.MEAN) * medium.scale + medium.mean
    torch.testing.assert_close(shown, expected, rtol=1e-3, atol=1e-3)


def test_too_large_a_network_is_told_how_much_there_is(tmp_path):
    made = substrate(write_bench(tmp_path), camera_pixels=150)
    made.make_medium(4, 10)
    with pytest.raises(ValueError, match=rf"has {PIXELS} camera pixels and {MODES} modulator pixels, of which other"):
        made.make_medium(4, 10)


@pytest.mark.parametrize("kind", ["npz", "compressed", "double"])
def test_matrices_in_other_files_are_the_same(tmp_path, kind):
    plain = substrate(write_bench(tmp_path)).make_medium(4, 10)
    if kind == "double":
        np.save(tmp_path / "other.npy", matrix().astype(np.complex128))
        path = write_bench(tmp_path, transmission="other.npy")
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(tmp_path / "other.npz", T=matrix())
        path = write_bench(tmp_path, transmission="other.npz")
    torch.testing.assert_close(substrate(path).make_medium(4, 10).transmission, plain.transmission)


def test_intensities_get_drawn_phases_and_a_warning(tmp_path):
    np.save(tmp_path / "power.npy", np.abs(matrix()) ** 2)
    path = write_bench(tmp_path, transmission="power.npy")
    with pytest.warns(UserWarning, match="phases are drawn from the seed"):
        made = substrate(path)
    medium, known = made.make_medium(4, 10), substrate(write_bench(tmp_path)).make_medium(4, 10)
    torch.testing.assert_close(
        medium.transmission.square().sum(0), known.transmission.square().sum(0), rtol=1e-4, atol=1e-5
    )
    angle = torch.atan2(medium.transmission[1], medium.transmission[0])
    assert abs(angle.mean()) < 5 * math.pi / 3**0.5 / angle.numel() ** 0.5
    assert angle.std() == pytest.approx(math.pi / 3**0.5, rel=0.1)


def test_dark_frames_give_each_pixel_its_offset_and_read_noise(tmp_path):
    path = full_bench(tmp_path)
    medium = substrate(path, quantum_efficiency=1.0).make_medium(4, 10)
    rows, _, _ = rows_of(medium, matrix())
    electrons, frames = 1500.0, dark()
    offset = torch.tensor(frames.mean(0)[rows] * 2.0 / electrons, dtype=torch.float32)
    torch.testing.assert_close(medium.camera.offset[0], offset)
    noise = torch.tensor(np.sqrt(frames.var(0, ddof=1)[rows] - 1 / 12) * 2.0, dtype=torch.float32)
    torch.testing.assert_close(medium.camera.noise[0], noise)
    shown = medium.camera.record(torch.zeros(4000, len(rows)), Read.NOISY) * electrons / 2.0
    torch.testing.assert_close(shown.mean(0), offset * electrons / 2.0, rtol=0, atol=0.3)
    spread = (noise / 2.0).square().add(1 / 12).sqrt()
    torch.testing.assert_close(shown.std(0), spread, rtol=0.08, atol=0)
    step = medium.camera.adc.converter.step * electrons
    assert step == pytest.approx(2.0), "a code of the ADC holds the electrons of the gain"


def test_few_frames_share_their_noise_and_one_has_none(tmp_path):
    full_bench(tmp_path)
    for frames, expected in ((4, None), (1, CAMERA["read_noise_electrons"])):
        np.save(tmp_path / "dark.npy", dark(frames=frames))
        noise = substrate(tmp_path / "bench.yaml").make_medium(4, 10).camera.noise
        assert len(noise.unique()) == 1
        assert noise.mean() == pytest.approx(expected or 6.0, rel=0.1)


def test_the_response_of_the_modulator_is_followed(tmp_path):
    path = full_bench(tmp_path)
    medium = substrate(path, camera_pixels=30).make_medium(4, 10)
    drive = draws(50, 4)
    grey = (127.5 + 127.5 * torch.tanh(0.1 * drive)).round()
    curve = lambda g: 2 * math.pi * (g / 255) ** 1.2  # noqa: E731
    found = medium.modulator.phases(drive, False)
    expected = curve(grey) - curve(torch.tensor(128.0))
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)
    exact = medium.modulator.phases(drive, True)
    assert (exact - found).abs().max() < 2 * math.pi / 255 * 1.2
    assert not torch.equal(exact, found)


def test_a_straight_response_is_the_modulator_without_one(tmp_path):
    (tmp_path / "slm.csv").write_text(f"grey_level,phase_rad\n0,0\n4095,{2 * math.pi - 0.2}\n2048,3.0\n")
    with pytest.raises(ValueError, match="grey_level must rise"):
        read_response(tmp_path / "slm.csv")
    curve = ResponseCurve([0, 2048, 4095], [-math.pi / 2, 0.0, math.pi / 2])
    drive = draws(50, 4)
    torch.testing.assert_close(curve.phase(drive, 0.1, True), math.pi / 2 * torch.tanh(0.1 * drive), rtol=0, atol=2e-3)


def test_a_response_that_turns_is_taken_with_a_warning(tmp_path):
    path = tmp_path / "slm.csv"
    path.write_text("grey_level,phase_rad\n0,0\n10,1\n20,0.9\n30,2\n")
    with pytest.warns(UserWarning, match="neither rises nor falls"):
        assert not read_response(path).monotone
    path.write_text("grey_level,phase_rad\n0,2\n10,1\n20,1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_response(path).monotone


def test_options_by_name_go_before_those_of_the_file(tmp_path):
    path = full_bench(tmp_path)
    config = substrate(path, photons=700.0).config
    assert (config.photons, config.full_well_electrons, config.camera_bits) == (700.0, 8000.0, 12)
    assert config.electrons_per_adu == 2.0
    name, options = registry.resolve(f"optical:{path}", {})
    assert name == "optical:bench.yaml"
    assert registry.resolve(name, options) == (name, options), "nothing is read again"
    assert OwnBench.from_plain(options["bench"]).plain() == options["bench"]


def test_a_camera_may_stand_in_the_file_with_its_gain_the_other_way(tmp_path):
    path = write_bench(tmp_path, camera={"gain_adu_per_electron": 0.25, "bits": 10})
    config = substrate(path).config
    assert config.electrons_per_adu == 4.0
    assert config.adc_range == pytest.approx((0.0, 1023 * 4 / 1500))


def test_a_saved_state_brings_the_bench_along(tmp_path):
    path = full_bench(tmp_path)
    name, options = registry.resolve(f"optical:{path}", {})
    medium = registry.make(name, options, Streams(0), Meter()).make_medium(4, 10)
    drive = draws(20, 4)
    (tmp_path / "tm.npy").unlink()
    blank = registry.make(name, options, Streams(1), Meter()).make_medium(4, 10)
    assert not blank.ready
    with pytest.raises(MissingBenchError, match=r"tm\.npy is not there; put the file back"):
        blank.measure(drive)
    blank.load_state_dict(medium.state_dict())
    assert blank.ready
    for read in (Read.MEAN, Read.IDEAL):
        assert torch.equal(blank.measure(drive, read), medium.measure(drive, read))


def test_a_matrix_that_changed_is_not_taken(tmp_path):
    name, options = registry.resolve(f"optical:{write_bench(tmp_path)}", {})
    np.save(tmp_path / "tm.npy", matrix(5))
    with pytest.raises(MissingBenchError, match=r"tm\.npy has changed since"):
        registry.make(name, options, Streams(0), Meter()).make_medium(4, 10).measure(draws(2, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"transmission": None}, "lacks transmission"),
        ({"transmission": 3}, "transmission must be the name of a file, got 3"),
        ({"transmission": "no.npy"}, r"no\.npy can't be read as .npy or .npz: No such file"),
        ({"transmition": "tm.npy"}, "has no key 'transmition'; did you mean transmission"),
        ({"photons": "many"}, "bench option photons must be float or none, got 'many'"),
        ({"photons": -1.0}, "optical photons must be > 0"),
        ({"camera": {"gain": 2}}, "has no 'gain'; known: gain_electrons_per_adu"),
        ({"camera": 3}, "camera must be a file, or a mapping with"),
        ({"camera": {"gain_electrons_per_adu": 0}}, "gain_electrons_per_adu must be a number in 1e-09"),
        ({"camera": {"bits": 8}, "camera_bits": 8}, "camera_bits stands under camera and by itself"),
        ({"dark": "tm.npy"}, rf"must hold real numbers of shape \({PIXELS},\) or \(frames, {PIXELS}\)"),
        ({"dark": "dark.npy"}, "dark frames are in ADC codes and need the gain of the camera"),
        ({"slm": "slm.csv", "modulator": "dmd"}, "got it with modulator dmd"),
        ({"slm": "bad.csv"}, r"bad\.csv: it must begin with the names of its columns, grey_level,phase_rad"),
    ],
)
def test_bad_benches_are_told(tmp_path, content, message):
    np.save(tmp_path / "dark.npy", dark())
    np.save(tmp_path / "tm.npy", matrix())
    (tmp_path / "slm.csv").write_text(response())
    (tmp_path / "bad.csv").write_text("grey,phase\n0,0\n")
    path = write_bench(tmp_path, **content)
    with pytest.raises(ValueError, match=message):
        read_bench(path)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (np.full((4, 4), np.nan + 0j), r"all numbers must be finite, got \(?nan.* at \[0, 0\]"),
        (np.zeros((4, 4)), "all numbers are 0"),
        (-np.ones((4, 4)), "taken for intensities"),
        (np.ones(4), "must be a matrix of shape"),
        (np.array([["a"]]), "must hold real or complex numbers"),
        (np.array([[None]], dtype=object), "must hold real or complex numbers"),
    ],
)
def test_bad_matrices_are_told(tmp_path, numbers, message):
    np.save(tmp_path / "tm.npy", numbers, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_bench(write_bench(tmp_path, transmission="tm.npy"))


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path):
    np.save(tmp_path / "tm.npy", matrix())
    content = (tmp_path / "tm.npy").read_bytes()
    (tmp_path / "tm.npy").write_bytes(content.replace(b"(200, 120)", b"(200000, 12000)").replace(b"  \n", b"\n"))
    with pytest.raises(ValueError, match=r"tm\.npy"):
        read_bench(write_bench(tmp_path, transmission="tm.npy"))
    (tmp_path / "tm.npy").write_bytes(content[:-100])
    with pytest.raises(ValueError, match="can't be read"):
        read_bench(write_bench(tmp_path, transmission="tm.npy"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0,0\n10,4", "unwrap the phases"),
        ("0,0", r"needs 2\.\.4096 points, got 1"),
        ("0,0\n10,x", "line 3: phase_rad must be a number, got 'x'"),
        ("0,0\n1.5,1", "line 3: grey_level must be whole"),
        ("-1,0\n1,1", "must be a whole number in 0..65535"),
    ],
)
def test_bad_responses_are_told(tmp_path, lines, message):
    path = tmp_path / "slm.csv"
    path.write_text(f"grey_level,phase_rad\n{lines}\n")
    with pytest.raises(ValueError, match=rf"slm\.csv: .*{message}"):
        read_response(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0,0\n128,180\n255,360", "spans 360, which looks like degrees, and radians are wanted"),
        ("0,2\n128,2\n255,2", "is 2 at all grey levels, so that the modulator does nothing"),
    ],
)
def test_degrees_and_modulators_that_do_nothing_are_told(tmp_path, lines, message):
    (tmp_path / "slm.csv").write_text(f"grey_level,phase_rad\n{lines}\n")
    with pytest.raises(ValueError, match=rf"slm\.csv: phase_rad {message}"):
        read_bench(write_bench(tmp_path, slm="slm.csv"))


def test_a_column_twice_is_told(tmp_path):
    (tmp_path / "slm.csv").write_text("grey_level,phase_rad,phase_rad\n0,0,1\n255,3,1\n")
    with pytest.raises(ValueError, match="several columns phase_rad"):
        read_response(tmp_path / "slm.csv")


@pytest.mark.parametrize("factor", [1e-310, 1e-300, 1e300])
@pytest.mark.parametrize("power", [False, True])
@pytest.mark.filterwarnings("ignore:.*holds intensities")
def test_the_scale_of_a_matrix_does_not_matter(tmp_path, factor, power):
    whole = np.abs(matrix().astype(complex)) ** 2 if power else matrix().astype(complex)
    found = []
    for name, scale in (("one.npy", 1.0), ("other.npy", factor)):
        values = whole / np.abs(whole).max()
        np.save(tmp_path / name, (values.real * scale + 1j * values.imag * scale) if not power else values * scale)
        found.append(substrate(write_bench(tmp_path, transmission=name)).make_medium(4, 10).transmission)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_a_matrix_without_light_where_it_is_used_is_told(tmp_path):
    dark_one = np.zeros((PIXELS, MODES), np.complex64)
    dark_one[0, 0] = 1
    np.save(tmp_path / "tm.npy", dark_one)
    made = substrate(write_bench(tmp_path, transmission="tm.npy"))
    with pytest.raises(ValueError, match=r"tm\.npy: all numbers in the 30 rows and 20 columns .* are 0"):
        made.make_medium(4, 10)


@pytest.mark.parametrize(("frames", "bits"), [(np.full((9, PIXELS), 4095), 12), (dark(), 6)])
def test_dark_frames_that_fill_the_camera_are_told(tmp_path, frames, bits):
    path = full_bench(tmp_path)
    np.save(tmp_path / "dark.npy", frames)
    with pytest.raises(ValueError, match=rf"dark\.npy: dark frames of .* do not fit an ADC of {bits} bits"):
        substrate(path, camera_bits=bits).make_medium(4, 10)


@pytest.mark.parametrize("content", [b"SECRET text of a user", b"", b"\x93NUMPY\x01\x00\x10\x00{SECRET          \n"])
def test_what_a_file_begins_with_is_not_told(tmp_path, content):
    (tmp_path / "tm.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"tm\.npy can't be read as .npy or .npz: it is none") as told:
        read_bench(write_bench(tmp_path, transmission="tm.npy"))
    assert "SECRET" not in str(told.value)


@pytest.mark.parametrize("camera", [3, "no.yaml", {"bits": 99}, {"gain": 2}])
def test_a_file_is_named_once(tmp_path, monkeypatch, camera):
    monkeypatch.chdir(tmp_path)
    name = write_bench(tmp_path, camera=camera).relative_to(tmp_path)
    with pytest.raises(ValueError, match=r"\.yaml") as told:
        read_bench(name)
    assert str(told.value).count(".yaml") == 1


def test_a_key_twice_is_told(tmp_path):
    path = write_bench(tmp_path)
    path.write_text(path.read_text() + "photons: 3\n")
    with pytest.raises(ValueError, match=r"bench\.yaml .*'photons' is given twice, in lines 2 and 5; leave one out"):
        read_bench(path)


@pytest.mark.parametrize(
    "bench",
    [
        {"transmission": {}},
        {"transmission": {"file": "a", "sha256": "b", "pixels": 4, "modes": 4, "phases": "measured"}},
        {"transmission": {"file": "a", "sha256": "b" * 64, "pixels": 0, "modes": 4, "phases": "measured"}},
        {"transmission": {"file": "a", "sha256": "b" * 64, "pixels": 4, "modes": 4, "phases": "no"}},
        {"matrix": {}},
    ],
)
def test_plain_values_of_a_bench_are_checked(bench):
    with pytest.raises(ValueError, match=r"bench|measured array"):
        OpticalConfig(bench=bench)
