"""Numbers in YAML: as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pib_rl.cli.settings import format_options, parse_options
from pib_rl.cli.settings_files import from_plain, read_settings
from pib_rl.common.yaml_numbers import load_yaml
from pib_rl.training.config import TrainConfig


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1e-1", -0.1),
        ("1e-3", 1e-3),
        ("1E-3", 1e-3),
        (".5e1", 5),
        ("1.5e+3", 1500),
        ("1e5", 100_000),
        ("!!float 1e5", 100_000),
        ("+2e2", 200),
        ("1e400", float("inf")),
        ("1.0", 1.0),
        ("!!float 3", 3.0),
        ("12", 12),
    ],
)
def test_numbers(text, value):
    found = load_yaml(f"x: [{text}]")["x"][0]
    assert found == value
    assert isinstance(found, int) == (isinstance(value, int))


@pytest.mark.parametrize("text", ["e5", "1e", "1e5x", "1-e5", "'1e5'", "lin_1e-3", "e", "-e-1", "1e5.5"])
def test_words(text):
    assert load_yaml(f"x: {text}")["x"] == text.strip("'")


def test_nothing_but_plain_data_is_made():
    with pytest.raises(yaml.YAMLError):
        load_yaml("!!python/object/apply:os.getcwd []")


def test_settings_files_take_numbers_everywhere(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "env: CartPole-v1\nlog_std_init: -1e-1\ntimesteps: !!float 1e5\nn_steps: 1e2\nlearning_rate: 1e-2\n"
        "clock: 2e-2\nrule: {hidden_steps: 1e1, hidden_rate: 1e-3}\nhw_options: {bits: 8}\n"
    )
    config = from_plain(TrainConfig, read_settings(path), path)
    assert (config.log_std_init, config.timesteps, config.n_steps, config.rate()) == (-0.1, 100_000, 100, 0.01)
    assert (config.pace(), config.rule) == (0.02, {"hidden_steps": 10, "hidden_rate": 1e-3})


def test_the_command_line_takes_the_same_numbers():
    options = parse_options(["a=-1e-1", "b=1e1", "c=none", "d=fast", "e=null", "f=true"])
    assert options == {"a": -0.1, "b": 10, "c": None, "d": "fast", "e": None, "f": True}
    assert parse_options(format_options(options)) == options


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = from_plain(TrainConfig, {"env": "CartPole-v1", "out": "~/runs/x", "init": "a~b"}, Path("file"))
    assert found.out == tmp_path / "runs" / "x"
    assert found.init == Path("a~b")
    assert TrainConfig(env="CartPole-v1", out=Path("~/y")).out == tmp_path / "y"


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "{a: 1, a: 1}", "x: [{a: 1, 'a': 2}]"])
def test_a_name_twice_is_refused(text):
    with pytest.raises(yaml.YAMLError, match="'a' is given twice, in lines 1 and"):
        load_yaml(text)


def test_merged_mappings_may_be_changed():
    found = load_yaml("a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: [*a, *b], y: 4}")
    assert found == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": {"x": 1, "y": 4}}


@pytest.mark.parametrize("item", ["hidden_decay=", "hidden_decay= ", "hidden_decay=# 3"])
def test_an_option_without_a_value_is_refused(item):
    with pytest.raises(ValueError, match="without a value; give one, such as hidden_decay=none"):
        parse_options([item])
    assert parse_options(["a=~", "b=''"]) == {"a": None, "b": ""}


@pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 20_000, "- " * 20_000, "? " * 20_000])
def test_thousands_of_levels_end_at_once(text):
    with pytest.raises(RecursionError):
        load_yaml(text)
    assert load_yaml("[" * 40 + "1" + "]" * 40)
