"""Causes that lie in one measurement: its unit, its feed, its codes, its assay."""

import math
from collections.abc import Sequence

import numpy as np

from bedside.core.records.watch import Cause, Finding
from bedside.core.units import display
from bedside.monitor.stream.evidence_of import Evidence, Move
from bedside.monitor.stream.explained import INPUTS, Case, Explanation, aggregate_of, onset_of
from bedside.monitor.stream.units_seen import Moved, moved_as
from bedside.monitor.wording import number, per_cent

__all__ = ["assay_bias", "explained_by_signals", "lost", "moved_signals"]

_OF_PLACE = ("", "last", "first", "mean", "min", "max", "from_baseline", "sum")
_OF_NUMBER = ("count", "hours_since", "hours_active", "active", "missing")
_NEAR = 3  # days between the onsets of signals of one feed
HALF_LOST = 0.5  # of those who had it
SOME_LOST = 0.1
DOMINANT = 3.0  # times the next signal's


def by_signal(case: Case, findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings about inputs, by their signal."""
    found: dict[str, list[Finding]] = {}
    for finding in case.of(findings, *INPUTS):
        if finding.signal is not None and finding.group is None:
            found.setdefault(finding.signal, []).append(finding)
    return found


def explained_by_signals(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """Unit changes, lost feeds and changed codes, each with the findings of its signals."""
    found: list[Explanation] = []
    feeds: list[tuple[int, str, float, list[Finding]]] = []
    for signal, mine in sorted(by_signal(case, findings).items()):
        onset = onset_of(mine)
        evidence = case.since(onset)
        moved = in_another_unit(case, evidence, signal)
        if moved is not None:
            found.append(
                _made(case, "unit_change", (signal,), onset, mine, _units(case, signal, moved))
            )
            continue
        recoded = _recoded(evidence, signal)
        if recoded is not None:
            found.append(
                _made(
                    case, "coding_change", (signal,), onset, mine, f"{case.name(signal)}: {recoded}"
                )
            )
            continue
        share = lost(evidence, signal)
        if share >= HALF_LOST or (share >= SOME_LOST and _alone(evidence, signal)):
            feeds.append((onset, signal, share, mine))
    return found + _feeds(case, feeds)


def in_another_unit(case: Case, evidence: Evidence, signal: str) -> Moved | None:
    """The unit in which a signal seems to come: the surest that one of its features tells."""
    known = case.units.get(signal, ())
    best: tuple[float, Moved] | None = None
    for move in evidence.of("rank", signal=signal):
        name = move.feature or ""
        if name not in evidence.sizes or aggregate_of(move) not in _OF_PLACE:
            continue
        then, now = evidence.sizes[name]
        typical = evidence.typical.get(name, np.zeros(0))
        moved = moved_as(then, now, known, typical)
        if moved is not None:
            sure = now.n * abs(now.mean - then.mean) * (2 if moved.unit else 1)
            if best is None or sure > best[0]:
                best = (sure, moved)
    return None if best is None else best[1]


def lost(evidence: Evidence, signal: str) -> float:
    """The share of patients who had it that has it no more; 0 where it is not surely so."""
    shares = [
        move.change / max(1 - move.then, 0.01)
        for move in evidence.of("missing", signal=signal)
        if move.strong and move.change > 0
    ]
    if not shares:
        counts = [
            move
            for move in evidence.of("rank", signal=signal)
            if aggregate_of(move) == "count" and move.strong and move.change < 0
        ]
        others = [
            move
            for move in evidence.of("rank", signal=signal)
            if aggregate_of(move) in _OF_PLACE and move.strong
        ]
        return min(2 * max(-move.change for move in counts), 1.0) if counts and not others else 0.0
    return max(shares)


def moved_signals(evidence: Evidence) -> dict[str, Move]:
    """Each signal of which a feature surely moved, with its strongest move."""
    found: dict[str, Move] = {}
    for move in evidence.of(*INPUTS):
        if move.strong and move.signal is not None and move.group is None:
            found.setdefault(move.signal, move)
    return found


def _alone(evidence: Evidence, signal: str) -> bool:
    """Whether this signal's missing share moved far more than that of any other."""
    by: dict[str, float] = {}
    for move in evidence.of("missing"):
        if move.signal is not None:
            by[move.signal] = max(by.get(move.signal, 0.0), abs(move.z))
    mine = by.pop(signal, 0.0)
    return mine >= DOMINANT * max(by.values(), default=0.0)


def _recoded(evidence: Evidence, signal: str) -> str | None:
    """What became of its codes: one went, another came in its place; None: nothing of the kind."""
    levels = [move for move in evidence.of("level", signal=signal) if move.strong]
    less = [move for move in levels if move.change < 0]
    more = [move for move in levels if move.change > 0]
    if not less:
        return None
    went = max(less, key=lambda move: -move.change)
    gone = went.now <= 0.35 * went.then
    if not more:
        return f"{_level(went)} {_gone(went)}" if gone and not lost(evidence, signal) else None
    came = max(more, key=lambda move: move.change)
    balanced = abs(came.change + went.change) <= 0.5 * max(came.change, -went.change)
    if not (balanced or gone):
        return None
    others = [name for name in moved_signals(evidence) if name != signal]
    if others and not gone:
        return None
    return (
        f"{_level(went)} went from {per_cent(went.then)} to {per_cent(went.now)} of patients, and "
        f"{_level(came)} from {per_cent(came.then)} to {per_cent(came.now)}"
    )


def _level(move: Move) -> str:
    return f"'{move.id.rsplit('=', 1)[-1]}'"


def _gone(move: Move) -> str:
    return f"went from {per_cent(move.then)} to {per_cent(move.now)} of patients"


def _units(case: Case, signal: str, moved: Moved) -> str:
    """What happened to its unit, in words."""
    times = (
        f"{number(moved.times)} times" if moved.times >= 1 else f"1/{number(1 / moved.times)} of"
    )
    who = "" if moved.share > 0.9 else f" for about {per_cent(moved.share)} of patients"
    as_in = f", as it would in {display(moved.unit)}" if moved.unit else ""
    return f"{case.name(signal)} comes about {times} what it was{who}{as_in}"


def _feeds(case: Case, feeds: Sequence[tuple[int, str, float, list[Finding]]]) -> list[Explanation]:
    """Feeds that went at about the same time are one."""
    heaps: list[list[tuple[int, str, float, list[Finding]]]] = []
    for feed in sorted(feeds, key=lambda one: (one[0], one[1])):
        if heaps and feed[0] - heaps[-1][-1][0] <= _NEAR:
            heaps[-1].append(feed)
        else:
            heaps.append([feed])
    made = []
    for heap in heaps:
        signals = tuple(sorted(signal for _, signal, _, _ in heap))
        findings = [finding for *_, mine in heap for finding in mine]
        names = [case.name(signal) for signal in signals]
        said = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        share = max(share for _, _, share, _ in heap)
        what = (
            f"{said} {'does' if len(names) == 1 else 'do'} not come any more for "
            f"{per_cent(share)} of the patients who had it before"
        )
        made.append(
            _made(case, "feed_lost", signals, min(feed[0] for feed in heap), findings, what)
        )
    return made


def assay_bias(case: Case, signal: str, findings: Sequence[Finding], onset: int) -> Explanation:
    """Values that moved while they come as often as before, and by no unit's factor."""
    evidence = case.since(onset)
    moves = [move for move in evidence.of("rank", "beyond", "spread", signal=signal) if move.strong]
    place = next((move for move in moves if move.family == "rank"), None)
    if place is not None:
        side = "higher" if place.change > 0 else "lower"
        what = f"{case.name(signal)} comes {side} than before"
        sizes = evidence.sizes.get(place.feature or "")
        if sizes is not None and aggregate_of(place) in _OF_PLACE:
            times = math.exp(sizes[1].mean - sizes[0].mean)
            what += f", about {number(times)} times"
        else:
            what += f" (it lies above {per_cent(place.now)} of the values before, on average)"
    else:
        what = f"the values of {case.name(signal)} lie otherwise than before"
    return _made(case, "assay_bias", (signal,), onset, findings, what)


def _made(
    case: Case,
    cause: Cause,
    signals: tuple[str, ...],
    onset: int,
    findings: Sequence[Finding],
    what: str,
) -> Explanation:
    return Explanation(
        cause=cause, kind="input", signals=signals, onset=onset, findings=tuple(findings), what=what
    )
