"""Several substrates by name, one for each unit: names, options, and what is shared."""

from __future__ import annotations

import pytest

from pib_rl.common.streams import Streams
from pib_rl.physical import Memristive, Optical, registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.mixed import MixedSubstrate

MIX = "optical,memristive:pcm,memristive"


def make(name: str = MIX, **options) -> MixedSubstrate:
    found = registry.make(name, options, Streams(), Meter())
    assert isinstance(found, MixedSubstrate)
    return found


def test_each_unit_has_the_substrate_and_preset_that_stands_for_it():
    mixed = make()
    kinds = [type(mixed.of_unit(index)) for index in range(3)]
    assert kinds == [Optical, Memristive, Memristive]
    assert [mixed.of_unit(index).config.device for index in (1, 2)] == ["pcm", None]
    assert mixed.of_unit(3) is mixed.of_unit(2), "last medium and readout are of the last unit's substrate"


def test_one_substrate_is_that_of_all_units():
    alone = registry.make("digital", {}, Streams(), Meter())
    assert alone.of_unit(0) is alone
    assert alone.of_unit(7) is alone


def test_all_draw_from_the_same_streams_and_count_on_the_same_meter():
    streams, meter = Streams(), Meter()
    mixed = registry.make(MIX, {}, streams, meter)
    for part in (mixed, *(mixed.of_unit(index) for index in range(3))):
        assert part.streams is streams
        assert part.meter is meter


def test_options_are_those_of_their_unit_alone():
    mixed = make("memristive,memristive:pcm", **{"1.stuck": 0.25, "2.adc_bits": 6})
    assert mixed.describe() == {"1.stuck": 0.25, "2.device": "pcm", "2.adc_bits": 6}


def test_units_of_one_configuration_share_the_substrate_others_do_not():
    same = make("memristive,optical,memristive")
    assert same.of_unit(0) is same.of_unit(2)
    other = make("memristive,optical,memristive", **{"3.stuck": 0.5})
    assert other.of_unit(0) is not other.of_unit(2)


def test_a_mix_makes_no_parts_of_no_unit():
    for wanted in (make().make_medium, make().make_array):
        with pytest.raises(TypeError, match="take of_unit"):
            wanted(3, 3)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("optical,memristiv", {}, "unknown substrate 'memristiv'; did you mean memristive"),
        ("optical,", {}, "unknown substrate ''; known: "),
        ("optical,memristive:pc", {}, "memristive has no preset 'pc'"),
        (MIX, {"adc_bits": 6}, "must be NUMBER.NAME, such as 2.adc_bits for unit 2, got 'adc_bits'"),
        (MIX, {"x.adc_bits": 6}, "must be NUMBER.NAME, such as 2.adc_bits for unit 2, got 'x.adc_bits'"),
        (MIX, {"2.": 6}, "must be NUMBER.NAME, such as 2.adc_bits for unit 2, got '2.'"),
        (MIX, {"0.adc_bits": 6}, r"must be in 1..3, as hw names 3, got '0.adc_bits'"),
        (MIX, {"4.adc_bits": 6}, r"must be in 1..3, as hw names 3, got '4.adc_bits'"),
        (MIX, {"1.adc_bits": 6}, "optical has no option 'adc_bits'"),
        (MIX, {"2.stuck": 2.0}, "stuck is a fraction"),
        ("memristive", {"1.stuck": 0.1}, "memristive has no option '1.stuck'; did you mean stuck"),
    ],
)
def test_mistakes_are_told_in_one_line(name, options, said):
    with pytest.raises(ValueError, match=said) as error:
        registry.make(name, options, Streams(), Meter())
    assert "\n" not in str(error.value)


def test_a_substrate_of_one_chip_refuses_a_wafer_in_a_mix():
    with pytest.raises(ValueError, match="remote makes one chip at a time, got 2 chips"):
        registry.make("digital,remote", {"2.resource": "nowhere"}, Streams(0, 2), Meter())


def test_check_looks_at_every_name():
    registry.check(MIX)
    with pytest.raises(ValueError, match="unknown substrate 'optic'"):
        registry.check("memristive,optic")
    with pytest.raises(ValueError, match="preset 'pc'"):
        registry.check("memristive,memristive:pc")


def test_settings_of_a_substrate_are_those_of_a_mix_of_it_alone():
    assert registry.base("memristive:pcm") == registry.base("memristive:pcm,memristive") == "memristive"
    assert registry.base("memristive:pcm,optical") == "memristive,optical"


def test_options_for_each_unit():
    assert registry.for_each("optical", {"photons": 5}) == {"photons": 5}
    assert registry.for_each("optical,optical", {"photons": 5}) == {"1.photons": 5, "2.photons": 5}


def test_a_mix_can_be_in_the_name_of_a_file():
    assert registry.file_name("optical,memristive:pcm") == "optical+memristive-pcm"


def test_as_many_names_as_units():
    registry.check_units("optical", 5)
    registry.check_units(MIX, 3)
    with pytest.raises(ValueError, match="hw names 3 substrates, and the network has 1 unit, "):
        registry.check_units(MIX, 1)
