"""Files of a run to the Hugging Face hub and back. What could run code, or lies elsewhere, is left where it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from pib_rl.agents.saved import check_run
from pib_rl.agents.saved_settings import CONFIG, LAST
from pib_rl.cli.cli import UserError, mistakes
from pib_rl.hub.config import HubConfig
from pib_rl.runs.folder import RESULT, RunFolder
from pib_rl.runs.result import describe

SAFE = (".yaml", ".json", ".csv", ".png", ".safetensors")  # plain text, pictures, tensors: reading them runs nothing
LARGEST = 2 * 2**30  # bytes that a file may have
CARD = "README.md"
SHOWN = ("env", "data", "hw", "learner", "seed", "timesteps", "epochs", "eval_mean", "eval_std", "test_accuracy")


def push(config: HubConfig) -> str:
    """Puts the safe files of a finished run, and a card that says what it is, into a repository; its address.

    Raises:
        UserError: If the run is not finished, or the hub refuses.
    """
    folder = config.run
    with mistakes():
        check_run(folder)
    if not (folder / RESULT).is_file():
        raise UserError(f"{folder} is unfinished: it lacks {RESULT}; finish it with --resume first")
    hub = _imported()
    with tempfile.TemporaryDirectory() as place:
        for path in sorted(folder.iterdir()):
            if is_safe(path.name) and path.is_file() and not path.is_symlink():
                shutil.copyfile(path, Path(place) / path.name)
        (Path(place) / CARD).write_text(card(folder), encoding="utf-8")
        with _answers():
            api = hub.HfApi()
            where = api.create_repo(config.repo, private=config.private, exist_ok=True)
            api.upload_folder(repo_id=config.repo, folder_path=place, commit_message="Run of pib_rl")
    return str(where)


def pull(config: HubConfig) -> None:
    """Makes a run folder of a repository's safe files.

    Raises:
        UserError: If the folder exists, the hub refuses, or what is there is no run.
    """
    if os.path.lexists(config.run):
        raise UserError(f"{config.run} exists; choose another folder")
    hub = _imported()
    with _answers():
        names = [name for name in hub.HfApi().list_repo_files(config.repo, revision=config.revision) if is_safe(name)]
    if CONFIG not in names or LAST not in names:
        raise UserError(f"{config.repo} holds no run of this package: it lacks {CONFIG} or {LAST}; give another --repo")
    config.run.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.run.parent, prefix=".pull-") as place:
        new = Path(place) / config.run.name
        new.mkdir()
        for name in names:
            with _answers():
                found = Path(hub.hf_hub_download(config.repo, name, revision=config.revision))
            if found.stat().st_size > LARGEST:
                raise UserError(f"{name} of {config.repo} is larger than {LARGEST // 2**30} GiB; it is not taken")
            shutil.copyfile(found, new / name)
        with mistakes():
            check_run(new)
        os.rename(new, config.run)


def is_safe(name: str) -> bool:
    """Whether a file is one of a run folder itself, of a kind that runs no code."""
    path = PurePosixPath(name)
    return len(path.parts) == 1 and not name.startswith(".") and path.suffix in SAFE and "\\" not in name


def card(folder: Path) -> str:
    """What people read first on the hub."""
    result = RunFolder(folder).result().plain()
    rows = [f"| {describe(name)['help']} | {result[name]} |" for name in SHOWN if result.get(name) is not None]
    head = "---\nlibrary_name: pib_rl\ntags: [physical-neural-networks, reinforcement-learning]\n---\n\n"
    text = "A network on simulated analog hardware that learned by pib_rl. No file here runs code when it is read.\n\n"
    use = "\n\n    pib-rl hub pull runs/pulled --repo THIS/REPOSITORY\n    pib-rl play runs/pulled\n"
    return "\n".join([f"{head}# {folder.resolve().name}\n\n{text}| | |", "|---|---|", *rows]) + use


def _imported() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise UserError("the hub needs a package: pip install 'pib-rl[hub]'") from None
    return huggingface_hub


def _answers() -> Any:
    """Turns what the hub and the network say into one line."""
    _imported()
    from huggingface_hub.errors import HfHubHTTPError  # no attribute of the package before it is imported

    return mistakes(OSError, HfHubHTTPError, *HfHubHTTPError.__bases__)  # and what connections raise
