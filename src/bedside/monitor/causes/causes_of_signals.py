"""Causes that lie in one measurement: its unit, its feed, its codes, its assay."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bedside.core.records.watch import Finding
from bedside.core.units import display
from bedside.monitor.causes.causes_of_codes import by_codes
from bedside.monitor.causes.causes_of_people import is_about_the_person
from bedside.monitor.causes.evidence_of import FEW, FEWEST, Evidence
from bedside.monitor.causes.explained import (
    INPUTS,
    OF_PLACE,
    Case,
    Explanation,
    level_of,
    made,
    onset_of,
    share_words,
)
from bedside.monitor.causes.lost_feeds import HALF_LOST, Feed, lost, lost_feeds, moved_signals
from bedside.monitor.causes.units_seen import LEAST_FACTOR, Moved, Spread, moved_as
from bedside.monitor.causes.withheld import (
    explained_by_abstentions,
    is_set_aside,
    set_aside_words,
)
from bedside.monitor.wording import number, per_cent

__all__ = ["explained_by_signals"]

SURE = 4.0  # standard errors
OUTRIGHT = 0.05  # of a code's share: of who comes, fewer go by themselves


def by_signal(case: Case, findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings about inputs, by their signal."""
    found: dict[str, list[Finding]] = {}
    for finding in case.of(findings, *INPUTS, "codes"):
        if finding.signal is not None and finding.group is None:
            found.setdefault(finding.signal, []).append(finding)
    return found


def explained_by_signals(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """Unit changes, lost feeds and changed codes, each with the findings of its signals."""
    found = explained_by_abstentions(case, findings)
    named = {signal for one in found for signal in one.signals}
    feeds: list[Feed] = []
    for signal, mine in sorted(by_signal(case, findings).items()):
        if signal in named:
            continue
        onset = onset_of(mine)
        evidence = case.since(onset)
        moved = in_another_unit(case, evidence, signal)
        if moved is not None:
            found.append(made("unit_change", (signal,), onset, mine, _units(case, signal, moved)))
            continue
        other = by_codes(case, evidence, signal, mine, onset)
        if other is not None:
            found.append(other.with_more(_of_no_signal(case, findings, found)))
            continue
        recoded = _recoded(evidence, signal)
        if recoded is not None:
            found.append(
                made("coding_change", (signal,), onset, mine, f"{case.name(signal)}: {recoded}")
            )
            continue
        share = lost(evidence, signal)
        aside = is_set_aside(evidence, signal, share) if share > 0 else 0.0
        if aside > 0:
            found.append(_set_aside(case, evidence, signal, aside, onset, mine))
            continue
        feeds.append(Feed(onset=onset, signal=signal, share=share, findings=tuple(mine)))
    return found + lost_feeds(case, feeds)


def _of_no_signal(
    case: Case, findings: Sequence[Finding], found: Sequence[Explanation]
) -> list[Finding]:
    """More codes that belong to no signal, if no other cause has taken them yet."""
    taken = {one.stream for cause in found for one in cause.findings}
    mine = case.of(findings, "codes")
    return [one for one in mine if one.signal is None and one.stream not in taken]


def in_another_unit(case: Case, evidence: Evidence, signal: str) -> Moved | None:
    """The unit in which a signal seems to come: the surest that one of its features tells."""
    known = case.units.get(signal, ())
    best: tuple[float, Moved] | None = None
    for name, (then, now) in _sizes_of(evidence, signal):
        typical = evidence.typical.get(name, np.zeros(0))
        moved = moved_as(then, now, known, typical)
        if moved is not None and now.n < FEWEST:
            moved = None if moved.unit is None else replace(moved, times=math.nan)
        if moved is not None:
            sure = now.n * abs(now.mean - then.mean) * (2 if moved.unit else 1)
            if best is None or sure > best[0]:
                best = (sure, moved)
    return None if best is None else best[1]


def _sizes_of(evidence: Evidence, signal: str) -> list[tuple[str, tuple[Spread, Spread]]]:
    """Where the logarithms of the values of a signal's features lay and lie, of five or more."""
    return [
        (name, (then, now))
        for name, (then, now) in sorted(evidence.sizes.items())
        if now.n >= FEW
        and (name == signal or name.startswith(f"{signal}."))
        and name.removeprefix(signal)[1:].split(".")[0].split("=")[0] in OF_PLACE
    ]


def _set_aside(
    case: Case,
    evidence: Evidence,
    signal: str,
    aside: float,
    onset: int,
    findings: Sequence[Finding],
) -> Explanation:
    """Values outside what is possible: another unit; a bias where what is left moved by little."""
    words = set_aside_words(case, signal, aside)
    most = lost(evidence, signal) >= HALF_LOST  # else those that are left are other patients'
    for _, (then, now) in _sizes_of(evidence, signal) if most else ():
        shift = abs(now.mean - then.mean)
        error = math.sqrt(then.variance * (1 / now.n + 1 / then.n))
        if now.n >= FEWEST and SURE * error <= shift < math.log(LEAST_FACTOR):
            way = "higher" if now.mean > then.mean else "lower"
            what = f"{case.name(signal)} comes {way} than before, and {words.split(', as')[0]}"
            return made("assay_bias", (signal,), onset, findings, what)
    return made("unit_change", (signal,), onset, findings, words)


def _recoded(evidence: Evidence, signal: str) -> str | None:
    """What became of its codes: one went, another came in its place; None: nothing of the kind."""
    levels = [move for move in evidence.of("level", signal=signal) if move.strong]
    less = [move for move in levels if move.change < 0]
    more = [move for move in levels if move.change > 0]
    if not less:
        return None
    went = max(less, key=lambda move: -move.change)
    gone = went.now <= 0.35 * went.then
    if is_about_the_person(signal) and went.now > OUTRIGHT * went.then:
        return None  # other people have come
    if not more:
        return (
            f"{level_of(went)} {share_words(went)}" if gone and not lost(evidence, signal) else None
        )
    came = max(more, key=lambda move: move.change)
    balanced = abs(came.change + went.change) <= 0.5 * max(came.change, -went.change)
    if not (balanced or gone):
        return None
    others = [name for name in moved_signals(evidence) if name != signal]
    if others and not gone:
        return None
    return (
        f"{level_of(went)} {share_words(went)}, and "
        f"{level_of(came)} from {per_cent(came.then)} to {per_cent(came.now)}"
    )


def _units(case: Case, signal: str, moved: Moved) -> str:
    """What happened to its unit, in words; without the factor where few patients told it."""
    if math.isnan(moved.times):
        return f"{case.name(signal)} comes as it would in {display(moved.unit or '')}"
    times = (
        f"{number(moved.times)} times" if moved.times >= 1 else f"1/{number(1 / moved.times)} of"
    )
    who = "" if moved.share > 0.9 else f" for about {per_cent(moved.share)} of patients"
    as_in = f", as it would in {display(moved.unit)}" if moved.unit else ""
    return f"{case.name(signal)} comes about {times} what it was{who}{as_in}"
