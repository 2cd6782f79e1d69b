"""What the demonstration does, by the commands that everyone has: train, adapt, play, and a page at the end."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from pib_rl import adapt, play, train
from pib_rl.cli.cli import UserError
from pib_rl.cli.process import has_display
from pib_rl.common.atomic import write_atomically
from pib_rl.demo.config import DemoConfig
from pib_rl.runs.folder import RESULT, RunFolder
from pib_rl.runs.result import RunResult, format_return

ENV, HW, FAULT = "CartPole-v1", "optical", "dead-pixels:0.3"
TRAINED, BROKEN, FILM, PAGE = "trained", "broken", "recovery.gif", "report.html"
EPISODES = 20  # of each evaluation
PLAYED, BREAKS, LEARNS = 500, 100, 150  # steps of the film: in all, until something breaks, until the chip learns on


def perform(config: DemoConfig) -> None:
    """All acts, one after the other; those that are done are not repeated.

    Raises:
        UserError: If the folder holds something else.
    """
    folder = config.folder
    _check(folder)
    for number, (what, command) in enumerate(acts(config), 1):
        print(f"\n{number} of 3. {what}\n   pib-rl {' '.join(command)}\n")
        if command[0] == "play" and (folder / FILM).exists():
            continue
        run = {"train": train, "adapt": adapt, "play": play}[command[0]]
        words = _unless_begun(command)
        run.main(words if config.progress else [*words, "--no-progress"])
    page = write_page(config)
    print(f"\nfilm: {folder / FILM}\npage: {page}\nnext: pib-rl play {folder / TRAINED} --render human")
    if config.open and has_display():
        webbrowser.open(page.resolve().as_uri())


def acts(config: DemoConfig) -> list[tuple[str, list[str]]]:
    """What happens, and the command for it."""
    trained, broken, film = (str(config.folder / name) for name in (TRAINED, BROKEN, FILM))
    learning = str(max(1, config.timesteps // 4))
    again = str(max(1, config.timesteps // 2))
    fault = ["--steps", str(PLAYED), "--fault", f"{FAULT}@{BREAKS}"]
    recovery = ["--learn-from", str(LEARNS), "--learn-every", "20", "--learn-steps", again]
    seed, fewer = ["--seed", str(config.seed)], ["--eval-episodes", str(EPISODES)]
    return [
        (
            "An optical chip learns to balance a pole.",
            ["train", ENV, "--hw", HW, "--timesteps", str(config.timesteps), *seed, *fewer, "--out", trained],
        ),
        (
            "30 % of its camera pixels die. It learns on in place; beside it the same broken chip with frozen units.",
            [
                "adapt",
                trained,
                "--fault",
                FAULT,
                "--learner",
                "frozen",
                "--timesteps",
                learning,
                *seed,
                "--out",
                broken,
            ],
        ),
        (
            "The same as a film.",
            ["play", trained, "--render", "gif", "--size", "800x450", "--file", film, *seed, *fault, *recovery],
        ),
    ]


def write_page(config: DemoConfig) -> Path:
    """The page of what happened, beside its pictures."""
    folder = config.folder
    trained, broken = (RunFolder(folder / name).result() for name in (TRAINED, BROKEN))
    template = Environment(loader=PackageLoader("pib_rl.demo"), autoescape=select_autoescape()).get_template(PAGE)
    text = template.render(
        env=ENV,
        hw=HW,
        fault=FAULT,
        film=FILM,
        trained=TRAINED,
        broken=BROKEN,
        rows=rows(trained, broken),
        steps=f"{trained.timesteps:,}",
        later=f"{broken.length:,}",
        commands=[f"pib-rl {' '.join(command)}" for _, command in acts(config)],
        seed=config.seed,
    )
    write_atomically(folder / PAGE, text.encode())
    return folder / PAGE


def rows(trained: RunResult, broken: RunResult) -> list[tuple[str, str]]:
    """Returns, from the training to the recovery."""
    found = [("trained", trained.eval_mean), ("broken", broken.after)]
    found += [(f"{name}, learned on", one["final"]) for name, one in (broken.learners or {}).items()]
    return [(name, format_return(value or 0.0)) for name, value in found]


def _unless_begun(command: list[str]) -> list[str]:
    """The arguments of a command; where its run was broken off, those that go on with it."""
    run = Path(command[-1])
    begun = command[0] != "play" and run.exists() and not (run / RESULT).exists()
    return ["--resume", str(run)] if begun else command[1:]


def _check(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or not {one.name for one in folder.iterdir()} <= {TRAINED, BROKEN, FILM, PAGE}:
        raise UserError(f"--out {folder} holds something else than a demonstration; choose another folder")
