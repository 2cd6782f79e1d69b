"""The chip that is kept: a classifier of digits, trained by PIB, and what can be done to it in place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pib_rl.agents.estimators.supervised import PIBClassifier
from pib_rl.agents.estimators.trainer import FitConfig, Trainer
from pib_rl.agents.network.faults import age, inject
from pib_rl.agents.network.readout import with_one
from pib_rl.envs.chip_keeper.config import SITES, ChipKeeperConfig
from pib_rl.envs.tasks import context_bandit
from pib_rl.physical.faults import Fault
from pib_rl.physical.registry import base, for_each
from pib_rl.physical.substrate import Read

MAKER, SITE = 698, 600  # samples of the maker's training, and those that may be labelled on site; the rest is served
EPOCHS, BATCH = 15, 64
HEIGHT, RIDGE, REFITS = 5.0, 0.01, 3  # height of the right output after a re-fit, its regularisation, its repetitions
LATE = 0.5  # re-training goes on with the rates of the second half of a training
FAR = 3.0  # standard deviations beyond which an output counts as out of range


class Digits(NamedTuple):
    """Samples and labels, shape (n, 64) in 0..1 and (n,), in three parts that share none."""

    maker: tuple[np.ndarray, np.ndarray]
    site: tuple[np.ndarray, np.ndarray]
    served: tuple[np.ndarray, np.ndarray]


@cache
def digits() -> Digits:
    """scikit-learn's handwritten digits (8 x 8, UCI), shuffled once for all."""
    images, classes = context_bandit.digits()
    order = np.random.default_rng(0).permutation(len(classes))
    x, y = images[order], classes[order]
    cuts = (slice(MAKER), slice(MAKER, MAKER + SITE), slice(MAKER + SITE, None))
    return Digits(*((x[cut], y[cut]) for cut in cuts))


class Service(NamedTuple):
    """What a batch showed on the way.

    Args:
        right: Which samples were classified right, shape (n,).
        margin: Mean difference of the two largest outputs.
        spread: Standard deviation of the outputs.
        far: Fraction of the units' outputs beyond `FAR` standard deviations of the gain control.
        shift: Per unit, rms of the change of its outputs' means, in standard deviations of the gain control.
        gain: Per unit, logarithm of the outputs' standard deviation over that of the gain control.
    """

    right: np.ndarray
    margin: float
    spread: float
    far: float
    shift: list[float]
    gain: list[float]


