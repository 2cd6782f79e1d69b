"""Arguments of fit: what is none of them is told before anything is learned."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.agents.estimators.encoder import PIBEncoder


@pytest.mark.parametrize("third", [np.ones(20), [1.0] * 20, 3, "balanced"])
def test_weights_by_position_are_refused_where_there_are_none_before_anything_is_learned(third):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    estimator = PIBEncoder(width=4, units=1, epochs=1)
    with pytest.raises(ValueError, match=r"watch is a function .* got "):
        estimator.fit(x, y, third)
    assert not hasattr(estimator, "model_")
