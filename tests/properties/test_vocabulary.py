"""What is learnt from the training subjects is what a slow reading says, whoever else there is."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.declaration import Signal
from bedside.core.records.features import ChosenCode, FeatureRule, Vocabulary
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.vocabulary import choose, learnt_from_json, learnt_to_json
from served import a_declaration

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
FEWEST = 2
MODEL = a_declaration(
    signals={"ward": Signal(label="ward", code="WARD//name", learn_categories=True)},
    features=(
        FeatureRule(
            vocabulary=Vocabulary(prefixes=("LAB//",), minimum_subjects=2, top=2),
        ),
        FeatureRule(signals=("ward",)),
        FeatureRule(vocabulary=Vocabulary(prefixes=("LAB//a", "DRUG//"), minimum_subjects=1)),
    ),
    eligibility=(),
)
CODES = ("LAB//a", "LAB//b", "LAB//c", "DRUG//d", "WARD//name")


@st.composite
def records(draw):
    """Events of up to six subjects, some corrected or taken back, some without a time."""
    made = []
    for number in range(draw(st.integers(0, 30))):
        subject, hour = draw(st.integers(1, 6)), draw(st.integers(0, 8))
        own = [row for row in made if row["subject_id"] == subject]
        corrects = draw(st.sampled_from(own)) if own and draw(st.integers(0, 3)) == 0 else None
        made.append(
            {
                "subject_id": subject,
                "time": draw(st.sampled_from([None, ORIGIN + timedelta(hours=hour)])),
                "known_at": ORIGIN + timedelta(hours=hour + draw(st.integers(-2, 3))),
                "code": draw(st.sampled_from(CODES)),
                "value": draw(st.sampled_from([None, 1.0])),
                "unit": draw(st.sampled_from([None, "mg", "g", "1"])),
                "text": draw(st.sampled_from([None, "icu", "surgery", "other"])),
                "source_row": bytes([number]),
                "replaces": corrects["source_row"] if corrects else None,
            }
        )
    return made


moments = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 10)), max_size=8)


def shard(rows):
    return pl.DataFrame([dict.fromkeys(EVENT_SCHEMA) | row for row in rows], schema=EVENT_SCHEMA)


def asked(pairs):
    return pl.DataFrame(
        [(subject, ORIGIN + timedelta(hours=hour)) for subject, hour in pairs],
        orient="row",
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")},
    )


def learnt_of(rows, pairs):
    return choose(MODEL, [shard(rows)], asked(pairs), fewest=FEWEST)


def seen_slowly(rows, pairs):
    """Every event that some prediction time of its subject could see, one by one."""
    for row in rows:
        says = not row["replaces"] or row["value"] is not None or row["text"] is not None
        for subject, hour in pairs:
            now = ORIGIN + timedelta(hours=hour)
            stands = not any(
                other["replaces"] == row["source_row"] and other["known_at"] <= now
                for other in rows
                if other["subject_id"] == row["subject_id"]
            )
            happened = row["time"] is None or row["time"] <= now
            seen = happened and row["known_at"] <= now and subject == row["subject_id"]
            if seen and says and stands:
                yield row
                break


def slowly(rows, pairs):
    """What should be learnt, by the plain words of the manual."""
    seen = list(seen_slowly(rows, pairs))
    chosen = {}
    for number, rule in enumerate(MODEL.features):
        if rule.vocabulary is None:
            continue
        found = []
        for code in CODES[:4]:
            own = [row for row in seen if row["code"] == code]
            subjects = len({row["subject_id"] for row in own})
            if not code.startswith(rule.vocabulary.prefixes):
                continue
            if subjects < rule.vocabulary.minimum_subjects:
                continue
            valued = [row for row in own if row["value"] is not None]
            units = {row["unit"] for row in valued}
            if units == {None, "1"}:
                units = {"1"}
            told = {"code": code, "static": all(row["time"] is None for row in own)}
            if len(valued) < len(own) / 2:
                found.append((-subjects, code, ChosenCode(**told, mark=True)))
            elif len(units) == 1:
                found.append((-subjects, code, ChosenCode(**told, unit=units.pop())))
        ranked = [one for _, _, one in sorted(found, key=lambda each: each[:2])]
        chosen[number] = tuple(ranked[: rule.vocabulary.top])
    words = defaultdict(set)
    for row in seen:
        if row["code"] == "WARD//name" and row["text"]:
            words[row["text"]].add(row["subject_id"])
    kept = [w for w in words if w != "other" and len(words[w]) >= FEWEST]
    return chosen, (*sorted(kept, key=lambda w: (-len(words[w]), w)), "other")


@given(records(), moments)
@settings(max_examples=150, deadline=None)
def test_what_is_learnt_is_what_a_slow_reading_says(rows, pairs):
    learnt = learnt_of(rows, pairs)

    chosen, labels = slowly(rows, pairs)
    assert learnt.codes == chosen
    assert learnt.categories == {"ward": labels}
    assert learnt_from_json(learnt_to_json(learnt)) == learnt


@given(records(), moments, records())
@settings(max_examples=60, deadline=None)
def test_nobody_but_the_training_subjects_changes_what_is_learnt(rows, pairs, others):
    held_out = [row | {"subject_id": row["subject_id"] + 100} for row in others]

    assert learnt_of([*held_out, *rows], pairs) == learnt_of(rows, pairs)


@given(records(), moments, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_neither_the_order_of_rows_nor_the_cut_into_shards_changes_what_is_learnt(
    rows, pairs, random
):
    mixed, moved = random.sample(rows, len(rows)), random.sample(pairs, len(pairs))
    one = [row for row in mixed if row["subject_id"] <= 3]
    other = [row for row in mixed if row["subject_id"] > 3]

    again = choose(MODEL, [shard(other), shard(one)], asked(moved), fewest=FEWEST)

    assert learnt_to_json(again) == learnt_to_json(learnt_of(rows, pairs))
