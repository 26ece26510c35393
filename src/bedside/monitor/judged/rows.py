"""Recorded answers with what came of them, as columns: what is judged of a version in use."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CARE", "MARKED_BY", "LiveRows", "by_care"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CARE = {
    "all": (
        "Everybody whose outcome is known. Where staff act on alerts and that helps, fewer "
        "outcomes come true: a model that works then seems to give too high risks, and to rank "
        "and alert worse than it does. This tells what happened, not how good the model is."
    ),
    "not_acted": (
        "Without patients on whom staff acted after an alert, as far as feedback, orders and "
        "declared interventions tell. Those left were not changed by these actions, but many "
        "patients with the highest risks are "
        "missing: ranking and sensitivity seem worse than they are, and risks may still seem too "
        "high where people acted and did not say so."
    ),
    "not_shown": (
        "Patients about whom nobody was shown anything, so that the model cannot have changed "
        "what came of them. Only this can be set beside the figures of the release, if these "
        "patients are like the others: in a silent run, or outside a canary drawn by chance."
    ),
}
"""Whose outcomes are judged, and what that can tell and what not."""

MARKED_BY = {
    "feedback": "feedback alone",
    "order": "an order alone",
    "treatment": "an intervention alone",
    "several": "more than one of these",
    "nobody": "none of these",
}
"""By what a patient who was shown something is marked as treated because of an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRows:
    """n answers of one version, by subject, then time.

    Args:
        day: Shape (n,), days since 1970-01-01 (UTC) of the record.
        hours: Shape (n,), when the question was asked, in hours since 1970 (UTC).
        subject: Shape (n,), ascending; whoever is not named counts alone.
        scored: Shape (n,), whether it is a score.
        risk: Shape (n,), NaN where there is none, or it was erased.
        label: Shape (n,), the newest outcome, as in training; NaN where it is not known.
        threshold: Shape (n,), NaN where nothing alerts.
        alert: Shape (n,), whether it alerted.
        shown: Shape (n,), whether somebody was shown it.
        acted: Shape (n,), whether staff acted on it.
        event_hours: Shape (n,), when the outcome came, in hours since 1970; NaN: it did not, or
            nobody said when.
        outputs: Shape (n, m), everything that was predicted; None: the risk alone.
        followed_days: Shape (n,), how long the subject was followed after the question, NaN where
            that is not known; None: the outcome is no time until an event. The label then is 1 or
            2 where follow-up ended with the event or with another that rules it out, else 0.
        groups: By name, shape (n,), the level of each; '' where it is not known.
    """

    day: Ints
    hours: Floats
    subject: Ints
    scored: Bools
    risk: Floats
    label: Floats
    threshold: Floats
    alert: Bools
    shown: Bools
    acted: Bools
    event_hours: Floats
    outputs: Floats | None = None
    followed_days: Floats | None = None
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many answers there are."""
        return int(self.day.shape[0])

    @property
    def readable(self) -> Bools:
        """The scores whose risk is told: not those of whom was erased; shape (n,)."""
        return self.scored & np.isfinite(self.risk)

    @property
    def known(self) -> Bools:
        """The scores whose outcome is known; shape (n,)."""
        told = self.readable & np.isfinite(self.label)
        return told if self.followed_days is None else told & np.isfinite(self.followed_days)

    @property
    def event(self) -> Bools:
        """Where what is predicted came, or anything but the first level; shape (n,)."""
        return self.label > 0 if self.followed_days is None else self.label == 1

    @property
    def place(self) -> Ints:
        """Shape (n,): subjects counted from 0, without gaps."""
        return np.unique(self.subject, return_inverse=True)[1].astype(np.int64)

    def take(self, some: npt.NDArray[Any]) -> "LiveRows":
        """These answers alone: a mask of shape (n,), or their places."""
        columns: dict[str, Any] = {}
        for one in fields(self):
            values = getattr(self, one.name)
            if one.name == "groups":
                columns["groups"] = {name: told[some] for name, told in values.items()}
            else:
                columns[one.name] = None if values is None else values[some]
        return LiveRows(**columns)


def by_care(rows: LiveRows) -> dict[str, Bools]:
    """Which answers with a known outcome belong to each of `CARE`; shape (n,) each.

    A patient is in or out as a whole: what was done after one answer changes what comes of the
    others too.
    """
    known = rows.known
    acted = np.isin(rows.subject, rows.subject[rows.acted])
    shown = np.isin(rows.subject, rows.subject[rows.shown])
    return {"all": known, "not_acted": known & ~acted, "not_shown": known & ~shown}
