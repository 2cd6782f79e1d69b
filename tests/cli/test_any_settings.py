"""Whatever is typed or stands in a file: it is accepted, or answered in one line. Property tests."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pib_rl.adaptation.config import AdaptConfig
from pib_rl.agents.rule.config import RuleConfig
from pib_rl.characterisation.config import CharacteriseConfig
from pib_rl.cli import cli
from pib_rl.cli.cli import UserError, parse
from pib_rl.cli.settings import parse_options
from pib_rl.cli.settings_files import from_plain
from pib_rl.common.options import configure
from pib_rl.common.streams import Streams
from pib_rl.comparison.config import CompareConfig
from pib_rl.learning.config import LearnConfig
from pib_rl.physical import registry
from pib_rl.physical.faults import KINDS, parse_all
from pib_rl.physical.faults import parse as parse_fault
from pib_rl.physical.meter import Meter
from pib_rl.training.config import TrainConfig

CONFIGS = [TrainConfig, LearnConfig, AdaptConfig, CompareConfig, CharacteriseConfig]
WORDS = st.sampled_from(
    (
        *("", "-1", "0", "1", "2.5", "1e400", "nan", "inf", "9" * 30, "a b", "none", "zz", "~nobody/x", "digital"),
        *("optical:x", "stuck:0.5", "stuck:0.5@3", "8:3:1", "gamma=0.9", "a=[", "lin_", "lin_0.5", "--", "é\n", "\0"),
        *("=", "5min", "True"),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
SUBSTRATES = [name for name in registry.names() if name != "remote"]


def check_one_line(error, raw=False):
    """What a command prints of an error: never more than one line, never nothing; ``raw``: the error itself, too."""
    text = str(error) if raw else cli.one_line(str(error))
    assert text
    assert "\n" not in text


def check_end(stop, said):
    """A command ended as asked (--help), or with one line and code 2."""
    assert stop.code in (0, None, cli.MISTAKE)
    assert said.count("\n") == (stop.code == cli.MISTAKE)


def typed(kind):
    options = st.sampled_from([f"--{one.name.replace('_', '-')}" for one in fields(kind)] + ["--zz", "-x"])
    return st.lists(st.one_of(options, WORDS), max_size=6)


@pytest.mark.parametrize("kind", CONFIGS)
@given(data=st.data())
def test_a_command_line_is_accepted_or_answered_in_one_line(kind, data):
    arguments = data.draw(typed(kind))
    try:
        config = parse(kind, arguments, "pib_rl.some")
        yaml.safe_dump(config.identity())
    except UserError as error:
        check_one_line(error)
    except SystemExit as stop:
        check_end(stop, "")  # --help


@given(arguments=typed(TrainConfig))
def test_the_exit_code_is_2_and_one_line_is_said(arguments):
    said, before = io.StringIO(), sys.argv

    def main(given_arguments):
        parse(TrainConfig, given_arguments, "pib_rl.train")

    sys.argv = ["train", *arguments]
    try:
        with redirect_stderr(said):
            cli.run("pib_rl.train", main)
    except SystemExit as stop:
        check_end(stop, said.getvalue())
    finally:
        sys.argv = before


@pytest.mark.parametrize("kind", CONFIGS)
@given(data=st.data())
def test_a_file_of_settings_is_accepted_or_answered_in_one_line(kind, data):
    names = st.sampled_from([one.name for one in fields(kind)]) | st.text(max_size=5)
    settings = data.draw(st.dictionaries(names, VALUES, max_size=4))
    try:
        config = from_plain(kind, settings, Path("some.yaml"))
        yaml.safe_dump(config.identity())
    except UserError as error:
        check_one_line(error)


@pytest.mark.parametrize("hw", SUBSTRATES)
@given(data=st.data())
def test_options_of_hardware_are_accepted_or_answered_in_one_line(hw, data):
    names = st.sampled_from([one.name for one in fields(registry.find(hw).Config)] + ["zz"]) | st.text(max_size=5)
    options = data.draw(st.dictionaries(names, VALUES, max_size=3))
    try:
        registry.make(hw, options, Streams(0), Meter())
    except ValueError as error:
        check_one_line(error, raw=True)


@given(
    options=st.dictionaries(st.sampled_from([one.name for one in fields(RuleConfig)]) | st.text(), VALUES, max_size=3)
)
def test_options_of_the_rule_are_accepted_or_answered_in_one_line(options):
    try:
        configure(RuleConfig, options, "the rule")
    except ValueError as error:
        check_one_line(error)


@given(items=st.lists(st.text(max_size=12) | WORDS, max_size=3))
@example(items=["a=" + "[" * 20_000])
@example(items=["a=!!python/object/apply:os.system [ls]"])
def test_names_and_values_are_accepted_or_answered_in_one_line(items):
    try:
        parse_options(items)
    except ValueError as error:
        check_one_line(error)


@given(
    text=st.text(max_size=20)
    | st.builds(
        "{}:{}{}".format, st.sampled_from(list(KINDS)), st.floats() | st.integers(), st.text("@.s0123e-", max_size=6)
    )
)
@example(text="stuck:0.1..0.5@3")
@example(text="stuck:0.5@" + "9" * 5000)
@example(text="stuck:0.5@²")
def test_a_fault_is_accepted_or_answered_in_one_line(text):
    try:
        fault = parse_fault(text)
    except ValueError as error:
        check_one_line(error)
    else:
        assert parse_all([str(fault)]) == [fault]
