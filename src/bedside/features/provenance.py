"""Which events a feature's value rests on, so that each number leads back to its raw record."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from bedside.core.clock import HOUR, since_1970
from bedside.core.records.event import Event
from bedside.core.records.features import CALENDAR
from bedside.features.definition import OF_SPANS, Feature
from bedside.features.kernel import ALWAYS, NEVER

__all__ = ["OF_ONE", "Record", "sources_of"]


class _Fact(NamedTuple):
    """A visible event that has a number, with the times by which it is ordered (microseconds)."""

    time: int
    known_at: int
    value: float
    event: Event


_ORDER = itemgetter(0, 1, 2)  # by time, then by when it was known, then by value


class Record:
    """One patient's clean events as the hospital knew them at one moment.

    Args:
        events: Any order; events of other codes do no harm.
        as_of: Time-zone aware.
        codes: Only of features that read these codes will sources be asked; None: of any.
    """

    def __init__(
        self, events: Sequence[Event], as_of: datetime, codes: Collection[str] | None = None
    ) -> None:
        self.moment = since_1970(as_of)
        corrected = {e.replaces for e in events if e.replaces and e.known_at <= as_of}
        self._by_code: dict[str, list[Event]] = {}
        self._series: dict[tuple[object, ...], list[_Fact]] = {}
        for event in events:
            if codes is not None and event.code not in codes:
                continue
            known = event.known_at <= as_of and (event.time is None or event.time <= as_of)
            if known and not (corrected and event.source_row in corrected):
                self._by_code.setdefault(event.code, []).append(event)

    def sources(self, feature: Feature) -> tuple[Event, ...]:
        """As `sources_of`."""
        if feature.aggregate in CALENDAR:
            return ()
        if len(feature.codes) == 1:
            events = self._by_code.get(feature.codes[0], ())
            if len(events) == 0:
                return ()
            if len(events) == 1 and feature.aggregate in OF_ONE:
                return self._only(feature, events[0])
        opened = self._opened(feature.window_hours)
        if feature.aggregate in OF_SPANS:
            return _newest_first(self._spans(feature, self._facts(feature), opened))
        if feature.aggregate == "from_baseline":
            facts = self._facts(feature)
            inside = [fact for fact in facts if fact.time > opened or feature.window_hours is None]
            return _newest_first(self._with_baseline(feature, facts, inside, opened))
        since = None if feature.window_hours is None else opened
        return _newest_first(_PICKED.get(feature.aggregate, list)(self._facts(feature, since)))

    def _only(self, feature: Feature, event: Event) -> tuple[Event, ...]:
        """As `sources` where there is one event: it, or none if it is no number or outside."""
        if _number(feature, event) is None:
            return ()
        hours = feature.window_hours
        if hours is None:
            return (event,)
        inside = event.time is not None and since_1970(event.time) > self._opened(hours)
        return (event,) if inside else ()

    def _facts(self, feature: Feature, since: int | None = None) -> list[_Fact]:
        """The events of the feature's codes, those after `since`, in the order of the kernel."""
        series = (feature.codes, feature.categories, feature.has_other, feature.mark, since)
        if series not in self._series:
            facts = []
            for code in feature.codes:
                for event in self._by_code.get(code, ()):
                    time = ALWAYS if event.time is None else since_1970(event.time)
                    if since is not None and time <= since:
                        continue
                    value = _number(feature, event)
                    if value is not None:
                        facts.append(_Fact(time, since_1970(event.known_at), value, event))
            self._series[series] = sorted(facts, key=_ORDER)
        return self._series[series]

    def _opened(self, hours: float | None) -> int:
        return ALWAYS if hours is None else self.moment - round(hours * HOUR)

    def _with_baseline(
        self, feature: Feature, facts: list[_Fact], inside: list[_Fact], opened: int
    ) -> list[_Fact]:
        """The last of the window, and everything in the span before it; both, or nothing."""
        begun = opened - round((feature.baseline_hours or 0.0) * HOUR)
        before = [fact for fact in facts if begun < fact.time <= opened]
        return [*before, inside[-1]] if before and inside else []

    def _spans(self, feature: Feature, facts: list[_Fact], opened: int) -> list[_Fact]:
        """The newest interval that holds the moment, or all that reach into the window."""
        begun = [fact for fact in facts if fact.time != ALWAYS and _end(fact) > fact.time]
        if feature.aggregate == "hours_active":
            return [fact for fact in begun if _end(fact) > opened]
        return [fact for fact in begun if fact.time > opened and _end(fact) > self.moment][-1:]


