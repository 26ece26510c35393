"""Who was treated because of an alert, as feedback, orders and declared interventions tell it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import hours_since_1970
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.deploy.rollout.figures import gapless, quantile
from bedside.lifecycle.live_burden import hidden_share
from bedside.lifecycle.live_rows import LiveRead
from bedside.lifecycle.platform import Platform
from bedside.monitor.disclosure import hide_small
from bedside.monitor.judged.rows import MARKED_BY

__all__ = ["newest_marks", "treated_of"]

Mark = Mapping[str, Mapping[str, Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_STATES = ("followed", "none", "running", "open")
_FEEDBACK = ("accepted", "acted")
_MARKS = ("intervened", "not_intervened")
_FEW = "ten patients or fewer"


def newest_marks(platform: Platform, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By prediction, what its newest note says of interventions; none of those erased."""
    return _unsealed(platform, platform.predictions.notes(names))


def _unsealed(platform: Platform, notes: Iterable[PredictionNote]) -> dict[str, dict[str, Any]]:
    last = {one.prediction_id: one.sequence for one in notes if one.kind in _MARKS}
    of = {sequence: name for name, sequence in last.items()}
    return {
        of[sequence]: json.loads(content)["interventions"]
        for sequence, content in platform.ledger.unseal_all(sorted(of))
    }


def treated_of(platform: Platform, read: LiveRead, declared: Declaration) -> dict[str, Any]:
    """How many patients are marked by what, and what followed alerts, by intervention.

    Args:
        platform: The workspace, for what the notes seal.
        read: The answers with their notes.
        declared: Its interventions.

    Returns:
        `patients` who were shown something, by `MARKED_BY` (each counted once); and by name under
        `interventions`: `alerts` (shown ones, by state), `followed` (the share of shown alerts
        that it followed, where it was not going on before and its time is over), `unshown` (the
        same of alerts that nobody was shown), `of_accepted` and `of_overridden` (the same of
        cards by feedback), `hours` (from a shown alert to it) and `to_outcome` (from it to the
        outcome), both medians.
    """
    alerted = {one.prediction_id for one in read.answers if one.alert}
    mine = [note for name in alerted for note in read.notes.get(name, ())]
    marks = _unsealed(platform, mine)
    columns = _Columns.of(read)
    kinds = [_kinds_of(one, read.notes, marks) for one in read.predictions]
    return {
        "patients": _patients(columns, kinds),
        "interventions": {
            name: {"label": one.label, "shows": one.shows, "within": one.within}
            | _one_of(columns, [marks.get(p.prediction_id, {}).get(name) for p in read.predictions])
            for name, one in declared.monitoring.watch.interventions.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Columns:
    """n answers: whose, whether shown, what staff said of the card, and hours to the outcome."""

    place: Ints
    shown: Bools
    said: npt.NDArray[np.str_]
    to_outcome: Floats

    @classmethod
    def of(cls, read: LiveRead) -> "_Columns":
        predictions = read.predictions
        names = [one.subject_tag or f"\n{at}" for at, one in enumerate(predictions)]
        place = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
        hours = np.array([hours_since_1970(one.as_of) for one in predictions])
        event = np.full(len(predictions), np.nan)
        event[np.lexsort((hours, place))] = read.rows.event_hours  # as the rows are ordered
        said = [_said(read.notes.get(one.prediction_id, ())) for one in predictions]
        return cls(
            place=place,
            shown=np.array([one.shown for one in predictions], dtype=np.bool_),
            said=np.array(said, dtype=np.str_),
            to_outcome=event - hours,
        )


def _said(notes: Sequence[PredictionNote]) -> str:
    kinds = [one.kind for one in notes if one.kind in ("accepted", "overridden")]
    return kinds[-1] if kinds else ""


def _kinds_of(
    made: Prediction, notes: Mapping[str, Sequence[PredictionNote]], marks: Mapping[str, Mark]
) -> frozenset[str]:
    """By what an answer is marked as acted on; nothing that nobody was shown is."""
    if not made.shown:
        return frozenset()
    name = made.prediction_id
    told = {kind for one in marks.get(name, {}).values() for kind in one.get("by", ())}
    if any(one.kind in _FEEDBACK for one in notes.get(name, ())):
        told.add("feedback")
    return frozenset(told)


def _patients(columns: _Columns, kinds: Sequence[frozenset[str]]) -> dict[str, int | None]:
    """Patients who were shown something, by what marks them; small counts are hidden."""
    patients = int(columns.place.max(initial=-1)) + 1
    by = {
        kind: np.bincount(columns.place, [kind in one for one in kinds], minlength=patients).astype(
            bool
        )
        for kind in ("feedback", "order", "treatment")
    }
    shown = np.bincount(columns.place, columns.shown, minlength=patients) > 0
    many = np.add.reduce([one.astype(np.int64) for one in by.values()])
    counts = [int((one & (many == 1)).sum()) for one in by.values()]
    counts += [int((many > 1).sum()), int((shown & (many == 0)).sum())]
    return dict(zip(MARKED_BY, hide_small(counts), strict=True))


def _one_of(columns: _Columns, marks: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """What followed alerts, of one intervention."""
    state = np.array([(one or {}).get("state", "") for one in marks], dtype=np.str_)
    hours = np.array([(one or {}).get("hours", np.nan) for one in marks], dtype=np.float64)
    settled = (state == "followed") | (state == "none")
    after = state == "followed"

    def of(some: Bools) -> dict[str, Any]:
        asked = settled & some
        return hidden_share(after[asked], gapless(columns.place[asked])).as_json()

    lead = columns.to_outcome - hours
    early = after & columns.shown & (lead >= 0)
    counts = hide_small([int((columns.shown & (state == one)).sum()) for one in _STATES])
    return {
        "alerts": dict(zip(_STATES, counts, strict=True)),
        "followed": of(columns.shown),
        "unshown": of(~columns.shown),
        "of_accepted": of(columns.shown & (columns.said == "accepted")),
        "of_overridden": of(columns.shown & (columns.said == "overridden")),
        "hours": _median(hours, after & columns.shown, columns.place),
        "to_outcome": _median(lead, early, columns.place),
    }


def _median(values: Floats, some: Bools, place: Ints) -> dict[str, Any]:
    """Of the patients' first such value; hidden where they are ten or fewer."""
    at = np.flatnonzero(some)
    first = at[np.unique(place[at], return_index=True)[1]]
    if 0 < first.size <= SUPPRESS_AT_OR_BELOW:
        return Estimate(estimate=None, low=None, high=None, n=None, why=_FEW).as_json()
    return quantile(values[first], 0.5).as_json()
