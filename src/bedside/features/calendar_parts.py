"""The hour, the day of the week and the month of a prediction time, in a place's own time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from bedside.core.clock import microseconds, since_1970
from bedside.features.definition import Feature

__all__ = ["calendar_parts"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
SECOND = 1_000_000  # microseconds
DAY = 86_400 * SECOND


def calendar_parts(features: Sequence[tuple[int, Feature]], moments: Ints) -> Floats:
    """Shape (len(moments), len(features)).

    Args:
        features: With their columns, each a part of the calendar.
        moments: Microseconds since 1970 UTC, in the years 1 to 9998.
    """
    parts = np.empty((len(moments), len(features)))
    local = {
        zone: moments + _offsets(zone, moments)
        for zone in {feature.timezone for _, feature in features}
    }
    for place, (_, feature) in enumerate(features):
        parts[:, place] = _part(feature.aggregate, local[feature.timezone])
    return parts


def _part(name: str, local: Ints) -> Ints:
    if name == "hour_of_day":
        return local % DAY // (3600 * SECOND)
    if name == "day_of_week":
        return (local // DAY + 3) % 7  # 1970 began on a Thursday
    return local.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def _offsets(zone: str, moments: Ints) -> Ints:
    """What the clocks of the zone were ahead of UTC, in microseconds."""
    years = moments.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)
    if len(years) and (years == years[0]).all():
        since, ahead = _changes(zone, int(years[0]) + 1970)
        return ahead[np.searchsorted(since, moments, side="right") - 1]
    offsets = np.empty(len(moments), dtype=np.int64)
    for year in np.unique(years):
        since, ahead = _changes(zone, int(year) + 1970)
        inside = (moments >= since[0]) & (moments < since[-1])
        offsets[inside] = ahead[np.searchsorted(since, moments[inside], side="right") - 1]
    return offsets


@lru_cache(maxsize=1024)
def _changes(zone: str, year: int) -> tuple[Ints, Ints]:
    """From when on the clocks were how far ahead, in one year of UTC; and when it ends."""
    place = ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    since, ahead = [start], [_ahead(place, start)]
    day = start
    while day < end:
        later = day + timedelta(days=1)
        if _ahead(place, later) != ahead[-1]:
            since.append(_change(place, day, later))
            ahead.append(_ahead(place, later))
        day = later
    moments = [since_1970(moment) for moment in (*since, end)]
    return np.array(moments), np.array([microseconds(one) for one in (*ahead, ahead[-1])])


def _change(place: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second after `before` with the clocks of `after`."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = _ahead(place, before + timedelta(seconds=middle)) == _ahead(place, before)
        low, high = (middle, high) if same else (low, middle)
    return before + timedelta(seconds=high)


def _ahead(place: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(place).utcoffset() or timedelta()
