"""What a person sees of a fit: a bar while it runs, and one line at the end."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

from pib_rl.agents.estimators.trainer import VALIDATION


class FitProgress:
    """A bar that counts epochs; nothing at all unless ``shown``. Both go to the standard error.

    Args:
        epochs: Epochs that are planned.
        shown: Whether anything is shown.
        done: Epochs that are done already.
    """

    def __init__(self, epochs: int, shown: bool, done: int = 0) -> None:
        self.epochs, self.shown = epochs, shown
        self.bar = tqdm(total=epochs, initial=done, unit="epoch", disable=not shown, dynamic_ncols=True)
        self.seen: dict[str, float] = {}
        self.done, self.start = done, time.perf_counter()

    def __enter__(self) -> FitProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.close()

    def note(self, log: dict[str, float]) -> None:
        """Counts an epoch, with the means of its metrics."""
        self.seen, self.done = log, self.done + 1
        if self.shown:
            self.bar.set_postfix({"loss": f"{log['loss']:.3f}"}, refresh=False)
        self.bar.update()

    def end(self, stopped: bool, patience: int) -> None:
        """Says how long it took, and why it ended: ``stopped`` after ``patience`` epochs without gain."""
        if not self.shown:
            return
        self.bar.close()
        why = "as planned"
        if stopped:
            why = f"stopped early: {patience} epochs brought no gain on held-out samples, {patience} more ended it"
        found = [f"loss {self.seen.get('loss', 0.0):.3f}"]
        if VALIDATION in self.seen:
            found.append(f"validation score {self.seen[VALIDATION]:.3f}")
        seconds = time.perf_counter() - self.start
        print(f"{self.done} epochs in {seconds:.1f} s ({why}), {', '.join(found)}", file=sys.stderr)
