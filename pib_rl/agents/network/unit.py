"""One unit: a medium, an array, a local objective, and the gain control of what it hands on."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from pib_rl.agents.images import PatchGrid
from pib_rl.agents.network.optimisers import Adam, array_rate
from pib_rl.agents.network.output_penalty import output_penalty
from pib_rl.agents.objectives import Objective, Score
from pib_rl.agents.objectives.target import Target
from pib_rl.common.state import FRACTION, POSITIVE, Valid
from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical.part import restore_after_loading
from pib_rl.physical.substrate import Array, Medium, Read


class GainControl(nn.Module):
    """Automatic gain control: turns outputs z of an array into drives of the next medium.

    drive = gain ((z - m)/s + b): m the mean per channel, s one scalar standard deviation, b a fixed random offset per
    channel, uniform in -offset..offset (kernels are shift-invariant and never train a bias). The statistics move only
    in `track`, slowly; otherwise drives would follow the policy's state distribution within one rollout. Outputs of one
    array at several positions, one after the other, share the statistics of its channels.

    Attributes:
        mean, shift: m and b, shape (*chips, 1, features).
        std: s, shape (*chips, 1, 1).
    """

    VALID: ClassVar[Valid] = {"std": POSITIVE}

    def __init__(self, features: int, gain: float, offset: float, streams: Streams) -> None:
        super().__init__()
        self.gain = gain
        self.features = features
        self.mean = nn.Buffer(streams.zeros(1, features))
        self.std = nn.Buffer(streams.zeros(1, 1).add_(1))
        self.shift = nn.Buffer((2 * streams.uniform(FABRICATION, self.mean) - 1) * offset)
        self._slope = nn.Buffer(torch.ones_like(self.std), persistent=False)
        self._start = nn.Buffer(torch.zeros_like(self.mean), persistent=False)
        restore_after_loading(self)
        self.restore()

    def restore(self) -> None:
        """Takes over what the statistics say: drive = start + slope z."""
        torch.reciprocal(self.std, out=self._slope).mul_(self.gain)
        torch.mul(self.mean, self._slope, out=self._start).sub_(self.shift, alpha=self.gain).neg_()

    def drive(self, z: Tensor) -> Tensor:
        """Drives in drive standard deviations, of the shape of outputs z, (..., n, positions features)."""
        return torch.addcmul(self._start, self._channels(z), self._slope).view(z.shape)

    def standard(self, z: Tensor) -> Tensor:
        """(z - m)/s: the drive but for its gain and its offset, of the shape of z."""
        return ((self._channels(z) - self.mean) / self.std).view(z.shape)

    def _channels(self, z: Tensor) -> Tensor:
        """Outputs of one array at all positions, shape (..., n positions, features)."""
        return z if z.shape[-1] == self.features else z.reshape(*z.shape[:-2], -1, self.features)

    def track(self, z: Tensor, rate: float) -> None:
        """Moves the statistics by a fraction ``rate`` towards a batch z, shape (..., n, positions features)."""
        z = self._channels(z)
        mean = z.mean(-2, keepdim=True)
        self.mean.lerp_(mean, rate)
        self.std.lerp_((z - mean).square().mean((-2, -1), keepdim=True).sqrt_().clamp_(min=1e-6), rate)
        self.restore()


class Unit(nn.Module):
    """A trainable unit: z = array(medium(drive)).

    It learns from three things only: its measured input h, its measured output z, and the broadcast target. With a
    patch grid, medium and array see one square of an image after the other, and z holds their outputs at all positions.

    Args:
        medium: Fixed physical transform.
        array: Programmable weights.
        control: Gain control of its outputs.
        objective: Local objective.
        optimiser: Local optimiser of the array.
        patch_grid: Where on an image the array is used; None for all inputs at once.

    Attributes:
        alive: 1, or 0 where its outputs are dead, a scalar.
        freedom: Factor of its rate, 0..1, see `Safeguard`, shape (*chips, 1, 1).
    """

    VALID: ClassVar[Valid] = {"alive": FRACTION, "freedom": FRACTION}
    alive: Tensor
    freedom: Tensor

    def __init__(
        self,
        medium: Medium,
        array: Array,
        control: GainControl,
        objective: Objective,
        optimiser: Adam,
        patch_grid: PatchGrid | None = None,
    ) -> None:
        super().__init__()
        self.medium = medium
        self.array = array
        self.control = control
        self.objective = objective
        self.optimiser = optimiser
        self.patch_grid = patch_grid
        self.register_buffer("alive", torch.ones((), dtype=torch.float32))
        self.register_buffer("freedom", torch.ones_like(control.std))
        self._asked: Tensor | float | None = None  # nothing is noted before `begin`
        restore_after_loading(self)
        self.restore()

    def restore(self) -> None:
        """Takes over whether it is alive."""
        self._dead = self.alive.item() == 0

    @property
    def positions(self) -> int:
        """How often medium and array are used for one sample."""
        return 1 if self.patch_grid is None else self.patch_grid.positions

    @property
    def out_features(self) -> int:
        """Length of z: positions times outputs of the array."""
        return self.positions * self.array.out_features

    @property
    def latency(self) -> float:
        """Seconds that one sample takes, at all positions one after the other."""
        return self.positions * (self.medium.latency + self.array.latency)

    def inputs(self, drive: Tensor) -> Tensor:
        """What the medium is driven with, shape (..., n positions, in), from drives, shape (..., n, features)."""
        return drive if self.patch_grid is None else self.patch_grid.cut(drive)

    def measure(self, h: Tensor, read: Read = Read.NOISY) -> Tensor:
        """Outputs z, shape (..., n, positions out), from the medium's outputs h, shape (..., n positions, in)."""
        z = self.array.measure(h, read)
        if self.patch_grid is not None:
            z = z.view(*z.shape[:-2], -1, self.out_features)
        return z.mul_(0) if self._dead else z

    def die(self) -> None:
        """From now on all outputs are 0, whatever the array would say."""
        self.alive.zero_()
        self.restore()

    def tap(self, h: Tensor) -> Tensor:
        """What a readout sees of the medium, shape (..., n, in): its mean over the positions."""
        return h if self.patch_grid is None else torch.unflatten(h, -2, (-1, self.positions)).mean(-2)

    def outer(self, slope: Tensor, h: Tensor) -> Tensor:
        """Gradient by the weights, shape (..., out, in), from dL/dz and h, shapes as in `measure`."""
        return slope.reshape(*h.shape[:-1], -1).mT @ h

    def own_rate(self, rate: float, patches: float) -> float:
        """Learning rate of this unit's array, in units of weight, of one at which arrays of up to 64 inputs learn.

        More inputs take less, see `array_rate`; arrays of squares take the fraction ``patches`` of that.
        """
        return array_rate(rate if self.patch_grid is None else rate * patches, self.array.in_features)

    def update(
        self, h: Tensor, z: Tensor, target: Target, rate: float, plastic: float = 1.0, limit: float | None = None
    ) -> Score:
        """One step on one batch: dW = (dL/dz)^T h, through the optimiser, written by the array's own law.

        Args:
            h: Measured inputs of the array, shape (..., n positions, in).
            z: Measured outputs of the unit, shape (..., n, positions out).
            target: Targets of the same samples.
            rate: Learning rate of its array, in units of weight, see `own_rate`.
            plastic: Fraction of the outputs whose weights move, the first ones. The others stay as fabricated, but
                count in the objective: those that learn complement them.
            limit: Root mean square of z beyond which it is drawn back, see `output_penalty`; None for none.
        """
        score: Score = self.objective(z, target, h)
        slope = self.outer(score.gradient if limit is None else score.gradient + output_penalty(z, limit), h)
        if plastic < 1:
            slope[..., round(plastic * slope.shape[-2]) :, :] = 0
        change = self.optimiser.step(slope, rate).mul_(self.freedom)
        self.array.program(change)
        if self._asked is not None:
            self._asked = change + self._asked
        return score

    def begin(self) -> None:
        """From here on, changes that are asked for are noted, so that they can be taken back."""
        self._asked = 0.0

    def take_back(self, which: Tensor) -> None:
        """Asks the array for the opposite of all changes since `begin`, on chips where ``which``, (*chips, 1, 1)."""
        if isinstance(self._asked, Tensor) and which.any():
            self.array.program(self._asked * which.to(self._asked).neg())
        self._asked = None
