"""Numbers of default benches, as measured tables were made with them: they change only on purpose."""

from __future__ import annotations

import pytest
import torch
from chips import draws

from pib_rl.common.streams import Streams
from pib_rl.physical import registry
from pib_rl.physical.meter import Meter
from pib_rl.physical.substrate import Read

MEAN = [0.33652, -0.64048, -0.02835, 0.25289, 0.28642, -0.93225]
IDEAL = [0.34185, -0.6125, -0.03394, 0.26552, 0.26368, -0.96964]
KNOWN = {
    "default": (
        {},
        {Read.NOISY: [0.16637, -0.70816, -0.09203, 0.43694, 0.46841, -1.01521], Read.MEAN: MEAN, Read.IDEAL: IDEAL},
    ),
    "few photons": (
        {"photons": 20.0},
        {Read.NOISY: [-0.40076, 0.51002, -0.6651, 3.93389, 0.74141, -1.43], Read.MEAN: MEAN, Read.IDEAL: IDEAL},
    ),
    "clear": (
        {"photons": None, "camera_bits": None},
        {read: [0.34209, -0.61249, -0.03455, 0.26633, 0.26286, -0.97167] for read in Read},
    ),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_pictures_are_what_they_were(kind):
    options, known = KNOWN[kind]
    medium = registry.make("optical", {"camera_pixels": 32, **options}, Streams(7), Meter()).make_medium(5, 8)
    for read, numbers in known.items():
        seen = medium.measure(draws(6, 5), read)
        torch.testing.assert_close(torch.cat([seen[1, :4], seen[5, -2:]]), torch.tensor(numbers), rtol=0, atol=2e-4)


def test_a_multiplier_behind_a_medium_is_what_it_was():
    substrate = registry.make("optical", {"array": "multiplier"}, Streams(7), Meter())
    substrate.make_medium(5, 8)
    array = substrate.make_array(8, 4)
    array.program(draws(4, 8, seed=1) * 0.1)
    seen = array.measure(draws(3, 8)).flatten()[:6]
    known = torch.tensor([-0.60411, 0.68202, -0.80657, -0.16167, 0.54923, -1.11579])
    torch.testing.assert_close(seen, known, rtol=0, atol=2e-4)
