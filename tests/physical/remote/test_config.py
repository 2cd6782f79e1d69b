"""The configuration of a remote instrument: what it refuses."""

from __future__ import annotations

import pytest

from pib_rl.physical import Meter, RemoteConfig, Streams, registry


def test_an_address_is_needed():
    with pytest.raises(ValueError, match="remote needs the VISA address of the instrument, such as --hw-options"):
        registry.make("remote", {}, Streams(), Meter())


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("timeout_s", 0.0, "remote timeout_s must be > 0, got 0.0"),
        ("baud_rate", 0, "baud_rate must be none or >= 1"),
        ("retries", -1, r"retries must be in 0\.\.100, got -1"),
        ("chunk", 0, r"chunk must be in 1\.\."),
        ("repeats", 0, r"repeats must be in 1\.\."),
        ("full_scale", -1.0, "full_scale must be > 0"),
        ("drive_offset", -0.1, "drive_offset must be >= 0"),
        ("first_channel", -1, "first_channel"),
        ("terminator", "", "terminator"),
        ("separator", "", "separator"),
        ("number", "d", "number must be a format"),
        ("number", ".0f", "number must be a format"),
        ("drive", "DRIV {channel}", r"remote drive must hold \{values\}, got 'DRIV \{channel\}'"),
        (
            "write",
            "W {channel},{rwo},{values}",
            r"remote write must be a text with the fields \{values\} \{channel\} \{row\}",
        ),
        ("read_array", "MEAS? {}", "remote read_array must be a text with the fields"),
        ("configure", "{", "remote configure must be a text with the fields"),
    ],
)
def test_values_outside_their_range_are_refused(option, value, words):
    with pytest.raises(ValueError, match=words):
        RemoteConfig(**{option: value})


def test_expecting_a_name_without_asking_for_it_is_refused():
    with pytest.raises(ValueError, match="expect 'Chip' needs identify"):
        RemoteConfig(identify=None, expect="Chip")
