"""`as_of` equals a slow replay of everything that became known, one event after another."""

import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.event import MERGED_INTO
from bedside.data.store.as_of import as_of, known_as
from bedside.data.store.layout import STORED_SCHEMA, in_order, stored
from bedside.data.store.merging import fold_merges
from stored import DAY, a_merge, a_row, a_store, events_of, saved

SUBJECTS = range(1, 6)
HOURS = range(12)
moments = st.sampled_from(HOURS).map(lambda hour: DAY + timedelta(hours=hour))


@st.composite
def histories(draw):
    """Facts, corrections, deletions, merges and their revocations, known in any order."""
    rows, names = [], []
    for number in range(draw(st.integers(0, 14))):
        kind = draw(st.sampled_from(["fact", "fact", "correction", "deletion", "merge", "unmerge"]))
        subject, known_at = draw(st.sampled_from(SUBJECTS)), draw(moments)
        name = f"r{number}"
        replaces = draw(st.sampled_from(names)) if names and kind != "fact" else None
        if kind == "merge":
            into = draw(st.sampled_from([s for s in SUBJECTS if s != subject]))
            rows.append(a_merge(subject, into, name, known_at))
        elif kind in ("deletion", "unmerge") and replaces:
            code = MERGED_INTO if kind == "unmerge" else "LOINC//2823-3"
            rows.append(
                a_row(subject, name, known_at=known_at, code=code, value=None, replaces=replaces)
            )
        else:
            given_value = draw(st.floats(1, 9, allow_nan=False))
            time = draw(moments)
            rows.append(
                a_row(subject, name, time=time, known_at=known_at, value=given_value,
                      replaces=replaces if kind == "correction" else None)
            )  # fmt: skip
        names.append(name)
    return rows


def replayed(rows, moment):
    """The slow way: take in one row at a time, in the order in which they became known."""
    standing, dead, merges = {}, set(), {}
    ever = {subject: {subject} for subject in SUBJECTS}  # who was ever said to be whom
    for row in rows:
        if row["code"] == MERGED_INTO and row["text"] is not None:
            union = ever[row["subject_id"]] | ever[int(row["text"])]
            ever.update(dict.fromkeys(union, union))
    own = {id(row): (min(ever[row["subject_id"]]), row["source_row"]) for row in rows}
    for row in sorted(rows, key=lambda r: (r["known_at"], r["source_row"])):
        if row["known_at"] > moment:
            break
        if row["replaces"] is not None:
            corrected = (min(ever[row["subject_id"]]), row["replaces"])
            dead.add(corrected)
            standing.pop(corrected, None)
            merges.pop(corrected, None)
        says_nothing = row["value"] is None and row["text"] is None and row["end"] is None
        if own[id(row)] in dead or (row["replaces"] is not None and says_nothing):
            continue
        if row["code"] == MERGED_INTO:
            merges[own[id(row)]] = row
        else:
            standing[own[id(row)]] = row
    person = {subject: subject for subject in SUBJECTS}  # each subject's present identifier
    group = {subject: frozenset([subject]) for subject in SUBJECTS}
    for row in merges.values():  # in the order in which they became known
        one, into = row["subject_id"], int(row["text"])
        name = into if into in group[one] else person[into]
        union = group[one] | group[into]
        for member in union:
            group[member], person[member] = union, name
    facts = {
        (person[r["subject_id"]], r["time"], r["value"], r["source_row"]) for r in standing.values()
    }
    return person, facts, list(merges.values())


def told(events):
    return {(r["subject_id"], r["time"], r["value"], r["source_row"]) for r in events.to_dicts()}


@given(histories(), moments)
@settings(max_examples=300, deadline=None)
def test_the_hospital_as_of_a_moment_is_what_a_replay_up_to_it_gives(rows, moment):
    events = in_order(stored(events_of(*rows)))

    found = as_of(events, moment)

    assert told(found) == replayed(rows, moment)[1]


@given(histories(), moments, st.sampled_from(SUBJECTS))
@settings(max_examples=150, deadline=None)
def test_one_subject_as_of_a_moment_is_the_person_whom_the_replay_knows(rows, moment, subject):
    events = in_order(stored(events_of(*rows)))

    found = known_as(events, moment, subject)

    person, everything, _ = replayed(rows, moment)
    assert told(found) == {row for row in everything if row[0] == person[subject]}


@given(histories(), moments, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_a_saved_snapshot_answers_the_same_whatever_the_order_and_the_shards(rows, moment, order):
    if not rows:
        return
    shuffled = list(rows)
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole = saved(a_store(Path(one)), events_of(*rows))
        shuffled_in = saved(a_store(Path(other)), events_of(*shuffled))
        split = saved(a_store(Path(other), run=3, target=1), events_of(*shuffled), "split")

        assert whole.digest == shuffled_in.digest
        expected = replayed(rows, moment)
        for snapshot in (whole, split):
            assert told(pl.concat(snapshot.as_of(moment))) == expected[1]
            for subject in SUBJECTS:
                (found,) = snapshot.as_of(moment, subject_id=subject)
                assert told(found) == {r for r in expected[1] if r[0] == expected[0][subject]}


@given(histories())
@settings(max_examples=150, deadline=None)
def test_folding_merges_for_learning_never_shows_a_fact_before_the_ward_could_see_it(rows):
    events = in_order(stored(events_of(*rows)))

    folded = fold_merges(events)

    assert folded.height == sum(row["code"] != MERGED_INTO for row in rows)
    assert dict(folded.schema) == STORED_SCHEMA
    end = max((row["known_at"] for row in rows), default=DAY)
    for row in folded.to_dicts():
        original = next(r for r in rows if r["source_row"] == row["source_row"])
        assert row["known_at"] >= original["known_at"]
        # Only statements that were never taken back count, and when the fact can be seen under
        # this identifier, both were known to be one person.
        standing = statements_standing(rows, end)
        person, _, _ = replayed(standing, row["known_at"])
        assert person[row["subject_id"]] == person[original["subject_id"]]


def statements_standing(rows, moment):
    """The merges that the replay still holds at the end, without what took others back."""
    return [
        row
        for row in rows
        if row["code"] == MERGED_INTO
        and row["text"] is not None
        and any(row is kept for kept in replayed(rows, moment)[2])
    ]
