"""Collects WFDB records: waveforms as facts, in short by windows, and their annotations."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import parse_instant, since_1970
from bedside.core.errors import Invalid
from bedside.core.ids import digest_bytes
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
from bedside.interop.wfdb.annotation import Annotations, read_annotations
from bedside.interop.wfdb.comments import read_comments
from bedside.interop.wfdb.header import Header, read_header, refused
from bedside.interop.wfdb.record import Record, read_record
from bedside.interop.wfdb.windows import Windows, windows_for

__all__ = ["READER", "WINDOW_SECONDS"]

WINDOW_SECONDS = 10.0
"""Each signal is told as its mean, least and greatest value in windows of this length."""

SIGNAL_FILES = ("*.dat", "*.mat", "*.xyz", "*.d[0-9]", "*.d[0-9][0-9]")

_UNITS = {
    "mmHg": "mm[Hg]", "degrees": "deg", "degC": "Cel", "bpm": "/min", "l/min": "L/min",
    "Ohm": "Ohm", "ohm": "Ohm", "NU": "{NU}", "nd": "{ND}", "pm": "pm",
}  # fmt: skip
_LAST_MICROSECOND = 7_289_654_400_000_000  # the year 2201

_Micros = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Told:
    """What one file gave so far; every fact of it is the same record."""

    subject: str
    digest: bytes
    identity: bytes
    frames: list[pl.DataFrame] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, codes: Any, count: int, **columns: Any) -> None:
        """Add `count` facts; each column is a list, an array or one value for all."""
        if not count:
            return
        given = {"subject": self.subject, "kind": kind, "code": codes, **columns}
        given |= {"record": self.digest, "identity": self.identity, "retracts": False, "offset": 0}
        made = {}
        for name, dtype in FACT_SCHEMA.items():
            value = given.get(name)
            is_column = isinstance(value, list | np.ndarray)
            if name in {"time", "end"} and is_column:
                made[name] = pl.Series(name, value, dtype=pl.Int64).cast(dtype)
            elif is_column:
                made[name] = pl.Series(name, value, dtype=dtype)
            else:
                made[name] = pl.select(pl.repeat(value, count, dtype=dtype)).to_series()
        self.frames.append(pl.DataFrame(made, schema=FACT_SCHEMA))


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of a header with its signals, or of an annotation file."""
    path = PurePosixPath(part.name)
    subject = path.name.removesuffix(path.suffix)
    is_header, is_edf = (path.suffix.lower() in kinds for kinds in ({".hea"}, {".edf", ".bdf"}))
    rows = Counter({"record" if is_header else "EDF file" if is_edf else "annotation file": 1})
    told = _Told(subject, b"", b"")
    try:
        if is_header:
            _check_whole(subject, beside)
            told = _record(part, subject, source, beside, rows)
        elif is_edf:
            raise refused("it is an EDF file, not a WFDB record: convert it with edf2mit")
        else:
            told = _annotations(part, subject, path.suffix[1:], source, beside, rows)
    except _Segment as segment:
        subject = segment.record
        told.dropped["a segment of another record, which is read with it"] += 1
    except Invalid as error:
        if error.code == "wrong_declaration":
            raise
        reason = error.code or "it is malformed"
        bad = BadRecord(file=part.name, offset=0, length=len(part.content), reason=reason)
        return _batch(part, subject, _Told(subject, b"", b""), rows, (bad,))
    return _batch(part, subject, told, rows, ())


def _batch(
    part: Part, subject: str, told: _Told, rows: Counter[str], bad: tuple[BadRecord, ...]
) -> Batch:
    place = {"offset": [0], "length": [len(part.content)], "subject": [subject]}
    return Batch(
        facts=pl.concat(told.frames) if told.frames else pl.DataFrame(schema=FACT_SCHEMA),
        records=pl.DataFrame(place, schema=RECORD_SCHEMA),
        rows_in=rows,
        dropped=told.dropped,
        bad=bad,
    )


class _Segment(Exception):
    """The header is of a segment; its record is read as a whole."""

    def __init__(self, record: str) -> None:
        self.record = record


def _check_whole(name: str, beside: Beside) -> None:
    """A record `100s` may have segments called `100s01` or `100s_0001`: they are no records."""
    for length in range(len(name) - 1, 0, -1):
        content = beside(f"{name[:length]}.hea")
        if content is None:
            continue
        try:
            header = read_header(content)
        except Invalid:
            continue
        if name in {segment.name for segment in header.segments}:
            raise _Segment(name[:length])


def _start(header: Header, source: Collection) -> int:
    """When the record begins, in microseconds since 1970 (UTC)."""
    if header.start is None:
        if source.origin is None:
            raise refused("the record has no date and the source declares no origin")
        try:
            moment = parse_instant(source.origin)
        except Invalid as error:
            raise Invalid(
                f"The origin of the source is wrong: {error.problem}",
                fix="write it like 2000-01-01T00:00:00Z.",
                code="wrong_declaration",
            ) from None
        return since_1970(moment)
    if source.timezone is None:
        raise refused("the time has no zone and the source declares no timezone")
    try:
        zone = ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            "The time zone of the source is not an IANA zone.",
            fix="write it like Europe/Berlin.",
            code="wrong_declaration",
        ) from None
    return since_1970(header.start.replace(tzinfo=zone))


