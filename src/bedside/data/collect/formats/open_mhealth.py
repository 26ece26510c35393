"""Collects Open mHealth data points, each checked against its schema before it is believed."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
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
from bedside.interop.open_mhealth.points import (
    Measure,
    Moment,
    Point,
    header_of,
    measures,
    moment_of,
)
from bedside.interop.open_mhealth.schemas import SchemaName, Schemas
from bedside.interop.strict_json import decode_as

__all__ = ["READER", "shipped_schemas"]

_PLACE = re.compile(r"(?:^|/)(omh|granola|ieee)/([a-z0-9-]+)/(\d+\.\d+|\d+\.x)/")
_DATA_POINT = SchemaName("omh", "data-point", "1.x")
_KINDS = {
    "medication-prescription": "medication_request",
    "patient-medication-schedule": "medication_request",
    "pharmacy-medication-dispensing": "medication_dispense",
    "single-medication-dose-taken": "medication_administration",
}
_REFUSALS = {
    "breaks": "it does not follow its schema",
    "no schema": "its schema is not known here",
    "schema incomplete": "its schema refers to one of IEEE 1752 that is not here: put it beside",
}
_NOT_JSON = "it is not valid JSON"


@lru_cache(maxsize=1)
def shipped_schemas(beside: Beside) -> Schemas:
    """The schemas that come with Bedside; those of IEEE 1752 from beside the points."""
    content = files("bedside.interop.open_mhealth").joinpath("schemas.json").read_bytes()
    return Schemas(content, beside)


@dataclass(slots=True)
class _Told:
    """What a part gave so far, by column."""

    source: Collection
    schemas: Schemas
    part: Part
    facts: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in FACT_SCHEMA})
    records: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in RECORD_SCHEMA}
    )
    rows: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    bad: list[BadRecord] = field(default_factory=list)

    def refuse(self, offset: int, length: int, reason: str) -> None:
        """Set a record aside."""
        self.bad.append(BadRecord(file=self.part.name, offset=offset, length=length, reason=reason))


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of a file of data points, or of one body in a folder that names its schema.

    A point belongs to the user whom its header names, or else to whom the file is called after.
    """
    told = _Told(source=source, schemas=shipped_schemas(beside), part=part)
    owner = PurePosixPath(part.name).name.partition(".")[0]
    for offset, raw in _documents(part.content):
        _read(told, offset, bytes(raw), owner)
    digests = {name: digest_of_records(told.facts[name]) for name in ("record", "identity")}
    return Batch(
        facts=pl.DataFrame({**told.facts, **digests}, schema=FACT_SCHEMA),
        records=pl.DataFrame(told.records, schema=RECORD_SCHEMA),
        rows_in=told.rows,
        dropped=told.dropped,
        bad=tuple(told.bad),
    )


