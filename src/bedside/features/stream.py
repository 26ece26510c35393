"""The runner for a stream: one subject's features after each event, from a bounded state."""

import base64
import binascii
import hashlib
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import microseconds, since_1970
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.event import Event
from bedside.features.calendar_parts import calendar_parts
from bedside.features.definition import FeatureSet, feature_set_to_json
from bedside.features.figures import ALWAYS, NEVER, NO_REALS, NO_WHOLES
from bedside.features.kernel import Floats, Ints
from bedside.features.plan import Plan, plan_of
from bedside.features.single import label_of, says, value_of
from bedside.features.walk import at_moment, forget

__all__ = ["SubjectState"]

SERIES, TIME, KNOWN, SUPERSEDED, END, RECORD = range(6)  # rows of what is held
VERSION = 1
AT_LEAST = 32  # events that are forgotten at once, or a quarter of all


@dataclass(slots=True)
class _Record:
    """What is remembered of a raw record: enough to know it again, and to correct it."""

    number: int
    newest: int
    superseded_at: int = NEVER
    held: int = 0
    contents: frozenset[str] = frozenset()


class SubjectState:
    """One subject's events, as far as the features still need them one by one.

    `features` gives the same bits as the whole record would. What is held are the events of the
    longest window (with its baseline; not that of `last`, `last_is`, `missing`, `hours_since` and
    `active`, for which the latest is enough) and of `lateness` before it, counted back from the
    latest `features(as_of)`, and at most a third more. Older events are folded into one
    accumulator for each series, which does not grow; besides, an interval that still runs is kept
    unless a later one runs as long, and the name of each record that was corrected. Nothing is
    folded before `features` is asked.

    An event may come late, again, or correct another. One that reaches behind what is held - its
    own time, the time it became known, or the record that it replaces - cannot be taken in: then
    `needs_rebuild` is true and `features` refuses, until a new state is made of the whole record.
    An event that comes no later than `lateness` after its time and its known_at never does that.

    Args:
        feature_set: k features.
        lateness: How late an event may come without making a rebuild necessary.
        at_least: How many events are folded at once, unless a quarter of all is more.
    """

    def __init__(
        self,
        feature_set: FeatureSet,
        lateness: timedelta = timedelta(days=1),
        at_least: int = AT_LEAST,
    ) -> None:
        if lateness < timedelta(0):
            raise Invalid(
                "An event cannot be expected before it happens.",
                fix="give a lateness of 0 or more.",
            )
        self._plan = plan_of(feature_set)
        self._lateness = microseconds(lateness)
        self._at_least = at_least
        self._size = 0
        self._ints = np.empty((6, 64), dtype=np.int64)
        self._values = np.empty(64)
        n_series = len(self._plan.series)
        self._reals = np.tile(NO_REALS, (n_series + 2, 1))
        self._wholes = np.tile(NO_WHOLES, (n_series + 2, 1))
        self._kept = np.empty((0, 3), dtype=np.int64)
        self._records: dict[bytes, _Record] = {}
        self._number = 0
        self._boundary = ALWAYS
        self._asked = ALWAYS
        self._needs_rebuild = False

    @property
    def needs_rebuild(self) -> bool:
        """Whether an event came that reaches behind what is held."""
        return self._needs_rebuild

    @property
    def held(self) -> int:
        """How many events are held one by one, counted in each series that has them."""
        return self._size

    def add(self, event: Event) -> None:
        """Take in one event of the subject, clean, of any code; the same one twice counts once."""
        time = ALWAYS if event.time is None else since_1970(event.time)
        known_at = since_1970(event.known_at)
        content = _content(event) if event.source_row else ""
        record = self._records.get(event.source_row) if event.source_row else None
        if record is not None and content in record.contents:
            return
        if event.replaces:
            self._correct(event.replaces, known_at)
        entries = self._entries(event)
        if self._boundary != ALWAYS and min(time, known_at) <= self._boundary:
            self._needs_rebuild |= bool(entries)
            if record is None:
                return
        if event.source_row:
            if record is None:
                record = self._remember(event.source_row, max(time, known_at))
            record.contents |= {content}
            record.newest = max(record.newest, time, known_at)
            record.held += len(entries)
        end = NEVER if event.end is None else since_1970(event.end)
        superseded_at, number = (record.superseded_at, record.number) if record else (NEVER, -1)
        for series, value in entries:
            self._insert((series, time, known_at, superseded_at, end, number), value)

    def features(self, as_of: datetime) -> Floats:
        """The features, shape (k,), as the hospital knew them at `as_of`.

        Args:
            as_of: Not before the latest one after which events were forgotten.

        Raises:
            Refused: the state needs a rebuild.
            Invalid: `as_of` is too early.
        """
        moment = since_1970(as_of)
        if self._needs_rebuild:
            raise Refused(
                "An event came that reaches behind what this state still holds.",
                fix="make a new state from the subject's whole record.",
                code="needs_rebuild",
            )
        if moment < self._asked:
            raise Invalid(
                "The state has forgotten events that an earlier moment needs.",
                fix="ask in the order of time, or compute that moment from the whole record.",
                code="too_early",
            )
        self._forget(moment)
        return self._figures(moment)

    def _figures(self, moment: int) -> Floats:
        dense = self._plan.implied.copy()
        at_moment(
            *self._held(), moment, self._plan.own_mapping, self._plan.arrays,
            (self._reals, self._wholes), self._kept, dense,
        )  # fmt: skip
        if self._plan.calendar:
            parts = calendar_parts(self._plan.calendar, np.array([moment], dtype=np.int64))
            dense[self._plan.fixed_columns] = parts[0]
        return dense

    def _held(self) -> tuple[Ints, Floats, int]:
        """As the compiled functions take it; whole arrays, so that one version serves them."""
        return self._ints, self._values, self._size

    def _entries(self, event: Event) -> list[tuple[int, float]]:
        """The series that the event belongs to, and its number in each."""
        code = self._plan.codes.get(event.code)
        if code is None or not says(event):
            return []
        label, value = label_of(self._plan, event.text), value_of(event)
        numbers = (
            (series, self._plan.number(series, label, value))
            for series in self._plan.series_of(code)
        )
        return [(series, number) for series, number in numbers if not math.isnan(number)]

    def _remember(self, source_row: bytes, newest: int) -> _Record:
        self._number += 1
        record = _Record(number=self._number, newest=newest)
        self._records[source_row] = record
        return record

    def _correct(self, source_row: bytes, known_at: int) -> None:
        """From `known_at` on the events of a record do not count."""
        record = self._records.get(source_row)
        if record is None:
            if self._boundary != ALWAYS:  # it may have been folded in
                self._needs_rebuild = True
                return
            record = self._remember(source_row, known_at)
        if known_at >= record.superseded_at:
            return
        record.superseded_at, record.newest = known_at, max(record.newest, known_at)
        own = self._ints[RECORD, : self._size] == record.number
        self._ints[SUPERSEDED, : self._size][own] = known_at
        if np.count_nonzero(own) < record.held:
            self._needs_rebuild = True

    def _insert(self, entry: tuple[int, ...], value: float) -> None:
        """Put an event behind those of the same time."""
        size = self._size
        if size == self._ints.shape[1]:
            more = max(size, 64)
            self._ints = np.concatenate([self._ints, np.empty((6, more), dtype=np.int64)], axis=1)
            self._values = np.concatenate([self._values, np.empty(more)])
        at = size
        if size and self._ints[TIME, size - 1] > entry[TIME]:
            at = int(np.searchsorted(self._ints[TIME, :size], entry[TIME], side="right"))
            self._ints[:, at + 1 : size + 1] = self._ints[:, at:size]
            self._values[at + 1 : size + 1] = self._values[at:size]
        self._ints[:, at] = entry
        self._values[at] = value
        self._size = size + 1

    def _forget(self, moment: int) -> None:
        """Fold in what no later moment needs one by one, once there is enough of it."""
        boundary = moment - self._plan.longest - self._lateness
        size = self._size
        old = int(np.searchsorted(self._ints[TIME, :size], boundary, side="right"))
        if old < max(self._at_least, size // 4):
            return
        gone = np.zeros(size, dtype=np.int64)
        forget(
            *self._held(), boundary, moment, self._plan.own_mapping, self._plan.folds,
            (self._reals, self._wholes), gone,
        )  # fmt: skip
        running = self._ints[:, :size][:, gone == 1]
        self._kept = _running(self._plan, self._kept, running, moment)
        stay = gone == 0
        self._size = int(np.count_nonzero(stay))
        self._ints[:, : self._size] = self._ints[:, :size][:, stay]
        self._values[: self._size] = self._values[:size][stay]
        self._boundary, self._asked = max(self._boundary, boundary), moment
        self._forget_records()

    def _forget_records(self) -> None:
        """A record stays while it can be told again, or if it was corrected."""
        still = set(self._ints[RECORD, : self._size].tolist())
        stay: dict[bytes, _Record] = {}
        for row, record in self._records.items():
            if record.newest > self._boundary or record.number in still:
                stay[row] = record
            elif record.superseded_at != NEVER:
                record.contents = frozenset()
                stay[row] = record
        self._records = stay

    def to_bytes(self) -> bytes:
        """The whole state; it holds what the hospital knows of the patient, so seal it."""
        records = [
            [base64.b64encode(row).decode(), r.number, r.newest, r.superseded_at, r.held,
             sorted(r.contents)]
            for row, r in self._records.items()
        ]  # fmt: skip
        size = self._size
        return canonical_json(
            {
                "version": VERSION,
                "features": _digest(self._plan),
                "lateness": self._lateness,
                "at_least": self._at_least,
                "boundary": self._boundary,
                "asked": self._asked,
                "number": self._number,
                "needs_rebuild": self._needs_rebuild,
                "records": records,
                "held": _text(self._ints[:, :size]),
                "values": _text(self._values[:size]),
                "reals": _text(self._reals),
                "wholes": _text(self._wholes),
                "kept": _text(self._kept),
            }
        )

    @classmethod
    def from_bytes(cls, feature_set: FeatureSet, content: bytes) -> "SubjectState":
        """Read what `to_bytes` wrote.

        Raises:
            Invalid: the bytes are no state, or of other features.
        """
        try:
            told = json.loads(content)
            if told["version"] != VERSION or told["features"] != _digest(plan_of(feature_set)):
                raise ValueError
            state = cls(feature_set, timedelta(microseconds=told["lateness"]), told["at_least"])
            state._restore(told)
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise Invalid(
                "The bytes are no state of these features.",
                fix="make a new state from the subject's whole record.",
            ) from None
        return state

    def _restore(self, told: dict[str, Any]) -> None:
        self._values = _array(told["values"], np.float64, (-1,))
        self._size = len(self._values)
        self._ints = _array(told["held"], np.int64, (6, self._size))
        self._reals = _array(told["reals"], np.float64, self._reals.shape)
        self._wholes = _array(told["wholes"], np.int64, self._wholes.shape)
        self._kept = _array(told["kept"], np.int64, (-1, 3))
        self._boundary, self._asked = int(told["boundary"]), int(told["asked"])
        self._number, self._needs_rebuild = int(told["number"]), bool(told["needs_rebuild"])
        for row, number, newest, superseded_at, held, contents in told["records"]:
            self._records[base64.b64decode(row, validate=True)] = _Record(
                number, newest, superseded_at, held, frozenset(contents)
            )


def _running(plan: Plan, kept: Ints, folded: Ints, moment: int) -> Ints:
    """The intervals that still run and that no later one of their series outlasts."""
    if not plan.reads_ends:
        return kept
    every = np.concatenate([kept, folded[[SERIES, TIME, END]].T])
    running = every[(every[:, 2] > moment) & (every[:, 1] != ALWAYS)]
    longest: dict[int, int] = {}
    stay = []
    for row in np.lexsort((running[:, 2], running[:, 1], running[:, 0]))[::-1].tolist():
        series, end = int(running[row, 0]), int(running[row, 2])
        if end > longest.get(series, ALWAYS):
            longest[series] = end
            stay.append(row)
    still: Ints = running[stay]
    return still


def _content(event: Event) -> str:
    """A digest of everything that an event says."""
    told = (
        event.code, event.time, event.known_at, event.end, event.value, event.unit, event.text,
        event.encounter_id, event.replaces,
    )  # fmt: skip
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()


def _digest(plan: Plan) -> str:
    return hashlib.sha256(feature_set_to_json(plan.feature_set)).hexdigest()


def _text(array: npt.NDArray[Any]) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(np.ascontiguousarray(little).tobytes()).decode()


def _array(text: str, dtype: Any, shape: tuple[int, ...]) -> Any:
    kind = np.dtype(dtype)
    content = base64.b64decode(text, validate=True)
    return np.frombuffer(content, dtype=kind.newbyteorder("<")).astype(kind).reshape(shape)
