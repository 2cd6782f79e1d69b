"""Feeds everything that is read with broken content, guided by coverage: python scripts/fuzz.py policy --minutes 10.

Needs atheris (pip install -e '.[fuzz]'). Each target begins with small sound files that it makes itself. An input is a
fault if it ends in anything but a result or one line of this package: another exception, more than 20 seconds, or more
than 2 GB. Faults are kept in the folder --out, each kind once, with what happened; `--replay FILE` does one again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

NAMES = ("policy", "checkpoint", "agent", "estimator", "run-folder")
NAMES += ("data", "settings", "faults", "replies", "environments")
SECONDS, MEGABYTES = 20, 2048  # of one input; of the process
LEAST = 5  # seconds that are worth a new process


def find(name: str) -> Any:
    """A target, ready for use."""
    import fuzz_files
    import fuzz_texts

    target: Any = {**fuzz_files.TARGETS, **fuzz_texts.TARGETS}[name]()
    target.sound = target.seeds()  # now: use changes the files that they are read from
    return target


def attempt(target: Any, content: bytes) -> BaseException | None:
    """What is wrong with what a target makes of an input; None if nothing is."""
    from fuzz_inputs import is_ours

    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            target.use(content)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        return None if is_ours(error) else error
    return None


def mutate(content: bytes, most: int, seed: int, sound: bytes) -> bytes:
    """Another input: changed as bytes, or where it begins with JSON, as that; in half of all cases a sound one."""
    import atheris
    from fuzz_inputs import changed_json

    draw = random.Random(seed)
    if draw.random() < 0.5 and len(sound) < most:
        content = sound
    if content[:1] == b"s" and draw.random() < 0.8:
        other = content[:1] + changed_json(content[1:], draw)
        if len(other) <= most:
            return other
    return bytes(atheris.Mutate(content, most))


def child(name: str, seconds: int, out: Path, corpus: Path) -> None:
    """Fuzzes in this process until the time is over, or an input takes too long or too much."""
    import atheris
    import torch
    from stable_baselines3 import PPO  # what is imported up to here is not watched

    assert PPO
    torch.set_num_threads(1)
    with atheris.instrument_imports(include=["pib_rl", "yaml"]):
        target = find(name)
    known: set[str] = set()

    def one(content: bytes) -> None:
        error = attempt(target, content)
        if error is None:
            return
        frames = traceback.extract_tb(error.__traceback__)[-2:]
        kind = "-".join([type(error).__name__, *(f"{Path(frame.filename).stem}{frame.lineno}" for frame in frames)])
        if kind not in known:
            known.add(kind)
            (out / f"{name}-{kind}").write_bytes(content)
            text = "".join(traceback.format_exception(error))
            (out / f"{name}-{kind}.txt").write_text(text, errors="replace")

    seeds = target.sound
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    largest = max(map(len, seeds))
    sealed = [seed for seed in seeds if target.json and seed[:1] == b"s"]
    flags = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=1"]
    flags += [f"-max_len={4 * largest + 1000}", f"-artifact_prefix={out}/{name}-", "-detect_leaks=0", "-seed=1"]
    own = {"custom_mutator": lambda content, most, seed: mutate(content, most, seed, sealed[0])} if sealed else {}
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one, **own)
    atheris.Fuzz()


def fuzz(name: str, seconds: float, out: Path) -> tuple[int, int]:
    """Fuzzes a target in processes of its own; executions, and kinds of faults found."""
    end, count = time.monotonic() + seconds, 0
    before = set(out.glob(f"{name}-*"))
    with tempfile.TemporaryDirectory() as corpus:
        while (left := int(end - time.monotonic())) > LEAST:
            command = [sys.executable, __file__, name, "--out", str(out), "--child", corpus, "--seconds", str(left)]
            ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            found = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)", ended.stderr, re.M)
            if not found:
                raise SystemExit(f"{name} did not begin: {ended.stderr[-2000:]}")
            count += max(int(number or other) for number, other in found)
    faults = [path for path in set(out.glob(f"{name}-*")) - before if path.suffix != ".txt"]
    return count, len(faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(NAMES), metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--out", type=Path, default=Path("fuzz"))
    parser.add_argument("--replay", type=Path, help="do this one input again, with its traceback")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        raise SystemExit(f"unknown target {', '.join(unknown)}; known: {', '.join(NAMES)}")
    if options.replay:
        find(options.targets[0]).use(options.replay.read_bytes())
        return
    options.out.mkdir(parents=True, exist_ok=True)
    seconds = options.seconds or 60 * options.minutes
    if options.child:
        child(options.targets[0], int(seconds), options.out, options.child)
    total = 0
    print(f"{'target':<14}{'minutes':>9}{'executions':>12}{'faults':>8}", flush=True)
    for name in options.targets:
        count, faults = fuzz(name, seconds, options.out.resolve())
        total += faults
        print(f"{name:<14}{seconds / 60:>9.1f}{count:>12}{faults:>8}", flush=True)
    raise SystemExit(bool(total))


if __name__ == "__main__":
    main()
