"""Whether everything that an alarm rests on is back where it was, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.clock import days_of
from bedside.core.records.watch import Finding, Recovery
from bedside.metrics.recovery import Returned, returned
from bedside.monitor.stream.day_tally import Tally
from bedside.monitor.stream.streams import SPOT, Baseline, Stream

__all__ = ["LONGEST", "BackSince", "back_since"]

LONGEST = 180
"""Days that are looked back at most: a stream that came back did so within them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackSince:
    """An alarm whose every stream is back.

    Args:
        day: Since when the last of them probably is (days since 1970-01-01).
        through: The last day that was looked at.
        streams: How many streams there are.
    """

    day: int
    through: int
    streams: int


def back_since(
    baseline: Baseline,
    recovery: Recovery,
    findings: Sequence[Finding],
    tallies: Sequence[Tally],
    *,
    after: int,
) -> BackSince | None:
    """Since when all that these findings show is back in its range; None: not yet, or not known.

    Every stream must be back, so the error of all of them together is that of one (Berger's
    intersection-union test). A stream of the patients of a day (`today:`) counts who was there
    yesterday again, and is judged by the stream that it repeats.

    Args:
        baseline: Whose ranges are meant.
        recovery: For how long, of how many patients, and with what error.
        findings: The evidence of the alarm. None, or one that no stream of the baseline has, as of
            the volume: a person says when it is over.
        tallies: Of days by this baseline, in order; those up to `after` are passed over.
        after: The day on which the alarm was told last: only later days count, for the days that
            raised it were picked by what they show.

    Source: Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics
        1982;24:295-300.
    """
    by_id = {one.id: place for place, one in enumerate(baseline.streams)}
    wanted = {(one.stream.removeprefix(SPOT), one.side) for one in findings}
    later = [one for one in tallies if one.day > after][-LONGEST:]
    if not wanted or not later or any(stream not in by_id for stream, _ in wanted):
        return None
    n, total, squares = (
        np.stack([getattr(one, name) for one in later]) for name in ("n", "total", "squares")
    )
    days = [one.day for one in later]
    begun = []
    for name, side in wanted:
        at, stream = by_id[name], baseline.streams[by_id[name]]
        edge = stream.most if side == "up" else stream.least
        if not 0 < edge < 1:
            return None
        found = returned(
            n[:, at], total[:, at], squares[:, at], np.array(days) - after,
            edge=edge, is_up=side == "up",
        )  # fmt: skip
        recent = np.array(days) > days[-1] - days_of(recovery.after)
        now = _mean(total[recent, at], n[recent, at])
        if not _is_back(stream, recovery, found, now, days):
            return None
        begun.append(days[found.began])
    return BackSince(day=max(begun), through=days[-1], streams=len(wanted))


def _is_back(
    stream: Stream, recovery: Recovery, found: Returned, now: float, days: Sequence[int]
) -> bool:
    """Sure enough, for long enough, of enough patients, and in the range lately as well."""
    long_enough = found.began >= 0 and (days[-1] - days[found.began] + 1 >= days_of(recovery.after))
    return (
        long_enough
        and found.log_evidence >= -np.log(recovery.error)
        and found.n >= recovery.patients
        and stream.least <= found.mean <= stream.most
        and stream.least <= now <= stream.most
    )


def _mean(total: npt.NDArray[np.float64], n: npt.NDArray[np.float64]) -> float:
    return float(total.sum() / n.sum()) if n.sum() > 0 else float("nan")
