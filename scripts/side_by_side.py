"""How much of what lies side by side a linear readout gets from units as fabricated.

    python scripts/side_by_side.py MinAtar/Asterix-v1

48 questions of the kind "is there a car at this place and a chicken to its left?": two pixels side by side, of two
channels or one, that are both lit in 1 to 99 % of the states. A ridge regression learns them from three quarters of
6400 states of random play, in which an action is held for some steps; the column says how much of their variance it
explains in the others, the best of four penalties. Pixels themselves are the first row.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from fabricated import chip_arguments, fabricated
from gymnasium import spaces
from torch import Tensor

from pib_rl.agents.observations import image_layout
from pib_rl.envs import make_vec_env

ENVS, STATES, APART, NEW_ACTION = 16, 6400, 3, 0.3
QUESTIONS, OFTEN, TRIES = 48, 0.01, 100
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


def states(env_id: str, seed: int) -> tuple[Tensor, Tensor]:
    """States of random play: flat observations, shape (n, d), and as images, shape (n, rows, columns, channels)."""
    env = make_vec_env(env_id, ENVS, seed)
    layout, choices = image_layout(env.observation_space), env.action_space
    if layout is None or not isinstance(choices, spaces.Discrete):
        raise ValueError(
            f"expected images and discrete actions, got {env.observation_space} and {choices} of {env_id}; name "
            "another environment"
        )
    draws, actions, found = np.random.default_rng(seed), np.zeros(ENVS, dtype=int), []
    env.reset()
    for step in range(STATES // ENVS * APART):
        chosen = draws.integers(choices.n, size=ENVS)
        actions = np.where(draws.random(ENVS) < NEW_ACTION, chosen, actions)
        seen = env.step(actions)[0]
        if step % APART == 0:
            found.append(seen)
    obs = np.concatenate(found)
    images = obs.transpose(0, *(axis + 1 for axis in layout.axes)).reshape(len(obs), *layout.grid)
    return torch.as_tensor(obs).flatten(1).float(), torch.as_tensor(images).float()


def questions(images: Tensor, seed: int) -> Tensor:
    """Whether both of two pixels are lit, shape (n, QUESTIONS), of images, (n, rows, columns, channels).

    ValueError if hardly any two neighbours are lit in some states and not in others.
    """
    draws, found = np.random.default_rng(seed), []
    rows, columns, channels = images.shape[1:]
    tries = TRIES * QUESTIONS if ((images == 0) | (images == 1)).all() else 0
    for _ in range(tries):
        first, second = draws.integers(channels, size=2)
        down, across = draws.integers(-1, 2, size=2)
        if first == second and down == across == 0:
            continue
        there = images[:, 1 + down : rows - 1 + down, 1 + across : columns - 1 + across, second]
        both = (images[:, 1:-1, 1:-1, first] * there).flatten(1)
        mean = both.mean(0)
        often = ((mean > OFTEN) & (mean < 1 - OFTEN)).nonzero()[:, 0].numpy()
        if len(often):
            found.append(both[:, draws.choice(often)])
        if len(found) == QUESTIONS:
            return torch.stack(found, 1)
    raise ValueError(
        f"expected images of pixels that are lit (1) or not (0), got {rows} x {columns} pixels of which hardly any two "
        "neighbours are both lit in some states alone; name another environment"
    )


def explained(features: Tensor, wanted: Tensor) -> float:
    """Part of the variance of ``wanted`` that the best ridge regression explains in samples it did not learn from."""
    learned = 3 * len(features) // 4
    x, y = (both - both[:learned].mean(0) for both in (features.double(), wanted.double()))
    own, cross = x[:learned].T @ x[:learned], x[:learned].T @ y[:learned]
    one = own.diagonal().mean() * torch.eye(len(own), dtype=own.dtype)

    def at(penalty: float) -> float:
        error = x[learned:] @ torch.linalg.solve(own + penalty * one, cross) - y[learned:]
        return float(1 - (error.square().mean(0) / y[learned:].var(0)).mean())

    return max(map(at, PENALTIES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env")
    chip_arguments(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        seen, images = states(options.env, options.seed)
        wanted = questions(images, options.seed)
        taps = {
            f"{hw}, patches {patches}": fabricated(options.env, seen, hw, patches, options)
            for hw in options.hw
            for patches in options.patches
        }
    except ValueError as error:
        parser.error(str(error))
    print(f"{'':28}{'explained':>10}{'taps':>7}")
    for name, features in {"pixels": lambda flat: flat, **taps}.items():
        found = features(seen)
        print(f"{name:28}{explained(found, wanted):10.2f}{found.shape[1]:7}", flush=True)


if __name__ == "__main__":
    main()
