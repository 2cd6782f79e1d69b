"""Learning that ends in numbers that are none leaves the state from before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from torch import Tensor, nn


class DivergedError(ValueError):
    """Learning ended in numbers that are not finite."""


class StateElsewhere(ABC):
    """A module whose state is in other processes: they keep what is good, and nothing has to come here for it."""

    @abstractmethod
    def mark(self) -> None:
        """The state of now is good."""

    @abstractmethod
    def spoiled(self) -> list[str]:
        """Buffers that were finite when the state was good, and are not any more."""

    @abstractmethod
    def go_back(self) -> None:
        """The last good state is there again."""

    @abstractmethod
    def only_here(self) -> AbstractContextManager[None]:
        """Inside, saving and loading states is about what is in this process."""


@contextmanager
def last_good(what: str, *modules: nn.Module) -> Iterator[None]:
    """What is learned inside is taken back, buffer by buffer, if it ends with a number that is not finite.

    The hardware is simulated: what a real instrument was told stays told.

    Args:
        what: What goes on inside, for the message, such as "the training at step 500".
        modules: What learns.

    Raises:
        DivergedError: If a buffer that was finite no longer is.
        ValueError: That of the inside, which is taken back too.
    """
    elsewhere = [part for module in modules for part in module.modules() if isinstance(part, StateElsewhere)]
    with _only_here(elsewhere):
        kept = [{name: value.clone() for name, value in module.state_dict().items()} for module in modules]
    for part in elsewhere:
        part.mark()
    try:
        yield
        _check(what, modules, kept, elsewhere)
    except ValueError as error:
        try:
            if not isinstance(error, DivergedError):
                _check(what, modules, kept, elsewhere)  # what failed may have failed for that
        finally:
            with _only_here(elsewhere):
                for module, before in zip(modules, kept, strict=True):
                    module.load_state_dict(before)
            for part in elsewhere:
                part.go_back()
        raise


@contextmanager
def _only_here(elsewhere: Sequence[StateElsewhere]) -> Iterator[None]:
    with ExitStack() as stack:
        for part in elsewhere:
            stack.enter_context(part.only_here())
        yield


def _check(
    what: str, modules: tuple[nn.Module, ...], kept: list[dict[str, Tensor]], elsewhere: Sequence[StateElsewhere]
) -> None:
    with _only_here(elsewhere):
        now = [module.state_dict() for module in modules]
    spoiled = [
        name
        for before, state in zip(kept, now, strict=True)
        for name, value in state.items()
        if not value.isfinite().all() and before[name].isfinite().all()
    ]
    for name in spoiled + [name for part in elsewhere for name in part.spoiled()]:
        raise DivergedError(
            f"{what} diverged: {name} holds numbers that are not finite; the state from before is back; lower "
            "learning_rate or hidden_rate"
        ) from None
