"""Arguments of fit: what is none of them is told before anything is learned."""

from __future__ import annotations

import numpy as np
import pytest

from pib_rl.agents.estimators.encoder import PIBEncoder
from pib_rl.agents.estimators.supervised import PIBClassifier


@pytest.mark.parametrize("third", [np.ones(20), [1.0] * 20, 3, "balanced"])
def test_weights_by_position_are_refused_where_there_are_none_before_anything_is_learned(third):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    estimator = PIBEncoder(width=4, units=1, epochs=1)
    with pytest.raises(ValueError, match=r"watch is a function .* got "):
        estimator.fit(x, y, third)
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize("kind", [PIBClassifier, PIBEncoder])
def test_who_watches_every_second_epoch_sees_means_of_two_and_learning_is_the_same(kind):
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    often, seldom = (kind(width=4, units=1, epochs=5, batch_size=16) for _ in range(2))
    seen = []
    often.fit(x, y)
    seldom.fit(x, y, watch=lambda log: seen.append((seldom.n_iter_, log["loss"])), watch_every=2)
    losses = [log["loss"] for log in often.history_]
    assert losses == [log["loss"] for log in seldom.history_]
    means = [np.mean(losses[:2]), np.mean(losses[2:4]), losses[4]]
    assert seen == [(2, pytest.approx(means[0])), (4, pytest.approx(means[1])), (5, pytest.approx(means[2]))]


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", True])
def test_watching_every_so_many_epochs_takes_a_whole_number(every):
    x, y = np.ones((20, 3)), np.arange(20) % 2
    estimator = PIBClassifier(width=4, units=1, epochs=1)
    with pytest.raises(ValueError, match=r"watch_every must be a whole number, 1 or more, got "):
        estimator.fit(x, y, watch=print, watch_every=every)
    assert not hasattr(estimator, "model_")
