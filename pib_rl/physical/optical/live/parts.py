"""What a real bench consists of: the methods that its modulator and its camera need, and its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any, Protocol

from pib_rl.common.options import check_numbers


class PhaseScreen(Protocol):
    """A phase modulator, as `slmsuite.hardware.slms.slm.SLM` is one.

    Attributes:
        shape: Rows and columns of its pixels.
    """

    shape: tuple[int, int]

    def set_phase(self, phase: Any, *, settle: bool) -> Any:
        """Shows phases in radians, a NumPy array of ``shape``, and returns when the light has followed."""


class ImageSource(Protocol):
    """A camera, as `slmsuite.hardware.cameras.camera.Camera` is one."""

    def get_image(self) -> Any:
        """A picture taken now, an array of numbers of shape (rows, columns), always the same."""


@dataclass(frozen=True)
class LiveBenchConfig:
    """Parameters of a real bench. Defaults are a convention of this package, no published device.

    Args:
        macropixels: Smallest number of squares that the modulator is divided into; raised where the drives need more.
        camera_regions: Smallest number of outputs of a medium; raised to the wanted outputs.
        region_pixels: Side of the square of camera pixels that makes an output, their mean.
        reference: Fraction of macropixels that no drive changes; a camera sees no phase that all light shares.
        phase_range_rad: Phase of a macropixel = phase_range_rad tanh(phase_gain drive), in radians.
        phase_gain: Phase per drive, per drive standard deviation.
        mask_rad: Each macropixel gets a fixed phase besides, uniform in 0..mask_rad and drawn from the seed. 0 where
            matter scatters the light; 2 pi where only a lens stands behind the modulator.
        calibration_drives: Random drives that the regions are chosen by, and standardised with.
        repeats: Pictures that are averaged in read modes ``mean`` and ``ideal``.
        retries: How often a picture is taken again after the camera or the modulator failed.
        frame_time_s: Seconds of one picture, as it was measured; 0 is not known. It only counts as latency.

    Raises:
        ValueError: If a value lies outside its range.
    """

    macropixels: int = 64
    camera_regions: int = 64
    region_pixels: int = 8
    reference: float = 0.2
    phase_range_rad: float = pi
    phase_gain: float = 0.1
    mask_rad: float = 0.0
    calibration_drives: int = 128
    repeats: int = 8
    retries: int = 2
    frame_time_s: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(
            self,
            "bench",
            positive="macropixels camera_regions region_pixels phase_range_rad phase_gain",
            not_negative="mask_rad retries frame_time_s",
            below_one="reference",
        )
        for name, least in (("calibration_drives", 8), ("repeats", 1)):
            if not least <= getattr(self, name) <= 10**6:
                raise ValueError(f"bench {name} must be in {least}..1000000, got {getattr(self, name)}")
