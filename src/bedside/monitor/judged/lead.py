"""How long before an outcome a version first alerted."""

import numpy as np
import numpy.typing as npt

from bedside.monitor.judged.rows import LiveRows

__all__ = ["lead_times"]

Floats = npt.NDArray[np.float64]


def lead_times(rows: LiveRows, *, shown_only: bool = True) -> Floats:
    """Hours from the first alert to the event, for each event; shape (e,), NaN: no alert came.

    An event is an outcome of one patient at one time, and the answers that it is the outcome of
    are those that could have found it.

    Args:
        rows: n answers with what came of them.
        shown_only: Only alerts that somebody was shown.
    """
    able = rows.known & rows.event & (rows.event_hours >= rows.hours)
    some = rows.take(able)
    if not len(some):
        return np.zeros(0)
    events, which = np.unique(
        np.column_stack([some.subject.astype(np.float64), some.event_hours]),
        axis=0,
        return_inverse=True,
    )
    alerts = some.alert & (some.shown | (not shown_only))
    first = np.full(len(events), np.inf)
    np.minimum.at(first, which.reshape(-1)[alerts], some.hours[alerts])
    lead = events[:, 1] - first
    return np.where(np.isfinite(lead), lead, np.nan)
