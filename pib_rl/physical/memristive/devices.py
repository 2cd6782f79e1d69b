"""Published pulsed devices: how far a pulse moves them, how they spread, what a pulse costs, how long they last.

Weights are normalised: the mean device spans about -1..1, one-sided devices 0..2. The numbers are fits to measured
devices that the presets of aihwkit hold (src/aihwkit/simulator/presets/devices.py, commit 4545f11b); each preset names
the measurement. We have read aihwkit's source and the papers' abstracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from pib_rl.common.options import check_numbers
from pib_rl.physical.memristive.step_laws import ExponentialStep, LinearStep, Population, StepLaw

REST = 0.25  # of the range: around this one-sided devices are written, for from zero the first step is the largest
FINE = 0.02
NOISES = ("relative", "absolute", "graded")


@dataclass(frozen=True)
class Device:
    """A kind of programmable device.

    Args:
        law: Mean step of a pulse as a function of the weight.
        step: Mean step at weight 0, in units of weight ("dw_min").
        low: Smallest weight of the mean device.
        high: Largest weight of the mean device.
        low_spread: Standard deviation of the smallest weight over devices, relative to ``low``.
        high_spread: The same of the largest weight, relative to ``high``.
        step_spread: Standard deviation of the step over devices, relative to ``step``; with ``log_normal``, of its
            natural logarithm.
        log_normal: Steps spread log-normally.
        asymmetry: By how much downward steps are smaller than upward ones, relative to ``step``; negative: larger.
        asymmetry_spread: Standard deviation over devices of half that difference, relative to ``step``.
        pulse_noise: Standard deviation of a step from pulse to pulse, relative to what ``noise`` says.
        noise: "relative" to the step; "absolute": to the step at weight 0; "graded": to |step| + floor + slope |w|.
        noise_floor: Floor of graded noise, in units of weight.
        noise_slope: Slope of graded noise.
        write_noise: Standard deviation of what is read after a write around the programmed state, relative to ``step``;
            drawn again at each write.
        centred: Weights count from the point at which a device's upward and downward steps are equal.
        one_sided: Pulses go upwards only: a weight is the difference of two devices, reset when they are full.
        stuck: Fraction of devices that do not work, as measured; a crossbar takes its own ``stuck`` instead.
        retention_time_s: Time in which a weight leaks to 1/e of itself, in seconds; None for no leak.
        drift: Exponent nu of the drift of a conductance, G(t) = G (1 + t/t0)^-nu: mean over devices; None for no drift.
        drift_spread: Its standard deviation over devices.
        drift_start_s: t0, in seconds.
        max_conductance_us: Conductance of the full range, in microsiemens.
        pulse_energy_j: Energy of one pulse, in joules.
        pulse_time_s: Duration of one pulse, in seconds.
        endurance: Pulses after which a device is worn out, stated; None where nothing was found.
        source: Where the numbers come from.

    Raises:
        ValueError: If a number lies outside its range.
    """

    law: StepLaw
    step: float
    low: float = -1.0
    high: float = 1.0
    low_spread: float = 0.0
    high_spread: float = 0.0
    step_spread: float = 0.0
    log_normal: bool = False
    asymmetry: float = 0.0
    asymmetry_spread: float = 0.0
    pulse_noise: float = 0.0
    noise: Literal["relative", "absolute", "graded"] = "relative"
    noise_floor: float = 0.0
    noise_slope: float = 0.0
    write_noise: float = 0.0
    centred: bool = False
    one_sided: bool = False
    stuck: float = 0.0
    retention_time_s: float | None = None
    drift: float | None = None
    drift_spread: float = 0.0
    drift_start_s: float = 20.0
    max_conductance_us: float = 25.0
    pulse_energy_j: float = 1e-12
    pulse_time_s: float = 1e-7
    endurance: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.step > 0:
            raise ValueError(f"device step must be > 0, got {self.step}")
        if not self.low <= 0 < self.high:
            raise ValueError(f"device range needs low <= 0 < high, got {self.low}..{self.high}")
        if self.one_sided != (self.low == 0):
            raise ValueError(
                f"device low is 0 for one-sided devices and only for them, got low {self.low} and "
                f"one_sided {self.one_sided}"
            )
        if self.noise not in NOISES:
            raise ValueError(f"device noise must be {', '.join(NOISES)}, got {self.noise!r}")
        check_numbers(
            self,
            "device",
            positive="drift_start_s max_conductance_us pulse_time_s",
            not_negative="low_spread high_spread step_spread asymmetry_spread pulse_noise noise_floor noise_slope "
            "write_noise drift_spread pulse_energy_j",
            positive_or_none="retention_time_s drift endurance",
            fraction="stuck",
        )

    @property
    def states(self) -> float:
        """Steps that fit in the range."""
        return (self.high - self.low) / self.step

    def mean_step(self, weight: float, up: bool) -> float:
        """Size of the step of the mean device at a weight, in units of weight."""
        bends = (self.law.bend_up, self.law.bend_down) if isinstance(self.law, LinearStep) else (0.0, 0.0)
        steps = (self.step * (1 + min(self.asymmetry, 0.0)), self.step * (1 - max(self.asymmetry, 0.0)))
        mean = Population(
            *(torch.tensor([value], dtype=torch.float32) for value in (self.high, self.low, *steps, *bends))
        )
        return self.law.step(torch.tensor([weight], dtype=torch.float32), torch.tensor([up]), mean).abs().item()

    @property
    def typical_step(self) -> float:
        """Mean step where a device usually stands: at weight 0, up and down; at `REST`, if one-sided."""
        if self.one_sided:
            return self.mean_step(REST * self.high, True)
        return (self.mean_step(0.0, True) + self.mean_step(0.0, False)) / 2

    @property
    def together(self) -> int:
        """Pulses that may be computed at once, as they usually move a device by no more than `FINE` of its range."""
        most = FINE * (self.high - self.low) / self.typical_step
        with_noise = (most / self.pulse_noise) ** 2 if self.pulse_noise else most
        return max(1, int(min(most, with_noise)))


# Pulse energies: ReRAM 0.1-7 pJ per transition (Lanza et al., Adv. Electron. Mater. 2019, as others quote it); 2 V,
# 50 uS and 40 ns make 8 pJ. PCM about 13.5 pJ a SET pulse (Lee et al., ISCA 2009, as NVSim quotes it; voltage assumed).
# ECRAM 1 fJ is a projection to 100 nm (Tang et al., IEDM 2018). The capacitor's 1 fJ, largest conductances but PCM's
# and pulse times of ECRAM and capacitor are assumed.
SOFT = LinearStep(1.0, 1.0, own_ends=True)
DEVICES: dict[str, Device] = {
    "reram-es": Device(
        ExponentialStep(5.0, 5.0, -1.18445, -0.081404, -0.5, -0.5),
        step=0.00135,
        low_spread=0.3,
        high_spread=0.3,
        step_spread=0.2,
        asymmetry=0.259359,
        asymmetry_spread=0.05,
        pulse_noise=5.0,
        write_noise=75.0,
        max_conductance_us=50.0,
        pulse_energy_j=7e-12,
        pulse_time_s=4e-8,
        endurance=1e11,
        source="Gong et al., Nat. Commun. 9:2102 (2018); endurance with weak pulses: Zhao et al., IEDM 2018, "
        "10.1109/IEDM.2018.8614664",
    ),
    "reram-sb": Device(
        SOFT,
        step=0.002,
        low=-0.75,
        high=1.25,
        low_spread=0.4,
        high_spread=0.24,
        step_spread=0.3,
        asymmetry_spread=0.01,
        pulse_noise=3.75,
        noise="absolute",
        write_noise=56.0,
        max_conductance_us=50.0,
        pulse_energy_j=7e-12,
        pulse_time_s=4e-8,
        endurance=1e11,
        source="Gong et al., Nat. Commun. 9:2102 (2018), soft bounds; endurance as reram-es",
    ),
    "reram-array": Device(
        SOFT,
        step=0.0949,
        low_spread=0.5695,
        high_spread=0.3499,
        step_spread=0.7829,
        log_normal=True,
        asymmetry_spread=0.01,
        pulse_noise=0.4158,
        noise="absolute",
        write_noise=1.4113,
        centred=True,
        stuck=0.1348,
        max_conductance_us=50.0,
        pulse_energy_j=7e-12,
        pulse_time_s=4e-8,
        endurance=1e11,
        source="Gong, Rasch et al., IEDM 2022, 33.7, IEEE document 10019569, optimised material; endurance: reram-es",
    ),
    "reram-hfo2": Device(
        SOFT,
        step=0.4622,
        low_spread=0.5990,
        high_spread=0.4295,
        step_spread=0.7125,
        log_normal=True,
        asymmetry_spread=0.01,
        pulse_noise=0.2174,
        noise="absolute",
        write_noise=0.5841,
        centred=True,
        stuck=0.0977,
        max_conductance_us=50.0,
        pulse_energy_j=7e-12,
        pulse_time_s=4e-8,
        endurance=1e11,
        source="Gong, Rasch et al., IEDM 2022, 33.7, IEEE document 10019569, HfO2; endurance as reram-es",
    ),
    "pcm": Device(
        ExponentialStep(2.5, 2.5, -27.235, -2.235, -1.0, 0.0),
        step=0.01,
        low=0.0,
        high=2.0,
        high_spread=0.1,
        step_spread=0.2,
        asymmetry_spread=0.05,
        pulse_noise=0.6,
        noise="graded",
        noise_floor=0.042,
        noise_slope=0.108,
        one_sided=True,
        drift=0.06,
        drift_spread=0.02,
        drift_start_s=20.0,
        max_conductance_us=25.0,
        pulse_energy_j=1.35e-11,
        pulse_time_s=1.5e-7,
        endurance=1e9,
        source="Nandakumar et al., Front. Neurosci. 14:406 (2020); drift: within nu = 0.049-0.1 of Nandakumar et al., "
        "ICECS 2019, 727, standard deviation 0.008-0.045; endurance 1e9: ordinary PCM, as others quote it",
    ),
    "ecram": Device(
        LinearStep(0.1153, 0.5085, 0.05, ends=(-0.8276, 1.1724)),
        step=0.002,
        low=-0.8276,
        high=1.1724,
        low_spread=0.05,
        high_spread=0.05,
        step_spread=0.1,
        asymmetry_spread=0.01,
        pulse_noise=0.3,
        max_conductance_us=1.0,
        pulse_energy_j=1e-15,
        pulse_time_s=1e-6,
        endurance=1e9,
        source="Tang et al., IEDM 2018, 10.1109/IEDM.2018.8614551 (Li); endurance: Fuller et al., Science 364, 570 "
        "(2019)",
    ),
    "ecram-mo": Device(
        LinearStep(0.4152, 0.7342, 0.05, ends=(-0.8286, 1.1714)),
        step=2.8214e-4,
        low=-0.8286,
        high=1.1714,
        low_spread=0.05,
        high_spread=0.05,
        step_spread=0.1,
        asymmetry_spread=0.01,
        pulse_noise=2.0,
        max_conductance_us=1.0,
        pulse_energy_j=1e-15,
        pulse_time_s=1e-6,
        endurance=1e9,
        source="Kim et al., IEDM 2019, 35.7, IEEE document 8993463 (metal oxide); endurance as ecram",
    ),
    "capacitor": Device(
        LinearStep(0.05, 0.05, 0.01),
        step=0.005,
        low_spread=0.07,
        high_spread=0.07,
        step_spread=0.1,
        asymmetry_spread=0.06,
        pulse_noise=0.3,
        noise="absolute",
        retention_time_s=1.0,
        max_conductance_us=10.0,
        pulse_energy_j=1e-15,
        pulse_time_s=1e-8,
        source="Li et al., VLSI 2018, 25, 10.1109/VLSIT.2018.8510648; retention of the order of 1 s, assumed; a "
        "transistor does not wear out by charging its gate",
    ),
    "idealised": Device(
        LinearStep(),
        step=0.0002,
        low_spread=0.3,
        high_spread=0.3,
        step_spread=0.3,
        pulse_noise=0.3,
        max_conductance_us=25.0,
        pulse_energy_j=1e-12,
        pulse_time_s=1e-7,
        source="Rasch et al., arXiv 1906.02698 (2019): 10,000 states; energy and time assumed",
    ),
    "gokmen-vlasov": Device(
        LinearStep(),
        step=0.0016,
        low_spread=0.3,
        high_spread=0.3,
        step_spread=0.3,
        asymmetry_spread=0.01,
        pulse_noise=0.3,
        max_conductance_us=25.0,
        pulse_energy_j=1e-12,
        pulse_time_s=1e-7,
        source="Gokmen & Vlasov, Front. Neurosci. 10:333 (2016): 1,200 states; energy and time assumed",
    ),
}
