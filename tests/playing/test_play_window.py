"""The window on a virtual display, with real key events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import ImageGrab

from pib_rl import train
from pib_rl.viewer import colours
from pib_rl.viewer.layout import Layout

pytestmark = pytest.mark.usefixtures("few_steps")

SIZE = (1280, 720)
PLACES = Layout(SIZE)
PATIENCE = 60  # seconds until something that must come about counts as missing


def until(holds):
    """Waits for something that must come about, and returns it."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train.main(
        [
            "CartPole-v1",
            "--hw",
            "optical",
            "--timesteps",
            "1024",
            "--n-steps",
            "32",
            "--width",
            "8",
            "--eval-episodes",
            "1",
            "--hw-options",
            "decorrelation_time_s=1e6",
            "--out",
            str(path),
            "--no-progress",
        ]
    )
    return path


@pytest.fixture(scope="module")
def display():
    """A virtual display; without one the test is skipped, unless PIB_RL_DISPLAY demands one."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing and os.environ.get("PIB_RL_DISPLAY") != "required":
        pytest.skip(f"{' and '.join(missing)} not found")
    assert not missing
    # -noreset: one that begins anew when its last client leaves would do so at each look before the window is there
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-noreset", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield f":{server.stdout.readline().strip()}"
    server.terminate()
    server.wait()


class Viewer:
    """A window of play, its keys, and what it shows."""

    def __init__(self, display, folder, *arguments):
        self.display = display
        self.environment = {**os.environ, "DISPLAY": display, "SDL_AUDIODRIVER": "dummy", "OMP_NUM_THREADS": "1"}
        self.environment.pop("SDL_VIDEODRIVER", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pib_rl.play", str(folder), "--render", "human", "--no-progress", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: self.shows("frame"))
        except BaseException:
            self.process.kill()
            raise

    def press(self, *keys):
        for key in keys:
            subprocess.run(["xdotool", "key", key], env=self.environment, check=True)

    def look(self, place):
        rect = getattr(PLACES, place)
        return np.asarray(ImageGrab.grab(xdisplay=self.display).convert("RGB")).astype(int)[
            rect.top : rect.bottom, rect.left : rect.right
        ]

    def shows(self, place, colour=colours.PAPER):
        """Pixels of this colour."""
        return int((np.abs(self.look(place) - colour).sum(2) < 12).sum())

    def moves(self, place="header"):
        before = self.look(place)
        time.sleep(0.4)
        return (self.look(place) != before).any()

    def end(self):
        out, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, said


@pytest.fixture
def viewer(display, folder):
    opened = []

    def make(*arguments):
        opened.append(Viewer(display, folder, *arguments))
        return opened[-1]

    yield make
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_keys_pause_step_break_age_reset_save_and_quit(viewer, folder):
    window = viewer()
    until(lambda: window.moves())
    dark = window.shows("header", colours.INK)
    window.press("space")
    until(lambda: window.shows("header", colours.INK) > dark + 300)  # a tag more
    until(lambda: not window.moves())
    still = window.look("header")
    window.press("Right")
    until(lambda: (window.look("header") != still).any())
    until(lambda: not window.moves())
    ink = window.shows("hardware", colours.INK)
    window.press("h")
    until(lambda: window.shows("hardware", colours.INK) > ink + 500)  # the frame of the table
    window.press("h")
    until(lambda: window.shows("hardware", colours.INK) == ink)
    assert window.shows("costs", colours.RED) == 0
    window.press("f")
    until(lambda: window.shows("hardware", colours.INK) > ink + 500)
    window.press("2")  # dead pixels: sorted by name
    until(lambda: window.shows("costs", colours.RED) > 50)
    costs = window.look("costs")
    window.press("d")
    until(lambda: (window.look("costs") != costs).any())  # the age
    window.press("s")
    saved = until(lambda: list(folder.glob("play-*.png")))
    assert saved[0].stat().st_size > 10_000
    window.press("r")
    until(lambda: window.shows("costs", colours.RED) == 0)
    window.press("q")
    assert window.end()[0] == 0


def test_it_learns_while_it_plays_and_stays_responsive(viewer):
    window = viewer("--learn-steps", "1000000")
    window.press("l")
    until(lambda: window.shows("history", colours.GREEN) > 100)
    until(lambda: window.moves("frame"))
    window.press("space")
    until(lambda: window.moves("history"))  # the learner goes on while the play waits
    window.press("l")
    until(lambda: window.shows("history", colours.GREEN) == 0)
    window.press("Escape")
    code, _, said = window.end()
    assert (code, "Traceback" in said) == (0, False)


def test_a_display_that_is_not_there_is_told_in_one_line(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pib_rl.play", str(folder), "--render", "human"],
        env={**os.environ, "DISPLAY": ":987", "SDL_VIDEODRIVER": "x11"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("pib_rl.play: error: cannot open a window")
