"""Bytes of a `source.yaml` to the record of one source of data; mistakes name line and fix."""

import re
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.ids import digest_of
from bedside.core.records.collection import Collection
from bedside.core.records.quality import QualityPlan
from bedside.core.records.table_mapping import TableMapping, TableTime
from bedside.interop.declaration.yaml_records import Mistake, read_record

__all__ = ["collection_digest", "read_collection"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
CODE = re.compile(r"[A-Z][A-Za-z0-9_.-]*//\S.*")


def read_collection(content: bytes, *, file: str = "source.yaml") -> Collection:
    """Read the declaration of a source of data.

    Raises:
        Invalid: not YAML, an unknown key, a wrong type, duration, zone or code. The message names
            the line, the place and the fix.
    """
    return read_record(content, Collection, file=file, mistakes=_mistakes)


def collection_digest(source: Collection) -> str:
    """SHA-256 of what the declaration says about reading; the quality plan and title aside."""
    told = msgspec.to_builtins(source)
    for name in ("quality", "title", "quarantine", "units", "server", "database", "listener"):
        told.pop(name)
    return digest_of(told)


def _mistakes(source: Collection) -> Iterator[Mistake]:
    if not NAME.fullmatch(source.name):
        yield Mistake(
            ("name",), f"'{source.name}' is not a name", "use small letters, digits and _"
        )
    for index, pattern in enumerate(source.files):
        if pattern.startswith("/") or ".." in pattern or "\\" in pattern:
            yield Mistake(
                ("files", index), "a pattern leads out of the folder", "name files below it"
            )
    if source.timezone is not None and not _is_zone(source.timezone):
        yield Mistake(
            ("timezone",), f"'{source.timezone}' is not an IANA zone", "write e.g. Europe/Berlin"
        )
    yield from _reached(source)
    for kind, rule in source.known_at.items():
        yield from _duration(rule.after, ("known_at", kind, "after"))
    for local, code in source.codes.items():
        for text in (local, code):
            if not CODE.fullmatch(text):
                yield Mistake(("codes", local), f"'{text}' is not a code", "write SYSTEM//code")
    if not 0 <= source.quarantine.at_most <= 1:
        yield Mistake(("quarantine", "at_most"), "a share lies between 0 and 1", "write e.g. 0.01")
    if (source.format == "table") != bool(source.tables) and not source.views:
        yield Mistake(
            ("tables",),
            "the format 'table', and no other, needs tables",
            "say under tables: which column is what, or choose another format",
        )
    yield from _quality(source.quality)
    for index, table in enumerate(source.tables):
        yield from _table(table, ("tables", index))


def _reached(source: Collection) -> Iterator[Mistake]:
    """Where the data are got from must fit the format."""
    for name, given, form in (
        ("server", source.server is not None, "fhir"),
        ("database", source.database, "omop"),
        ("listener", source.listener is not None, "hl7v2"),
        ("views", bool(source.views), "fhir"),
    ):
        if given and source.format != form:
            yield Mistake((name,), f"only the format '{form}' has a {name}", "leave it out")
    if source.origin is not None:
        try:
            parse_instant(source.origin)
        except Invalid as error:
            yield Mistake(("origin",), error.problem, error.fix.rstrip("."))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _duration(text: str, path: tuple[str | int, ...]) -> Iterator[Mistake]:
    try:
        if parse_duration(text) < timedelta(0):
            yield Mistake(path, "nothing is seen before it is", "give 0 min or more")
    except Invalid as error:
        yield Mistake(path, error.problem, error.fix.rstrip("."))


def _quality(plan: QualityPlan) -> Iterator[Mistake]:
    for code, one in plan.ranges.items():
        if one.low >= one.high:
            yield Mistake(("quality", "ranges", code), "the range is empty", "give low below high")
    for index, gate in enumerate(plan.gates):
        if not 0 <= gate.at_least <= 1:
            path = ("quality", "gates", index, "at_least")
            yield Mistake(path, "a share lies between 0 and 1", "write e.g. 0.95")


def _table(table: TableMapping, path: tuple[str | int, ...]) -> Iterator[Mistake]:
    long = table.code_column is not None
    if long == bool(table.columns):
        yield Mistake(
            path,
            "a table is either wide (columns) or long (code_column)",
            "give one of the two",
        )
    if long and table.value_column is None:
        yield Mistake(path, "a long table needs its value_column", "name the column")
    for where, columns in (("columns", table.columns), ("codes", table.codes)):
        for name, column in columns.items():
            if not CODE.fullmatch(column.code):
                yield Mistake(
                    (*path, where, name, "code"),
                    f"'{column.code}' is not a code",
                    "write SYSTEM//code",
                )
    for code in (*table.constants, *([table.row_event] if table.row_event else [])):
        if not CODE.fullmatch(code):
            yield Mistake((*path, "constants"), f"'{code}' is not a code", "write SYSTEM//code")
    for name, time in (("time", table.time), ("end", table.end)):
        if time is not None:
            yield from _time(time, (*path, name))


def _time(time: TableTime, path: tuple[str | int, ...]) -> Iterator[Mistake]:
    if time.format not in ("iso", "number", "clock") and "%" not in time.format:
        yield Mistake(
            (*path, "format"),
            f"'{time.format}' is no way to write a time",
            "write iso, number, clock, or a pattern such as %d.%m.%Y %H:%M",
        )
    counted = time.column is None or time.format in ("number", "clock")
    if counted and time.origin is None:
        yield Mistake(path, "a time that is counted needs its origin", "give origin: (ISO 8601)")
    if time.origin is not None:
        try:
            parse_instant(time.origin)
        except Invalid as error:
            yield Mistake((*path, "origin"), error.problem, error.fix.rstrip("."))
