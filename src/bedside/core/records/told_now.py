"""Values of one patient that are all told at once, and become events only where somebody looks."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar, overload

from bedside.core.records.event import Event, event_of

__all__ = ["Layout", "ToldNow"]

T = TypeVar("T")
V = TypeVar("V")
_MOST = 32


class Layout:
    """Which values are told, in which order: the same in many requests.

    Args:
        codes: Of each value.
        units: Of each value; None: it has none.
        is_static: Whether each is a static fact, without a time.
        rows: The `source_row` of each.
    """

    __slots__ = ("_made", "codes", "is_static", "rows", "units")

    def __init__(
        self,
        codes: Sequence[str],
        units: Sequence[str | None],
        is_static: Sequence[bool],
        rows: Sequence[bytes],
    ) -> None:
        self.codes, self.units = tuple(codes), tuple(units)
        self.is_static, self.rows = tuple(is_static), tuple(rows)
        self._made: dict[tuple[Any, int], tuple[Any, Any]] = {}

    def once(self, make: "Callable[[ToldNow, T], V]", told: "ToldNow", thing: T) -> V:
        """What `make` makes of values of this layout and a thing; made once, and kept.

        Args:
            make: Its result may depend on the layout and the thing alone, not on the values.
            told: Values of this layout.
            thing: Never changed.
        """
        kept = self._made.get((make, id(thing)))
        if kept is not None and kept[0] is thing:
            made: V = kept[1]
            return made
        made = make(told, thing)
        if len(self._made) >= _MOST:
            self._made = {}
        self._made[make, id(thing)] = thing, made
        return made


class ToldNow(Sequence[Event]):
    """Finite values in their declared units that hold when the question is asked.

    As a sequence it is the events of those values: at `as_of`, but for static facts, known at
    `as_of`. They are made when the first is looked at.

    Args:
        layout: Which values.
        values: In the order of the layout.
        as_of: Time-zone aware.
        subject_id: The pseudonym of the patient.
    """

    __slots__ = ("_events", "as_of", "layout", "subject_id", "values")

    def __init__(
        self, layout: Layout, values: list[float], as_of: datetime, subject_id: int
    ) -> None:
        self.layout, self.values = layout, values
        self.as_of, self.subject_id = as_of, subject_id
        self._events: list[Event] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._made())

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> list[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | list[Event]:
        return self._made()[place]

    def of(self, codes: Collection[str]) -> list[Event]:
        """The events of these codes alone."""
        return [self._event(place) for place, code in enumerate(self.layout.codes) if code in codes]

    def _made(self) -> list[Event]:
        if self._events is None:
            self._events = [self._event(place) for place in range(len(self.values))]
        return self._events

    def _event(self, place: int) -> Event:
        layout, as_of = self.layout, self.as_of
        return event_of(
            self.subject_id, None if layout.is_static[place] else as_of, as_of,
            layout.codes[place], self.values[place], layout.units[place], None, None,
            layout.rows[place],
        )  # fmt: skip
