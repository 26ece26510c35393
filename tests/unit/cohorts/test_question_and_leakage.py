"""Leaks that must be found."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from bedside.cohorts.leakage import audit_features, audit_splits, audit_visibility
from bedside.cohorts.splits import assign
from bedside.core.errors import Invalid
from bedside.core.records.split import Split

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"subject_id": pl.Int64, "time": pl.Datetime("us", "UTC"), "code": pl.String}


def events(rows):
    made = [(s, ORIGIN + timedelta(hours=h), c) for s, h, c in rows]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


def test_new_subjects_do_not_move_old_ones():
    asked = pl.DataFrame({"subject_id": range(400), "label": [0, 1] * 200})
    more = pl.DataFrame({"subject_id": range(800), "label": [0, 1] * 400})

    before = assign(asked, Split())

    after = assign(more, Split()).head(400)
    assert before["side"].to_list() == after["side"].to_list()
    assert audit_splits(before) == []


def test_an_empty_class_is_refused():
    asked = pl.DataFrame({"subject_id": range(100), "label": [0] * 100})

    with pytest.raises(Invalid, match="no positive case"):
        assign(asked, Split())


@pytest.mark.parametrize("shift", [-1, 0, 1, 2])
def test_a_label_moved_by_an_hour_is_found(shift):
    generator = np.random.default_rng(5)
    stays = [
        np.r_[np.zeros(30, int), np.ones(10 if ill else 0, int)]
        for ill in generator.random(400) < 0.1
    ]
    label = np.concatenate(stays)
    leak = np.concatenate(
        [
            np.r_[stay[-shift:], np.repeat(stay[-1], -shift)]
            if shift < 0
            else np.r_[np.zeros(shift, int), stay[: len(stay) - shift]]
            for stay in stays
        ]
    ).astype(float)
    honest = label * 0.5 + generator.normal(size=len(label))

    found = audit_features(np.column_stack([honest, leak]), label, ["honest", "leak"])

    assert [finding.name for finding in found] == ["strong_alone:leak"]


def test_a_feature_that_sees_the_future_is_found_and_an_honest_one_is_not():
    rows = events([(1, h, "T//t") for h in range(5)]).with_columns(known_at=pl.col("time"))
    asked = rows.select("subject_id", pl.col("time").alias("prediction_time"))

    def count_seen(seen, one):
        return np.full((one.height, 1), float(seen.height))

    honest = np.arange(1.0, 6.0)[:, None]
    cheat = np.full((5, 1), 5.0)

    assert audit_visibility(rows, asked, honest, ["n"], count_seen) == []
    assert audit_visibility(rows, asked, cheat, ["n"], count_seen)[0].kind == "visibility"
