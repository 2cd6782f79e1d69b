"""Tables of numbers as users have them: first lines, missing values, labels as they are written."""

from __future__ import annotations

import json
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from pib_rl import learn
from pib_rl.cli.cli import UserError
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.data import arrays, load
from pib_rl.learning.data.table import read_csv
from pib_rl.learning.data.words import read_labels

LINES = [f"{n * 7 % 5}.5,{n * n % 11},{'ab'[n % 2]}" for n in range(30)]


def table(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def count(data):
    return len(data.x_train) + len(data.x_test)


@pytest.mark.parametrize(
    "labels",
    [
        ["0123", "123"],
        [str(2**53), str(2**53 + 1)],
        ["1e30", "2e30", "3e30"],
        ["1", "1.0", "+1"],
        [str(10**30), str(10**30 + 1)],
        ["-0", "0"],
        ["00", "0", "000"],
    ],
    ids=" ".join,
)
def test_labels_stay_apart_as_they_are_written(labels, tmp_path):
    lines = [f"{n * 7 % 5}.5,{n * n % 11},{labels[n % len(labels)]}" for n in range(60)]
    data = load(str(table(tmp_path, *lines)))
    found = np.unique(np.r_[data.y_train, data.y_test])
    assert sorted(map(str, found)) == sorted(labels)


def test_plain_whole_numbers_are_numbers():
    assert read_labels(["3", "-2", "0", "3"], "labels").tolist() == [3, -2, 0, 3]
    assert read_labels(["1", "2", "x"], "labels").tolist() == ["1", "2", "x"]


@pytest.mark.parametrize("labels", [["0.5", "1"], ["1", "1e-3"], ["nan", "1"], ["inf", "1"], ["1e400", "1"]])
def test_real_values_are_no_labels(labels):
    with pytest.raises(UserError, match="has the real value"):
        read_labels(labels, "labels")


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_large_labels_of_arrays_stay_apart(tmp_path, kind):
    y = np.array([1e30, 2e30, 3e30], dtype=kind)[np.arange(60) % 3]
    x = np.random.default_rng(0).normal(size=(60, 2))
    np.savez(tmp_path / "some.npz", x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])
    assert len(np.unique(load(str(tmp_path / "some.npz")).y_train)) == 3


def test_one_number_in_several_ways_is_noted(capsys):
    read_labels(["0123", "123", "7"], "labels")
    assert "labels has 0123 and 123, one number written in several ways" in capsys.readouterr().err
    read_labels(["124", "123", "7"], "labels")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("columns", [3, 11])
def test_a_first_line_that_counts_up_is_names(first, columns, tmp_path, capsys):
    names = ",".join(str(first + place) for place in range(columns))
    rows = np.random.default_rng(0).normal(size=(40, columns))
    path = table(tmp_path, names, *[",".join(map(str, row)) for row in rows])
    assert count(load(str(path), real=True)) == 40
    assert "the first line counts up" in capsys.readouterr().err
    assert count(load(str(path), real=True, header="yes")) == 40
    assert count(load(str(path), real=True, header="no")) == 41
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("first", ["0,1", "2,3,4", "0,1,3", "0,2,4", "0.0,1.0,2.0", "5,1,2"])
def test_other_first_lines_of_numbers_are_samples(first, tmp_path, capsys):
    rows = [",".join([str(n * 7 % 5)] * first.count(",") + [str(n)]) for n in range(20)]
    assert count(load(str(table(tmp_path, first, *rows)), real=True)) == 21
    assert capsys.readouterr().err == ""


def test_the_names_of_a_table_with_an_index_are_found(tmp_path, capsys):
    rows = [f"{n},{n * 7 % 5}.5,{n * n % 11},{n % 2}" for n in range(30)]
    data = load(str(table(tmp_path, ",0,1,2", *rows)))
    assert count(data) == 30
    said = capsys.readouterr().err
    assert "the first line counts up" in said
    assert "the first column counts the lines" in said


@pytest.mark.parametrize("header", ["auto", "yes"])
def test_words_in_the_first_line_are_names(header, tmp_path):
    assert count(load(str(table(tmp_path, "size,?,kind", *LINES)), header=header)) == 30
    with pytest.raises(UserError, match=r"line 1, column 1 is 'size' \(if that line holds names: --header yes\)"):
        load(str(table(tmp_path, "size,weight,kind", *LINES)), header="no")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("?,?,a", "line 1, column 1 is '?', a missing value; fill it in, or leave that line out"),
        ("NA,,a", "line 1, column 1 is 'NA', a missing value"),
        ("1, ?,a", "line 1, column 2 is '?', a missing value"),
        ("nan,1,a", "line 1, column 1 is 'nan', a missing value"),
        ("1,,a", "line 1, column 2 is '', a missing value"),
    ],
)
def test_missing_values_are_named_and_never_taken_for_names(line, words, tmp_path):
    with pytest.raises(UserError) as caught:
        read_csv(table(tmp_path, line, *LINES))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["NA", "?", "null", "nan"])
