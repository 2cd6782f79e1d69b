"""Learning that ends in numbers that are none leaves the state from before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


class DivergedError(ValueError):
    """Learning ended in numbers that are not finite."""


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
    kept = [{name: value.clone() for name, value in module.state_dict().items()} for module in modules]
    try:
        yield
        _check(what, modules, kept)
    except ValueError as error:
        try:
            if not isinstance(error, DivergedError):
                _check(what, modules, kept)  # what failed may have failed for that
        finally:
            for module, before in zip(modules, kept, strict=True):
                module.load_state_dict(before)
        raise


def _check(what: str, modules: tuple[nn.Module, ...], kept: list[dict[str, Tensor]]) -> None:
    for module, before in zip(modules, kept, strict=True):
        for name, value in module.state_dict().items():
            if not value.isfinite().all() and before[name].isfinite().all():
                raise DivergedError(
                    f"{what} diverged: {name} holds numbers that are not finite; the state from before is back; lower "
                    "learning_rate or hidden_rate"
                ) from None
