"""sites.yaml: what it says, and one line for everything that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pib_rl.sites.config import SitesConfig, read_sites

ONE = "sites: [{name: a, units: [1]}]\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "two.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_groups_are_in_the_order_of_units(tmp_path):
    config = read_sites(write(tmp_path, "sites: [{name: b, units: [4]}, {name: a, units: [1, 2]}]"))
    groups = [(list(units), site and site.name) for units, site in config.groups(5)]
    assert groups == [([0, 1], "a"), ([2], None), ([3], "b"), ([4], None)]


def test_a_link_is_read(tmp_path):
    config = read_sites(write(tmp_path, "sites: [{name: a, units: [1], link: {latency_ms: 5}}]\nbits: 16"))
    assert config.sites[0].link.latency_ms == 5
    assert config.bits == 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold a mapping"),
        ("a: [", "is not YAML"),
        ("sites: []", "must be a list of"),
        ("sites: 3", "must be a list of"),
        ("sites: [3]", "each of sites"),
        ("sites: [{units: [1]}]", "every site needs name"),
        ("sites: [{name: a}]", "every site needs units"),
        ("sites: [{name: a, units: 1}]", "must be a list of their numbers"),
        ("sites: [{name: a, units: []}]", "must be a list of their numbers"),
        ("sites: [{name: a, units: [0]}]", "a unit"),
        ("sites: [{name: a, units: [1.5]}]", "a unit"),
        ("sites: [{name: a, units: [true]}]", "a unit"),
        ("sites: [{name: a, units: [1, 3]}]", "must be neighbours"),
        ("sites: [{name: a, units: [2, 1]}]", "must be neighbours"),
        ("sites: [{name: a b, units: [1]}]", "letters, digits"),
        ("sites: [{name: ../a, units: [1]}]", "letters, digits"),
        ("sites: [{name: coordinator, units: [1]}]", "letters, digits"),
        ("sites: [{name: 3, units: [1]}]", "must be a text"),
        ("sites: [{name: a, units: [1]}, {name: a, units: [2]}]", "name a comes twice"),
        ("sites: [{name: a, units: [1]}, {name: b, units: [1]}]", "unit 1 comes twice"),
        ("sites: [{name: a, units: [1], colour: red}]", "unknown setting 'colour'"),
        ("sites: [{name: a, units: [1], threads: 0}]", "threads"),
        ("sites: [{name: a, units: [1], hw: 3}]", "hw must be the name"),
        ("sites: [{name: a, units: [1], hw_options: 3}]", "hw_options"),
        ("sites: [{name: a, units: [1], elsewhere: 3}]", "elsewhere must be true or false"),
        ("sites: [{name: a, units: [1], elsewhere: true}]", "needs keys"),
        ("sites: [{name: a, units: [1], elsewhere: true, link: {latency_ms: 1}}]\nkeys: k", "a link is emulated"),
        ("sites: [{name: a, units: [1], link: 3}]", "link"),
        ("sites: [{name: a, units: [1], link: {latency_ms: -1}}]", "latency_ms"),
        ("sites: [{name: a, units: [1], link: {speed: 1}}]", "no option 'speed'"),
        (ONE + "colour: red", "unknown setting 'colour'"),
        (ONE + "listen: 5", "listen must be HOST:PORT"),
        (ONE + "listen: localhost:70000", "listen must be HOST:PORT"),
        (ONE + "listen: 0.0.0.0:5555", "can be reached by others, and there are no keys"),
        (ONE + "keys: 3", "keys must be the folder"),
        (ONE + "staleness: -1", "staleness"),
        (ONE + "bits: 1", "bits must be 2 to 8, or 16, got 1"),
        (ONE + "bits: 9", "bits must be 2 to 8, or 16, got 9"),
        (ONE + "bits: eight", "bits must be 2 to 8, or 16"),
        (ONE + "bits: 4", "give deflate: true, too"),
        (ONE + "deflate: 1", "deflate must be true or false"),
        (ONE + "patience_s: 0", "patience_s must be"),
        (ONE + "patience_s: soon", "patience_s must be"),
        (ONE + "patience_s: .nan", "patience_s must be"),
    ],
)
def test_what_does_not_fit_is_one_line_with_the_file(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=said) as refused:
        read_sites(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="cannot read"):
        read_sites(tmp_path / "none.yaml")


def test_a_unit_that_the_network_lacks():
    with pytest.raises(ValueError, match="site a has unit 3, the network has 2"):
        SitesConfig(({"name": "a", "units": [3]},)).groups(2)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:5555", "[::1]:5555"])
def test_nothing_but_this_machine_is_reached_without_keys(listen):
    assert SitesConfig(({"name": "a", "units": [1]},), listen=listen).keys is None
