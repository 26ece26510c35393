"""Collects FHIR R4: bundles, single resources, and NDJSON as a bulk export gives it."""

import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import (
    DIGEST_BYTES,
    FACT_SCHEMA,
    RECORD_SCHEMA,
    Batch,
    Beside,
    Part,
    Reader,
)
from bedside.data.collect.formats.fhir_times import read_times
from bedside.data.collect.formats.fhir_views import collect_views
from bedside.interop.fhir_bulk.bundles import as_lines
from bedside.interop.fhir_bulk.columns import FactColumns, Records
from bedside.interop.fhir_bulk.decoding import Unreadable, decode_resource
from bedside.interop.fhir_bulk.drugs import Medication
from bedside.interop.fhir_bulk.elements import CodeableConcept
from bedside.interop.fhir_bulk.reading import KINDS, Lines, read_lines

__all__ = ["READER", "collect_fhir", "fhir_lines"]

_OF_DRUGS = re.compile(r"Medication(?:Request|Administration|Statement|Dispense)")
_NUL = "a text holds a NUL character"


def fhir_lines(part: Part) -> Part:
    """The part with one resource in each line: a Bundle is taken apart (`as_lines`)."""
    content = as_lines(part.content)
    return part if content is part.content else replace(part, content=content)


def collect_fhir(part: Part, source: Collection, beside: Beside) -> Batch:
    """Read one part: NDJSON, a Bundle, or one resource.

    Offsets count in the text that `fhir_lines` makes of the part, with one resource in each line.
    What a resource says, when it was first known, and which statuses take it back, is told where
    each type is read: `bedside.interop.fhir_bulk.observations`, `.events` and `.people`.

    A drug that is only referred to is looked up in the same part, and then in the file that bears
    the same name with Medication in it (`MedicationRequest.000.ndjson`: `Medication.000.ndjson`).
    Where the source has views of its own, these say instead what a resource gives.
    """
    part = fhir_lines(part)
    if source.views:
        return collect_views(part, source)
    drugs = _Drugs(part.name, beside)
    with _without_collecting_garbage():
        lines = read_lines(part.content, drugs.find, partial(blake2b, digest_size=DIGEST_BYTES))
    dropped = Counter(lines.facts.dropped)
    facts = _facts(lines, source, dropped)
    return Batch(
        facts=_without_nul(facts, dropped),
        records=_records(lines.records),
        rows_in=dict(lines.rows_in),
        dropped={reason: count for reason, count in dropped.items() if count},
        bad=tuple(
            BadRecord(file=part.name, offset=offset, length=length, reason=reason)
            for offset, length, reason in lines.bad
        ),
        codes_unknown=dict(lines.book.unknown),
    )


READER = Reader(
    collect=collect_fhir,
    kinds=KINDS,
    split="lines",
    looks_beside=True,
    prepare=fhir_lines,
)


def _facts(lines: Lines, source: Collection, dropped: Counter[str]) -> pl.DataFrame:
    said, records = lines.facts, lines.records
    zone = None if source.timezone is None else ZoneInfo(source.timezone)
    at = pl.Series(said.record, dtype=pl.UInt32)
    wrong: set[int] = set()
    times: dict[str, pl.Series] = {}
    for name in ("time", "end", "recorded", "updated"):
        times[name], why = read_times(getattr(said, name), zone)
        for place, reason in why.items():
            if place not in wrong and not said.retracts[place]:
                dropped[f"{said.kind[place]}: {reason}"] += 1
                wrong.add(place)
    frame = pl.DataFrame(
        {
            "subject": _subjects(said, records, at),
            "time": times["time"],
            "end": times["end"],
            "recorded": times["recorded"],
            "updated": times["updated"],
            "kind": pl.Series(said.kind, dtype=pl.String),
            "code": pl.Series(said.code, dtype=pl.String),
            "value": pl.Series(said.value, dtype=pl.Float64),
            "unit": pl.Series(said.unit, dtype=pl.String),
            "text": pl.Series(said.text, dtype=pl.String),
            "encounter": pl.Series(records.encounter, dtype=pl.String).gather(at),
            "record": pl.Series(records.digest, dtype=pl.Binary).gather(at),
            "identity": pl.Series(records.identity, dtype=pl.Binary).gather(at),
            "retracts": pl.Series(said.retracts, dtype=pl.Boolean),
            "offset": pl.Series(records.offset, dtype=pl.Int64).gather(at),
        }
    )
    if wrong:
        frame = frame.with_row_index().filter(~pl.col("index").is_in(list(wrong)))
    return frame.with_columns(pl.max_horizontal("recorded", "updated").alias("recorded")).select(
        list(FACT_SCHEMA)
    )


def _subjects(said: FactColumns, records: Records, at: pl.Series) -> pl.Series:
    subjects = pl.Series(records.subject, dtype=pl.String).gather(at)
    if said.subject:
        places = np.fromiter(said.subject, dtype=np.uint32)
        subjects = subjects.scatter(places, list(said.subject.values()))
    return subjects


def _records(records: Records) -> pl.DataFrame:
    columns = {"offset": records.offset, "length": records.length, "subject": records.subject}
    return pl.DataFrame(columns, schema=RECORD_SCHEMA).sort("offset")


def _without_nul(facts: pl.DataFrame, dropped: Counter[str]) -> pl.DataFrame:
    """The facts without those whose words hold a NUL, which no database takes."""
    words = ("subject", "code", "unit", "text", "encounter")
    wrong = facts.select(
        pl.any_horizontal(
            pl.col(name).str.contains("\0", literal=True).fill_null(value=False) for name in words
        )
    ).to_series()
    if not wrong.any():
        return facts
    dropped[_NUL] += int(wrong.sum())
    return facts.filter(~wrong)


@contextmanager
def _without_collecting_garbage() -> Iterator[None]:
    """What is read of JSON holds no cycles, so that looking for some costs time and finds none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Drugs:
    """Finds Medications in the file beside that holds them; it is read when first asked for."""

    def __init__(self, name: str, beside: Beside) -> None:
        self._name, self._beside = name.rpartition("/")[2], beside
        self._known: dict[str, CodeableConcept | None] | None = None

    def find(self, drug: str) -> CodeableConcept | None:
        """What the drug with this id is, or None."""
        if self._known is None:
            self._known = dict(self._read())
        return self._known.get(drug)

    def _read(self) -> list[tuple[str, CodeableConcept | None]]:
        name = _OF_DRUGS.sub("Medication", self._name)
        content = None if name == self._name else self._beside(name)
        found: list[tuple[str, CodeableConcept | None]] = []
        for line in (content or b"").split(b"\n"):
            try:
                one = decode_resource(line) if line.strip() else None
            except Unreadable:
                continue
            if isinstance(one, Medication) and one.id:
                found.append((one.id, one.code))
        return found
