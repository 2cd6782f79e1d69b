"""How much memory a chip of a training takes, estimated before a wafer of them is made."""

from __future__ import annotations

from pib_rl.agents import PIB
from pib_rl.cli.room import check_fits
from pib_rl.training.config import TrainConfig

PASSES = 10  # copies of what the readout gets for one rollout that learning holds at once, at most


def check_room(config: TrainConfig, single: PIB) -> None:
    """Raises UserError if so many chips need more memory than is free; it says how many fit.

    Args:
        config: The run.
        single: An agent of one chip of it.
    """
    check_fits(config.chips, chip_bytes(single), config.device, "--width", "--n-envs")


def chip_bytes(agent: PIB) -> int:
    """Memory that one chip of a training takes, in bytes: its state, and rollouts with what is measured of them."""
    model = agent.policy.model
    state = sum(buffer.numel() * buffer.element_size() for buffer in agent.policy.buffers())
    samples: int = agent.n_steps * agent.envs_per_chip
    remembered = 2 * (agent.rule.history.maxlen or 1) * model.network.in_features
    return 2 * state + 4 * samples * (remembered + PASSES * (model.network.tap_features + 1))
