"""Frames per second of the picture of task and hardware.

    python scripts/panel_time.py [--hw optical] [--env CartPole-v1]

For 1280x720 and 1920x1080: painting a scene alone; and a whole turn of the window, with one decision of the policy (a
pass through the simulated hardware), one step of the environment, its frame, the scene, the painting, and the way to a
display that shows nothing. One torch thread; medians of 300 frames after 30, in CPU time of the thread, so that what
else the machine runs counts little; beside them wall time. The chip is untrained, which costs the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from pib_rl.agents.policy import PIBPolicy
from pib_rl.cli.process import settle_in
from pib_rl.envs import make_env
from pib_rl.viewer import Painter, Probe, Status

SIZES = ((1280, 720), (1920, 1080))
FRAMES, FIRST = 300, 30


class Turn:
    """A window's work without its keys."""

    def __init__(self, env_id: str, hw: str, size: tuple[int, int]) -> None:
        self.env = make_env(env_id, render_mode="rgb_array")
        self.policy = PIBPolicy(self.env.observation_space, self.env.action_space, hw=hw)
        self.probe, self.painter = Probe(self.policy), Painter(size)
        from pygame import display

        display.init()
        self.screen, self.update = display.set_mode(size), display.update
        self.obs = self.env.reset(seed=0)[0]
        self.steps = 0
        self.decide()

    def decide(self) -> None:
        self.action = self.probe.act(np.asarray(self.obs))[0]
        self.frame = self.env.render()
        self.scene = self.probe.scene(Status("a task", self.steps, reward=self.steps, message="going on"))

    def step(self) -> None:
        self.obs, _, terminated, truncated, _ = self.env.step(self.action)
        if terminated or truncated:
            self.obs = self.env.reset()[0]
        self.steps += 1
        self.decide()

    def paint(self) -> None:
        changed = self.painter.paint(self.scene, self.frame)
        for rect in changed:
            self.screen.blit(self.painter.surface, rect, rect)
        self.update(changed)

    def painting(self) -> tuple[float, float]:
        """Medians of CPU and wall seconds of painting alone."""
        return timed(self.paint, self.step)

    def whole(self) -> tuple[float, float]:
        """Medians of CPU and wall seconds of a whole turn."""
        return timed(lambda: (self.step(), self.paint()), lambda: None)


def timed(work: Callable[[], object], before: Callable[[], None]) -> tuple[float, float]:
    seen = []
    for frame in range(FIRST + FRAMES):
        before()
        cpu, wall = time.thread_time(), time.perf_counter()
        work()
        if frame >= FIRST:
            seen.append((time.thread_time() - cpu, time.perf_counter() - wall))
    return statistics.median(cpu for cpu, _ in seen), statistics.median(wall for _, wall in seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hw", default="optical")
    parser.add_argument("--env", default="CartPole-v1")
    arguments = parser.parse_args()
    settle_in()
    os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy")
    print("| size | | ms, CPU | ms, wall | frames/s, CPU | frames/s, wall |\n|---|---|---|---|---|---|")
    for size in SIZES:
        turn = Turn(arguments.env, arguments.hw, size)
        for name, (cpu, wall) in (("painting", turn.painting()), ("whole turn", turn.whole())):
            times = f"{1e3 * cpu:.1f} | {1e3 * wall:.1f} | {1 / cpu:.0f} | {1 / wall:.0f}"
            print(f"| {size[0]}x{size[1]} | {name} | {times} |")
        turn.env.close()


if __name__ == "__main__":
    main()
