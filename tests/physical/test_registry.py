"""Substrates by name: built in, registered, and from installed packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pib_rl.common.streams import Streams
from pib_rl.physical import Digital, Memristive, MemristiveConfig, Optical, registry
from pib_rl.physical.meter import Meter


class Lab(Digital):
    name = "lab"


class Entry:
    """An entry point of an installed package, as `importlib.metadata` gives it; counts how often it was loaded."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name, self._kind, self.loads = name, kind, 0

    def load(self) -> Any:
        self.loads += 1
        return self._kind


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", {})


@pytest.fixture
def plugin(monkeypatch):
    entry = Entry("lab", Lab)

    def entry_points(*, group: str, name: str | None = None) -> list[Entry]:
        return [entry] if group == "pib_rl.substrates" and name in (None, entry.name) else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return entry


@pytest.mark.parametrize("kind", [Digital, Memristive, Optical])
def test_built_in_substrates_are_found(kind):
    assert registry.find(kind.name) is kind
    assert kind.name in registry.names()


def test_names_are_sorted_and_unique(plugin):
    registry.find("lab")
    assert registry.names() == ["digital", "lab", "memristive", "mzi", "optical", "oscillator", "remote"]


def test_own_classes_register_by_decorator():
    assert registry.register(Lab) is Lab
    assert registry.find("lab") is Lab
    assert "lab" in registry.names()
    assert registry.register(Lab) is Lab, "registering the same class again is no conflict"


def test_two_substrates_cannot_share_a_name():
    class Other(Digital):
        name = "digital"

    with pytest.raises(ValueError, match=r"named 'digital' is registered already: pib_rl\.physical\.digital"):
        registry.register(Other)
    assert registry.find("digital") is Digital


@pytest.mark.parametrize(
    ("name", "offer"),
    [
        ("memristiv", "did you mean memristive"),
        ("optic", "mean optical"),
        ("qqqq", "known: digital, memristive, mzi, optical, oscillator, remote"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, offer):
    with pytest.raises(ValueError, match=f"unknown substrate '{name}'; .*{offer}"):
        registry.find(name)


def test_plugins_are_listed_without_loading_and_loaded_once(plugin):
    assert "lab" in registry.names()
    assert plugin.loads == 0
    assert registry.find("lab") is Lab
    assert registry.find("lab") is Lab
    assert plugin.loads == 1


def test_plugins_are_offered_for_names_like_theirs(plugin):
    with pytest.raises(ValueError, match="did you mean lab"):
        registry.find("labb")


def test_make_passes_options_streams_and_meter():
    streams, meter = Streams(3), Meter()
    chip = registry.make("memristive", {"stuck": 0.25, "dac_bits": None}, streams, meter)
    assert isinstance(chip, Memristive)
    assert (chip.config.stuck, chip.config.dac_bits, chip.config.adc_bits) == (0.25, None, MemristiveConfig().adc_bits)
    assert chip.streams is streams
    assert chip.meter is meter


def test_make_reads_the_options_of_a_plugin(monkeypatch):
    @dataclass(frozen=True)
    class LabConfig:
        voltage: float = 1.0

    monkeypatch.setattr(Lab, "Config", LabConfig)
    registry.register(Lab)
    assert registry.make("lab", {"voltage": 2.0}, Streams(), Meter()).describe() == {"voltage": 2.0}
    with pytest.raises(ValueError, match="lab has no option 'voltag'; did you mean voltage"):
        registry.make("lab", {"voltag": 2.0}, Streams(), Meter())


@pytest.mark.parametrize(
    ("name", "option", "offer"),
    [
        ("memristive", "stuk", "did you mean stuck"),
        ("optical", "stuck", "optical has no option"),
        ("digital", "stuck", "digital has no option 'stuck'"),
    ],
)
def test_unknown_options_are_refused(name, option, offer):
    with pytest.raises(ValueError, match=offer):
        registry.make(name, {option: 1}, Streams(), Meter())


def test_values_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="stuck is a fraction"):
        registry.make("memristive", {"stuck": 2.0}, Streams(), Meter())


def test_a_file_without_its_substrate_is_told_how_to_be_given():
    with pytest.raises(ValueError, match=r"such as memristive:my-device\.yaml"):
        registry.check("my-device.yaml")
