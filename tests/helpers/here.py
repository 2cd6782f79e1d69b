"""Commands that scripts and comparisons start as processes, run in this one, which has imported everything already."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pib_rl.cli.cli import MISTAKE, UserError


class Here:
    """What `subprocess.Popen` gives, for ``python -m MODULE ...``; it has ended when it is made."""

    def __init__(self, command: list[str], stdout: Any = None, **_: Any) -> None:
        python, flag, module, *arguments = map(str, command)
        assert Path(python).stem.startswith("python")
        assert flag == "-m"
        self.returncode, self.stderr = 0, ""
        try:
            importlib.import_module(module).main(arguments)
        except UserError as error:
            self.returncode, self.stderr = MISTAKE, f"{module}: error: {error}"
            if hasattr(stdout, "write"):
                stdout.write(self.stderr.encode())

    def communicate(self) -> tuple[str, str]:
        return "", self.stderr

    def poll(self) -> int:
        return self.returncode


# In place of a module's ``subprocess``.
PROCESSES = SimpleNamespace(
    Popen=Here, run=Here, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT
)
