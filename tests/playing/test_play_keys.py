"""Keys of the window and its loop, with a display that shows nothing."""

from __future__ import annotations

import pygame
import pytest

from pib_rl.envs import make_env
from pib_rl.physical.substrate import Read
from pib_rl.playing.controls import FASTEST, HELP, SLOWEST, Controls
from pib_rl.playing.session import Session
from pib_rl.playing.window import Window
from pib_rl.runs.folder import LAST
from pib_rl.training.load import load


@pytest.fixture
def session(small_run):
    model, task = load(small_run, LAST)
    made = Session(model, task, make_env(task.env, render_mode="rgb_array"), threaded=True, learn_steps=10**6)
    yield made
    made.close()


@pytest.fixture
def controls(session):
    return Controls(session)


@pytest.fixture
def window(session, monkeypatch, tmp_path):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = Window(session, (640, 360), 50.0, tmp_path)
    yield made
    pygame.display.quit()


def done(controls):
    """What was asked of the session is done."""
    controls.session.turn(0, -1)


def test_pause_and_single_steps(controls):
    controls.press(pygame.K_SPACE)
    assert controls.tags == ("paused",)
    controls.press(pygame.K_SPACE)
    assert controls.tags == ()
    for key in (pygame.K_RIGHT, pygame.K_n):
        controls.press(key)
    assert (controls.paused, controls.single) == (True, 2)


def test_speed_doubles_and_halves_within_limits(controls):
    controls.press(pygame.K_UP)
    controls.press(pygame.K_PLUS)
    assert controls.tags == ("speed x4",)
    for _ in range(3):
        controls.press(pygame.K_MINUS)
    assert controls.tags == ("speed 1/2",)
    for key, end in ((pygame.K_DOWN, SLOWEST), (pygame.K_UP, FASTEST)):
        for _ in range(20):
            controls.press(key)
        assert controls.speed == end


def test_read_modes_take_turns(controls):
    seen = []
    for _ in range(4):
        controls.press(pygame.K_m)
        done(controls)
        seen.append(controls.session.probe.read)
    assert seen == [Read.MEAN, Read.IDEAL, Read.NOISY, Read.MEAN]


def test_the_menu_offers_what_this_hardware_can_have(controls):
    controls.press(pygame.K_f)
    assert [row[0].split()[-1] for row in controls.overlay.rows[:-1]] == ["adc-bits", "dead-unit", "drift", "stuck"]
    controls.press(pygame.K_4)
    assert controls.overlay is None
    done(controls)
    assert controls.session.status().faults == ("stuck 0.3",)


@pytest.mark.parametrize("key", [pygame.K_9, pygame.K_5, pygame.K_0, pygame.K_ESCAPE, pygame.K_l])
def test_any_other_key_closes_the_menu_and_does_nothing(controls, key):
    controls.press(pygame.K_f)
    controls.press(key)
    done(controls)
    assert controls.overlay is None
    assert not controls.quit
    assert controls.session.message == ""


def test_days_pass_and_a_reset_takes_them_back(controls):
    for _ in range(2):
        controls.press(pygame.K_d)
    done(controls)
    assert controls.session.status().age_s == 2 * 86400
    controls.press(pygame.K_r)
    done(controls)
    assert controls.session.status().age_s == 0


def test_help_names_every_key_and_goes_with_the_next(controls):
    controls.press(pygame.K_h)
    assert controls.overlay.rows == HELP
    controls.press(pygame.K_ESCAPE)
    assert (controls.overlay, controls.quit) == (None, False)
    controls.press(pygame.K_h)
    controls.press(pygame.K_SPACE)
    assert (controls.overlay, controls.paused) == (None, True)
    for key in (pygame.K_ESCAPE, pygame.K_q):
        controls.quit = False
        controls.press(key)
        assert controls.quit


def test_closing_the_window_quits(window):
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.run()
    assert window.controls.quit


def test_a_window_plays_saves_and_takes_another_size(window, tmp_path):
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, w=800, h=450, size=(800, 450)))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_UP))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_s))
    window.run(lambda: window.session.steps >= 5)
    assert window.display.painter.surface.get_size() == (800, 450)
    assert len(list(tmp_path.glob("play-*.png"))) == 1


def test_single_steps_are_single(window):
    window.controls.press(pygame.K_n)
    window.run(lambda: window.frames >= 5)
    assert window.session.steps == 1


def test_while_the_chip_is_not_free_the_window_goes_on(window):
    with window.session.learner.chip():
        window.controls.press(pygame.K_d)
        window.run(lambda: window.frames >= 3)
        assert window.session.steps == 0
        assert window.session.status().age_s == 0
    done(window)
    assert window.session.status().age_s == 86400
