"""What a certification leaves: a table, and a folder with a report, a picture and a certificate for programs."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pib_rl.certify.config import CertifyConfig
from pib_rl.certify.specimen import PARTS, Laboratory
from pib_rl.certify.verdict import ContractCheck, Verdict
from pib_rl.certify.writes import STEP, STEPS
from pib_rl.cli.cli import UserError
from pib_rl.common.atomic import write_atomically
from pib_rl.common.palette import BLUE, GREY, PALETTE, RED
from pib_rl.figures.curves import as_png, new_figure
from pib_rl.runs.versions import versions

CERTIFICATE, REPORT, FIGURE = "certificate.yaml", "report.md", "figure.png"
WORDS = {True: "pass", False: "FAIL", None: "not there"}
Found = list[tuple[ContractCheck, Verdict]]


def passed(found: Found) -> bool:
    """Whether no check failed."""
    return all(verdict.passed is not False for _, verdict in found)


def show(config: CertifyConfig, found: Found) -> None:
    """The table."""
    table = Table(title=escape(f"{config.hw}, {config.size} drives, seed {config.seed}"), title_style="")
    for name in ("check", "expected", "measured", ""):
        table.add_column(name)
    colours = {True: "green", False: "bold red", None: "dim"}
    for check, verdict in found:
        mark = f"[{colours[verdict.passed]}]{WORDS[verdict.passed]}[/]"
        table.add_row(check.name, check.expected, escape(verdict.measured), mark)
    console = Console()
    console.print(table)
    failed = sum(verdict.passed is False for _, verdict in found)
    console.print("the contract holds" if not failed else f"{failed} of {len(found)} checks failed", highlight=False)


def write(config: CertifyConfig, found: Found, lab: Laboratory) -> None:
    """Fills the folder; the certificate last.

    Raises:
        UserError: If it can't be made.
    """
    folder = config.out
    assert folder is not None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot use --out {folder}: {error.strerror or error}") from None
    write_atomically(folder / FIGURE, draw(lab))
    write_atomically(folder / REPORT, markdown(config, found).encode())
    certificate = {
        "hw": config.hw,
        "hw_options": config.hw_options,
        "seed": config.seed,
        "size": config.size,
        "passed": passed(found),
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "checks": [
            {"name": check.name, "expected": check.expected, "measured": verdict.measured, "passed": verdict.passed}
            for check, verdict in found
        ],
    }
    write_atomically(folder / CERTIFICATE, yaml.safe_dump(certificate, sort_keys=False).encode())


def markdown(config: CertifyConfig, found: Found) -> str:
    """The report as Markdown."""
    lines = [
        f"# {config.hw}: {'the contract holds' if passed(found) else 'the contract does not hold'}",
        "",
        f"`pib-rl certify`, {config.size} drives, seed {config.seed}. sigma_0 is 1/sqrt(inputs) of an array.",
        "",
        "| check | expected | measured | |",
        "|---|---|---|---|",
        *(
            f"| {check.name} | {check.expected} | {verdict.measured.replace('|', '/')} | {WORDS[verdict.passed]} |"
            for check, verdict in found
        ),
        "",
        f"![noise, programming, and a loaded chip]({FIGURE})",
        "",
    ]
    return "\n".join(lines)


def draw(lab: Laboratory) -> bytes:
    """Noise beside the normal law, what programming did, and a loaded chip against the saved one, as PNG."""
    figure = new_figure(11.0, 3.6)
    noise, programming, loaded = figure.subplots(1, 3)
    for colour, name in zip(PALETTE, PARTS, strict=False):
        off = lab.evidence.get(f"noise of the {name}")
        centred = np.zeros(1) if off is None else (off - off.mean(0)).flatten().numpy()
        if not centred.std() > 0:
            noise.plot([], [], color=colour, label=f"{name}: none")
            continue
        noise.hist(
            centred / centred.std(),
            bins=np.linspace(-5, 5, 61),
            density=True,
            histtype="step",
            color=colour,
            label=name,
        )
    across = np.linspace(-5, 5, 200)
    noise.plot(across, np.exp(-(across**2) / 2) / np.sqrt(2 * np.pi), color=GREY, linewidth=0.9, label="normal law")
    noise.set_yscale("log")
    noise.set_ylim(1e-4, 3)
    noise.set_xlabel("noise [standard deviations]")
    noise.set_ylabel("density")
    if (came := lab.evidence.get("programming")) is not None:
        programming.plot([0, STEPS], [0, STEP * STEPS], "--", color=GREY, label="asked for")
        for column, (colour, mark, label) in enumerate(((BLUE, "^", "upwards"), (RED, "v", "downwards"))):
            programming.plot(came[:, column], f"{mark}-", color=colour, markersize=5, label=label)
    programming.set_xlabel("writes")
    programming.set_ylabel(r"change, in the wanted direction [$\sigma_0$]")
    if "saved" in lab.evidence:
        loaded.plot(
            lab.evidence["saved"], lab.evidence["loaded"], ".", color=RED, markersize=3, label="array, mean reads"
        )
    loaded.set_xlabel("saved chip")
    loaded.set_ylabel("another chip that loaded it")
    for axes in (noise, programming, loaded):
        axes.grid(alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    return as_png(figure)