def sources_of(feature: Feature, events: Sequence[Event], as_of: datetime) -> tuple[Event, ...]:
    """The events that a feature's value at `as_of` rests on, newest first.

    The one event for `last`, `last_is`, `first`, `min`, `max`, `hours_since`, `active` and
    `missing` (of equal ones the newest: by time, then known_at, then value); the first and the
    last for `change`; the last and the whole baseline for `from_baseline`; every event that was
    computed with for `count`, `sum`, `mean`, `sd`, `slope` and `hours_active`. The feature of
    these events alone has the same value. A value that rests on the absence of events, and a part
    of the calendar, have none.

    Args:
        feature: What was computed.
        events: One patient's clean events, in any order.
        as_of: Time-zone aware; only what could be seen then counts.
    """
    return Record(events, as_of).sources(feature)


def _number(feature: Feature, event: Event) -> float | None:
    """The event as a number: its value, the index of its category, 1 for a mark; None: neither.

    What says nothing and corrects another event takes that one back, and is no number.
    """
    silent = event.value is None and event.text is None and event.end is None
    if silent and event.replaces:
        return None
    if feature.mark:
        return 1.0
    if feature.categories:
        if event.text in feature.categories:
            return float(feature.categories.index(event.text))
        other = feature.has_other and event.text is not None
        return float(len(feature.categories) - 1) if other else None
    if event.value is not None:
        return event.value
    return 1.0 if event.text is None else None


def _end(fact: _Fact) -> int:
    return NEVER if fact.event.end is None else since_1970(fact.event.end)


def _extreme(best: Callable[[Iterable[float]], float]) -> Callable[[list[_Fact]], list[_Fact]]:
    def picked(facts: list[_Fact]) -> list[_Fact]:
        if not facts:
            return []
        most = best(fact.value for fact in facts)
        return [fact for fact in facts if fact.value == most][-1:]

    return picked


def _ends(facts: list[_Fact]) -> list[_Fact]:
    return facts if len(facts) < 2 else [facts[0], facts[-1]]


def _several(facts: list[_Fact]) -> list[_Fact]:
    return facts if len(facts) > 1 else []


def _over_time(facts: list[_Fact]) -> list[_Fact]:
    timed = [fact for fact in facts if fact.time != ALWAYS]
    return timed if len({fact.time for fact in timed}) > 1 else []


def _last_timed(facts: list[_Fact]) -> list[_Fact]:
    return [fact for fact in facts if fact.time != ALWAYS][-1:]


def _last(facts: list[_Fact]) -> list[_Fact]:
    return facts[-1:]


_PICKED: dict[str, Callable[[list[_Fact]], list[_Fact]]] = {
    "last": _last,
    "last_is": _last,
    "hours_since": _last_timed,
    "missing": _last,
    "first": lambda facts: facts[:1],
    "min": _extreme(min),
    "max": _extreme(max),
    "change": _ends,
    "sd": _several,
    "slope": _over_time,
}


OF_ONE = (
    "last", "last_is", "first", "min", "max", "missing", "change", "count", "sum", "mean",
)  # fmt: skip
"""Aggregates that rest on an event, if it is the only one and in the window."""


def _newest_first(facts: list[_Fact]) -> tuple[Event, ...]:
    return tuple(fact.event for fact in reversed(facts))
