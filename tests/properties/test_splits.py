"""Laws of every split: no subject or group on two sides, and nobody moves when others come."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.folds import folds, sides_of_fold
from bedside.cohorts.splits import assign
from bedside.core.records.split import Split

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC"), "label": pl.Int8}
TOLD = {"subject_id": pl.Int64, "time": pl.Datetime("us", "UTC"), "text": pl.String}
GROUND = 500  # ordinary subjects that fill every side

days = st.integers(0, 20)
rows = st.lists(st.tuples(st.integers(0, 9), days, st.sampled_from([0, 1, None])), max_size=25)
sites = st.lists(st.tuples(st.integers(0, 9), st.none() | days, st.sampled_from("AB")), max_size=12)
groups = st.dictionaries(st.integers(0, 9), st.sampled_from(["x", "y"]), max_size=6)
splits = st.builds(
    Split,
    salt=st.text(max_size=8),
    site=st.just("ward"),
    held_out_sites=st.sampled_from([(), ("B",)]),
    held_out_from=st.sampled_from([None, "2026-01-09T00:00:00Z"]),
    group=st.sampled_from([None, "family"]),
)


def at(day):
    return None if day is None else ORIGIN + timedelta(days=day)


def a_cohort(told, where, together, first=0):
    """The drawn subjects beside ordinary ones: those of B or asked late are held out."""
    ground = [
        (s, at(15 if s % 5 == 4 else 1), s // 5 % 2)
        for s in range(1000 + first, 1000 + first + GROUND)
    ]
    asked = pl.DataFrame(
        [(s, at(d), label) for s, d, label in told] + ground, schema=SCHEMA, orient="row"
    )
    site = pl.DataFrame(
        [(s, at(d), text) for s, d, text in where]
        + [(s, None, "B" if s % 5 == 4 else "A") for s, _, _ in ground],
        schema=TOLD,
        orient="row",
    )
    group = pl.DataFrame(
        [(s, None, text) for s, text in together.items()], schema=TOLD, orient="row"
    )
    return asked, site, group


@given(rows, sites, groups, splits, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_no_subject_or_group_is_on_two_sides_in_whatever_order_rows_stand(
    told, where, together, split, random
):
    asked, site, group = a_cohort(told, where, together)

    sided = assign(asked, split, site=site, group=group)

    assert sided.drop("side").equals(asked)
    one = sided.drop_nulls("side").group_by("subject_id").agg(pl.col("side").n_unique())
    assert one["side"].max() == 1
    if split.group is not None:
        both = sided.drop_nulls("side").join(group, on="subject_id").group_by("text")
        assert all(n == 1 for n in both.agg(pl.col("side").n_unique())["side"])
    order = list(range(asked.height))
    random.shuffle(order)
    again = assign(asked[order], split, site=site.reverse(), group=group.reverse())
    assert again["side"].equals(sided["side"][order])


@given(rows, sites, groups, splits)
@settings(max_examples=60, deadline=None)
def test_a_held_out_row_is_one_that_the_site_or_the_time_names(told, where, together, split):
    asked, site, group = a_cohort(told, where, together)

    sided = assign(asked, split, site=site, group=group)

    for row in sided.filter(pl.col("subject_id") < 10).iter_rows(named=True):
        late = split.held_out_from is not None and row["prediction_time"] >= at(8)
        own = [(at(d) or at(-1), t) for s, d, t in where if s == row["subject_id"]]
        seen = [(when, t) for when, t in own if when <= row["prediction_time"]]
        moment = max(seen)[0] if seen else min(own)[0] if own else None
        there = bool(split.held_out_sites) and (moment, "B") in own
        if row["label"] is None:
            assert row["side"] is None
        elif split.names_the_held_out:
            assert (row["side"] == "held_out") == (late or there)
        else:
            assert row["side"] is not None


@given(rows, sites, groups, splits)
@settings(max_examples=60, deadline=None)
def test_new_subjects_move_no_old_one(told, where, together, split):
    asked, site, group = a_cohort(told, where, together)
    more, their_site, _ = a_cohort([], [], {}, first=GROUND)
    joining = pl.DataFrame([(1000 + GROUND, None, "x")], schema=TOLD, orient="row")

    before = assign(asked, split, site=site, group=group)
    after = assign(
        pl.concat([more, asked]),
        split,
        site=pl.concat([their_site, site]),
        group=pl.concat([joining, group]),
    )

    assert after["side"].tail(asked.height).equals(before["side"])


@given(rows, groups, st.integers(2, 8), st.text(max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_fold_holds_whole_subjects_and_groups_and_never_moves(told, together, k, salt, random):
    asked, _, group = a_cohort(told, [], together)
    more, _, _ = a_cohort([], [], {}, first=GROUND)
    split = Split(salt=salt)
    order = list(range(asked.height))
    random.shuffle(order)

    fold = folds(asked, k, split, group=group)

    assert fold.dtype == pl.Int8
    assert fold.is_null().equals(asked["label"].is_null())
    assert folds(asked[order], k, split, group=group).equals(fold[order])
    assert folds(pl.concat([asked, more]), k, split, group=group).head(asked.height).equals(fold)
    for judged in range(k):
        side = sides_of_fold(asked, fold, judged, split, group=group)
        told_sides = asked.with_columns(side).drop_nulls("side")
        names = told_sides.join(group, on="subject_id", how="left").with_columns(
            pl.coalesce("text", pl.col("subject_id").cast(pl.String)).alias("name")
        )
        assert names.group_by("name").agg(pl.col("side").n_unique())["side"].max() == 1
