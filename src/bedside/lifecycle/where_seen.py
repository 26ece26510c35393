"""Where an alarm is seen: the drawn answers around its onset, opened anew with their site and ward.

Only where an alarm of such a cause is raised, or looked into again; the days themselves are counted
without it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.core.clock import day_number, day_text
from bedside.core.records.codes_seen import NOT_COUNTED
from bedside.interop.hl7v2.place import place_told
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watched_answers import PLACES, day_of
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.place_figures import told_at
from bedside.monitor.causes.places import DAYS_BEFORE, PLACED, places_of
from bedside.monitor.stream.answers import (
    ABSTENTION,
    FAILURE,
    SCORE,
    UNKNOWN_DAY,
    Answers,
)
from bedside.monitor.stream.streams import Baseline

__all__ = ["WhereSeen"]

_MOST = 5_000  # answers before an onset, and as many since; those nearest to it, and the newest
_DAYS_SINCE = 91  # the newest
_OUTCOMES = {"score": SCORE, "abstention": ABSTENTION, "failure": FAILURE}

Drawn = Callable[[str], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereSeen:
    """Finds the places of alarms about one version.

    Args:
        platform: The workspace.
        baseline: Of the version.
        drawn: By day (ISO date), the entries of the answers that count, one a patient.
    """

    platform: Platform
    baseline: Baseline
    drawn: Drawn

    def told(self, drafts: Sequence[AlarmDraft], last: int) -> list[AlarmDraft]:
        """The drafts, with the places of those that are seen in few.

        Args:
            drafts: As they are to be raised.
            last: The last day that is looked at (days since 1970-01-01).
        """
        wanted: set[int] = set()
        for draft in drafts:
            if draft.cause in PLACED:
                wanted |= self._entries(day_number(draft.onset), last)
        if not wanted:
            return list(drafts)
        answers = self._answers(sorted(wanted))
        if not any((names != "").any() for names in answers.groups.values()):
            return list(drafts)
        return [
            told_at(self.baseline, draft, places_of(self.baseline, draft, answers), answers)
            if draft.cause in PLACED
            else draft
            for draft in drafts
        ]

    def _entries(self, onset: int, last: int) -> set[int]:
        first = max(onset, last - _DAYS_SINCE)
        before = range(onset - 1, onset - DAYS_BEFORE - 1, -1)
        return {*self._newest(before), *self._newest(range(last, first - 1, -1))}

    def _newest(self, days: Sequence[int]) -> Iterator[int]:
        """The drawn answers of these days, as far as there are not too many."""
        many = 0
        for day in days:
            some = self.drawn(day_text(day))
            many += len(some)
            if many > _MOST:
                return
            yield from some

    def _answers(self, sequences: Sequence[int]) -> Answers:
        """What of these answers tells an input and a place; without whose subject was erased."""
        opened = {
            at: _of_place(opened_answer(content), self.baseline.names)
            for at, content in self.platform.ledger.unseal_all(sequences)
        }
        made = self.platform.predictions.entered(sequences)
        rows = [one for one in made if one.sequence in opened]
        told = [opened[one.sequence] for one in rows]
        size, width = len(rows), len(self.baseline.names)
        nothing, none = np.full(size, np.nan), np.zeros(size, dtype=np.bool_)
        return Answers(
            day=np.array([day_number(day_of(one.at)) for one in rows], dtype=np.int64),
            subject=np.arange(size, dtype=np.int64),
            hours=np.zeros(size),
            outcome=np.array([_OUTCOMES[one.outcome] for one in rows], dtype=np.int8),
            reason=np.array([one.reason or "" for one in rows], dtype=np.str_),
            risk=nothing,
            alert=none,
            shown=none,
            latency_ms=nothing,
            features=self.baseline.names,
            matrix=np.array([one["values"] for one in told], dtype=np.float64).reshape(size, width),
            label=nothing,
            label_day=np.full(size, UNKNOWN_DAY, dtype=np.int64),
            acted=none,
            groups={name: np.array([one[name] for one in told], dtype=np.str_) for name in PLACES},
            codes=np.array([one["codes"] for one in told], dtype=np.str_),
        )


def _of_place(sealed: dict[str, Any], features: Sequence[str]) -> dict[str, Any]:
    """Of one sealed answer: its features, NaN where missing, its codes, and where it came from."""
    values = sealed.get("features") or {}
    return {
        "values": [np.nan if (one := values.get(name)) is None else one for name in features],
        "codes": sealed.get("codes", NOT_COUNTED),
        **place_told(sealed.get("request"))._asdict(),
    }
