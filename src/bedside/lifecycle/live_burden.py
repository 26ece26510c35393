"""What alerts of a version in use cost, what staff did with them, and how early they came."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.core.records.prediction import PredictionNote
from bedside.deploy.rollout.figures import gapless, quantile, share
from bedside.governance.predictions import FEEDBACK
from bedside.lifecycle.live_rows import LiveRead
from bedside.lifecycle.platform import Platform
from bedside.monitor.disclosure import hide_small
from bedside.monitor.judged.lead import lead_times
from bedside.monitor.judged.rates import rate_of, ratio_of
from bedside.monitor.judged.rows import LiveRows

__all__ = ["burden_of", "feedback_of", "hidden_share", "lead_of"]

Bools = npt.NDArray[np.bool_]

NO_REASON = "no coded reason"
_ANSWERED = ("accepted", "overridden")
_FEW = "ten patients or fewer"
_SEE_PPV = (
    "not all were followed to the end: see the positive predictive value, which allows for it"
)
_NO_TIMES = "when the outcomes came was not told with them"


def burden_of(rows: LiveRows, days: int) -> dict[str, Any]:
    """How many alerts there are, and how many of them are false.

    `of` says which: alerts that somebody was shown, or where nobody was shown anything, those that
    there would have been.

    Args:
        rows: n answers.
        days: Over how many days they came.
    """
    shown = bool(rows.shown.any())
    some = rows.take(rows.readable & (rows.shown | (not shown)))
    of = "shown" if shown else "not shown"
    if not len(some) or not np.isfinite(some.threshold).any():
        why = "nothing alerts" if len(some) else "no score was given"
        return {"of": of, "alerts": None, "why": why, "figures": {}}
    place, alert = some.place, some.alert
    patients = int(place.max()) + 1
    alerted = len(np.unique(place[alert]))
    quiet = patients - alerted
    if 0 < alerted <= SUPPRESS_AT_OR_BELOW or 0 < quiet <= SUPPRESS_AT_OR_BELOW:
        return {"of": of, "alerts": None, "why": f"{_FEW} with an alert, or without", "figures": {}}
    each = np.bincount(place, alert, patients)
    stays = np.unique(np.column_stack([place, some.day]), axis=0)[:, 0]
    rate = share(alert, place)
    false = _false_alerts(some)
    figures = {
        "alerts_per_day": rate_of(each, days),
        "alerts_per_patient_day": ratio_of(each, np.bincount(stays, minlength=patients)),
        "alerts_per_100_answers": _times(rate, 100.0),
        "false_alert_share": false,
    }
    return {
        "of": of,
        "alerts": int(alert.sum()),
        "figures": {name: one.as_json() for name, one in figures.items()},
    }


def _false_alerts(rows: LiveRows) -> Estimate:
    """Of the alerts whose outcome is known, those after which it did not come."""
    if rows.followed_days is not None:
        return Estimate(estimate=None, low=None, high=None, n=None, why=_SEE_PPV)
    told = rows.take(rows.alert & rows.known)
    place = told.place
    if len(told) and int(place[-1]) + 1 <= SUPPRESS_AT_OR_BELOW:
        return Estimate(estimate=None, low=None, high=None, n=None, why=_FEW)
    return share(told.label <= 0, place)


def feedback_of(platform: Platform, read: LiveRead, declared: Declaration) -> dict[str, Any]:
    """What staff did with what they were shown, and the coded reasons why they did not follow it.

    Of each answer the last feedback counts. Free text stays sealed, and is not read.

    Args:
        platform: The workspace, for the entries that hold the codes.
        read: The answers with their notes.
        declared: Its services say what the codes mean.
    """
    last = {
        made.prediction_id: said
        for made in read.predictions
        if made.shown and (said := _last(read.notes.get(made.prediction_id, ()))) is not None
    }
    pairs = list(zip(read.predictions, read.answers, strict=True))
    names = [made.subject_tag or made.prediction_id for made, _ in pairs]
    place = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    alerts = np.array([made.shown and bool(one.alert) for made, one in pairs], dtype=np.bool_)
    said_of = (last.get(made.prediction_id) for made, _ in pairs)
    kinds = ["" if said is None else said.kind for said in said_of]
    told = np.array([kind != "" for kind in kinds], dtype=np.bool_)
    yes = np.array([kind == "accepted" for kind in kinds], dtype=np.bool_)
    reasons = _reasons(platform, [one for one in last.values() if one.kind == "overridden"])
    words = {
        one.code: one.display
        for each in declared.channels.services
        for one in each.override_reasons
    }
    accepted, overridden, *counts = hide_small(
        [int(yes.sum()), int(told.sum() - yes.sum()), *reasons.values()]
    )
    return {
        "accepted": accepted,
        "overridden": overridden,
        "acceptance": hidden_share(yes[told], gapless(place[told])).as_json(),
        "answered": hidden_share(told[alerts], gapless(place[alerts])).as_json(),
        "reasons": [
            {"code": code, "words": words.get(code, code), "n": count}
            for (code, _), count in zip(reasons.items(), counts, strict=True)
        ],
    }


def _last(notes: Sequence[PredictionNote]) -> PredictionNote | None:
    return next((one for one in reversed(notes) if one.kind in _ANSWERED), None)


def _reasons(platform: Platform, overridden: Sequence[PredictionNote]) -> Mapping[str, int]:
    """How often each coded reason was given, the commonest first."""
    found: Counter[str] = Counter()
    for one in overridden:
        entry = platform.ledger.entry(one.sequence)
        code = entry.details.get("override") if entry.action == FEEDBACK else None
        found[str(code) if code else NO_REASON] += 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def lead_of(rows: LiveRows) -> dict[str, Any]:
    """Median hours from the first alert to the event, and in how many events there was one."""
    shown = bool(rows.shown.any())
    of = "shown" if shown else "not shown"
    lead = lead_times(rows, shown_only=shown)
    if not lead.size:
        return {"of": of, "events": None, "median_hours": None, "why": _NO_TIMES}
    found = lead[np.isfinite(lead)]
    if found.size <= SUPPRESS_AT_OR_BELOW or 0 < lead.size - found.size <= SUPPRESS_AT_OR_BELOW:
        why = "ten events or fewer with an alert before them, or without"
        return {"of": of, "events": None, "median_hours": None, "why": why}
    return {
        "of": of,
        "events": int(lead.size),
        "with_alert": int(found.size),
        "median_hours": quantile(found, 0.5).as_json(),
    }


def hidden_share(hit: Bools, place: npt.NDArray[np.int64]) -> Estimate:
    """A share, hidden where ten or fewer hit, or did not."""
    yes = len(np.unique(place[hit]))
    no = len(np.unique(place[~hit]))
    if 0 < yes <= SUPPRESS_AT_OR_BELOW or 0 < no <= SUPPRESS_AT_OR_BELOW:
        return Estimate(estimate=None, low=None, high=None, n=None, why=_FEW)
    return share(hit, place)


def _times(one: Estimate, scale: float) -> Estimate:
    ends = [None if end is None else scale * end for end in (one.estimate, one.low, one.high)]
    return Estimate(estimate=ends[0], low=ends[1], high=ends[2], n=one.n, why=one.why)
