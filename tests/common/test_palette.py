import itertools
import re

from pib_rl.common import palette


def test_colours_are_css_and_all_different():
    for colour in (*palette.PALETTE, palette.INK, palette.GREY, palette.FAINT, palette.PAPER):
        assert re.fullmatch("#[0-9a-f]{6}", colour)
    assert len(set(palette.PALETTE)) == len(palette.PALETTE)


def deuteranope(colour):
    """What a red-green-blind eye makes of it: Machado et al., IEEE TVCG 15, 1291 (2009), severity 1."""
    red, green, blue = ((int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5))
    return (
        0.367322 * red + 0.860646 * green - 0.227968 * blue,
        0.280085 * red + 0.672501 * green + 0.047413 * blue,
        -0.011820 * red + 0.042940 * green + 0.968881 * blue,
    )


def test_red_green_blind_eyes_tell_the_first_four_apart():
    for one, two in itertools.combinations(palette.PALETTE[:4], 2):
        apart = max(
            abs(a ** (1 / 2.2) - b ** (1 / 2.2)) for a, b in zip(deuteranope(one), deuteranope(two), strict=True)
        )
        assert apart > 0.1, (one, two)