class Chip:
    """A trained classifier; everything that happens to it happens in place.

    Attributes:
        period_j: Energy of serving one batch when it was new, in joules.
        healthy: Accuracy when it was new, on all samples that are served.
        margin: Mean margin of the outputs when the readout was written last.
        spread: Their standard deviation then.
    """

    def __init__(self, model: PIBClassifier) -> None:
        self.model, self.period_j, self.healthy = model, 0.0, 0.0
        self.margin = self.spread = 1.0

    def copy(self, seed: int) -> Chip:
        """The chip as it is now, whose noise and faults are drawn from ``seed``; meters count from 0."""
        other = copy.deepcopy(self)
        other.model.model_.streams.restart(seed)
        other.model.model_.meter.reset()
        return other

    @property
    def energy_j(self) -> float:
        """Joules that the meter counted."""
        return sum(self.model.model_.meter.joules().values())

    @property
    def pulses(self) -> float:
        """Pulses that a device received, on average, as the meter counted them."""
        return self.model.model_.meter.totals()["writes"] / self.model.model_.devices

    def pass_time(self, seconds: float) -> None:
        """Conductances drift, media decorrelate."""
        age(self.model.model_, seconds)

    def break_down(self, fault: Fault) -> None:
        """Something breaks for good."""
        inject(self.model.model_, fault)

    @torch.inference_mode()
    def serve(self, x: np.ndarray, y: np.ndarray) -> Service:
        """Classifies a batch on noisy hardware; x and y as in `Digits`."""
        model = self.model.model_
        seen = model.network.measure(model.inputs(torch.from_numpy(x)))
        outputs = model.readout.measure(seen.taps)
        standard = [unit.control.standard(z) for unit, z in zip(model.network.chain, seen.z, strict=True)]
        first, second = outputs.topk(2).values.T
        return Service(
            right=(outputs.argmax(1).numpy() == y),
            margin=float((first - second).mean()),
            spread=float(outputs.std()),
            far=float(torch.cat([z.flatten() for z in standard]).abs().gt(FAR).float().mean()),
            shift=[float(z.mean(0).square().mean().sqrt()) for z in standard],
            gain=[float((z - z.mean(0)).square().mean().sqrt().clamp(min=1e-3).log()) for z in standard],
        )

    @torch.inference_mode()
    def recalibrate(self, x: np.ndarray) -> None:
        """Sets detectors of media, then gain controls, from samples without labels."""
        model = self.model.model_
        model.network.recalibrate(model.inputs(torch.from_numpy(x)))

    @torch.inference_mode()
    def refit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Moves the readout to `HEIGHT` (onehot - 1/10) by ridge regression, `REFITS` times, for writes are inexact."""
        model = self.model.model_
        outputs = model.readout.array.out_features
        goal = HEIGHT * (torch.from_numpy(np.eye(outputs, dtype=np.float32)[y]) - 1 / outputs)
        inputs = model.inputs(torch.from_numpy(x))
        for _ in range(REFITS):
            taps = with_one(model.network.measure(inputs).taps)
            shift = goal - model.readout.measure_inputs(taps)
            model.readout.refit(taps, shift, RIDGE, torch.zeros(outputs, dtype=torch.float32))
        self.note(model.readout.measure(model.network.measure(inputs).taps))

    @torch.inference_mode()
    def retrain(self, x: np.ndarray, y: np.ndarray) -> None:
        """Recalibrates; then units learn by PIB and the readout by its delta rule, one pass over the samples."""
        self.recalibrate(x)
        learner = self.model.learner_
        assert isinstance(learner.config, FitConfig)
        Trainer(self.model.model_, learner.config, learner).epoch(self.model.samples(x, y), LATE, LATE)
        self.note(self.model.model_.outputs(torch.from_numpy(x), Read.NOISY))

    def note(self, outputs: Tensor) -> None:
        """Remembers margin and standard deviation of outputs, shape (n, classes), to compare later ones with."""
        first, second = outputs.topk(2).values.T
        self.margin, self.spread = (max(float(value), 1e-3) for value in ((first - second).mean(), outputs.std()))


def trained(config: ChipKeeperConfig) -> Chip:
    """The chip of a configuration, new; trained once in a process. Copy it before something happens to it."""
    return _trained(config.hw, config.width, config.units, config.chip_seed, config.batch)


@lru_cache(maxsize=16)
def _trained(hw: str, width: int, units: int, seed: int, batch: int) -> Chip:
    data = digits()
    model = PIBClassifier(
        hw=hw,
        width=width,
        units=units,
        seed=seed,
        epochs=EPOCHS,
        batch_size=BATCH,
        image=(8, 8),
        scaling="common",
        hw_options=for_each(hw, SITES[base(hw)].hw_options),
    ).fit(*data.maker)
    chip = Chip(model)
    chip.healthy = float(chip.serve(*data.served).right.mean())
    before = chip.energy_j
    chip.serve(*(part[:batch] for part in data.served))
    chip.period_j = chip.energy_j - before
    with torch.inference_mode():
        chip.note(model.model_.outputs(torch.from_numpy(data.site[0]), Read.NOISY))
    return chip


def pick(random: np.random.Generator, data: tuple[np.ndarray, np.ndarray], size: int) -> Sequence[np.ndarray]:
    """``size`` different samples and their labels."""
    picks = random.choice(len(data[1]), size, replace=False)
    return data[0][picks], data[1][picks]
