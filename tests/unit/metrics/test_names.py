"""Every metric that is computed has its words, and a declaration promises what is computed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bedside.core.records.outcome import OUTCOME_KINDS, Outcome
from bedside.develop.evaluate.alerts import ALERT_METRICS
from bedside.develop.evaluate.statistics import Rows, statistics
from bedside.metrics.fairness import GAPS
from bedside.metrics.names import METRICS, metric_names
from trained import a_declaration


def rows_of(kind):
    outputs = {"survival": 2, "multiclass": 3, "ordinal": 3}.get(kind)
    return Rows(
        risk=np.array([0.2, 0.7, 0.4]),
        label=np.array([0, 1, 0]),
        subject=np.array([0, 0, 1]),
        days=np.ones(3),
        outcome=kind,
        outputs=None if outputs is None else np.full((3, outputs), 1 / outputs),
        target=np.array([400.0, 30.0, 700.0]),
        horizons=(180.0, 365.0),
        curve=np.full((3, 2), 0.5),
        curve_days=np.array([100.0, 365.0]),
    )


@pytest.mark.parametrize("kind", OUTCOME_KINDS)
@pytest.mark.parametrize("burden", ["subject", "day"])
def test_what_a_declaration_promises_is_what_is_computed(kind, burden):
    declaration = a_declaration()
    outcome = Outcome(kind=kind, levels=("a", "b", "c"), horizons=("180d", "365d"))
    asked = replace(
        declaration,
        question=replace(declaration.question, outcome=outcome),
        evaluation=replace(declaration.evaluation, burden_per=burden),
    )

    made = statistics(rows_of(kind), 0.5, utility=False, repeated=burden == "day")

    assert metric_names(asked) - set(ALERT_METRICS) == made.keys()
    assert all(METRICS[name].title for name in made)


def test_every_gap_and_every_figure_of_alerts_has_its_words():
    assert set(GAPS) | set(ALERT_METRICS) <= METRICS.keys()


def test_a_name_that_is_no_metric_is_not_found():
    with pytest.raises(KeyError):
        METRICS["auroc_at_"]
    with pytest.raises(KeyError):
        METRICS["nonsense_at_30_days"]


def test_every_metric_is_in_the_manual():
    page = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text()

    assert [name for name in METRICS if f"`{name}`" not in page] == []
