"""The result of a run: every number that a command leaves behind, with its unit, its form and its meaning.

A new number is one line here, and one where it is measured. Every command writes and reads results by this class alone;
the report of a comparison shows the columns that say so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_args, get_origin, get_type_hints

from pib_rl.common.units import si

TRAIN, BASELINE, LABELS, VALUES, VIEWS, ADAPT = "train", "baseline", "labels", "values", "views", "adapt"
POLICIES, LEARN = (TRAIN, BASELINE), (LABELS, VALUES, VIEWS)
HARDWARE = (TRAIN, *LEARN)
EVERY = (*POLICIES, *LEARN, ADAPT)

FORMATS: dict[str, Callable[[float, str], str]] = {
    "number": lambda value, unit: f"{value:,.6g} {unit}".strip(),
    "count": lambda value, unit: f"{value:,.0f} {unit}".strip(),
    "percent": lambda value, unit: f"{100 * value:.2f} %",
    "fraction": lambda value, unit: f"{value:.3f}",
    "return": lambda value, unit: format_return(value),
    "seconds": lambda value, unit: f"{value:.{0 if value >= 10 else 1}f} {unit}".strip(),
    "si": lambda value, unit: si(value, unit, 1e-12 if unit else 1.0),
}


def column(
    help: str,
    of: tuple[str, ...],
    unit: str = "",
    form: str = "number",
    row: bool = False,
    mean: str | None = None,
) -> Any:
    """A field of `RunResult`.

    Args:
        help: What it says, in one line.
        of: Kinds of runs that have it.
        unit: Its unit.
        form: How people read it, a name of `FORMATS`.
        row: Whether results.csv of a comparison has it.
        mean: Heading of its mean over runs in the report of a comparison; None where the report leaves it out.
    """
    about = {"help": help, "of": of, "unit": unit, "form": form, "row": row, "mean": mean}
    return field(default=None, metadata=about)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run measured. What it did not measure is None, and not written."""

    kind: str
    """What made it: train, baseline, labels, values, views or adapt."""
    env: str | None = column("id of the environment", (*POLICIES, ADAPT))
    data: str | None = column("name or path of the data", (*LEARN, ADAPT))
    run: str | None = column("run folder whose chip broke", (ADAPT,))
    hw: str | None = column("substrate, or software", EVERY, row=True)
    target: str | None = column("what the units learned from", LEARN)
    learner: str | None = column("what trained the hidden arrays, or a software agent", EVERY, row=True)
    seed: int | None = column("seed", EVERY, row=True)
    timesteps: int | None = column("environment steps", POLICIES, form="count", row=True)
    train_samples: int | None = column("training samples", LEARN, form="count")
    test_samples: int | None = column("test samples", LEARN, form="count")
    epochs: int | None = column("passes over the training samples", LEARN, form="count")

    eval_mean: float | None = column("mean return of the last policy, greedy, noisy", POLICIES, form="return", row=True)
    eval_std: float | None = column("standard deviation of these returns", POLICIES, form="return", row=True)
    eval_episodes: int | None = column("episodes of each final evaluation", POLICIES, form="count", row=True)
    eval_mean_noiseless: float | None = column("mean return of the last policy, mean read", (TRAIN,), form="return")
    best_eval_mean: float | None = column("mean return of the best checkpoint", (TRAIN,), form="return", row=True)
    best_eval_mean_noiseless: float | None = column("the same with mean read", (TRAIN,), form="return")
    solved_at_step: int | None = column("step of the first evaluation that solved the task", POLICIES, row=True)
    chips: int | None = column(
        "chips of the wafer; all other figures are means over them, or sums", HARDWARE, form="count"
    )
    chips_solved: float | None = column("share of chips that solved the task at the end", (TRAIN,), form="percent")
    chips_median: float | None = column("median over chips of their mean return, or score", HARDWARE)
    worst_chip: int | None = column("number of the worst chip, from 0", HARDWARE)
    worst_chip_mean: float | None = column("its mean return, or score", HARDWARE)

    wafer_seed: int | None = column("first seed of the wafer that this chip was trained on, beside others", (TRAIN,))
    wafer_chips: int | None = column("chips of that wafer; time is this chip's share of its time", (TRAIN,), row=True)

    validation_accuracy: float | None = column("accuracy on validation samples", (LABELS,), form="percent")
    test_accuracy: float | None = column("accuracy", (LABELS,), form="percent")
    test_accuracy_noiseless: float | None = column("accuracy, mean read", (LABELS,), form="percent")
    validation_r2: float | None = column("explained variance of validation samples", (VALUES,), form="percent")
    test_r2: float | None = column("variance explained (R2)", (VALUES,), form="percent")
    test_r2_noiseless: float | None = column("variance explained (R2), mean read", (VALUES,), form="percent")
    validation_score: float | None = column("variance decoded from views", (VIEWS,), form="percent")
    probe_accuracy: float | None = column("linear probe on all taps, all labels", (LABELS, VIEWS), form="percent")
    probe_500_accuracy: float | None = column("linear probe on all taps, 500 labels", (VIEWS,), form="percent")
    knn_accuracy: float | None = column("5 nearest neighbours, last unit", (LABELS, VIEWS), form="percent")
    nmi: float | None = column("clusters and classes, NMI, last unit", (LABELS, VIEWS), form="fraction")
    inputs: dict[str, float] | None = column("the same four of the inputs themselves", (VIEWS,))
    pca: dict[str, float] | None = column("the same four of the inputs' principal components", (VIEWS,))

    wall_s: float | None = column("time of the training", (*POLICIES, *LEARN), "s", "seconds", True, "time [s]")
    measurements: int | None = column("physical measurements", HARDWARE, form="si", row=True, mean="measurements")
    writes: int | None = column("programming pulses, all devices", HARDWARE, form="si", row=True)
    devices: int | None = column("programmable devices", HARDWARE, form="count", row=True)
    digital_weights: int | None = column("those of them that are numbers in digital arrays", HARDWARE, form="count")
    energy_j: float | None = column("energy", HARDWARE, "J", "si", True, "energy [J]")
    energy_parts_j: dict[str, float] | None = column("energy by part", HARDWARE, "J")
    latency_s: float | None = column("time from an input to the output for it", HARDWARE, "s", "si")
    reference_j: float | None = column("energy that a processor's products alone need", HARDWARE, "J", "si")
    writes_max_per_device: float | None = column("pulses to the most written device", HARDWARE, form="count")
    writes_mean_per_device: float | None = column("pulses per device", HARDWARE, form="si", mean="writes per device")
    endurance_used: float | None = column("share of its endurance that the most written device used", HARDWARE)
    control_period_s: float | None = column("simulated time between two actions", (TRAIN,), "s", "si")
    aged_s: float | None = column("simulated time that passed for the hardware", HARDWARE, "s", "si")
    faults: list[Any] | None = column("what broke", (*HARDWARE, ADAPT))
    sites: list[Any] | None = column("places where units learned: traffic, starts, steps lost", HARDWARE)
    device: str | None = column("torch device", LEARN)

    chip: int | None = column("number of the chip that broke, of a run with several, from 0", (ADAPT,))
    adapt_seed: int | None = column("seed of what broke and of all that came then", (ADAPT,))
    unit: str | None = column("what the length of an adaptation counts", (ADAPT,))
    length: int | None = column("how long each learner went on", (ADAPT,), form="count")
    scored: str | None = column("what performance is", (ADAPT,))
    percent: bool | None = column("whether performance is a fraction", (ADAPT,))
    before: float | None = column("performance before the fault", (ADAPT,))
    after: float | None = column("performance after it, before anything was learned", (ADAPT,))
    after_old_probe: float | None = column("the same by a probe of before the fault", (ADAPT,))
    final_old_probe: float | None = column("of one learner: the same at the end", (VIEWS,))
    curve_before: float | None = column("performance before the fault on what may be looked at meanwhile", (ADAPT,))
    learners: dict[str, Any] | None = column("how each learner recovered: final, curve, counts", (ADAPT,))

    def text(self, name: str) -> str:
        """A number as people read it, with its unit; "-" where there is none."""
        return as_text(name, getattr(self, name))

    def as_json(self) -> str:
        """The content of result.json."""
        return json.dumps(self.plain(), indent=2) + "\n"

    def plain(self) -> dict[str, Any]:
        """Values by name, of those fields that have one."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in known.items() if value is not None}

    def row(self) -> dict[str, Any]:
        """The columns of results.csv, empty where there is no such number."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.metadata.get("row")}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any], *needs: str) -> RunResult:
        """A result from the content of result.json.

        Args:
            content: Values by name.
            needs: Fields that whoever asks can't do without.

        Raises:
            ValueError: If a name is unknown, one of ``needs`` is missing, or a value is not of its kind; it names them.
        """
        hints = get_type_hints(cls)
        wrong = [name for name, value in content.items() if name not in hints or not _fits(value, hints[name])]
        wrong += [name for name in ("kind", *needs) if content.get(name) is None and name not in wrong]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} missing, unknown or of another kind")
        return cls(**content)


