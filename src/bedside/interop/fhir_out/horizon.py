"""The span of time after the prediction in which the outcome counts, as a FHIR Period."""

import re
from datetime import timedelta

from bedside.core.clock import iso, parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.question import Question, Window
from bedside.interop.fhir_out.systems import moment

__all__ = ["counted_span", "period"]

_EDGE = re.compile(r"([A-Za-z_]\w*(?:\.(?:start|end))?)(?:\s*([+-])\s*(.+))?")

Span = tuple[timedelta, timedelta]


def counted_span(question: Question) -> Span | None:
    """From when to when after the prediction time the outcome counts.

    None where the question gives no fixed span: it ends with an event or with the record, or the
    outcome is of the moment itself.

    >>> from bedside.core.records.question import TimeAtRisk
    >>> risk = TimeAtRisk(outcome="sepsis", end="6 h")
    >>> counted_span(Question(ask="?", predicates={}, trigger="t", time_at_risk=risk))
    (datetime.timedelta(0), datetime.timedelta(seconds=21600))
    """
    if question.time_at_risk is not None:
        risk = question.time_at_risk
        return _ahead((parse_duration(risk.start), parse_duration(risk.end)))
    labelled = [name for name, one in question.windows.items() if one.label]
    if len(labelled) != 1:
        return None
    asked_at = next(
        (f"{name}.{one.index_timestamp}" for name, one in question.windows.items()
         if one.index_timestamp),
        "trigger",
    )  # fmt: skip
    edges = [
        _offset(edge, question.windows, depth=2 * len(question.windows) + 2)
        for edge in (f"{labelled[0]}.start", f"{labelled[0]}.end", asked_at)
    ]
    start, end, zero = edges
    if start is None or end is None or zero is None:
        return None
    return _ahead((start - zero, end - zero))


def period(as_of: str, span: Span) -> dict[str, str]:
    """The Period that begins and ends so long after `as_of`, an ISO 8601 time.

    >>> period("2026-03-01T12:00:00Z", (timedelta(0), timedelta(hours=6)))
    {'start': '2026-03-01T12:00:00.000Z', 'end': '2026-03-01T18:00:00.000Z'}
    """
    zero = parse_instant(as_of)
    return {"start": moment(iso(zero + span[0])), "end": moment(iso(zero + span[1]))}


def _ahead(span: Span) -> Span | None:
    return span if span[1] > timedelta(0) and span[0] <= span[1] else None


def _offset(edge: str, windows: dict[str, Window], *, depth: int) -> timedelta | None:
    """How long after the trigger an edge lies; None where an event or the record decides it."""
    found = _EDGE.fullmatch(edge.strip())
    if found is None or depth < 0:
        return None
    anchor, sign, length = found.groups()
    try:
        shift = timedelta(0) if length is None else parse_duration(length)
    except Invalid:
        return None
    shift = -shift if sign == "-" else shift
    if anchor == "trigger":
        return shift
    name, _, side = anchor.partition(".")
    if name not in windows or side not in ("start", "end"):
        return None
    window = windows[name]
    written = window.start if side == "start" else window.end
    if written is None:
        return None
    own = written.strip()
    for word in ("start", "end"):  # an edge of this window itself
        if own == word or re.match(rf"{word}\s*[+-]", own):
            own = f"{name}.{own}"
    before = _offset(own, windows, depth=depth - 1)
    return None if before is None else before + shift
