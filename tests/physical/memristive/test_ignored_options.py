"""Options that would change nothing are refused, and the message says what has a say in their place."""

from __future__ import annotations

import pytest

from pib_rl.physical.memristive.config import OF_DEVICES, MemristiveConfig
from pib_rl.physical.memristive.devices import DEVICES, Device


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("option", OF_DEVICES)
def test_a_published_device_has_its_own(device, option):
    value = 3.0 + getattr(MemristiveConfig(), option)
    MemristiveConfig(**{option: value})
    own = OF_DEVICES[option]
    with pytest.raises(
        ValueError, match=f"{option}={value} is for linear devices.* {device} has its own {own}"
    ) as caught:
        MemristiveConfig(device=device, **{option: value})
    assert str(getattr(DEVICES[device], own)) in str(caught.value)


def test_every_option_is_one_of_the_device_too():
    for option, own in OF_DEVICES.items():
        assert hasattr(MemristiveConfig(), option)
        assert own in Device.__dataclass_fields__


@pytest.mark.parametrize("option", ["stuck", "read_noise", "relative_read_noise", "adc_noise", "read_time_s"])
def test_what_the_crossbar_has_goes_with_any_device(option):
    assert getattr(MemristiveConfig(device="ecram", **{option: 0.5}), option) == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gain_limit": 8.0}, "gain_limit=8.0 changes nothing where ranging is fixed; give ranging too"),
        ({"temperature_k": 350.0}, "temperature_k=350.0 changes nothing where wire_resistance_ohm is 0; give"),
    ],
)
def test_so_is_an_option_whose_partner_is_off(options, message):
    with pytest.raises(ValueError, match=message):
        MemristiveConfig(**options)
    MemristiveConfig(**options, ranging="calibrated", wire_resistance_ohm=1.0)
