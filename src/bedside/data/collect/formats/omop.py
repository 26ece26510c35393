"""OMOP CDM 5.3 and 5.4 in CSV or Parquet: each row of a clinical table becomes facts.

A file holds the table that its name says (`MEASUREMENT.csv`, `measurement-0001.parquet`, or any
file in a folder `measurement`). A beginning that is seen before its end is known gives two facts:
a visit is an `encounter` when it begins and an `encounter_end` when it ends.
"""

from collections import Counter
from dataclasses import fields

import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import (
    FACT_SCHEMA,
    RECORD_SCHEMA,
    Batch,
    Beside,
    Part,
    Reader,
    digest_of_records,
)
from bedside.data.collect.formats.bounded_parquet import Unreadable, as_rows
from bedside.data.collect.formats.omop_columns import OmopRows, instants, read_rows, whole
from bedside.data.collect.formats.omop_concepts import Concepts, concepts_beside
from bedside.data.collect.formats.omop_facts import Made, event_facts
from bedside.data.collect.formats.omop_person import PERSON_COLUMNS, person_facts
from bedside.interop.omop.tables import NOT_READ, TABLES, VOCABULARY_TABLES, OmopTable, table_of

__all__ = ["READER"]

NO_ZONE = "the time has no zone and the source declares no timezone"
_ALSO = {"measurement": ("operator_concept_id", "measurement_time")}
_NOT_COLUMNS = frozenset({"name", "kind", "required", "ends_apart"})


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of one file."""
    name = table_of(part.name)
    if name in TABLES:
        try:
            return _collected(part, TABLES[name], source, beside)
        except Unreadable as fault:
            return _unread(part, str(fault))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            # Polars' own words may repeat a value, so only the kind of the fault is told.
            return _unread(part, f"its columns cannot be used ({type(error).__name__})")
    if name in NOT_READ or name in VOCABULARY_TABLES:
        told = {f"the table {name} holds no facts of its own": 1}
        return Batch(facts=_no_facts(), records=_no_records(), rows_in={name: 0}, dropped=told)
    return _unread(part, "its name is not that of a table of the OMOP CDM")


def _no_facts() -> pl.DataFrame:
    return pl.DataFrame(schema=FACT_SCHEMA)


def _no_records() -> pl.DataFrame:
    return pl.DataFrame(schema=RECORD_SCHEMA)


def _unread(part: Part, reason: str) -> Batch:
    length = len(part.content) if part.unit == "byte" else 0
    bad = BadRecord(file=part.name, offset=0, length=length, reason=reason)
    return Batch(facts=_no_facts(), records=_no_records(), rows_in={}, bad=(bad,))


def _columns(table: OmopTable) -> tuple[str, ...]:
    """Every column of the table that is used, each once."""
    said = [getattr(table, one.name) for one in fields(table) if one.name not in _NOT_COLUMNS]
    names = [one for value in said for one in (value if isinstance(value, tuple) else (value,))]
    more = PERSON_COLUMNS if table.name == "person" else _ALSO.get(table.name, ())
    also = ("drug_type_concept_id",) if table.name == "drug_exposure" else ()
    return tuple(dict.fromkeys(name for name in (*names, "person_id", *more, *also) if name))


def _collected(part: Part, table: OmopTable, source: Collection, beside: Beside) -> Batch:
    read = read_rows(part, table, _columns(table))
    subject = whole(read.rows["person_id"])
    key = whole(read.rows[table.key])
    time = _begun(read.rows, table, source)
    fault = _faults(subject, key, time, table, source)
    records = read.places.with_columns(subject.cast(pl.String).alias("subject"))
    bad = [
        BadRecord(file=part.name, offset=at, length=length, reason=why)
        for at, length, why in (
            *read.bad,
            *records.with_columns(fault).filter(fault.is_not_null()).select(
                "offset", "length", fault.name
            ).iter_rows(),
        )
    ]  # fmt: skip
    good = fault.is_null()
    base = _base(read, table, subject, key, time).filter(good)
    known = concepts_beside(beside) if base.height else Concepts()
    made = _made(read.rows.filter(good), base, table, source, known)
    return Batch(
        facts=made.facts.select(pl.col(name).cast(kind) for name, kind in FACT_SCHEMA.items()),
        records=records.filter(good).select(pl.col(n).cast(k) for n, k in RECORD_SCHEMA.items()),
        rows_in={table.name: records.height + len(read.bad)},
        dropped={f"{table.name}: {why}": count for why, count in made.dropped.items() if count},
        bad=tuple(sorted(bad, key=lambda one: one.offset)),
        codes_unknown=made.codes_unknown,
    )


def _begun(rows: pl.DataFrame, table: OmopTable, source: Collection) -> pl.Series | None:
    """When each row happened; None where no time is needed."""
    if table.name == "person" or source.timezone is None:
        return None
    times = None if table.datetime is None else rows[table.datetime]
    if table.name == "measurement" and times is not None:
        times = _with_clock(rows, times)
    return instants(rows[table.date], times, source.timezone)


def _with_clock(rows: pl.DataFrame, times: pl.Series) -> pl.Series:
    """The datetimes, or else the date with `measurement_time`, which older tables fill instead."""
    clock = rows["measurement_time"]
    if times.dtype != pl.String or clock.dtype != pl.String:
        return times
    day = rows["measurement_date"].cast(pl.String).str.slice(0, 10)
    told = clock.str.contains(r"^\d\d:\d\d(:\d\d)?$")
    frame = pl.DataFrame({"times": times, "day": day, "clock": clock, "told": told})
    joined = pl.when("told").then(pl.col("day") + " " + pl.col("clock"))
    filled = pl.col("times").replace("", None)
    return frame.select(pl.coalesce(filled, joined).alias("times"))["times"]


def _faults(
    subject: pl.Series,
    key: pl.Series,
    time: pl.Series | None,
    table: OmopTable,
    source: Collection,
) -> pl.Series:
    """Why a row is unreadable, null where it is not."""
    checks = [
        (key.is_null(), f"{table.key} is not a whole number"),
        (subject.is_null(), "person_id is not a whole number"),
    ]
    if table.name != "person":
        if time is None:
            checks.append((pl.repeat(True, len(key), eager=True), NO_ZONE))
        else:
            checks.append((time.is_null(), f"{table.date} is no date, or one in no possible year"))
    frame = pl.DataFrame({str(at): mask for at, (mask, _) in enumerate(checks)})
    found = [pl.when(pl.col(str(at))).then(pl.lit(why)) for at, (_, why) in enumerate(checks)]
    return frame.select(pl.coalesce(found).alias("reason"))["reason"]


def _base(
    read: OmopRows, table: OmopTable, subject: pl.Series, key: pl.Series, time: pl.Series | None
) -> pl.DataFrame:
    """What every fact of a row shares."""
    names = (pl.lit(f"{table.name}/") + key.cast(pl.String)).fill_null("")
    made = pl.select(names.alias("name"))["name"]
    encounter = None if table.encounter is None else whole(read.rows[table.encounter])
    return pl.DataFrame(
        {
            "subject": subject.cast(pl.String),
            "time": time,
            "encounter": encounter,
            "record": read.digests,
            "identity": digest_of_records(made.to_list()),
            "offset": read.places["offset"],
        }
    ).cast({"time": FACT_SCHEMA["time"], "encounter": pl.String})


def _made(
    rows: pl.DataFrame, base: pl.DataFrame, table: OmopTable, source: Collection, known: Concepts
) -> Made:
    if table.name == "person":
        return person_facts(rows, base, known)
    end = None
    if table.end_date is not None and source.timezone is not None:
        times = None if table.end_datetime is None else rows[table.end_datetime]
        end = instants(rows[table.end_date], times, source.timezone)
    made = event_facts(rows, base, table, known, end)
    if table.name == "note":
        made.dropped.update(Counter({"the text of a note is not an event": rows.height}))
    return made


def _kinds() -> frozenset[str]:
    ends = {f"{table.kind}_end" for table in TABLES.values() if table.ends_apart}
    return frozenset(
        {table.kind for table in TABLES.values()} | ends | {"medication_administration"}
    )


READER = Reader(
    collect=collect,
    kinds=_kinds(),
    split="whole",
    repeats="same",
    looks_beside=True,
    passive=tuple(
        f"{pattern}.*"
        for table in VOCABULARY_TABLES
        for pattern in (table, table.upper(), table.capitalize())
    ),
    prepare=as_rows,
)
"""Two rows of a table with one key say the same twice: a key names a row in every table."""
