"""Targets of fuzzing that read what this package saves: policies, checkpoints, agents, estimators, run folders."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import yaml
from fuzz_inputs import SPLIT, apart, refusals, together
from gymnasium import spaces

from pib_rl import PIB, PIBClassifier, train
from pib_rl.agents.resuming.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from pib_rl.agents.saved import load_policy, load_units
from pib_rl.agents.saved_settings import BEST, LAST
from pib_rl.agents.storing.archive import DATA, STATE, SUM
from pib_rl.cli.cli import mistakes
from pib_rl.common.tree import flatten_state
from pib_rl.envs.make import make_vec_env
from pib_rl.runs.folder import RunFolder
from pib_rl.training.load import load
from pib_rl.training.loop import close

CHIP = ["--hw", "memristive", "--width", "2", "--units", "1"]
TINY = ["--timesteps", "16", "--n-envs", "2", "--n-steps", "8", "--eval-episodes", "1", "--looks", "0"]
OBSERVATIONS, ACTIONS = spaces.Box(-1.0, 1.0, (4,)), spaces.Discrete(2)
RAW, SEALED = b"r", b"s"  # first byte of an input: bytes of a file, or parts that get the right checksum


def small_agent() -> PIB:
    """An agent on CartPole that is as small as can be."""
    env = make_vec_env("CartPole-v1", 2, seed=0)
    quick = {"hidden_steps": 1, "epochs": 1}
    return PIB("MlpPolicy", env, hw="memristive", n_steps=8, policy_kwargs={"width": 2, "units": 1}, rule=quick, seed=0)


class File:
    """A target that reads one file of a format with checksums. ``path`` is where it puts it."""

    json = True

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.path = self.place / "file"

    def seeds(self) -> list[bytes]:
        content = self.path.read_bytes()
        return [RAW + content, SEALED + apart(content)]

    def content(self, given: bytes) -> bytes:
        return together(given[1:]) if given[:1] == SEALED else given[1:]

    def use(self, given: bytes) -> None:
        self.path.write_bytes(self.content(given))
        self.read()

    def read(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


class Policy(File):
    """policy.safetensors of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.run = self.place / "run"
        with contextlib.redirect_stdout(io.StringIO()):
            train.main(["CartPole-v1", *CHIP, *TINY, "--out", str(self.run), "--no-progress"])
        self.path = self.run / LAST

    def read(self) -> None:
        policy = load_policy(self.run, OBSERVATIONS, ACTIONS)
        assert policy.predict(np.zeros((1, 4), np.float32))[0][0] in (0, 1)
        load_units(self.run, 4)


class CheckpointFile(File):
    """A checkpoint, with which a training goes on."""

    def __init__(self) -> None:
        super().__init__()
        agent = small_agent()
        agent.learn(16)
        run = flatten_state({"wall_s": 0.0})
        save_checkpoint(self.place, Checkpoint(16, 32, {"agent": agent.training_state(), "run": run}))
        (self.path,) = (self.place / "checkpoints").iterdir()

    def read(self) -> None:
        found = newest_checkpoint(self.place)
        assert found is not None
        assert all(value.ndim >= 0 for value in found.policy.values())
        agent = small_agent()
        agent.load_training_state(found.parts["agent"])
        agent.learn(16, reset_num_timesteps=False)


class Agent(File):
    """The zip of `PIB.save`."""

    def __init__(self) -> None:
        super().__init__()
        agent = small_agent()
        agent.learn(16)
        self.path = self.place / "agent.zip"
        agent.save(self.path)

    def seeds(self) -> list[bytes]:
        with zipfile.ZipFile(self.path) as archive:
            data, state = archive.read(DATA), archive.read(STATE)
        text, _, tensors = apart(state).partition(SPLIT)
        both = json.dumps({"data": json.loads(data), "state": json.loads(text)}).encode()
        return [RAW + self.path.read_bytes(), SEALED + both + SPLIT + tensors]

    def content(self, given: bytes) -> bytes:
        if given[:1] != SEALED:
            return given[1:]
        text, _, tensors = given[1:].partition(SPLIT)
        try:
            both = json.loads(text)
            data, state = json.dumps(both["data"]).encode(), json.dumps(both["state"]).encode()
        except (ValueError, KeyError, TypeError, RecursionError):
            return given[1:]
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr(DATA, data)
            digest = hashlib.sha256(data).hexdigest()
            archive.writestr(STATE, together(state + SPLIT + tensors, **{SUM: digest}))
        return whole.getvalue()

    def read(self) -> None:
        agent = PIB.load(self.path)
        assert agent.predict(np.zeros((1, 4), np.float32))[0][0] in (0, 1)
        PIB.load(self.path, make_vec_env("CartPole-v1", 2, seed=0)).learn(16)


class Estimator(File):
    """The file of `PIBClassifier.save`."""

    def __init__(self) -> None:
        super().__init__()
        x, y = np.random.default_rng(0).normal(size=(20, 3)), ["a", "b"] * 10
        model = PIBClassifier(hw="memristive", width=2, units=1, epochs=1, seed=0).fit(x, y)
        self.path = model.save(self.place / "estimator")

    def read(self) -> None:
        assert len(PIBClassifier.load(self.path).predict(np.zeros((2, 3)))) == 2


class Run(Policy):
    """config.yaml and result.json of a run, as one text of JSON: what commands ask of a folder first."""

    def seeds(self) -> list[bytes]:
        config = yaml.safe_load((self.run / "config.yaml").read_text())
        result = json.loads((self.run / "result.json").read_text())
        texts = [(self.run / name).read_bytes() for name in ("config.yaml", "result.json", "evaluations.csv")]
        return [SEALED + json.dumps([config, result]).encode(), RAW + SPLIT.join(texts)]

    def use(self, given: bytes) -> None:
        if given[:1] == SEALED:
            try:
                config, result = json.loads(given[1:])
                parts = [yaml.safe_dump(config).encode(), json.dumps(result).encode()]
            except (ValueError, TypeError, RecursionError, yaml.YAMLError):
                return
        else:
            parts = given[1:].split(SPLIT)
        for name, part in zip(("config.yaml", "result.json", "evaluations.csv"), parts, strict=False):
            (self.run / name).write_bytes(part)
        folder = RunFolder.open(self.run)
        folder.versions()
        for ask in (lambda: folder.result("eval_mean"), folder.evaluations, lambda: load_units(self.run, 4)):
            with refusals():
                ask()
        shutil.copyfile(self.run / LAST, self.run / BEST)
        with mistakes():
            model, _ = load(folder, LAST)
        close(model)


TARGETS = {
    "policy": Policy,
    "checkpoint": CheckpointFile,
    "agent": Agent,
    "estimator": Estimator,
    "run-folder": Run,
}
