import pytest

from pib_rl.common.units import si


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 J"),
        (1.5, "1.5 J"),
        (0.02, "20 mJ"),
        (3.97e-5, "39.7 uJ"),
        (2e-9, "2 nJ"),
        (1e-13, "1e-13 J"),
        (15_900.0, "15.9 kJ"),
        (2e6, "2 MJ"),
        (3e9, "3 GJ"),
        (-0.02, "-20 mJ"),
        (0.99999e-3, "1 mJ"),
    ],
)
def test_quantities_for_people(value, text):
    assert si(value, "J") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.0123"), (12, "12"), (45_600, "45.6 k"), (999_999, "1 M"), (1.5e9, "1.5 G")]
)
def test_counts_take_no_prefix_below_one(value, text):
    assert si(value, smallest=1.0) == text