def test_missing_real_values_are_named(text, tmp_path):
    rows = [f"{n},{n * n % 11},{n / 7}" for n in range(20)]
    with pytest.raises(UserError, match=rf"line 3, column 3 is '{text.replace('?', '.')}', a missing value"):
        read_csv(table(tmp_path, *rows[:2], f"1,2,{text}", *rows[2:]), real=True)


@pytest.mark.parametrize(("label", "noted"), [("NA", True), ("null", True), ("Nadia", False), ("-", False)])
def test_a_label_that_looks_like_a_missing_value_is_noted(label, noted, capsys):
    assert read_labels(["x", label, label], "labels").tolist() == ["x", label, label]
    assert (f"has the label '{label}' 2 times" in capsys.readouterr().err) == noted


@pytest.mark.parametrize(("numbers", "noted"), [(range(30), True), (range(1, 31), True), (range(0, 60, 2), False)])
def test_a_first_column_of_row_numbers_is_noted(numbers, noted, tmp_path, capsys):
    load(str(table(tmp_path, *[f"{number},{line}" for number, line in zip(numbers, LINES, strict=True)])))
    assert ("the first column counts the lines" in capsys.readouterr().err) == noted


def test_the_option_reaches_the_file_and_is_a_part_of_the_run(tmp_path, capsys):
    path = table(tmp_path, "0,1,2", *[f"{n * 7 % 5},{n * n % 11},{n}" for n in range(39)])
    small = ["--target", "values", "--width", "4", "--units", "1", "--epochs", "1", "--no-progress"]
    for header, samples in (("auto", 39), ("no", 40)):
        out = tmp_path / header
        learn.main([str(path), *small, "--header", header, "--out", str(out)])
        result = json.loads((out / "result.json").read_text())
        held = 3  # validation samples
        assert result["train_samples"] + result["test_samples"] + held == samples
    assert "header" not in LearnConfig(data="x").identity()
    assert LearnConfig(data="x", header="no").identity()["header"] == "no"


def images(path, shape, **more):
    x = np.arange(12 * np.prod(shape), dtype=float).reshape(12, *shape)
    np.savez(path, x_train=x, **more)
    return x


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8), (3, 8, 9), (5, 8, 8)])
def test_channels_first_are_recognised_and_noted(shape, tmp_path, capsys):
    x = images(tmp_path / "some.npz", shape)
    data = load(str(tmp_path / "some.npz"))
    assert data.image == (*shape[1:], shape[0])
    np.testing.assert_array_equal(data.x_train, x.transpose(0, 2, 3, 1).reshape(12, -1))
    assert f"images of {shape[0]} channels first" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (9, 8, 3), (8, 8, 8), (5, 7, 9), (2, 2, 5), (1, 5, 1)])
def test_channels_last_stay(shape, tmp_path, capsys):
    images(tmp_path / "some.npz", shape)
    assert load(str(tmp_path / "some.npz")).image == shape
    assert capsys.readouterr().err == ""


def test_the_file_may_say_where_channels_are(tmp_path, capsys):
    path = tmp_path / "some.npz"
    images(path, (4, 10, 10), channels="last")
    assert load(str(path)).image == (4, 10, 10)
    images(path, (8, 8, 3), channels="first")
    assert load(str(path)).image == (8, 3, 8)
    assert capsys.readouterr().err == ""
    images(path, (8, 8, 3), channels="middle")
    with pytest.raises(UserError, match="channels must be first or last, got 'middle'"):
        load(str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is the home folder on Unix")
def test_a_path_of_data_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    table(tmp_path, *LINES)
    assert count(load("~/table.csv")) == 30


def broken(path, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(f"{name}.npy", content)
    return str(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY\x01\0\x10\0{'descr': '<f8',", b"\x93NUMPY\x01\0\x08\0((((((((", b"\x93NUMPY\x09\0"],
)
def test_parts_of_npz_that_are_no_arrays_are_refused(content, tmp_path):
    with pytest.raises(UserError, match=r"numpy\.savez"):
        load(broken(tmp_path / "some.npz", x_train=content))


def test_what_unfolds_to_more_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays.psutil, "virtual_memory", lambda: SimpleNamespace(available=10**6))
    with pytest.raises(UserError, match=r"some.npz holds arrays of 2e\+06 bytes, and 1e\+06 bytes of memory are free$"):
        load(broken(tmp_path / "some.npz", x_train=b"\0" * 2 * 10**6))