def describe(name: str) -> Mapping[str, Any]:
    """What `column` says of a field: help, of, unit, form, row, mean."""
    about: Mapping[str, Any] = _FIELDS[name].metadata
    return about


def as_text(name: str, value: float | None) -> str:
    """A value as people read that of a field, with its unit; "-" where there is none."""
    about = describe(name)
    return "-" if value is None else FORMATS[about["form"]](value, about["unit"])


def means() -> dict[str, str]:
    """Fields whose means over runs the report of a comparison shows: name to heading."""
    return {name: one.metadata["mean"] for name, one in _FIELDS.items() if one.metadata.get("mean")}


def format_return(*values: float) -> str:
    """Returns as people read them, with as many decimals each: 1, or 2 where all of them are below 10 in size."""
    places = decimals(*values)
    return ", ".join(f"{value:.{places}f}" for value in values)


def decimals(*values: float) -> int:
    """Decimals of returns: 1, or 2 where all of them are below 10 in size, as where each reward is in 0..1."""
    return 2 if all(abs(value) < 10.0 for value in values) else 1


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of a JSON file is of a field's kind."""
    kinds = tuple(get_origin(one) or one for one in get_args(hint) or (hint,))
    if isinstance(value, bool) or value is None:
        return value is None or bool in kinds
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


_FIELDS: dict[str, Field[Any]] = {one.name: one for one in fields(RunResult)}