def _documents(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each JSON document and where it lies: the whole text is one, or each line is."""
    try:
        decode_as(msgspec.Raw, content, "The file")
    except Invalid:
        offset = 0
        for line in content.splitlines(keepends=True):
            if line.strip():
                yield offset, line.rstrip(b"\r\n")
            offset += len(line)
    else:
        yield 0, content


def one_to_a_line(part: Part) -> Part:
    """A list of points, one to a line, so that each can be erased by itself; else as it is."""
    if part.content.lstrip()[:1] != b"[" or _PLACE.search(part.name):
        return part
    try:
        points = decode_as(list[msgspec.Raw], part.content, "The file")
        lines = [msgspec.json.format(bytes(point), indent=-1) for point in points]
    except (Invalid, msgspec.MsgspecError, RecursionError):
        return part
    return replace(part, content=b"\n".join(lines) + b"\n")


def _read(told: _Told, offset: int, raw: bytes, owner: str) -> None:
    told.rows["point"] += 1
    subject, reason = owner, None
    try:
        document = decode_as(object, raw, "The point")
        if isinstance(document, dict) and {"header", "body"} <= document.keys():
            named = document["header"].get("user_id") if _is_object(document["header"]) else None
            subject = named if isinstance(named, str) and named else owner
            reason = _point(told, offset, raw, document, subject)
        else:
            reason = _bare(told, offset, raw, document, subject)
    except Invalid as error:
        reason = _NOT_JSON if "JSON" in error.problem else error.problem.rstrip(".").lower()
    for name, value in zip(RECORD_SCHEMA, (offset, len(raw), subject), strict=True):
        told.records[name].append(value)
    if reason is not None:
        told.refuse(offset, len(raw), reason)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _point(
    told: _Told, offset: int, raw: bytes, document: dict[str, Any], subject: str
) -> str | None:
    """Take a data point in; why it is refused, if it is."""
    if told.schemas.verdict(_DATA_POINT, document) != "follows":
        return "its header does not follow the schema of a data point"
    header = header_of(document)
    reason = _REFUSALS.get(told.schemas.verdict(header.schema, document["body"]))
    if reason is None:
        moment = moment_of(document["body"]) or Moment(time=header.created)
        _add(told, offset, raw, header.schema, document["body"], moment, subject, header)
    return reason


def _bare(told: _Told, offset: int, raw: bytes, document: Any, subject: str) -> str | None:
    """Take in a body without a header; its folder says which schema it follows."""
    place = _PLACE.search(told.part.name)
    if place is None:
        return "it is no data point, and no folder says which schema it follows"
    schema = SchemaName(*place.groups())
    reason = _REFUSALS.get(told.schemas.verdict(schema, document))
    if reason is not None:
        return reason
    moment = moment_of(document)
    if moment is None:
        told.dropped["a body without a time"] += 1
    else:
        _add(told, offset, raw, schema, document, moment, subject, None)
    return None


def _add(
    told: _Told,
    offset: int,
    raw: bytes,
    schema: SchemaName,
    body: Any,
    moment: Moment,
    subject: str,
    header: Point | None,
) -> None:
    found = measures(schema, body)
    if not found:
        told.dropped["a point that measures nothing"] += 1
    moved = moment.time
    if moment.day is not None:
        first, moved = _bounds_of(moment.day, told.source)
        if header is not None and first <= header.created < moved:
            moved = header.created  # it had happened by then
    for one in found:
        row: dict[str, Any] = {
            "subject": subject,
            "time": moved,
            "end": moment.end or moved,  # of an instant as well: a rule may count from the end
            "recorded": header.created if header else None,
            "kind": _kind(schema, one),
            "code": one.code,
            "value": one.value,
            "unit": one.unit,
            "text": one.text,
            "encounter": None,
            "record": raw,
            "identity": f"{subject}/{header.identity}" if header else "",
            "retracts": False,
            "offset": offset,
        }
        for name, value in row.items():
            told.facts[name].append(value)


def _kind(schema: SchemaName, measure: Measure) -> str:
    named = _KINDS.get(schema.name)
    return named or ("observation" if measure.value is None else "measurement")


def _bounds_of(day: date, source: Collection) -> tuple[datetime, datetime]:
    """The first and last microsecond of a day: nobody may see it before it is over."""
    if source.timezone is None:
        raise Invalid(
            "The time has no zone and the source declares no timezone.", fix="declare it."
        )
    try:
        zone = ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            "The time zone of the source is not an IANA zone.", fix="write it like Europe/Berlin."
        ) from None
    if not 1850 <= day.year <= 2200:
        raise Invalid("The date is in a year outside 1850 to 2200.", fix="correct it.")
    first, following = (
        datetime.combine(day + timedelta(days=days), time(), zone).astimezone(UTC)
        for days in (0, 1)
    )
    return first, following - timedelta(microseconds=1)


READER = Reader(
    collect=collect,
    kinds=frozenset({"measurement", "observation", *_KINDS.values()}),
    looks_beside=True,
    prepare=one_to_a_line,
)
