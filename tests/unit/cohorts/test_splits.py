"""Who is on which side: by subject, by site, by time, by group, and all of them together."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.cohorts.folds import folds, sides_of_fold
from bedside.cohorts.leakage import audit_splits
from bedside.cohorts.shares import shares
from bedside.cohorts.splits import assign, side_of
from bedside.core.errors import Invalid
from bedside.core.ids import stable_share
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import Split

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def day(number):
    return ORIGIN + timedelta(days=number)


def the_ward(subjects=200, days=(0, 10)):
    """Every subject is asked about on each day; labels alternate within a subject."""
    rows = [(s, day(d), at % 2) for s in range(subjects) for at, d in enumerate(days)]
    schema = {
        "subject_id": pl.Int64,
        "prediction_time": pl.Datetime("us", "UTC"),
        "label": pl.Int8,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def said(rows):
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us", "UTC"), "text": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def sides(asked, subject):
    return asked.filter(pl.col("subject_id") == subject)["side"].to_list()


def test_a_side_is_the_stable_share_of_the_subject():
    sided = assign(the_ward(), Split())

    assert sided["side"].to_list() == [side_of(s, Split()) for s in sided["subject_id"]]


def test_shares_in_bulk_are_the_share_of_each():
    names = pl.Series([str(number % 70) for number in range(100)])

    assert shares(names, salt="x").to_list() == [stable_share(name, salt="x") for name in names]


def test_a_row_of_unknown_label_is_on_no_side_and_moves_nobody():
    asked = the_ward()
    unknown = asked.with_columns(
        pl.when(pl.col("subject_id") % 7 > 0).then(pl.col("label")).alias("label")
    )

    sided = assign(unknown, Split())

    known = unknown["label"].is_not_null()
    assert sided.filter(~known)["side"].null_count() == (~known).sum()
    assert sided.filter(known)["side"].equals(assign(asked, Split()).filter(known)["side"])


def test_whoever_is_asked_about_from_the_moment_on_is_held_out_and_their_past_is_unused():
    asked = (
        the_ward()
        .filter((pl.col("subject_id") < 50) | (pl.col("prediction_time") < day(5)))
        .vstack(the_ward(400, (1, 2)).filter(pl.col("subject_id") >= 200))
    )
    asked = asked.vstack(
        asked.filter(pl.col("subject_id") < 50).with_columns(label=pl.lit(0, pl.Int8))
    )
    asked = asked.sort("subject_id", "prediction_time", "label")

    sided = assign(asked, Split(held_out_from="2026-01-06T00:00:00Z"))

    later = asked["prediction_time"] >= day(5)
    assert sided.filter(later)["side"].unique().to_list() == ["held_out"]
    assert sided.filter(~later & (asked["subject_id"] < 50))["side"].null_count() == 100
    assert set(sided.filter(asked["subject_id"] >= 50)["side"]) == {"train", "tuning"}
    assert audit_splits(sided.filter(pl.col("side").is_not_null())) == []


def test_a_row_at_the_very_moment_is_held_out():
    sided = assign(
        the_ward(100, (0,))
        .vstack(the_ward(200, (1, 2)).filter(pl.col("subject_id") >= 100))
        .with_columns(label=(pl.col("subject_id") % 2).cast(pl.Int8)),
        Split(held_out_from="2026-01-02T01:00:00+01:00"),
    )

    assert set(sides(sided, 100) + sides(sided, 199)) == {"held_out"}


def a_visit_elsewhere():
    """Site B has subjects 0 to 39; subject 0 was at A before, 1 comes to A later."""
    rows = [(s, None, "B" if s < 40 else "A") for s in range(200)]
    return said(
        [row for row in rows if row[0] > 1]
        + [(0, day(-1), "A"), (0, day(3), "B"), (1, day(0), "B"), (1, day(9), "A")]
    )


BY_SITE = Split(site="ward", held_out_sites=("B",))


def test_everyone_of_a_held_out_site_is_held_out_and_their_rows_elsewhere_are_unused():
    sided = assign(the_ward(), BY_SITE, site=a_visit_elsewhere())

    assert sides(sided, 0) == [None, "held_out"]
    assert sides(sided, 1) == ["held_out", None]
    assert all(sides(sided, s) == ["held_out"] * 2 for s in range(2, 40))
    assert set(sided.filter(pl.col("subject_id") >= 40)["side"]) == {"train", "tuning"}


def test_beside_held_out_sites_the_others_train_or_tune_in_the_ratio_of_their_shares():
    sided = assign(the_ward(), BY_SITE, site=a_visit_elsewhere())

    others = sided.filter(pl.col("subject_id") >= 40)
    share = others["subject_id"].map_elements(
        lambda subject: stable_share(str(subject), salt="split-1"), return_dtype=pl.Float64
    )
    assert (others["side"] == "train").equals(share < 0.8)
    assert ((share >= 0.64) & (share < 0.8)).any()


def test_a_row_before_the_first_recorded_site_is_at_that_site():
    site = said([(s, day(5), "B" if s < 40 else "A") for s in range(200)])

    sided = assign(the_ward(), BY_SITE, site=site)

    assert sides(sided, 3) == ["held_out", "held_out"]


def test_a_subject_of_no_recorded_site_is_on_no_side():
    site = a_visit_elsewhere().filter(pl.col("subject_id") != 100)

    assert sides(assign(the_ward(), BY_SITE, site=site), 100) == [None, None]


def test_a_held_out_site_where_nobody_was_is_named():
    split = Split(site="ward", held_out_sites=("B", "C"))

    with pytest.raises(Invalid, match="held-out site C"):
        assign(the_ward(), split, site=a_visit_elsewhere())


def test_a_group_shares_a_side_and_its_text_decides_it():
    group = said([(s, None, f"scaffold {s // 4}") for s in range(200)])

    sided = assign(the_ward(), Split(group="scaffold"), group=group)

    expected = [side_of_text(f"scaffold {s // 4}") for s in sided["subject_id"]]
    assert sided["side"].to_list() == expected


def side_of_text(text):
    share = stable_share(text, salt="split-1")
    return "train" if share < 0.64 else "tuning" if share < 0.8 else "held_out"


def test_a_subject_of_two_groups_is_refused_without_saying_who():
    group = said([(4711, None, "x"), (4711, None, "secret"), (2, None, "x")])
    asked = the_ward().with_columns(pl.col("subject_id").replace({3: 4711}))

    with pytest.raises(Invalid, match="more than one group") as caught:
        assign(asked, Split(group="scaffold"), group=group)

    assert "4711" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_whoever_shares_a_group_with_a_held_out_subject_is_not_learnt_from():
    group = said([(39, None, "x"), (40, None, "x")])

    sided = assign(
        the_ward(),
        Split(site="ward", held_out_sites=("B",), group="family"),
        site=a_visit_elsewhere(),
        group=group,
    )

    assert sides(sided, 39) == ["held_out", "held_out"]
    assert sides(sided, 40) == [None, None]


def test_site_and_time_each_hold_out():
    asked = the_ward().filter((pl.col("subject_id") < 60) | (pl.col("prediction_time") < day(5)))
    asked = asked.with_columns(((pl.col("subject_id") // 2) % 2).cast(pl.Int8).alias("label"))
    split = Split(site="ward", held_out_sites=("B",), held_out_from="2026-01-06T00:00:00Z")

    sided = assign(asked, split, site=a_visit_elsewhere())

    assert sides(sided, 2) == ["held_out", "held_out"]  # at B, early and late
    assert sides(sided, 50) == [None, "held_out"]  # at A, late
    assert sides(sided, 0) == [None, "held_out"]  # at A early, at B late
    assert set(sides(sided, 150)) <= {"train", "tuning"}


@pytest.mark.parametrize(
    "split", [Split(site="ward", held_out_sites=("B",)), Split(group="family")]
)
def test_a_declared_site_or_group_that_is_not_given_is_refused(split):
    with pytest.raises(Invalid, match="was given"):
        assign(the_ward(), split)


def test_where_no_label_is_known_there_are_no_sides():
    asked = the_ward().with_columns(label=pl.lit(None, pl.Int8))

    assert assign(asked, Split())["side"].null_count() == asked.height


def test_the_side_of_one_subject_is_unknown_where_a_site_decides():
    assert side_of(7, BY_SITE) == "unknown"


def test_a_fold_is_judged_by_models_that_never_saw_its_subjects():
    asked = the_ward()
    fold = folds(asked, 4, Split())

    for judged in range(4):
        side = sides_of_fold(asked, fold, judged, Split())
        assert (side == "held_out").equals(fold == judged)
        by_subject = asked.with_columns(side)
        assert audit_splits(by_subject) == []
        assert {"train", "tuning"} < set(side)


def test_not_the_same_subjects_tune_in_every_fold():
    asked = the_ward()
    fold = folds(asked, 5, Split())

    tuned = sum(
        (sides_of_fold(asked, fold, n, Split()) == "tuning").cast(pl.Int8) for n in range(5)
    )

    assert (tuned > 0).mean() > 0.5  # a fifth, were they the same


def test_a_fold_without_a_case_is_refused():
    asked = the_ward().with_columns(label=(pl.col("subject_id") == 3).cast(pl.Int8))

    with pytest.raises(Invalid, match=r"no (positive|negative) case"):
        folds(asked, 3, Split())


@pytest.mark.parametrize("k", [-1, 0, 1, 101])
def test_an_impossible_number_of_folds_is_refused(k):
    with pytest.raises(Invalid, match="cannot be made"):
        folds(the_ward(), k, Split())


def test_an_empty_class_is_refused():
    asked = pl.DataFrame({"subject_id": range(100), "label": [0] * 100})

    with pytest.raises(Invalid, match="no positive case"):
        assign(asked, Split())


@pytest.mark.parametrize(
    ("outcome", "label", "missing"),
    [
        (Outcome(kind="survival", horizons=("30 d",)), 1, None),  # nobody need be censored
        (Outcome(kind="survival", horizons=("30 d",)), 2, "positive"),
        (Outcome(kind="ordinal", levels=("a", "b", "c")), 2, "negative"),
        (Outcome(kind="regression"), 0, None),
    ],
)
def test_a_side_or_fold_needs_the_cases_that_its_kind_of_outcome_has(outcome, label, missing):
    asked = pl.DataFrame({"subject_id": range(100), "label": [label] * 100, "target": [1.0] * 100})

    for make in (
        lambda: assign(asked, Split(), outcome=outcome),
        lambda: folds(asked, 4, Split(), outcome=outcome),
    ):
        if missing is None:
            make()
        else:
            with pytest.raises(Invalid, match=f"no {missing} case"):
                make()
