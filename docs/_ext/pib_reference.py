"""Pages made from the code: blocks such as ```{commands}``` become tables of the settings that the code has now.

Also pages made of files at the root of the repository: ```{root} CONTRIBUTING.md```.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import reference_text as text

ROOT = Path(__file__).parents[2]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md", "README.md": "index.md"}
BLOCK = re.compile(r"^```\{(\w+)\} *([^\n]*)\n```$", re.MULTILINE)
MAKERS: dict[str, Callable[[str], str]] = {
    "commands": lambda _: text.commands(),
    "substrates": lambda _: text.substrates(),
    "settings": text.settings,
    "objectives": lambda _: text.objectives(),
    "learners": lambda _: text.learners(),
    "faults": lambda _: text.faults(),
    "root": lambda name: root_file(name),
}


def root_file(name: str) -> str:
    """A page of the repository's root, with links that lead to the same places from the folder docs."""
    page = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    return re.sub(r"\]\(((?!https?:)[A-Z]+\.md)", lambda found: f"]({PAGES.get(found[1], found[1])}", page)


def fill(page: str) -> str:
    """A page with its blocks filled."""
    return BLOCK.sub(lambda found: MAKERS[found[1]](found[2].strip()) if found[1] in MAKERS else found[0], page)


def to_site(page: str, name: str) -> str:
    """A page whose links to files at the root lead to the pages of the site that hold them."""
    up = "../" * len(PurePosixPath(name).parts)
    for file, target in PAGES.items():
        page = page.replace(f"]({up}{file}", f"]({up.removeprefix('../')}{target}")
    return page


def on_read(_app: Any, name: str, source: list[str]) -> None:
    """Called with each page before it is parsed."""
    if name.endswith("notebooks") or source[0].startswith("{"):
        return
    source[0] = fill(to_site(source[0], name))


def on_docstring(_app: Any, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Called with each docstring: shapes such as (*chips, n) are no emphasis; several arguments stand on one line."""
    joined: list[str] = []
    for line in lines:
        if joined and re.fullmatch(r" *\w+(, \w+)*,", joined[-1]):
            line = f"{joined.pop()} {line.strip()}"
        joined.append(re.sub(r"(?<![\w*`])\*(?=\w)", r"\\*", line))
    lines[:] = joined


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("source-read", on_read)
    app.connect("autodoc-process-docstring", on_docstring, priority=100)  # before napoleon
    return {"version": "1", "parallel_read_safe": True}
