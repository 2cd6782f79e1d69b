"""What commands make of run folders that somebody changed: python scripts/tampered_files.py --variants 100.

Every variant of a small run folder has to end in one line and exit code 2, or in a use as if nothing was wrong with it;
anything else is a fault: another exit code, more lines, an exception, a wait of more than a minute. All runs in this
process; mutations come from a seed. The table counts outcomes for each command.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save

from pib_rl import PIB, PIBClassifier, adapt, compare, learn, log, play, train
from pib_rl.agents.resuming import checkpoints
from pib_rl.agents.resuming.checkpoints import FOLDER
from pib_rl.agents.saved import KIND
from pib_rl.cli import cli
from pib_rl.common.stored import checksum, read
from pib_rl.envs.make import make_vec_env
from pib_rl.runs.folder import RunFolder

CHIP = ["--hw", "memristive", "--width", "3", "--units", "1"]
TINY = ["--timesteps", "16", "--n-envs", "2", "--n-steps", "8", "--eval-episodes", "1", "--looks", "0"]
QUIET = ["--no-progress"]


class LateError(BaseException):
    """Something took too long; nothing may take it for an error of its own."""


COMPARISON = ["--learner", "frozen", "--hw", "digital", "--seeds", "1", "--jobs", "1", "--timesteps", "16"]
COMPARISON += ["--eval-episodes", "1", "--width", "3", "--units", "1"]


class Agents:
    """`PIB.load` as a command: loads a file, and predicts."""

    NAME = "PIB.load"

    @staticmethod
    def main(arguments: list[str]) -> None:
        with cli.mistakes():
            PIB.load(arguments[0]).predict(np.zeros((1, 4), np.float32))


class Estimators:
    """The same of `PIBClassifier.load`."""

    NAME = "PIBClassifier.load"

    @staticmethod
    def main(arguments: list[str]) -> None:
        with cli.mistakes():
            PIBClassifier.load(arguments[0]).predict(np.zeros((1, 3)))


COMMANDS: dict[str, tuple[Any, list[str]]] = {
    "play": (play, ["RUN", "--steps", "3", *QUIET]),
    "adapt": (
        adapt,
        ["RUN", "--fault", "stuck:0.1", *TINY[:2], "--learner", "frozen", "--out", "OUT", *QUIET],
    ),
    "log": (log, ["CartPole-v1", "--policy", "RUN", "--timesteps", "16", "--out", "OUT.npz", *QUIET]),
    "train --init": (train, ["CartPole-v1", "--init", "RUN", *TINY, "--out", "OUT", *QUIET]),
    "train --config": (train, ["--config", "RUN/config.yaml", "--print-config"]),
    "train --resume": (train, ["--resume", "RUN", *QUIET]),
    "learn --resume": (learn, ["--resume", "RUN", *QUIET]),
    "compare": (compare, ["CartPole-v1", *COMPARISON, "--out", "RUN", *QUIET]),
    "PIB.load": (Agents, ["RUN/agent.zip"]),
    "PIBClassifier.load": (Estimators, ["RUN/estimator.safetensors"]),
    "train --out": (train, ["CartPole-v1", *CHIP, *TINY, "--out", "RUN", *QUIET]),
}
STRANGE = [10**9, -1, 0, 2.5, "zz", None, True, [], [1, "a"], {"a": 1}, {"a": {"b": []}}, "", "nan", "9" * 30]
KINDS = {FOLDER: "checkpoint", "estimator": "estimator", "": KIND}  # of files, by a part of their path
TYPES = [torch.bool, torch.int32, torch.float16, torch.float64, torch.float8_e4m3fn, torch.int64]
VALUES = [float("inf"), float("nan"), 1e38, -1e38, -1.0, 0.0, 1e-38]


def flipped(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def truncated(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def nested(content: bytes, draw: random.Random) -> bytes:
    return draw.choice([b"[", b'{"a":', b"a: {b: ["]) * 20_000


def emptied(content: bytes, draw: random.Random) -> bytes:
    return draw.choice([b"", b"{}", b"\0" * 100, b"\xff\xfe"])


def forged(path: Path, draw: random.Random) -> bytes:
    """Other tensors, with a checksum that is right."""
    kind = next(kind for part, kind in KINDS.items() if part in str(path))
    tensors, about = read(path, kind)
    name = draw.choice(sorted(tensors))
    value = tensors[name]
    changed = value.clone()
    number = draw.choice(VALUES)
    changed.view(-1)[draw.randrange(value.numel())] = number if value.is_floating_point() else int(number > 0)
    other = [changed, value.to(draw.choice(TYPES)), value.sum(), value.flatten()[:1], torch.zeros(2, 3, 4, 5), None]
    pick = draw.choice([changed, changed, *other])
    found = {key: one for key, one in tensors.items() if key != name} | ({} if pick is None else {name: pick})
    if draw.random() < 0.1:
        found["further"] = torch.zeros(3)
    header = {"format": kind, "format_version": "1", "written_by": "0", "about": json.dumps(about)}
    if draw.random() < 0.2:
        header[draw.choice(sorted(header))] = draw.choice(["2", "x", "[" * 20_000, "{}", '{"chip": 3}'])
    return save(found, header | {"checksum": checksum(found, header)})


def settings(path: Path, draw: random.Random) -> bytes:
    """YAML with another value, name or part."""
    found = yaml.safe_load(path.read_text())
    name = draw.choice(sorted(found))
    change = draw.randrange(6)
    if change < 3:
        found[name] = draw.choice(STRANGE)
    elif change == 3:
        del found[name]
    elif change == 4:
        found |= draw.choice(
            [{1: 2}, {"mode": "zz"}, {None: 3}, {"hw_options": {"write_noise": -1.0}}, {"rule": {3: 4}}]
        )
    else:
        found["env"] = draw.choice(["this:CartPole-v1", "", "CartPole", "a/b:c", ":", "antigravity:CartPole-v1"])
    return yaml.safe_dump(found, sort_keys=False).encode()


def tamper(folder: Path, draw: random.Random) -> str:
    """Changes one file of a folder; what was done, in words."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".safetensors", ".yaml", ".json", ".zip"))
    whole = ["policy.safetensors", "config.yaml", "config.yaml", "policy.safetensors", "result.json"]
    named = [folder / name for name in whole if (folder / name).is_file()]
    path = draw.choice(named if len(named) == len(whole) else files)
    changes: list[Callable[[bytes, random.Random], bytes]] = [flipped, truncated, emptied, nested]
    specials = {".yaml": settings, ".safetensors": forged}
    if path.suffix in specials and draw.random() < 0.7:
        special = specials[path.suffix]
        path.write_bytes(special(path, draw))
        return f"{path.name}: {special.__name__}"
    change = draw.choice(changes)
    path.write_bytes(change(path.read_bytes(), draw))
    return f"{path.name}: {change.__name__}"


