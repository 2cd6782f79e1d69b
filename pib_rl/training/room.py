"""Whether a wafer can be made: learner and substrate must be able to, and it must fit into memory."""

from __future__ import annotations

import psutil
import torch

from pib_rl.agents import PIB
from pib_rl.agents.learners.registry import LEARNERS, find_learner
from pib_rl.cli.cli import UserError
from pib_rl.physical import registry
from pib_rl.training.config import TrainConfig

PASSES = 10  # copies of what the readout gets for one rollout that learning holds at once, at most
GIGA = 1e9


def check_wafer(config: TrainConfig) -> None:
    """Raises UserError if learner or substrate of a run can't have several chips at once."""
    if not find_learner(config.learner).wafers:
        able = ", ".join(name for name, kind in LEARNERS.items() if kind.wafers)
        raise UserError(
            f"--learner {config.learner} trains one chip at a time, got --chips {config.chips}; take one that trains "
            f"several at once ({able}), or leave --chips out"
        )
    if not registry.find(config.hw).wafers:
        raise UserError(f"--hw {config.hw} is one chip, got --chips {config.chips}; leave --chips out")


def check_room(config: TrainConfig, single: PIB) -> None:
    """Raises UserError if so many chips need more memory than is free; it says how many fit.

    Args:
        config: The run.
        single: An agent of one chip of it.
    """
    free, each = free_bytes(config.device), chip_bytes(single)
    if config.chips * each > free:
        raise UserError(
            f"--chips {config.chips} need about {config.chips * each / GIGA:.1f} GB and {free / GIGA:.1f} GB are free; "
            f"at most {int(free // each)} chips fit: lower --chips, --width or --n-envs"
        )


def chip_bytes(agent: PIB) -> int:
    """Memory that one chip of a training takes, in bytes: its state, and rollouts with what is measured of them."""
    model = agent.policy.model
    state = sum(buffer.numel() * buffer.element_size() for buffer in agent.policy.buffers())
    samples: int = agent.n_steps * agent.envs_per_chip
    remembered = 2 * (agent.rule.history.maxlen or 1) * model.network.in_features
    return 2 * state + 4 * samples * (remembered + PASSES * (model.network.tap_features + 1))


def free_bytes(device: str) -> float:
    """Memory that is free on a torch device, in bytes."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    return float(psutil.virtual_memory().available)
