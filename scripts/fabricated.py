"""Taps of chips as they come, for scripts that ask what a readout could get from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from pib_rl.agents import PIB
from pib_rl.agents.patches import parse_patches
from pib_rl.agents.policy import PIBPolicy
from pib_rl.envs import make_vec_env
from pib_rl.physical.registry import base
from pib_rl.physical.substrate import Read

AT_ONCE, CALIBRATION = 1024, 4096
SQUARES_ON = {"optical": {"pointwise": True, "pixels_per_drive": 1}}  # a camera shows 16 outputs at a time
Features = Callable[[Tensor], Tensor]  # of flat observations, shape (n, d) -> (n, features)


def chip_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what decides the chips of `fabricated`."""
    parser.add_argument("--hw", nargs="+", default=["digital", "memristive", "optical"])
    parser.add_argument("--patches", nargs="+", default=["none", "16:3:1"], help="each a network of its own")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1000)


def fabricated(env_id: str, seen: Tensor, hw: str, patches: str, options: argparse.Namespace) -> Features:
    """Taps of a chip, calibrated with observations as at the beginning of a training, with noise.

    Args:
        env_id: What it sees.
        seen: Flat observations, shape (n, d).
        hw: Substrate.
        patches: CHANNELS:SIZE:STRIDE, with one unit behind; or none, with two units.
        options: ``width`` and ``seed`` of the chip.
    """
    squares = [tuple(patch) for patch in parse_patches([patches])]
    agent = PIB(
        "MlpPolicy",
        make_vec_env(env_id, 1, options.seed),
        hw=hw,
        hw_options=SQUARES_ON.get(base(hw), {}) if squares else {},
        width=options.width,
        units=1 if squares else 2,
        patches=squares,
        seed=options.seed,
        learner="frozen",
        device="cpu",
    )
    assert isinstance(agent.policy, PIBPolicy)
    model = agent.policy.model
    with torch.inference_mode():
        model.normaliser.update(seen[:CALIBRATION])
        model.network.calibrate(agent.policy.inputs(seen[:CALIBRATION]))

    def taps(flat: Tensor) -> Tensor:
        with torch.inference_mode():
            return torch.cat([model.taps(part, Read.NOISY) for part in flat.split(AT_ONCE)]).clone()

    return taps
