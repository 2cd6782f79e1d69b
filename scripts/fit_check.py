"""Fits the published presets from their own simulated pulses, blind: is the law found, are the parameters?

python scripts/fit_check.py --out fit_check.csv
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from pib_rl.fitting.device import device_table
from pib_rl.fitting.pulses import read_pulses
from pib_rl.fitting.selection import choose, with_plain_noise
from pib_rl.fitting.simulated import fabricate
from pib_rl.fitting.tracks import make_tracks
from pib_rl.physical.memristive.devices import DEVICES, Device
from pib_rl.physical.memristive.step_laws import LinearStep

WAYS = 2.0  # ranges that the pulses of one direction would cross at the step in the middle
FEWEST = 40  # readings of one direction
OFFSET = 1.5  # conductance of weight 0, in ranges: no device of a published spread falls below 0
DRAWS = 4000  # devices of which the true means and spreads are taken


def law_of(device: Device) -> str:
    if not isinstance(device.law, LinearStep):
        return "exponential"
    if device.law.own_ends:
        return "soft-bounds"
    return "linear" if device.law.bend_up else "constant"


def span(device: Device) -> float:
    return device.high - device.low


def to_us(device: Device, weight):
    offset = 0.0 if device.one_sided else OFFSET
    return device.max_conductance_us * (weight / span(device) + offset)


def write_pulses(
    path: Path, device: Device, devices: int = 5, cycles: int = 3, points: int = 80, seed: int = 0
) -> None:
    """Pulses up and then down, as a laboratory would read them."""
    array = fabricate(device, devices, seed)
    across = WAYS * span(device) / device.typical_step
    each = max(1, int(across / points))
    count = int(np.clip(across / each, FEWEST, points))
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["device", "cycle", "pulse", "direction", "conductance_us"])
        for cycle in range(cycles):
            if device.one_sided:
                array.held.zero_()
            else:
                array.pulse(torch.full((devices, 1), float(-each * count)))
            pulse = 0
            us = to_us(device, (array.held if device.one_sided else array.seen)[0, :, 0].double()).tolist()
            lines.writerows([d, cycle, 0, 1, f"{us[d]:.9g}"] for d in range(devices))  # before the first pulse
            for way in (1,) if device.one_sided else (1, -1):
                for _ in range(count):
                    pulse += each
                    if device.one_sided:
                        array.held[1].zero_()  # the pair's other device: nothing is rewritten
                    array.pulse(torch.full((devices, 1), float(way * each)))
                    us = to_us(device, array.seen[0, :, 0].double()).tolist()
                    lines.writerows([d, cycle, pulse, way, f"{us[d]:.9g}"] for d in range(devices))


def truth(device: Device, zero_us: float, unit_us: float, words: dict) -> dict[str, float]:
    """What a fit should find, in its own weights: w = start + scale u."""
    offset = 0.0 if device.one_sided else OFFSET
    start = (zero_us / device.max_conductance_us - offset) * span(device)
    scale = unit_us * span(device) / device.max_conductance_us
    array, law = fabricate(device, DRAWS, 12345), law_of(device)
    drawn = array.population.at(torch.arange(DRAWS))
    here = torch.full((DRAWS,), start)
    steps = [device.law.step(here, torch.full((DRAWS,), way), drawn).abs() for way in (True, False)]
    at_zero = steps[0].mean().item()
    if law == "exponential":
        steps = [drawn.up, drawn.down]
    logs = [np.log(step.numpy() / scale) for step in steps]
    wide, two = "log_normal" in words, not device.one_sided
    larger = max(logs[: 1 + two], key=lambda one: one.mean())
    gain = sum(logs[: 1 + two]) / (1 + two)
    found = {
        "step": np.exp(larger.mean() + (0 if wide else gain.var() / 2)),
        "step_spread": gain.std(),
        "high": ((drawn.high - start) / scale).mean().item(),
    }
    found["high_spread"] = (drawn.high / scale).std().item() / abs(found["high"])
    if two:
        tilt = (logs[0] - logs[1]) / 2
        found["low"] = ((drawn.low - start) / scale).mean().item()
        found["low_spread"] = (drawn.low / scale).std().item() / abs(found["low"])
        found["asymmetry"] = np.sign(tilt.mean()) * (1 - np.exp(-2 * abs(tilt.mean())))
        found["asymmetry_spread"] = tilt.std()
    if law == "linear":
        low, high = device.law.ends
        for way, end, fit_end in (("up", high, "high"), ("down", low, "low")):
            bend = getattr(device.law, f"bend_{way}")
            found[f"bend_{way}"] = bend * scale / end / (1 - bend * start / end) * found[fit_end]
        found["bend_spread"] = device.law.bend_spread
    if law == "exponential":
        own = device.law
        shift = 2 * own.slope * start / span(device) + own.shift
        for way, sign in (("up", 1), ("down", -1))[: 1 + two]:
            gamma = getattr(own, f"gamma_{way}")
            found[f"gamma_{way}"] = gamma * own.slope
            found[f"offset_{way}"] = getattr(own, f"offset_{way}") * np.exp(sign * gamma * shift)
    kind = words.get("noise", "relative")
    size = device.step / at_zero if kind == "absolute" and law != "exponential" else 1.0
    same = kind == device.noise or (law == "constant" and kind == "relative")
    found["pulse_noise"] = device.pulse_noise * size if same else np.nan
    if kind == "graded":
        found["noise_floor"] = device.noise_floor / scale if same else np.nan
        found["noise_slope"] = device.noise_slope if same else np.nan
    found["write_noise"] = device.write_noise * device.step / scale / found["step"]
    return found


def check(name: str, points: int, seed: int) -> list[dict]:
    """A row per parameter; the first one says which law was chosen."""
    device = DEVICES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pulses.csv"
        write_pulses(path, device, points=points, seed=seed)
        start = time.process_time()
        tracks = make_tracks(read_pulses(path))
    choice = choose(tracks)
    seconds = time.process_time() - start
    table, words = device_table(with_plain_noise(choice.fits[law_of(device)], tracks), tracks)
    rows = [
        {
            "device": name,
            "seed": seed,
            "parameter": "law",
            "value": choice.chosen,
            "error": f"{seconds:.1f}",
            "truth": law_of(device),
            "within": choice.chosen == law_of(device),
        }
    ]
    for key, true in truth(device, tracks.zero_us, tracks.unit_us, words).items():
        if key in table:
            value, error = table[key]
            rows.append(
                {
                    "device": name,
                    "seed": seed,
                    "parameter": key,
                    "value": f"{value:.5g}",
                    "error": f"{error:.3g}",
                    "truth": f"{true:.5g}",
                    "within": bool(abs(value - true) <= 2 * error),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", nargs="*", default=list(DEVICES))
    parser.add_argument("--seed", type=int, default=100, help="of the first preset; each further one has the next")
    parser.add_argument("--points", type=int, default=80, help="readings of one direction, at most")
    parser.add_argument("--out", type=Path, default=Path("fit_check.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict] = []
    for name in arguments.devices:
        rows += (fresh := check(name, arguments.points, arguments.seed + list(DEVICES).index(name)))
        law, known = fresh[0], [row["within"] for row in fresh[1:]]
        missed = ", ".join(
            f"{r['parameter']} {r['value']}±{r['error']} not {r['truth']}" for r in fresh[1:] if not r["within"]
        )
        print(
            f"{name}: {law['value']} (true: {law['truth']}), {sum(known)} of {len(known)}, {law['error']} s; {missed}",
            flush=True,
        )
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    laws = [row["within"] for row in rows if row["parameter"] == "law"]
    known = [row["within"] for row in rows if row["parameter"] != "law"]
    print(f"right law: {sum(laws)} of {len(laws)}; parameters within 2 standard errors: {sum(known)} of {len(known)}")


if __name__ == "__main__":
    main()
