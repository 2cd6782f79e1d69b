"""Configurations from plain options: names and types are checked before the values are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from pib_rl.common import options
from pib_rl.common.options import check_numbers, configure, nearest, read_json, read_yaml, whole
from pib_rl.physical.digital import DigitalConfig
from pib_rl.physical.memristive.config import MemristiveConfig
from pib_rl.physical.optical.config import OpticalConfig


@dataclass(frozen=True)
class Bench:
    count: int = 1
    size: float = 1.0
    bits: int | None = 8
    mode: str = "fast"
    on: bool = True


def test_options_take_the_place_of_defaults():
    assert configure(Bench, {"count": 3, "on": False}, "bench") == Bench(count=3, on=False)
    assert configure(Bench, {}, "bench") == Bench()
    assert configure(OpticalConfig, {"photons": None, "array": "multiplier"}, "optical").photons is None
    assert configure(MemristiveConfig, {"dac_bits": None}, "memristive").dac_bits is None


def test_a_whole_number_is_a_number():
    size = configure(Bench, {"size": 2}, "bench").size
    assert (size, type(size)) == (2, float)  # whole numbers too large for a tensor's integers would fail later
    assert configure(OpticalConfig, {"photons": 20}, "optical").photons == 20


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("count", 1.5, "int"),
        ("count", True, "int"),
        ("count", None, "int"),
        ("size", "1", "float"),
        ("size", False, "float"),
        ("bits", "none", "int or none"),
        ("bits", 8.0, "int or none"),
        ("mode", 1, "str"),
        ("on", 1, "true or false"),
    ],
)
def test_values_of_another_type_are_refused(option, value, wanted):
    with pytest.raises(ValueError, match=f"^bench option {option} must be {wanted}, got {value!r}$"):
        configure(Bench, {option: value}, "bench")


def test_numbers_of_numpy_become_pythons():
    bench = configure(
        Bench,
        {
            "count": np.int64(3),
            "size": np.float32(0.5),
            "bits": np.uint8(4),
            "on": np.bool_(False),
            "mode": np.str_("slow"),
        },
        "bench",
    )
    assert bench == Bench(3, 0.5, 4, "slow", False)
    assert [type(value) for value in vars(bench).values()] == [int, float, int, str, bool]
    assert type(configure(Bench, {"size": np.int8(2)}, "bench").size) is float
    for value in (np.float32(3), np.array([3])):
        with pytest.raises(ValueError, match="bench option count must be int, got"):
            configure(Bench, {"count": value}, "bench")


@pytest.mark.parametrize(
    ("value", "high", "words"),
    [
        (0, 9, r"n must be a whole number in 1\.\.9, got 0"),
        (10, 9, "got 10"),
        (0, None, "n must be a whole number, 1 or more, got 0"),
        (True, 9, "got True"),
        (2.0, 9, "got 2.0"),
        ("2", 9, "got '2'"),
        (None, 9, "got None"),
        (np.zeros((9, 9)), 9, r"got an object of type ndarray and shape \(9, 9\)$"),
    ],
)
def test_what_is_no_whole_number_in_its_range_is_refused(value, high, words):
    with pytest.raises(ValueError, match=words):
        whole("n", value, 1, high)


def test_whole_numbers_of_numpy_pass():
    assert (whole("n", np.uint8(9), 1, 9), type(whole("n", np.uint8(9), 1))) == (9, int)


def test_unknown_options_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"bench has no option 'sise'; did you mean size"):
        configure(Bench, {"sise": 1.0}, "bench")
    with pytest.raises(ValueError, match="digital has no option 'stuck'; it has none"):
        configure(DigitalConfig, {"stuck": 1.0}, "digital")
    with pytest.raises(ValueError, match="bench has no option 1; known: count"):
        configure(Bench, {1: 1.0}, "bench")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_only_finite_numbers_pass(value):
    with pytest.raises(ValueError, match=f"^bench option size must be a finite number, got {value}$"):
        configure(Bench, {"size": value}, "bench")


def test_values_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="stuck is a fraction"):
        configure(MemristiveConfig, {"stuck": 2.0}, "memristive")


def test_the_nearest_names_are_offered_or_all():
    assert nearest("optic", ["digital", "optical"]) == "did you mean optical?"
    assert nearest("zzz", ["digital", "optical"]) == "known: digital, optical"


@dataclass
class Numbers:
    rate: float = 1.0
    noise: float = 0.0
    limit: float | None = None
    stuck: float = 1.0
    reference: float = 0.0


RANGES = {
    "positive": "rate",
    "not_negative": "noise",
    "positive_or_none": "limit",
    "fraction": "stuck rate",
    "below_one": "reference",
}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate", 0.0, "chip rate must be > 0, got 0.0"),
        ("rate", float("nan"), "chip rate must be > 0, got nan"),
        ("noise", -0.1, "chip noise must be >= 0, got -0.1"),
        ("limit", 0.0, "chip limit must be > 0 or none, got 0.0"),
        ("stuck", 1.1, "chip stuck is a fraction and must be in 0..1, got 1.1"),
        ("rate", 2.0, "chip rate is a fraction and must be in 0..1, got 2.0"),
        ("reference", 1.0, r"chip reference is a fraction and must be in 0..1 \(1 excluded\), got 1.0"),
    ],
)
def test_numbers_keep_to_the_ranges_that_name_them(name, value, words):
    check_numbers(Numbers(), "chip", **RANGES)
    with pytest.raises(ValueError, match=words):
        check_numbers(Numbers(**{name: value}), "chip", **RANGES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 20_000, "nested more than 50 deep"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("a: " + "9" * 5000, "is not YAML"),
        ("a: 2001-99-99", "is not YAML"),
        ("a: !!bool maybe", "is not YAML"),
        ("a: !!timestamp never", "is not YAML"),
        ("? [1, 2]\n: b", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("1: 2", "names of settings must be texts, got 1"),
        ("a: {null: 2}", "names of settings must be texts, got None"),
        ("b: [{2.5: 2}]", "names of settings must be texts, got 2.5"),
        ("a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]\n"
         + "".join(f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)),
         "more than 1000000 values"),
        ("a: \xff", None),
    ],
)  # fmt: skip
def test_strange_yaml_ends_in_one_line(tmp_path, text, words):
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8" if words else "latin-1")
    with pytest.raises(ValueError, match=words or "is not YAML") as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("text", ["[" * 20_000, "{", "", "NaN?", '{"a":' * 60 + "1" + "}" * 60])
def test_strange_json_ends_in_one_line(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ValueError, match=r"result\.json (cannot be read|is nested)"):
        read_json(tmp_path / "result.json")


def test_files_too_large_are_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(options, "LARGEST_TEXT", 10)
    (tmp_path / "file").write_text("a: 12345678")
    for read in (read_yaml, read_json):
        with pytest.raises(ValueError, match="is too large: 11 bytes, and 10 are the most"):
            read(tmp_path / "file")
