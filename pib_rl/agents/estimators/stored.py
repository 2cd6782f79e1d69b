"""Fitted estimators in files: plain data and safetensors, in the place of pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator

from pib_rl.agents.resuming.estimator import load_model_state, model_state
from pib_rl.agents.storing.attributes import from_plain, to_plain
from pib_rl.common import stored
from pib_rl.common.options import shown
from pib_rl.common.tree import Flat, flatten_state, join_state
from pib_rl.physical import registry

Self = TypeVar("Self", bound="StoredEstimator")
KIND, WORDS = "estimator", "words"
PARTS = ("model_", "learner_")  # what is made again, and gets its state


class StoredEstimator(BaseEstimator):
    """What `save` and `load` of an estimator do."""

    model_: Any
    learner_: Any

    def _fabricate(self, features: int) -> None:
        """Makes the chip and its learner for inputs of so many features."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Saves the fitted estimator; reading the file runs no code of it.

        Args:
            path: File, to which .safetensors is added where it has no ending.

        Returns:
            The file.

        Raises:
            ValueError: If an argument of the estimator is nothing that a file can hold.
            OSError: If the file can't be written.
        """
        model = self._model()
        arguments = self.get_params(deep=False)
        if registry.is_file(arguments["hw"]):  # what is saved needs the file no more
            arguments |= {"hw": model.chip.hw, "hw_options": model.chip.hw_options}
        fitted = {name: _plain(value) for name, value in vars(self).items() if _is_fitted(name)}
        try:
            content = {
                "class": type(self).__name__,
                "arguments": to_plain(arguments),
                "fitted": {name: to_plain(value) for name, value in fitted.items()},
                **model_state(model, self.learner_),
            }
        except TypeError as error:
            raise ValueError(f"this estimator can't be saved: {error}") from None
        path = Path(path)
        path = path if path.suffix else path.with_name(f"{path.name}.safetensors")
        flat = flatten_state(content)
        stored.write(path, flat.tensors, KIND, {"content": flat.plain})
        return path

    @classmethod
    def load(cls: type[Self], path: str | Path, device: str = "cpu") -> Self:
        """The estimator that `save` wrote: it predicts the same, and learns on with draws that are new.

        Args:
            path: The file, as `save` gives it back.
            device: torch device.

        Raises:
            ValueError: If the file is missing, damaged, or of another estimator; the message is one line.
        """
        tensors, about = stored.read(Path(path), KIND)
        try:
            found = join_state(Flat(tensors, about["content"]))
            if found["class"] != cls.__name__:
                raise ValueError(f"it holds a {shown(found['class'])}; load it with that class, not {cls.__name__}")
            model = cls(**from_plain(found["arguments"]) | {"device": device})
            for name, value in found["fitted"].items():
                if _is_fitted(name):
                    setattr(model, name, _back(from_plain(value)))
            model._fabricate(model.n_features_in_)
            load_model_state(model.model_, model.learner_, found)
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{path} can't be used: {first or type(error).__name__}") from None
        return model


def _is_fitted(name: str) -> bool:
    """Whether an attribute says what `fit` found."""
    return name == "_given" or (name.endswith("_") and not name.startswith("__") and name not in PARTS)


def _plain(value: Any) -> Any:
    """Labels and names that are words as a list."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO" and all(isinstance(word, str) for word in value.flat):
        return {WORDS: value.tolist(), "type": "O" if value.dtype.kind == "O" else value.dtype.str}
    return value


def _back(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {WORDS, "type"}:
        return np.array(value[WORDS], dtype=value["type"])
    return value
