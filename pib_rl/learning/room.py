"""How much memory a chip takes that learns from data, estimated before a wafer of them is made."""

from __future__ import annotations

from pib_rl.agents.estimators.base import PhysicalEstimator
from pib_rl.agents.estimators.length import LONG
from pib_rl.agents.estimators.trainer import AT_ONCE
from pib_rl.agents.network.model import CALIBRATION_SAMPLES
from pib_rl.cli.room import check_fits
from pib_rl.learning.config import LearnConfig
from pib_rl.learning.task import PLANE

PASSES = 4  # copies of what the widest part gives for one batch that learning holds at once
GRAMS = 8  # Gram matrices of a batch that an objective, or the information plane, holds at once
OUTPUTS = 6  # copies of the readout's outputs for all samples that are tested at once


def check_room(config: LearnConfig, single: PhysicalEstimator, tested: int) -> None:
    """Raises UserError if so many chips need more memory than is free; it says how many fit.

    Args:
        config: The run.
        single: Its estimator on one chip, prepared.
        tested: Samples that it is tested on.
    """
    lower = ("--width", "--batch-size")
    check_fits(config.chips, chip_bytes(single, single.batch_size or LONG.batch, tested), config.device, *lower)


def chip_bytes(single: PhysicalEstimator, batch: int, tested: int) -> int:
    """Memory that one chip takes, in bytes: its state, and the largest of what is measured and compared at once."""
    model = single.model_
    state = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    network = model.network
    widest = max(network.tap_features, *(unit.medium.out_features * unit.positions for unit in network.chain))
    samples = max(2 * batch, AT_ONCE, CALIBRATION_SAMPLES)
    compared = max(2 * batch, PLANE)
    outputs = tested * model.readout.array.out_features
    return 2 * state + 4 * max(PASSES * samples * widest, GRAMS * compared**2, OUTPUTS * outputs)