def _after(start: int, seconds: npt.NDArray[np.float64]) -> _Micros:
    """The moments that lie so many seconds after the start."""
    if len(seconds) and start + float(seconds.max()) * 1e6 > _LAST_MICROSECOND:
        raise refused("the record lasts beyond the year 2200")
    return start + np.round(seconds * 1e6).astype(np.int64)


def _record(
    part: Part, subject: str, source: Collection, beside: Beside, rows: Counter[str]
) -> _Told:
    read: dict[str, str] = {}

    def reading(name: str) -> bytes | None:
        content = beside(name)
        if content is not None:
            read[name] = digest_bytes(content)
        return content

    start = _start(read_header(part.content), source)
    record = read_record(part.content, reading)
    rows["signal"] = len(record.signals)
    _after(start, np.array([record.seconds]))
    windows = windows_for(record.signals, seconds=WINDOW_SECONDS)
    for place, stretch in record.stretches():
        for first, values in stretch.physical():
            windows[place].add(first, values)
    said = digest_bytes(part.content) + "".join(read[name] for name in sorted(read))
    told = _Told(subject, _digest(said), _digest(f"wfdb/{subject}"))
    _static(told, record)
    for place, found in enumerate(windows):
        _signal(told, record, place, start, read)
        _summary(told, record, place, start, found)
    return told


def _digest(text: str) -> bytes:
    return bytes(digest_of_records([text])[0])


def _static(told: _Told, record: Record) -> None:
    """Age, sex and diagnoses of the header's comments: facts without a time."""
    found = read_comments(record.header.comments)
    if found.age is not None:
        told.add("patient", "WFDB//age", 1, value=found.age, unit="a")
    if found.sex is not None:
        told.add("patient", "BEDSIDE//sex", 1, text=found.sex)
    for heading, text in found.diagnoses:
        told.add("condition", f"WFDB//{heading}", 1, text=text)
    if found.unused:
        told.dropped["a header comment that is no age, sex or diagnosis"] += found.unused


def _signal(told: _Told, record: Record, place: int, start: int, read: dict[str, str]) -> None:
    signal = record.signals[place]
    code = f"WFDB//{_name(record, place)}"
    if not signal.length:
        told.dropped["a signal without samples"] += 1
        return
    ends = _after(start, np.array([record.seconds]))
    where = "; ".join(f"{name} sha256:{read[name]}" for name in signal.files if name in read)
    told.add(
        "waveform", code, 1, time=[start], end=ends, value=signal.frequency, unit="Hz",
        text=f"signal {place} of {len(record.signals)} in {where}" if where else None,
    )  # fmt: skip


def _summary(told: _Told, record: Record, place: int, start: int, windows: Windows) -> None:
    signal, code = record.signals[place], f"WFDB//{_name(record, place)}"
    if not signal.calibrated:
        told.dropped["a signal that is not calibrated: it is not summarised"] += 1
        return
    kept = np.isfinite(windows.mean)
    if lost := int((~kept).sum()):
        told.dropped["a window in which nothing was measured"] += lost
    begins, ends = _after(start, windows.begin[kept]), _after(start, windows.end[kept])
    unit = _UNITS.get(signal.unit, signal.unit)
    for name, values in (("mean", windows.mean), ("min", windows.least), ("max", windows.greatest)):
        told.add(
            "measurement", f"{code}//{name}", len(begins),
            time=begins, end=ends, value=values[kept], unit=unit,
        )  # fmt: skip


def _name(record: Record, place: int) -> str:
    """What the signal is called; `signal 3` where it has no name that can stand in a code."""
    name = record.signals[place].name
    if not name or len(name) > 64 or not name.isprintable() or "//" in name:
        return f"signal {place}"
    again = [one.name for one in record.signals[:place]].count(name)
    return f"{name} ({again + 1})" if again else name


def _annotations(
    part: Part, subject: str, annotator: str, source: Collection, beside: Beside, rows: Counter[str]
) -> _Told:
    about = beside(f"{subject}.hea")
    if about is None:
        raise refused("the header of the annotated record is missing")
    header = read_header(about)
    start = _start(header, source)
    found = read_annotations(part.content)
    rows["annotation"] = len(found.found)
    told = _Told(
        subject,
        _digest(digest_bytes(part.content)),
        _digest(f"wfdb/{subject}/{annotator}"),
    )
    _annotated(told, found, header, start)
    return told


def _annotated(told: _Told, found: Annotations, header: Header, start: int) -> None:
    every = found.found
    places = np.array([one.place for one in every], dtype=np.float64)
    codes = [f"WFDB//{found.symbols.get(one.code, f'code {one.code}')}" for one in every]
    told.add(
        "annotation", codes, len(every),
        time=_after(start, places / (found.frequency or header.frequency)),
        value=[float(one.subtype) if one.subtype else None for one in every],
        text=[one.text or None for one in every],
    )  # fmt: skip


READER = Reader(
    collect=collect,
    kinds=frozenset({"waveform", "measurement", "annotation", "patient", "condition"}),
    looks_beside=True,
    passive=SIGNAL_FILES,
)
