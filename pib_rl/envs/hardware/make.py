"""Environments around hardware from plain arguments, as `gymnasium.make` passes them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pib_rl.agents.saved_settings import read_settings
from pib_rl.envs.hardware.chips import Source, chosen
from pib_rl.envs.hardware.encoder import HardwareEncoder
from pib_rl.envs.hardware.loop import HardwareLoop
from pib_rl.envs.make import built


def make_hardware(
    env_id: str = "CartPole-v1",
    hw: str | None = None,
    run: Source | None = None,
    *,
    width: int | None = None,
    units: int | None = None,
    hw_options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    distractors: int | None = None,
    best: bool = False,
    chip: int | None = None,
    greedy: bool = True,
    read: str = "noisy",
    latency_s: float | None = None,
    first_action: Any = None,
    view: str = "both",
    faults: Sequence[str] | None = (),
    **env_kwargs: Any,
) -> HardwareLoop:
    """`HardwareLoop` over the task ``env_id``: the policy of ``run``, a run folder of ``train``, or a fresh chip acts.

    ``hw`` ("digital" by default), ``width`` (64), ``units`` (2), ``hw_options`` and ``seed`` (0) make a fresh chip with
    a blank readout; of a run they are known and may be left out. ``distractors`` are noise dimensions of each
    observation, by default those of the run, or none. ``env_kwargs`` go to the task, ``render_mode`` among them; all
    others to `HardwareLoop`, such as ``chip``, the number of one of a run's several chips.

    Raises:
        ValueError: If the task, the run or the chip can't be had, or they do not fit together.
    """
    source = chosen(run, hw=hw, width=width, units=units, hw_options=hw_options, seed=seed)
    if distractors is None and run is not None:
        distractors = read_settings(Path(run)).get("distractors")
    env = built(env_id, 0 if distractors is None else distractors, env_kwargs, make_hardware)
    return HardwareLoop(
        env,
        source,
        best=best,
        chip=chip,
        greedy=greedy,
        read=read,
        latency_s=latency_s,
        first_action=first_action,
        view=view,
        faults=faults,
    )


def make_encoder(
    env_id: str = "CartPole-v1",
    hw: str | None = None,
    run: Source | None = None,
    *,
    width: int | None = None,
    units: int | None = None,
    hw_options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    samples: int = 1000,
    distractors: int = 0,
    read: str = "noisy",
    chip: int | None = None,
    **env_kwargs: Any,
) -> HardwareEncoder:
    """`HardwareEncoder` over the task ``env_id``: the units of ``run``, or those of a fresh chip, encode.

    ``run`` is a run folder of ``learn --target views`` or of ``train``; a fresh chip gets its statistics from
    ``samples`` observations of random actions. All others, and errors, are as for `make_hardware`.
    """
    source = chosen(run, samples, hw=hw, width=width, units=units, hw_options=hw_options, seed=seed)
    return HardwareEncoder(built(env_id, distractors, env_kwargs, make_encoder), source, read, chip)
