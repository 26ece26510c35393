"""What an Open mHealth data point says: whose it is, when, and every measure in its body."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.instants import read_instant
from bedside.interop.open_mhealth.schemas import SchemaName
from bedside.interop.open_mhealth.units import ucum

__all__ = ["Measure", "Moment", "Point", "header_of", "measures", "moment_of"]

DEEPEST = 12
_NOT_MEASURES = frozenset(
    {"effective_time_frame", "descriptive_statistic", "descriptive_statistic_denominator"}
)
_LOINC = {
    "heart_rate": "8867-4",
    "systolic_blood_pressure": "8480-6",
    "diastolic_blood_pressure": "8462-4",
    "respiratory_rate": "9279-1",
    "body_temperature": "8310-5",
    "body_weight": "29463-7",
    "body_height": "8302-2",
    "body_mass_index": "39156-5",
}
_SECONDS = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1, "min": 60, "h": 3600}
_SECONDS |= {"d": 86400, "wk": 604800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The header of a data point. `user` is None where it names nobody."""

    identity: str
    schema: SchemaName
    created: datetime
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a body happened: `day` where only a date is told, else `time` and perhaps `end`."""

    time: datetime | None = None
    end: datetime | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure of a body: a value with its UCUM unit, or a text."""

    code: str
    value: float | None = None
    unit: str | None = None
    text: str | None = None


def header_of(document: dict[str, Any]) -> Point:
    """The header of a data point that follows the schema `omh:data-point`.

    Raises:
        Invalid: its time of creation is impossible.
    """
    header = document["header"]
    schema = header["schema_id"]
    user = header.get("user_id")
    return Point(
        identity=str(header["id"]),
        schema=SchemaName(schema["namespace"], schema["name"], schema["version"]),
        created=read_instant(header["creation_date_time"], "The time of creation"),
        user=user if isinstance(user, str) and user else None,
    )


def moment_of(body: Any) -> Moment | None:
    """When the body happened, or None where it does not say.

    Raises:
        Invalid: it says something impossible, such as an end before its start.
    """
    frame = body.get("effective_time_frame") if isinstance(body, dict) else None
    if not isinstance(frame, dict):
        return None
    if isinstance(frame.get("date_time"), str):
        return Moment(time=read_instant(frame["date_time"], "The time"))
    interval = frame.get("time_interval")
    return _interval(interval) if isinstance(interval, dict) else None


def _interval(interval: dict[str, Any]) -> Moment | None:
    if "part_of_day" in interval and isinstance(interval.get("date"), str):
        try:
            day = date.fromisoformat(interval["date"])
        except ValueError:
            raise _impossible("The date is impossible") from None
        return Moment(day=day)
    start, end = (
        read_instant(interval[name], "The time") if isinstance(interval.get(name), str) else None
        for name in ("start_date_time", "end_date_time")
    )
    length = _length(interval.get("duration"))
    try:
        if start is not None and end is None and length is not None:
            end = start + length
        if end is not None and start is None and length is not None:
            start = end - length
    except OverflowError:
        raise _impossible("The interval is impossible") from None
    if start is not None and end is not None and end < start:
        raise _impossible("The interval ends before it begins")
    return Moment(time=start, end=end) if start is not None else None


def _length(duration: Any) -> timedelta | None:
    """A duration in units that have a fixed length; months and years have none."""
    if not isinstance(duration, dict) or duration.get("unit") not in _SECONDS:
        return None
    try:
        return timedelta(seconds=float(duration["value"]) * _SECONDS[duration["unit"]])
    except (OverflowError, ValueError, TypeError, KeyError):
        raise _impossible("The duration is impossible") from None


def _impossible(problem: str) -> Invalid:
    return Invalid(f"{problem}.", fix="correct it.")


def measures(schema: SchemaName, body: Any) -> list[Measure]:
    """Every measure of a body that follows its schema.

    A measure is named by the path of its property: `OMH//heart_rate`, or the LOINC code where
    there is one for just this. An average, a minimum and so on is `OMH//heart_rate//average`.
    A sample inside a body counts as measured when the body was.

    >>> rate = {"heart_rate": {"value": 50, "unit": "beats/min"}}
    >>> measures(SchemaName("omh", "heart-rate", "1.0"), rate)
    [Measure(code='LOINC//8867-4', value=50.0, unit='{beats}/min', text=None)]
    """
    statistic = body.get("descriptive_statistic") if isinstance(body, dict) else None
    found: list[Measure | None] = []
    for path, value, unit in _leaves(schema.name.replace("-", "_"), body, DEEPEST):
        code = f"OMH//{path}"
        if path.rpartition(".")[2] == "rxnorm_code":
            found.append(Measure(code=f"RXNORM//{value}"))
            continue
        if isinstance(statistic, str) and isinstance(value, int | float):
            code = f"{code}//{statistic}"
        elif path in _LOINC:
            code = f"LOINC//{_LOINC[path]}"
        found.append(_measure(code, value, unit))
    return [one for one in found if one is not None]


def _measure(code: str, value: Any, unit: str | None) -> Measure | None:
    if isinstance(value, bool):
        return Measure(code=code, text="true" if value else "false")
    if isinstance(value, str):
        return Measure(code=code, text=value) if value else None
    try:
        number = float(value)
    except OverflowError:
        return None
    written = None if unit is None else ucum(unit)
    return Measure(code=code, value=number, unit=written) if math.isfinite(number) else None


def _leaves(path: str, value: Any, depth: int, top: bool = True) -> Iterator[tuple[str, Any, Any]]:
    """Path, value and unit of each thing that is told."""
    if depth == 0 or value is None:
        return
    if isinstance(value, dict):
        unit = value.get("unit") if isinstance(value.get("unit"), str) else None
        for key, inside in value.items():
            if key == "unit" or key in _NOT_MEASURES:
                continue
            named = path if key == "value" else key if top else f"{path}.{key}"
            if isinstance(inside, int | float) and not isinstance(inside, bool):
                yield named, inside, unit
            else:
                yield from _leaves(named, inside, depth - 1, False)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(path, one, depth - 1, False)
    else:
        yield path, value, None
