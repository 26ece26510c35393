"""Released events tell what happened to whom in which order, and neither who nor when."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Refused
from bedside.core.records.release_mode import ReleaseMode
from bedside.data.store.layout import STORED_SCHEMA, stored
from bedside.privacy.cleaner import Note
from bedside.privacy.events import EventRelease
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import Action, ReleasePlan
from bedside.privacy.survey import Survey
from bedside.privacy.times import BIRTH
from stored import a_merge, a_row, events_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
EXPERT = ReleasePlan(mode=ReleaseMode.EXPERT, project="sepsis", dossier="d")
LIMITED = ReleasePlan(mode=ReleaseMode.LIMITED_DATASET, project="sepsis", agreement="DUA 7")


def released(
    *rows: dict[str, Any], plan: ReleasePlan = SAFE, minimum: int = 3, **more: Any
) -> tuple[pl.DataFrame, Counter[str]]:
    events = events_of(*rows)
    survey = Survey(minimum=minimum)
    survey.add(events)
    vault = more.pop("vault", None) or MemoryVault()
    release = EventRelease(plan=plan, vault=vault, found=survey.found(), released_at=NOW, **more)
    return stored(release.shard(events)), release.lost


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


moments = st.integers(0, 1_100_000_000).map(
    lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
patients = st.dictionaries(st.integers(1, 9), st.lists(moments, min_size=1, max_size=6), min_size=1)


@settings(max_examples=40, deadline=None)
@given(patients, st.sampled_from([SAFE, EXPERT, LIMITED]))
def test_order_and_intervals_of_a_subject_are_exact(
    days: dict[int, list[datetime]], plan: ReleasePlan
) -> None:
    rows = [
        a_row(one, f"{one} {n}", time=time, value=float(n))
        for one, times in days.items()
        for n, time in enumerate(times)
    ]
    vault = MemoryVault()

    told, _ = released(*rows, plan=plan, vault=vault)

    for one, times in days.items():
        theirs = told.filter(pl.col("subject_id") == vault.pseudonym(one)).sort("value")
        first = theirs["time"][0]
        assert [t - first for t in theirs["time"]] == [t - times[0] for t in times]
        assert set(theirs["known_at"] - theirs["time"]) == {timedelta(hours=1)}
        assert all(told < NOW for told in theirs["time"])


@settings(max_examples=40, deadline=None)
@given(patients)
def test_a_shift_is_one_offset_of_the_vault_for_every_time(days: dict[int, list[datetime]]) -> None:
    rows = [a_row(s, f"{s}{n}", time=t) for s, ts in days.items() for n, t in enumerate(ts)]
    vault = MemoryVault()

    told, _ = released(*rows, plan=EXPERT, vault=vault)

    for one, times in days.items():
        moved = timedelta(days=vault.offset(one))
        theirs = told.filter(pl.col("subject_id") == vault.pseudonym(one))
        assert sorted(theirs["time"]) == sorted(time + moved for time in times)


@pytest.mark.parametrize("birth", [BIRTH, "MEDS_BIRTH", "LOCAL//born"])
def test_safe_harbor_tells_of_a_date_nothing_but_the_year_of_the_first(birth: str) -> None:
    told, _ = released(
        a_row(1, "a", time=on("2019-11-30T08:15:00"), value=1.0),
        a_row(1, "b", time=on("2020-02-01T10:00:00"), value=2.0),
        a_row(1, "c", time=on("1971-07-09"), code=birth, value=None),
        codes={"LOCAL//born": "birth_date"},
    )

    born, first, later = told.sort("time")["time"].to_list()
    assert (born, first) == (on("1971-01-01"), on("2019-01-01"))
    assert later - first == on("2020-02-01T10:00:00") - on("2019-11-30T08:15:00")


def test_years_alone_are_told_where_that_is_asked_for() -> None:
    plan = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="p", actions={"date": Action.YEAR})

    told, _ = released(a_row(1, "a", time=on("2019-11-30T08:15:00")), plan=plan)

    assert told.select("time", "known_at").row(0) == (on("2019-01-01"), on("2019-01-01"))
    with pytest.raises(Refused, match="no events"):
        none = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="p", actions={"date": Action.DROP})
        released(a_row(), plan=none)


def test_no_age_above_89_can_be_worked_out() -> None:
    told, lost = released(
        a_row(1, "a", time=on("1930-03-01"), code=BIRTH, value=None),
        a_row(1, "b", time=on("1936-01-01"), value=1.0),
        a_row(1, "c", time=on("2021-05-01"), value=2.0),
        a_row(2, "d", time=on("1935-03-01"), code=BIRTH, value=None),
        a_row(2, "e", time=on("1999-05-01"), value=3.0),
        a_row(3, "f", time=on("1960-03-01"), code=BIRTH, value=None),
        a_row(3, "g", time=on("1999-05-01"), value=4.0),
        a_row(3, "h", code="LOINC//30525-0", value=93.0, time=on("2000-05-01")),
    )

    by_value = {row["value"]: row["time"] for row in told.iter_rows(named=True)}
    births = told.filter(pl.col("code") == BIRTH)["time"].sort()
    assert list(births) == [on("1931-01-01"), on("1960-01-01")]
    assert by_value[2.0] == on("2021-01-01")
    assert 90.0 in by_value
    assert 93.0 not in by_value
    assert 1.0 not in by_value
    assert lost["older than 89 years before the release"] == 1
    assert lost["birth of whoever would be 90 by now"] == 1


def test_nothing_is_shifted_into_the_future() -> None:
    rows = [a_row(one, f"r{one}", time=NOW - timedelta(days=10)) for one in range(1, 40)]

    told, lost = released(*rows, plan=EXPERT)

    assert 0 < told.height < 39
    assert told.select(pl.max_horizontal("time", "known_at").max()).item() <= NOW
    assert lost["would lie after the release"] == 39 - told.height


def test_numbers_of_people_encounters_and_records_are_replaced_and_still_join() -> None:
    rows = [
        {**a_row(1, "a"), "encounter_id": 77},
        {**a_row(1, "b", replaces="a", value=5.0), "encounter_id": 77},
        {**a_row(2, "a"), "encounter_id": 78},
        a_merge(2, 1, "m", on("2026-03-02")),
    ]
    before = events_of(*rows)

    told, _ = released(*rows)

    assert told.height == 3
    for column in ("subject_id", "encounter_id", "source_row"):
        assert not set(told[column]) & set(before[column])
    assert told["encounter_id"].n_unique() == 2
    correcting = told.filter(pl.col("replaces").is_not_null())
    corrected = told.filter(pl.col("source_row") == correcting["replaces"][0])
    assert corrected["subject_id"][0] == correcting["subject_id"][0]
    assert corrected["value"].to_list() == [4.2]
    assert set(told["source_offset"]) == {-1}


def test_a_text_is_released_only_where_several_people_share_it() -> None:
    sexes = [a_row(s, f"s{s}", code="BEDSIDE//sex", value=None, text="female") for s in (1, 2, 3)]
    rows = [
        *sexes,
        a_row(1, "n", code="NOTE//1", value=None, text="Seen Mr Ruiz. " * 20),
        a_row(2, "o", code="WARD//room", value=None, text="Room of Ruiz"),
        *(a_row(s, f"d{s}", code="X//on", value=None, text="2020-05-01") for s in (1, 2, 3)),
        a_row(3, "p", code="LOINC//1", value=1.0, text="called 555-0199"),
    ]

    told, lost = released(*rows)

    assert told["text"].drop_nulls().to_list() == ["female"] * 3
    assert told.filter(pl.col("code") == "LOINC//1").height == 1
    assert lost["a text that stays behind"] == 6
    assert lost["nothing but such a text"] == 5


def test_a_note_with_a_certificate_is_cleaned_and_released() -> None:
    class Cleaner:
        def clean(self, notes: list[Note]) -> list[str | None]:
            return [
                None if "worse" in one.text else one.text.replace("Ruiz", "Ode") for one in notes
            ]

    note = "Seen Mr Ruiz. " * 20
    rows = [
        a_row(1, "n", code="NOTE//1", value=None, text=note),
        a_row(1, "w", code="NOTE//1", value=None, text=f"{note} worse"),
        a_row(1, "o", code="NOTE//2", value=None, text=note),
    ]

    told, _ = released(*rows, cleaner=Cleaner(), certified=lambda code: code == "NOTE//1")

    assert told["text"].to_list() == [note.replace("Ruiz", "Ode")]


def test_codes_that_nearly_name_somebody_are_left_out() -> None:
    accounts = [a_row(s, f"a{s}", code="LOCAL//acct", value=70000.0 + s) for s in range(1, 9)]
    codes = [a_row(s, f"c{s}", code=f"BED//{s}", value=None) for s in range(1, 9)]
    platelets = [
        a_row(s, f"p{s}{n}", code="LOINC//777-3", value=100_000.0 + 1000 * s + n)
        for s in range(1, 9)
        for n in range(5)
    ]

    told, lost = released(*accounts, *codes, *platelets)

    assert set(told["code"].cast(pl.String)) == {"LOINC//777-3"}
    assert lost["a code that names people"] == 16


def test_a_postal_code_loses_its_last_digits() -> None:
    rows = [
        a_row(s, f"z{s}", code="LOINC//45401-7", value=None, text=text)
        for s, text in ((1, "02139"), (2, "03601-1234"), (3, "EC1A 1BB"))
    ]

    told, lost = released(*rows)
    whole, _ = released(*rows, plan=LIMITED)

    assert sorted(told["text"]) == ["000", "021"]
    assert lost["postcode of no known form"] == 1
    assert len(whole) == 3


def test_the_same_release_again_is_the_same() -> None:
    vault = MemoryVault()
    rows = [a_row(s, f"{s}{n}", value=float(n)) for s in (1, 2) for n in range(3)]

    assert released(*rows, vault=vault)[0].equals(released(*rows, vault=vault)[0])
    assert set(STORED_SCHEMA) == set(released(*rows)[0].columns)
