"""The medium of a real bench: phases to the modulator, pictures from the camera."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pib_rl.common.arithmetic import tanh_
from pib_rl.common.state import NOT_NEGATIVE, Valid
from pib_rl.common.streams import CALIBRATION, FABRICATION, Streams
from pib_rl.physical.converters import FragileConverter
from pib_rl.physical.optical.live.pair import Pair
from pib_rl.physical.optical.live.parts import LiveBenchConfig
from pib_rl.physical.remote.instrument import InstrumentError
from pib_rl.physical.standardised import StandardisedMedium
from pib_rl.physical.substrate import Medium, Read

CHOICE = 2  # regions that outputs are drawn from, per output: those that drives change most
LARGEST = 1e12  # of a reading, in mean readings


class LiveMedium(StandardisedMedium):
    """Drives -> phases of macropixels -> light through whatever stands there -> means of camera regions.

    Which macropixels a drive moves, fixed phases, and which regions are outputs is drawn from the seed and saved. At
    its first measurement, unless a saved state came before, the medium is calibrated: outputs are drawn among the
    regions that random drives change most, and get the mean and standard deviation that they showed.
    """

    VALID: ClassVar[Valid] = {"unit": NOT_NEGATIVE}
    shows: ClassVar[str] = "camera"
    shown_unit: ClassVar[str] = "mean reading"

    def __init__(
        self, in_features: int, out_features: int, config: LiveBenchConfig, streams: Streams, pair: Pair
    ) -> None:
        super().__init__(in_features, out_features, streams)
        self._config, self._pair = config, pair
        copies = max(1, math.ceil(config.macropixels * (1 - config.reference) / in_features))
        count = max(copies * in_features, round(copies * in_features / (1 - config.reference)))
        drawn = [streams.uniform(FABRICATION, streams.zeros(count)) for _ in range(2)]
        place = torch.full((count,), -1.0, dtype=torch.float32)
        place[: copies * in_features] = torch.arange(in_features).repeat(copies).float()
        self.place = nn.Buffer(place[drawn[0].argsort()])  # drive of each macropixel, -1 of the reference
        self.mask = nn.Buffer(drawn[1] * config.mask_rad)
        self.regions = nn.Buffer(torch.zeros(out_features, dtype=torch.float32))
        self.unit = nn.Buffer(torch.zeros((), dtype=torch.float32))  # mean reading; 0 before the calibration
        self.adc = FragileConverter(None, 0.0, LARGEST)

    def bounds(self, read: Read = Read.NOISY) -> tuple[Tensor, Tensor]:
        return Medium.bounds(self, read)

    @property
    def latency(self) -> float:
        return self._config.frame_time_s

    def measure(self, drive: Tensor, read: Read = Read.NOISY) -> Tensor:
        if not self.unit:
            self._calibrate()
        return self.standard(self._readings(drive, 1 if read is Read.NOISY else self._config.repeats)).to(drive)

    def recalibrate(self) -> int:
        drives = self._some_drives(CALIBRATION)
        self._standardise(drives, lambda part: self._readings(part, 1))
        return len(drives)

    def _calibrate(self) -> None:
        """Chooses regions, and sets unit, mean and scale."""
        drives = self._some_drives(FABRICATION)
        seen = torch.stack([self._means(row) for row in self._phases(drives)])
        if seen.shape[1] < self.out_features:
            raise InstrumentError(
                f"the camera of {self._pair.name} has {seen.shape[1]} regions of {self._config.region_pixels} x "
                f"{self._config.region_pixels} pixels, and {self.out_features} outputs are wanted; lower "
                "region_pixels, camera_regions or the width of the network"
            )
        if not seen.std(0).max() > 0:
            raise InstrumentError(
                f"the camera of {self._pair.name} shows the same whatever the modulator does; check the light, the "
                "exposure, and that it is the right camera"
            )
        best = seen.std(0).argsort(descending=True)[: CHOICE * self.out_features]
        chosen = best[
            self._streams.uniform(FABRICATION, torch.zeros(len(best), dtype=torch.float32)).argsort()[
                : self.out_features
            ]
        ]
        self.regions.copy_(chosen)
        self.unit.copy_(seen[:, chosen].mean().clamp(min=torch.finfo(torch.float32).tiny))
        shown = (seen[:, chosen] / self.unit).float()
        self._standardise(shown, lambda part: part)

    def _some_drives(self, stream: str) -> Tensor:
        like = torch.zeros(self._config.calibration_drives, self.in_features, dtype=torch.float32)
        return self._streams.normal(stream, like)

    def _phases(self, drive: Tensor) -> Tensor:
        """Phases of macropixels in radians, shape (n, macropixels), from drives, shape (n, in_features)."""
        config = self._config
        asked = tanh_(drive.detach().cpu().float() * config.phase_gain).mul_(config.phase_range_rad)
        own = torch.nn.functional.pad(asked, (0, 1))  # the last column stands for the reference
        place = self.place.cpu().long()
        return own[:, torch.where(place < 0, self.in_features, place)] + self.mask.cpu()

    def _readings(self, drive: Tensor, repeats: int) -> Tensor:
        """Means of pictures in mean readings, shape (n, out_features). Each sample is a picture of its own."""
        regions = self.regions.cpu().long()
        rows = []
        for phase in self._phases(drive):
            whole = sum((self._means(phase) for _ in range(repeats)), torch.zeros((), dtype=torch.float64)) / repeats
            if int(regions.max()) >= len(whole):
                raise InstrumentError(
                    f"the camera of {self._pair.name} has {len(whole)} regions, and this network was calibrated with "
                    "more; set its picture to the size of then"
                )
            rows.append(whole[regions])
        if not rows:
            return torch.zeros(0, self.out_features, dtype=torch.float32)
        return (torch.stack(rows) / self.unit.cpu()).float().to(self.mean)

    def _means(self, phase: Tensor) -> Tensor:
        """Mean reading of every region of the camera, shape (regions,), float64."""
        picture = self._pair.picture(self._pattern(phase.numpy()), self._config.retries)
        side = self._config.region_pixels
        rows, columns = picture.shape[0] // side, picture.shape[1] // side
        cut = picture[: rows * side, : columns * side]
        return torch.from_numpy(cut.reshape(rows, side, columns, side).mean((1, 3)).reshape(-1))

    def _pattern(self, phase: np.ndarray) -> np.ndarray:
        """What the modulator shows: macropixels row by row from its first corner, 0 around them."""
        height, width = self._pair.screen.shape
        columns = math.ceil(math.sqrt(len(phase) * width / height))
        rows = math.ceil(len(phase) / columns)
        tall, wide = height // rows, width // columns
        if not tall or not wide:
            raise InstrumentError(
                f"the modulator of {self._pair.name} has {height} x {width} pixels, and {len(phase)} macropixels are "
                "wanted; lower macropixels or the width of the network"
            )
        panel = np.zeros((height, width))
        grid = np.zeros(rows * columns)
        grid[: len(phase)] = phase
        panel[: rows * tall, : columns * wide] = grid.reshape(rows, columns).repeat(tall, 0).repeat(wide, 1)
        return panel
