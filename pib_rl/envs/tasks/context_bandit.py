"""A bandit that shows a context before each pull: the shortest test of a learning rule."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from pib_rl.common.options import admit, whole
from pib_rl.envs.actions import check_action

DATA = ("clusters", "digits")
RECENT = 100  # pulls over which the picture averages
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}
FAR = 10.0  # largest absolute number of a context
ARGUMENTS = ("arms", "data", "features", "clusters", "spread", "noise", "task_seed", "render_mode")


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's handwritten digits (8 x 8, UCI), shape (1797, 64) in 0..1, and their classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.data / 16).astype(np.float32), data.target


class ContextBandit(gym.Env[np.ndarray, np.int64]):
    """One context, one pull, one reward: an episode has one step.

    ## Observation space
    `Box(float32)`, the context. Data ``clusters``: ``features`` numbers, a draw from a normal distribution around one
    of ``arms`` x ``clusters`` centres, clipped to -10..10; the centres are standard normal, drawn once from
    ``task_seed``, and belong to the arms in turn. Data ``digits``: the 64 pixels, 0..1, of an image of scikit-learn's
    handwritten digits.

    ## Action space
    `Discrete(arms)`: the arm to pull.

    ## Rewards
    1 with probability 1 - ``noise`` for the right arm, 1 with probability ``noise`` for any other, else 0. The right
    arm is that of the centre, or the class of the digit modulo ``arms``. A policy that knows all centres gets at most
    1 - ``noise`` on average, and less where clusters overlap; one that guesses gets 1/arms + noise (1 - 2/arms).

    ## Start
    A centre or an image, all with the same probability.

    ## End of an episode
    Terminated after one step. The observation after it is the same context again.

    ## Arguments
    | argument | default | meaning |
    |---|---|---|
    | `arms` | 4 | number of arms, 2..100; at most 10 for digits |
    | `data` | `"clusters"` | `"clusters"` or `"digits"` |
    | `features` | 8 | size of a context of clusters, 1..4096 |
    | `clusters` | 2 | centres per arm, 1..100; with 2 or more no linear policy is right everywhere |
    | `spread` | 0.5 | standard deviation of contexts from their centre, >= 0; 1 is that of the centres themselves |
    | `noise` | 0.1 | probability that a reward is turned around, 0..0.5 |
    | `task_seed` | 0 | seed of the centres |

    ``info`` holds ``right``, the right arm, and after a pull ``regret``: 0, or what the arm gives less on average.

    ## Version history
    v0: first version.

    Raises:
        ValueError: If an argument is unknown, has the wrong type, or lies outside its range.
    """

    metadata = METADATA

    def __init__(
        self,
        arms: int = 4,
        data: str = "clusters",
        features: int = 8,
        clusters: int = 2,
        spread: float = 0.5,
        noise: float = 0.1,
        task_seed: int = 0,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        admit(dict.fromkeys(ARGUMENTS), unknown, "ContextBandit")
        if data not in DATA:
            raise ValueError(f"ContextBandit data must be {' or '.join(DATA)}, got {data!r}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"ContextBandit render_mode must be None or rgb_array, got {render_mode!r}")
        numbers = admit({"spread": float, "noise": float}, {"spread": spread, "noise": noise}, "ContextBandit")
        spread, noise = numbers["spread"], numbers["noise"]
        if spread < 0:
            raise ValueError(f"ContextBandit spread must be >= 0 and finite, got {spread}")
        if not 0 <= noise <= 0.5:
            raise ValueError(f"ContextBandit noise is a probability and must be in 0..0.5, got {noise}")
        self.arms = whole("ContextBandit arms", arms, 2, 10 if data == "digits" else 100)
        self.data, self.spread, self.noise, self.render_mode = data, spread, noise, render_mode
        centres = self.arms * whole("ContextBandit clusters", clusters, 1, 100)
        size = whole("ContextBandit features", features, 1, 4096)
        draws = np.random.default_rng(whole("ContextBandit task_seed", task_seed, 0, 2**32 - 1))
        self._centres = draws.standard_normal((centres, size))
        low, high, size = (0.0, 1.0, 64) if data == "digits" else (-FAR, FAR, size)
        self.observation_space = spaces.Box(low, high, (size,), np.float32)
        self.action_space = spaces.Discrete(self.arms)
        self.context, self.right, self.pulled = np.zeros(size, dtype=np.float32), 0, -1
        self.ready = False
        self.recent: deque[float] = deque(maxlen=RECENT)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if self.data == "digits":
            images, classes = digits()
            pick = int(self.np_random.integers(len(classes)))
            self.context, self.right = images[pick].copy(), int(classes[pick]) % self.arms
        else:
            pick = int(self.np_random.integers(len(self._centres)))
            drawn = self._centres[pick] + self.spread * self.np_random.standard_normal(self._centres.shape[1])
            self.context, self.right = np.clip(drawn, -FAR, FAR).astype(np.float32), pick % self.arms
        self.ready, self.pulled = True, -1
        return self.context.copy(), {"right": self.right}

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        check_action(self.action_space, action, f"an arm in 0..{self.arms - 1}")
        if not self.ready:
            raise ValueError("the episode is over: call reset() before the next step")
        self.ready, self.pulled = False, int(action)
        hit = self.pulled == self.right
        reward = float(self.np_random.random() < (1 - self.noise if hit else self.noise))
        self.recent.append(reward)
        regret = 0.0 if hit else 1 - 2 * self.noise
        return self.context.copy(), reward, True, False, {"right": self.right, "regret": regret}

    def render(self) -> np.ndarray | None:
        """The context, the arms (green: right, red: pulled and wrong) and the mean reward of the last 100 pulls.

        Shape (400, 600, 3), uint8; None without render_mode.
        """
        return None if self.render_mode is None else self._paint()

    def _paint(self) -> np.ndarray:
        from pib_rl.viewer import Canvas, colours

        canvas = Canvas((600, 400))
        mean = f"{sum(self.recent) / len(self.recent):.2f}" if self.recent else "-"
        canvas.text("context", 30, 16)
        canvas.text(f"mean reward of the last {len(self.recent)} pulls: {mean}", 570, 16, align="right")
        if self.data == "digits":
            greys = np.round(255 * (1 - self.context.reshape(8, 8, 1))).astype(np.uint8)
            canvas.image(np.repeat(greys, 3, 2), (172, 44, 256, 256))
        else:
            width = 540 / len(self.context)
            for number, value in enumerate(self.context):
                size = 110 * min(abs(float(value)) / 3, 1)
                place = 30 + width * number + 2, 170 - size if value > 0 else 170, max(width - 4, 1), size
                canvas.fill(place, colours.BLUE)
            canvas.line([(30, 170), (570, 170)], colours.INK, 1)
        width = 540 / self.arms
        for arm in range(self.arms):
            left = 30 + width * arm
            marked = self.pulled >= 0 and arm in (self.right, self.pulled)
            colour = (colours.GREEN if arm == self.right else colours.RED) if marked else colours.FAINT
            canvas.fill((left + 2, 320, max(width - 4, 1), 44), colour)
            middle = left + width / 2
            if width > 24:
                canvas.text(str(arm), middle, 333, 15, colours.PAPER if marked else colours.INK, align="centre")
            if arm == self.pulled:
                canvas.triangle(middle, 314, 12, colours.INK)
        return canvas.array()
