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

import torch
import yaml
from safetensors.torch import save

from pib_rl import adapt, log, play, train
from pib_rl.agents.saved import KIND
from pib_rl.cli import cli
from pib_rl.common.stored import checksum, read

CHIP = ["--hw", "memristive", "--width", "3", "--units", "1"]
TINY = ["--timesteps", "16", "--n-envs", "2", "--n-steps", "8", "--eval-episodes", "1", "--looks", "0"]
QUIET = ["--no-progress"]
COMMANDS = {
    "play": (play, ["RUN", "--steps", "3", *QUIET]),
    "adapt": (
        adapt,
        ["RUN", "--fault", "stuck:0.1", *TINY[:2], "--learner", "frozen", "--out", "OUT", *QUIET],
    ),
    "log": (log, ["CartPole-v1", "--policy", "RUN", "--timesteps", "16", "--out", "OUT.npz", *QUIET]),
    "train --init": (train, ["CartPole-v1", "--init", "RUN", *TINY, "--out", "OUT", *QUIET]),
    "train --config": (train, ["--config", "RUN/config.yaml", "--print-config"]),
    "train --out": (train, ["CartPole-v1", *CHIP, *TINY, "--out", "RUN", *QUIET]),
}
STRANGE = [10**9, -1, 0, 2.5, "zz", None, True, [], [1, "a"], {"a": 1}, {"a": {"b": []}}, "", "nan", "9" * 30]
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
    tensors, about = read(path, KIND)
    name = draw.choice(sorted(tensors))
    value = tensors[name]
    changed = value.clone()
    changed.view(-1)[draw.randrange(value.numel())] = draw.choice(VALUES)
    other = [changed, value.to(draw.choice(TYPES)), value.sum(), value.flatten()[:1], torch.zeros(2, 3, 4, 5), None]
    pick = draw.choice([changed, changed, *other])
    found = {key: one for key, one in tensors.items() if key != name} | ({} if pick is None else {name: pick})
    if draw.random() < 0.1:
        found["further"] = torch.zeros(3)
    header = {"format": KIND, "format_version": "1", "written_by": "0", "about": json.dumps(about)}
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
    """Changes one file of a run folder; what was done, in words."""
    name = draw.choice(["policy.safetensors", "config.yaml", "config.yaml", "policy.safetensors", "result.json"])
    path = folder / name
    changes: list[Callable[[bytes, random.Random], bytes]] = [flipped, truncated, emptied, nested]
    if name != "result.json" and draw.random() < 0.7:
        special = settings if name == "config.yaml" else forged
        path.write_bytes(special(path, draw))
        return f"{name}: {special.__name__}"
    change = draw.choice(changes)
    path.write_bytes(change(path.read_bytes(), draw))
    return f"{name}: {change.__name__}"


def outcome(module: object, arguments: list[str]) -> str:
    """ "used", "refused", or what went wrong."""

    def late(*_: object) -> None:
        raise TimeoutError("more than a minute")

    said = io.StringIO()
    argv, before = sys.argv, signal.signal(signal.SIGALRM, late)
    sys.argv = ["command", *arguments]
    signal.alarm(60)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    options = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        whole = make_run(Path(folder))
        for name, (module, _) in COMMANDS.items():
            found = outcome(module, filled(name, whole, Path(folder) / f"untouched {name}"))
            assert found == "used", f"{name} on the folder as it is: {found}"
        print(f"{'command':<16}{'refused':>9}{'used':>9}{'wrong':>9}")
        for name in options.commands:
            counts, faults = tampered(name, whole, Path(folder), options.variants, options.seed)
            print(f"{name:<16}" + "".join(f"{counts[kind]:>9}" for kind in ("refused", "used", "wrong")), flush=True)
            wrong += faults
    for line in wrong:
        print(line)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
