"""Many rows at once, in columns: what `Scorer` says of each of them alone."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from bedside.core.records.answer import Abstention
from bedside.core.records.bundle import GroupThreshold
from bedside.core.records.outcome import Outcome
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.features.definition import expand
from bedside.lifecycle.scored_table import table_of
from bedside.models.form import GroupMap, Hazards
from bedside.serve.bulk import BulkScorer
from bedside.serve.scoring import Broken, ToScore, _caught
from served import NOW, a_form, a_served_model
from unsure import declared, served, some_stays

LEVELS = ("none", "mild", "severe")


def a_venn_abers():
    """Each sex has its own calibration and threshold; many rows lie just on a step."""
    declaration = declared(calibration="venn_abers", coverage=0.9, domain=0.9)
    column = expand(declaration).names.index("sex.last")
    form, other = a_form(declaration), some_stays(declaration, 300, seed=5)
    own = with_calibration(form, other, "venn_abers").calibration
    form = replace(form, groups=(GroupMap(column=column, value=1.0, calibration=own),))
    groups = (GroupThreshold(column=column, value=0.0, threshold=0.6),)
    return served(declaration, form, group_thresholds=groups)[0]


def a_number():
    declaration = declared(outcome=Outcome(kind="regression"), coverage=0.9, calibration="none")
    form = a_form(declaration, outcome="regression", link="identity")
    return served(declaration, form, threshold=None)[0]


def some_levels():
    declaration = declared(outcome=Outcome(kind="multiclass", levels=LEVELS), coverage=0.9)
    form = a_form(declaration, outcome="multiclass", link="softmax", levels=LEVELS)
    stays = some_stays(declaration, 500, seed=2)
    label = np.digitize(stays.features[:, 0], [1.5, 2.5]).astype(np.int64)
    tuning = replace(stays, label=label)
    form = with_calibration(form, tuning, "platt")
    told = learn_uncertainty(form, stays, tuning, declaration.uncertainty)
    return a_served_model(declaration=declaration, form=form, uncertainty=told)


def a_survival():
    declaration = declared(outcome=Outcome(kind="survival", horizons=("365 d", "1826 d")))
    hazards = Hazards(days=(100.0, 365.0, 1826.0), cumulative=((0.01, 0.02, 0.05),))
    told = {"outcome": "survival", "link": "proportional_hazards", "hazards": hazards}
    return served(declaration, a_form(declaration, **told, horizons=(365.0, 1826.0)))[0]


def some_rows(made, count=400):
    """Patients like those of training, a few who are not, and some who lie just on a step."""
    declaration = made.answerer.declaration
    rows = some_stays(declaration, count, seed=9).features
    rows[::7] *= 3.0
    rows[3::40, 0] = np.nan
    calibration = made.model.form.calibration
    knots = np.array(calibration.knots)[:20] if calibration.kind == "venn_abers" else np.zeros(0)
    rows[1 : 1 + len(knots), 0] = knots + 2.0  # the margin is the lactate less 2
    return rows


def alone(scorer, row):
    """What the scorer says of one row of features."""
    run = _caught(scorer._run, ToScore([], NOW, reasons=False), row)
    if not hasattr(run, "wants_parts"):
        return run
    parts = scorer._parts([row])[0] if run.wants_parts else None
    return _caught(scorer._told, run, parts)


def as_told(said):
    if isinstance(said, Broken):
        return {"outcome": "failure", "reason": said.failure.code}
    outcome = said.outcome
    if isinstance(outcome, Abstention):
        return {"outcome": "abstention", "reason": str(outcome.reason), "signal": outcome.signal}
    return {
        "outcome": "score",
        "risk": outcome.risk,
        "threshold": outcome.threshold,
        "alert": outcome.alert,
        "low": outcome.low,
        "high": outcome.high,
        "likely": None if outcome.likely is None else list(outcome.likely),
        **{f"output.{name}": value for name, value in outcome.outputs},
    }


def agree(made, rows):
    bundle, scorer = made.answerer._scorer._bundle, made.answerer._scorer
    bulk = BulkScorer(bundle, made.model, made.model)
    table = table_of(bulk.score(rows), bulk.names)
    for row, told in zip(rows, table.iter_rows(named=True), strict=True):
        expected = dict.fromkeys(told) | as_told(alone(scorer, row))
        for name, value in expected.items():
            if isinstance(value, float):
                assert told[name] == pytest.approx(value, rel=1e-12, abs=1e-15), name
            else:
                assert told[name] == value, name
    return table


@pytest.mark.parametrize("make", [a_venn_abers, a_number, some_levels, a_survival])
def test_many_rows_are_told_what_each_is_told_alone(make):
    made = make()

    table = agree(made, some_rows(made))

    assert table.filter(pl.col("outcome") == "score").height > 100
    if make is a_venn_abers:
        assert {"score", "abstention"} == set(table["outcome"])
        assert table["likely"].n_unique() > 2
        assert table["signal"].n_unique() > 3


def test_a_margin_that_is_added_up_in_another_order_changes_nothing():
    made = a_venn_abers()
    margin = made.model.margin
    made.model.margin = lambda matrix: np.nextafter(margin(matrix), np.inf)

    agree(made, some_rows(made))


def test_without_margins_the_parts_are_added_up():
    made = a_venn_abers()
    rows = some_rows(made)
    bundle = made.answerer._scorer._bundle

    class OnlyParts:
        contributions = staticmethod(made.model.contributions)

    quick = BulkScorer(bundle, made.model, made.model).score(rows)
    slow = BulkScorer(bundle, made.model, OnlyParts()).score(rows)

    of = partial(table_of, names=())
    assert of(quick).equals(of(slow))


def test_a_row_that_the_model_cannot_score_fails_by_itself():
    made = a_venn_abers()
    rows = some_rows(made)
    predict = made.model.predict

    def sometimes(matrix):
        if (np.nan_to_num(matrix[:, 0]) > 4).any():
            raise RuntimeError
        told = np.array(predict(matrix))
        told[np.nan_to_num(matrix[:, 0]) < 0.5] = 1.5
        return told

    made.model.predict = sometimes

    table = agree(made, rows)

    reasons = set(table.filter(pl.col("outcome") == "failure")["reason"])
    assert reasons == {"model_failed", "model_returned_nonsense"}
