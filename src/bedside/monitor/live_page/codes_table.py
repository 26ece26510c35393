"""The codes behind the answers, as the page shows them: those that moved, and unknown ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.core.clock import day_number
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.causes.codes_moved import CodeMove, codes_moved
from bedside.monitor.causes.explained import plain
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally, summed

__all__ = ["codes_table"]

MOST = 12


def codes_table(
    baseline: Baseline, tallies: Sequence[Tally], onsets: Sequence[str], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Codes that came or went since a day, and unknown ones; those of ten answers or fewer not.

    Args:
        baseline: Of the version.
        tallies: Of the days to show, in order.
        onsets: Days (ISO) on which what is open began, in order; none: all days are looked at.
        titles: What signals are called.
    """
    since = day_number(onsets[0]) if onsets else 0
    days = [tally for tally in tallies if tally.day >= since]
    if not days:
        return []
    before = [tally for tally in tallies if tally.day < since]
    moves = [one for one in codes_moved(baseline, before, summed(days)) if _shown(one)]
    ranked = sorted(moves, key=lambda one: (-abs(one.rise), one.seen))[:MOST]
    return [
        {
            "signal": titles.get(one.seen.signal) or plain(one.seen.signal),
            "code": one.seen.code,
            "known": one.seen.known,
            "then": one.then,
            "now": one.now if one.count > SUPPRESS_AT_OR_BELOW else None,
            "moved": one.came or one.went,
        }
        for one in ranked
    ]


def _shown(one: CodeMove) -> bool:
    many = one.count > SUPPRESS_AT_OR_BELOW
    return (many and (one.came or not one.seen.known)) or (one.went and one.seen.known)
