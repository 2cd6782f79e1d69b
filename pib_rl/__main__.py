"""One command for all: pib-rl COMMAND, python -m pib_rl COMMAND and python -m pib_rl.COMMAND are the same thing."""

from __future__ import annotations

import importlib
import sys

from pib_rl import __version__

FIRST = """\
first:  pib-rl demo                             two minutes: an optical chip learns, breaks and recovers
then:   pib-rl train CartPole-v1 --hw optical   train one; pib-rl play RUN shows it
more:   pib-rl list                             substrates, learners, environments, faults; docs/index.md
"""
COMMANDS = {  # name, which is that of its module unless `MODULES` says another: what it does
    "demo": "see a chip learn, break and recover: a film and a page, in about two minutes",
    "train": "train a physical policy on an environment",
    "learn": "train physical units on data, with labels or without",
    "log": "log observations of a task, to learn from without labels",
    "play": "play a trained policy: returns, a film, or a window",
    "adapt": "break a trained chip and let it learn on",
    "compare": "compare PIB with other learners and with software agents, over several seeds",
    "characterise": "fabricate a chip and draw what a device person checks first",
    "certify": "check that a substrate, of your own or of this package, keeps the contract",
    "site": "run a site: units on a chip of their own that learn with a run elsewhere",
    "keys": "make the keys that let sites join",
    "fit": "fit a device to measured pulses, or a camera to its photon transfer curve",
    "export": "write conductances, pulses and phases of a trained chip",
    "restore": "make a run of an exported chip again",
    "hub": "put a run on the Hugging Face hub, or take one from it",
    "list": "list substrates, learners, objectives, environments and faults",
}
MODULES = {
    "site": "site_worker",  # a module of the command's name would hide one of Python's own
}
MISTAKE = 2


def usage() -> str:
    """What `pib-rl --help` prints."""
    lines = [f"  {name:<14}{about}" for name, about in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pib-rl COMMAND [ARGUMENTS]    (also: python -m pib_rl COMMAND, python -m pib_rl.COMMAND)",
            "",
            "commands:",
            *lines,
            "",
            "pib-rl COMMAND --help tells the arguments of one; pib-rl --version the version.",
        ]
    )


def main() -> None:
    """Runs the command that the first argument names, with the others."""
    if not sys.argv[1:]:
        print(FIRST)
    name, arguments = (sys.argv[1:] or ["--help"])[0], sys.argv[2:]
    if name in ("-h", "--help"):
        print(usage())
        return
    if name == "--version":
        print(f"pib-rl {__version__}")
        return
    if name not in COMMANDS:
        from pib_rl.common.options import nearest

        print(f"pib-rl: error: unknown command {name!r}; {nearest(name, list(COMMANDS))}", file=sys.stderr)
        raise SystemExit(MISTAKE)
    command = importlib.import_module(f"pib_rl.{MODULES.get(name, name)}")
    from pib_rl.cli.cli import run

    sys.argv = [sys.argv[0], *arguments]
    run(command.NAME, command.main)


if __name__ == "__main__":
    main()
