"""Physical neural networks that learn by themselves.

`import pib_rl` registers the environments of this package with Gymnasium and is fast: what stands in `__all__` is
imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pib_rl.cli.signals import end_at_once
from pib_rl.registration import register

if TYPE_CHECKING:
    from pib_rl.agents.estimators.encoder import PIBEncoder
    from pib_rl.agents.estimators.supervised import PIBClassifier, PIBRegressor
    from pib_rl.agents.pib import PIB
    from pib_rl.envs.make import make_vec_env

__version__ = "0.1.0"
__all__ = ["PIB", "PIBClassifier", "PIBEncoder", "PIBRegressor", "__version__", "make_vec_env"]

_PLACES = {
    "PIB": "pib_rl.agents.pib",
    "PIBClassifier": "pib_rl.agents.estimators.supervised",
    "PIBEncoder": "pib_rl.agents.estimators.encoder",
    "PIBRegressor": "pib_rl.agents.estimators.supervised",
    "make_vec_env": "pib_rl.envs.make",
}

end_at_once()
register()


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'pib_rl' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
