"""A film of the live table of sites, from the record of a run whose units were at sites.

    python scripts/sites_film.py RUN/sites.csv [--out sites.gif] [--every 1] [--fps 4]

A frame shows what the table showed at one time, with the newest score of the run below. ``--every 2`` takes every
second time of the record.
"""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from pib_rl.cli.cli import UserError, run
from pib_rl.sites.watch.record import Sample, read
from pib_rl.sites.watch.table import site_table

WIDTH = 104  # characters of a line
INK, PAPER = "#d8dee9", "#1d2129"
AWAY = "#e0a030"
SIZE, MARGIN = 15, 14  # pixels


def moments(samples: list[Sample]) -> list[list[Sample]]:
    """Samples that were taken together, one of each site."""
    found: dict[float, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.time_s, []).append(one)
    return list(found.values())


def words(samples: list[Sample]) -> list[str]:
    """The table of one time as lines of text, and the time and the score."""
    file = io.StringIO()
    Console(file=file, width=WIDTH).print(site_table(samples))
    first = samples[0]
    score = "no score yet" if math.isnan(first.score) else f"newest score {first.score:.4g}"
    return [*file.getvalue().splitlines(), f"  {first.time_s:5.1f} s, {score}"]


def frame(lines: list[str], font: ImageFont.FreeTypeFont) -> Image.Image:
    """Those lines as a picture; sites that are away have another colour."""
    across, height = font.getlength("x"), round(1.25 * SIZE)
    most = max(map(len, lines))
    image = Image.new("RGB", (round(2 * MARGIN + across * most), 2 * MARGIN + height * len(lines)), PAPER)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        ink = AWAY if " away " in line else INK
        draw.text((MARGIN, MARGIN + height * number), line, ink, font=font)
    return image.quantize(16)


def main(arguments: list[str]) -> None:
    """Makes the film."""
    parser = argparse.ArgumentParser(prog="sites_film.py", allow_abbrev=False)
    parser.add_argument("record", type=Path)
    parser.add_argument("--out", type=Path, default=Path("sites.gif"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--fps", type=float, default=4.0)
    config = parser.parse_args(arguments)
    shown = moments(read(config.record))[config.every - 1 :: config.every]
    if not shown:
        raise UserError(f"{config.record} holds no samples; give the sites.csv of a run folder")
    mono = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans Mono"))
    font = ImageFont.truetype(mono, SIZE)
    texts = [words(samples) for samples in shown]
    widest = max(len(line) for text in texts for line in text)
    frames = [frame([line.ljust(widest) for line in text], font) for text in texts]
    times = [round(1000 / config.fps)] * (len(frames) - 1) + [2000]
    frames[0].save(config.out, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=times, optimize=True)
    print(f"{config.out}: {len(frames)} frames, {config.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    run("sites_film.py", main)
