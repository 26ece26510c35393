"""Collects C-CDA documents: the patient, the visit, and the coded entries of each section."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from bedside.core.errors import Invalid
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
from bedside.interop.ccda.document import Document, read_document

__all__ = ["READER"]


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of one document; every one is recorded when the document was made."""
    try:
        document = read_document(part.content, _zone(source))
    except Invalid as error:
        if error.code == "wrong_declaration":
            raise
        reason = error.code or "it is malformed"
        bad = BadRecord(file=part.name, offset=0, length=len(part.content), reason=reason)
        return Batch(
            facts=pl.DataFrame(schema=FACT_SCHEMA),
            records=_records(part, None),
            rows_in={"document": 1},
            bad=(bad,),
        )
    return Batch(
        facts=_facts(document),
        records=_records(part, document.subject),
        rows_in=document.rows,
        dropped=document.dropped,
        codes_unknown=document.unknown,
    )


def _zone(source: Collection) -> tzinfo | None:
    if source.timezone is None:
        return None
    try:
        return ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            "The time zone of the source is not an IANA zone.",
            fix="write it like Europe/Berlin.",
            code="wrong_declaration",
        ) from None


def _records(part: Part, subject: str | None) -> pl.DataFrame:
    """A document is erased as a whole: its entries are all about one patient."""
    place = {"offset": [0], "length": [len(part.content)], "subject": [subject]}
    return pl.DataFrame(place, schema=RECORD_SCHEMA)


def _facts(document: Document) -> pl.DataFrame:
    facts = document.facts
    own = document.subject.encode()
    columns = {
        name: [getattr(fact, name) for fact in facts]
        for name in (
            "time",
            "end",
            "kind",
            "code",
            "value",
            "unit",
            "text",
            "encounter",
            "retracts",
        )
    }
    return pl.DataFrame(
        {
            **columns,
            "subject": [document.subject] * len(facts),
            "recorded": [document.recorded] * len(facts),
            "record": digest_of_records([own + fact.record for fact in facts]),
            "identity": digest_of_records([fact.identity for fact in facts]),
            "offset": [0] * len(facts),
        },
        schema_overrides=FACT_SCHEMA,
    ).select(*FACT_SCHEMA)


READER = Reader(
    collect=collect,
    kinds=frozenset(
        {
            "patient", "death", "document", "encounter", "condition", "allergy", "observation",
            "medication_statement", "medication_request", "medication_administration",
            "immunization", "procedure",
        }
    ),
)  # fmt: skip