def outcome(module: object, arguments: list[str], seconds: int = 60) -> str:
    """ "used", "refused", or what went wrong."""

    def late(*_: object) -> None:
        raise LateError("more than a minute")

    said = io.StringIO()
    argv, before = sys.argv, signal.signal(signal.SIGALRM, late)
    sys.argv = ["command", *arguments]
    signal.alarm(seconds)
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            cli.run(module.NAME, module.main)  # type: ignore[attr-defined]
        return "used"
    except SystemExit as stop:
        text = said.getvalue()
        if stop.code == cli.MISTAKE and text.count("\n") == 1 and len(text) < 2000:
            return "refused"
        return f"exit {stop.code}, {len(text.splitlines())} lines: {text[-200:]}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        sys.argv = argv


def filled(name: str, folder: Path, out: Path) -> list[str]:
    """The arguments of a command."""
    return [one.replace("RUN", str(folder)).replace("OUT", str(out)) for one in COMMANDS[name][1]]


def tampered(name: str, whole: Path, place: Path, variants: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Outcomes of one command on so many variants of a folder, and what went wrong."""
    module, _ = COMMANDS[name]
    draw, counts, wrong = random.Random(f"{seed} {name}"), Counter[str](), []
    for number in range(variants):
        folder, out = place / f"run{number}", place / f"out{number}"
        shutil.copytree(whole, folder)
        change = tamper(folder, draw)
        found = outcome(module, filled(name, folder, out))
        counts[found if found in ("used", "refused") else "wrong"] += 1
        if found not in ("used", "refused"):
            wrong.append(f"{name}, variant {number}, {change}: {found}")
        for path in (folder, out):
            shutil.rmtree(path, ignore_errors=True)
    return counts, wrong


def make_run(place: Path) -> Path:
    """The small run folder."""
    found = outcome(train, ["CartPole-v1", *CHIP, *TINY, "--out", str(place / "run"), *QUIET])
    assert found == "used", found
    return place / "run"


def stopped(place: Path, command: Any, arguments: list[str]) -> Path:
    """A run folder as a kill leaves it, with a checkpoint."""

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    finished = RunFolder.save_result
    RunFolder.save_result = kill  # type: ignore[method-assign]
    try:
        outcome(command, [*arguments, *CHIP, "--checkpoint-every", "1", "--out", str(place), *QUIET])
    finally:
        RunFolder.save_result = finished  # type: ignore[method-assign]
    assert checkpoints.checkpoint_files(place), f"{place} has no checkpoint"
    return place


def make_folders(place: Path) -> dict[str, Path]:
    """The folder that each command opens."""
    run = make_run(place)
    found = dict.fromkeys(COMMANDS, run)
    found["train --resume"] = stopped(place / "stopped", train, ["CartPole-v1", *TINY])
    samples = place / "samples.npz"
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(24, 3)), np.arange(24) % 2
    np.savez(samples, x_train=x, y_train=y, x_test=x, y_test=y)
    found["learn --resume"] = stopped(place / "learnt", learn, [str(samples), "--epochs", "2", "--batch-size", "8"])
    found["compare"] = place / "comparison"
    arguments = [one.replace("RUN", str(found["compare"])) for one in COMMANDS["compare"][1]]
    assert (said := outcome(compare, arguments, 600)) == "used", said
    found["PIB.load"], found["PIBClassifier.load"] = place / "agent", place / "estimator"
    (place / "agent").mkdir()
    (place / "estimator").mkdir()
    env = make_vec_env("CartPole-v1", 2, seed=0)
    PIB("MlpPolicy", env, n_steps=8, policy_kwargs={"width": 3, "units": 1}).save(place / "agent" / "agent")
    PIBClassifier(width=3, units=1, epochs=1).fit(x, y).save(place / "estimator" / "estimator")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    options = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        whole = make_folders(Path(folder))
        for name in options.commands:
            copy = shutil.copytree(whole[name], Path(folder) / f"copy of {name}")
            found = outcome(COMMANDS[name][0], filled(name, copy, Path(folder) / f"untouched {name}"))
            assert found == "used", f"{name} on the folder as it is: {found}"
        print(f"{'command':<20}{'refused':>9}{'used':>9}{'wrong':>9}")
        for name in options.commands:
            counts, faults = tampered(name, whole[name], Path(folder), options.variants, options.seed)
            print(f"{name:<20}" + "".join(f"{counts[kind]:>9}" for kind in ("refused", "used", "wrong")), flush=True)
            wrong += faults
    for line in wrong:
        print(line)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
