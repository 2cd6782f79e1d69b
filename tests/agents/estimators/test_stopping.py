"""Early stopping: which samples are held out, when it ends, and how the rates fall then."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.model_selection import cross_val_score

from pib_rl.agents.estimators import PIBClassifier, PIBEncoder, PIBRegressor
from pib_rl.agents.estimators.length import FEW, LONG, MOST, SHORT, TABLE, length
from pib_rl.agents.estimators.stopping import FEWEST, Patience, Schedule, hold_out
from pib_rl.agents.estimators.trainer import FitConfig, Trainer

SMALL = {"width": 8, "units": 1}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_label_gets_its_share_of_the_held_out_samples():
    labels = torch.tensor([0] * 150 + [1] * 40 + [2] * 10)
    rest, held = hold_out(200, 0.1, seeded(), labels)
    assert torch.equal(torch.cat([rest, held]).sort().values, torch.arange(200))
    assert labels[held].bincount().tolist() == [15, 4, 1]
    again, other = (hold_out(200, 0.1, seeded(seed), labels)[1] for seed in (0, 1))
    assert torch.equal(held, again)
    assert not torch.equal(held, other)
    assert len(hold_out(200, 0.1, seeded(), None)[1]) == 20
    assert len(hold_out(200, 0.9999, seeded(), None)[0]) == 2  # something is left to learn from


def test_too_few_samples_are_not_held_out():
    least = 10 * FEWEST
    assert len(hold_out(least, 0.1, seeded(), None)[1]) == FEWEST
    rest, held = hold_out(least - 1, 0.1, seeded(), None)
    assert len(held) == 0
    assert torch.equal(rest, torch.arange(least - 1))


def test_patience_ends_when_the_score_has_not_risen_for_so_many_epochs():
    patience = Patience(3)
    assert [patience.is_over(score) for score in (0.1, 0.2, 0.2, 0.15, 0.3, 0.3, 0.3, 0.3)] == 7 * [False] + [True]


def test_a_schedule_that_is_shortened_falls_to_its_end_from_where_it_was():
    schedule = Schedule(10)
    assert [schedule.progress(epoch) for epoch in range(11)] == [epoch / 10 for epoch in range(11)]
    assert not schedule.shorten(4, 6)
    assert schedule.epochs == 10
    assert schedule.shorten(4, 2)
    assert schedule.epochs == 6
    assert [schedule.progress(epoch) for epoch in (4, 5, 6)] == pytest.approx([0.4, 0.7, 1])


class Scripted(Trainer):
    """A trainer whose validation scores are given."""

    def stretch(self, samples, spans, note):
        self.spans += spans
        return {"loss": 0.0}

    def validate(self, held):
        return self.scores[len(self.spans) - 1]


def test_a_fit_ends_after_its_patience_and_so_many_epochs_more():
    trainer = Scripted(None, FitConfig(epochs=40), None)
    trainer.spans, trainer.scores, logs = [], [0.1, 0.5, *[0.4] * 38], []
    assert trainer.fit(None, lambda epoch, log: logs.append((epoch, log["validation_score"])), "held", 3)
    assert logs[:3] == [(1, 0.1), (2, 0.5), (3, 0.4)]
    assert len(trainer.spans) == 8  # 2 to the best, 3 of patience, 3 to the end
    assert trainer.spans[4] == pytest.approx((4 / 40, 5 / 40))
    assert trainer.spans[-1][1] == 1
    assert all(after == before for (_, after), (before, _) in zip(trainer.spans, trainer.spans[1:], strict=False))


def test_rising_scores_use_all_epochs():
    trainer = Scripted(None, FitConfig(epochs=12), None)
    trainer.spans, trainer.scores = [], [epoch / 20 for epoch in range(12)]
    assert not trainer.fit(None, held="held", patience=2)
    assert len(trainer.spans) == 12


@pytest.mark.parametrize("kind", [PIBClassifier, PIBRegressor, PIBEncoder])
def test_estimators_stop_early_and_say_after_how_many_epochs(kind):
    x, y = load_diabetes(return_X_y=True) if kind is PIBRegressor else load_wine(return_X_y=True)
    arguments = {**SMALL, "epochs": 60, "early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.2}
    model = kind(**arguments).fit(x, y)
    scores = [log["validation_score"] for log in model.history_]
    assert model.n_iter_ == len(scores) < 60
    again = kind(**arguments).fit(x, y)
    assert [log["validation_score"] for log in again.history_] == scores
    assert kind(**SMALL, epochs=3).fit(x, y).n_iter_ == 3


def test_held_out_samples_are_neither_learned_from_nor_changed_by_views(monkeypatch):
    x, y = load_wine(return_X_y=True)
    seen, validate, fit = [], Trainer.validate, Trainer.fit

    def watch(trainer, samples, note, held, *others):
        seen.append((samples, held))
        return fit(trainer, samples, note, held, *others)

    monkeypatch.setattr(Trainer, "fit", watch)
    monkeypatch.setattr(Trainer, "validate", lambda trainer, held: validate(trainer, held))
    PIBClassifier(**SMALL, epochs=2, early_stopping=True, views={}).fit(x, y)
    samples, held = seen[0]
    assert len(samples) + len(held) == len(x)
    assert held.y.bincount().tolist() == [6, 6, 5]  # of 59, 71 and 48
    rows = {tuple(row) for row in torch.cat([samples.x, held.x]).tolist()}
    assert rows == {tuple(row) for row in torch.tensor(x, dtype=torch.float32).tolist()}
    assert samples.views is not None
    assert torch.equal(held.raw(torch.arange(3)), held.x[:3])


def test_validation_draws_nothing_from_the_streams_of_learning():
    x, y = load_wine(return_X_y=True)
    model = PIBClassifier(hw="memristive", **SMALL, epochs=1).fit(x, y)
    trainer, samples = model._trainer(1), model.samples(x, y)
    states = [state.get_state() for state in model.model_.streams._generators.values()]
    first = trainer.validate(samples)
    assert trainer.validate(samples) == first
    before = list(model.model_.streams._generators.values())[: len(states)]
    assert all(torch.equal(one, two.get_state()) for one, two in zip(states, before, strict=True))


def test_passes_of_partial_fit_count():
    x, y = load_wine(return_X_y=True)
    model = PIBClassifier(**SMALL, epochs=3).fit(x, y)
    assert model.partial_fit(x, y).n_iter_ == 4
    assert PIBClassifier(**SMALL).partial_fit(x, y).n_iter_ == 1


def test_few_samples_are_all_learned_from():
    x, y = load_wine(return_X_y=True)
    pick = np.arange(0, 178, 3)
    model = PIBClassifier(**SMALL, early_stopping=True).fit(x[pick], y[pick])
    assert model.n_iter_ == SHORT[0]  # nobody says when to stop
    assert "validation_score" not in model.history_[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"early_stopping": "yes"}, "early_stopping must be True or False, got 'yes'"),
        ({"validation_fraction": 1.0}, "validation_fraction must be a number above 0 and below 1, got 1.0"),
        ({"validation_fraction": None}, "validation_fraction must be a number above 0 and below 1, got None"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be a whole number, 1 or more, got 0"),
        ({"early_stopping": True, "faults": ["stuck:0.5@1"]}, "set early_stopping=False, or leave out faults"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    x, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match=words):
        PIBClassifier(**SMALL, **options).fit(x, y)


@pytest.mark.parametrize("kind", [PIBClassifier, PIBRegressor, PIBEncoder])
def test_one_pass_can_not_stop_early(kind):
    x, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match="partial_fit takes one pass and can't stop early"):
        kind(**SMALL, early_stopping=True).partial_fit(x, y)


def test_lengths():
    short, stopped = (length(142, small=True, stopping=stopping) for stopping in (False, True))
    assert [short.batch, stopped.batch, LONG.batch] == [64, 64, 256]
    assert [short.epochs(142, batch) for batch in (16, 64, 128, 1000)] == [10, 20, 40, MOST]
    assert [length(n, small=True, stopping=False).epochs(n, 64) for n in (2, 900, 5000)] == [20, 30, 40]
    assert stopped.epochs(142, 64) == MOST
    assert [length(n, small=True, stopping=False).batch for n in (FEW - 1, FEW, TABLE)] == [64, 128, 128]
    assert length(142, small=False, stopping=False) == length(TABLE + 1, small=True, stopping=False) == LONG
    assert (LONG.epochs(55_000, 256), LONG.epochs(20_000, 256), LONG.epochs(1000, 256)) == (10, 26, 200)
    x, y = load_digits(return_X_y=True)
    table, image = (PIBClassifier(**SMALL, image=image).prepare(x, y) for image in (None, (8, 8)))
    assert [model._batch(1797) for model in (table, image)] == [128, 256]
    assert [model._epochs(1797) for model in (table, image)] == [2 * SHORT[1], MOST]
    assert table.set_params(batch_size=64)._batch(1797) == 64
    assert table._epochs(1797) == SHORT[1]


def test_a_person_sees_how_long_it_took_and_why_it_ended(capsys):
    x, y = load_wine(return_X_y=True)
    PIBClassifier(**SMALL, epochs=2).fit(x, y)
    assert capsys.readouterr().err == ""
    PIBClassifier(**SMALL, epochs=2, verbose=True).fit(x, y)
    assert "\n2 epochs in " in (said := capsys.readouterr().err)
    assert "(as planned), loss " in said
    PIBClassifier(**SMALL, epochs=60, verbose=True, early_stopping=True, n_iter_no_change=2).fit(x, y)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "stopped early: 2 epochs brought no gain on held-out samples, 2 more ended it" in last
    assert "validation score" in last


def test_fit_and_predict_use_one_thread_for_small_tables_and_give_the_others_back(monkeypatch):
    x, y = load_wine(return_X_y=True)
    seen, before = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = PIBClassifier(**SMALL, epochs=2)
        make = PIBClassifier._make
        monkeypatch.setattr(
            PIBClassifier, "_make", lambda self, *given: (seen.append(torch.get_num_threads()), make(self, *given))[1]
        )
        model.fit(x, y, watch=lambda log: seen.append(torch.get_num_threads()))
        assert seen == [1, 1, 1]  # the chip, and two epochs
        assert torch.get_num_threads() == 2
        outputs = model.model_.outputs
        monkeypatch.setattr(
            model.model_, "outputs", lambda *given: (seen.append(torch.get_num_threads()), outputs(*given))[1]
        )
        model.predict(x)
        assert seen == [1, 1, 1, 1]
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            PIBClassifier(**SMALL).fit(x, y, watch=lambda log: 1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_folds_side_by_side_give_the_scores_of_folds_one_by_one():
    x, y = load_wine(return_X_y=True)
    model = PIBClassifier(**SMALL, epochs=2)
    one, two = (cross_val_score(model, x, y, cv=3, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_allclose(one, two)
