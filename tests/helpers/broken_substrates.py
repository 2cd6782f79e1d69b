"""Substrates that break the contract on purpose, each in one way."""

from __future__ import annotations

import torch
from torch import nn

from pib_rl.common.streams import FABRICATION, Streams
from pib_rl.physical import Digital, Read
from pib_rl.physical.digital import DigitalArray, TanhMedium


class WrongShapeMedium(TanhMedium):
    def measure(self, drive, read=Read.NOISY):
        return super().measure(drive)[:, :-1]


class RestlessMedium(TanhMedium):
    """Its mean reads are noisy."""

    def measure(self, drive, read=Read.NOISY):
        return super().measure(drive) + 0.05 * torch.randn(drive.shape)


class BiasedMedium(TanhMedium):
    """Its noise has a mean."""

    def measure(self, drive, read=Read.NOISY):
        return super().measure(drive) + 0.2 * (read is Read.NOISY)


class SluggishMedium(TanhMedium):
    """Noise of a sample goes on in the next."""

    def measure(self, drive, read=Read.NOISY):
        walk = 0.05 * torch.randn(drive.shape).cumsum(0) if read is Read.NOISY else 0.0
        return super().measure(drive) + walk


class TiringMedium(TanhMedium):
    """Its noise grows within a batch."""

    def measure(self, drive, read=Read.NOISY):
        size = torch.linspace(0.01, 0.1, len(drive))[:, None] if read is Read.NOISY else 0.0
        return super().measure(drive) + size * torch.randn(drive.shape)


class GreedyMedium(TanhMedium):
    """Writes into its inputs."""

    def measure(self, drive, read=Read.NOISY):
        return drive.tanh_()


class LoudMedium(TanhMedium):
    """Counts in volts."""

    def measure(self, drive, read=Read.NOISY):
        return 300 * super().measure(drive)


class DifferentiableMedium(TanhMedium):
    def __init__(self, features):
        super().__init__(features)
        self.gain = nn.Parameter(torch.ones(()))

    def measure(self, drive, read=Read.NOISY):
        return torch.tanh(self.gain * drive)


class DifferentiableArray(DigitalArray):
    """A gradient without a parameter of the module."""

    def measure(self, h, read=Read.NOISY):
        return h @ self.weight.clone().requires_grad_().mT


class ForgetfulArray(DigitalArray):
    """What was written is no part of its state."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._hidden = torch.zeros_like(self.weight)

    def program(self, delta):
        self._hidden = self._hidden + delta
        self.record(delta != 0)

    def measure(self, h, read=Read.NOISY):
        return h @ (self.weight + self._hidden).mT


class BackwardArray(DigitalArray):
    def program(self, delta):
        super().program(-delta)


class UncountedArray(DigitalArray):
    def program(self, delta):
        self.weight.add_(delta)


class FullReadout(DigitalArray):
    """A readout that does not start at 0."""

    def __init__(self, in_features, out_features, meter, streams, readout=False):
        super().__init__(in_features, out_features, meter, streams, False)


class CrashingArray(DigitalArray):
    def measure(self, h, read=Read.NOISY):
        raise KeyError("driver")


def broken(medium=TanhMedium, array=DigitalArray, seeds=True) -> type[Digital]:
    """A substrate of such parts, named broken; without ``seeds`` every chip is that of seed 0, or none is."""

    class Broken(Digital):
        name = "broken"

        def make_medium(self, in_features, out_features):
            return medium(in_features)

        def make_array(self, in_features, out_features, *, readout=False):
            streams = {True: self.streams, False: Streams(0), None: Streams(int(torch.randint(1 << 30, ())))}[seeds]
            made = array(in_features, out_features, self.meter, streams, readout)
            streams.normal(FABRICATION, torch.zeros(1))
            return made

    return Broken


BROKEN: dict[str, tuple[type[Digital], str]] = {  # and the check that must see it
    "wrong shape": (broken(WrongShapeMedium), "shapes"),
    "crash": (broken(array=CrashingArray), "shapes"),
    "noisy mean reads": (broken(RestlessMedium), "mean reads repeat"),
    "biased noise": (broken(BiasedMedium), "noise without bias"),
    "noise that goes on": (broken(SluggishMedium), "noise is independent"),
    "noise that grows": (broken(TiringMedium), "noise is steady"),
    "inputs overwritten": (broken(GreedyMedium), "inputs untouched"),
    "volts": (broken(LoudMedium), "units"),
    "parameter": (broken(DifferentiableMedium), "nothing to differentiate"),
    "gradient": (broken(array=DifferentiableArray), "nothing to differentiate"),
    "state lost": (broken(array=ForgetfulArray), "saving and loading"),
    "writes backwards": (broken(array=BackwardArray), "programming"),
    "writes not counted": (broken(array=UncountedArray), "costs are counted"),
    "readout not blank": (broken(array=FullReadout), "readout starts at 0"),
    "seed ignored": (broken(seeds=False), "other seeds"),
    "seed not enough": (broken(seeds=None), "equal seeds"),
}
