"""One simulated hospital: a quiet quarter, and the same quarter once each shift has happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from bedside.core.records.watch import Finding, Watch
from bedside.monitor.causes.causes import AlarmDraft, likely
from bedside.monitor.causes.units_seen import Conversion
from bedside.monitor.detectors.detecting import Detectors
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.shifts.hospital import FIRST_DAY, Plan, answers_of, happened, stays_of
from bedside.monitor.shifts.injection import Injection
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.stream.answers import UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import Baseline, make_baseline
from bedside.monitor.stream.draws import draws
from bedside.monitor.stream.tally import Tally, tally_days

__all__ = ["SETTLES", "Trial", "Watched", "found_in"]

SETTLES = 7
"""Days after which the cause is asked for once more."""
BEFORE = 28
"""Days before the onset that tell how many come."""
OF_PEOPLE = ("case_mix", "new_site", "season")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the monitor knows of a model, beside its answers.

    Args:
        watch: The budget of false alarms.
        signals: The signal of each feature.
        titles: Words for each feature.
        categories: Labels of features that are categories.
        units: Other units of each signal.
        minimum: Subjects below which no stream is made.
        seed: Of the draws.
    """

    watch: Watch
    signals: Mapping[str, str | None]
    titles: Mapping[str, str]
    categories: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[Conversion, ...]]
    minimum: int
    seed: int


@dataclass(kw_only=True)
class Trial:
    """A hospital, its baseline, and its quiet quarter.

    Args:
        population: Whom it draws from.
        watched: What the monitor knows.
        plan: Of the hospital.
        drawn_only: Keep only the answers that count once a patient: enough for what labels tell.
    """

    population: Population
    watched: Watched
    plan: Plan
    drawn_only: bool = False
    baseline: Baseline = field(init=False)
    quiet: list[Tally] = field(init=False)
    states: list[tuple[Detectors | None, frozenset[str]]] = field(init=False)
    alarms: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        before, self._during = stays_of(self.population, self.plan)
        told, watched = self.population, self.watched
        self.baseline = make_baseline(
            answers_of(told, before, self.plan),
            signals=watched.signals,
            titles=watched.titles,
            categories=watched.categories,
            threshold=None if np.isnan(told.threshold) else told.threshold,
            seed=watched.seed,
            minimum=watched.minimum,
        )
        self._undisturbed = self._kept(answers_of(told, self._during, self.plan))
        days = [FIRST_DAY + day for day in range(self.plan.days)]
        self.quiet = tally_days(self.baseline, self._undisturbed, days)
        self._watch_quiet()

    def _kept(self, answers: Answers) -> Answers:
        return answers.take(draws(self.baseline, answers).rows) if self.drawn_only else answers

    def _watch_quiet(self) -> None:
        """Day by day; each alarm is false, and is resolved the day after."""
        detectors, resolved = None, frozenset[str]()
        self.states, self.alarms = [], []
        for place, tally in enumerate(self.quiet):
            self.states.append((detectors, resolved))
            seen = watch_days(
                self.baseline, self.watched.watch, detectors, [tally], resolved=resolved
            )
            detectors, resolved = seen.detectors, frozenset(f.stream for f in seen.findings)
            if seen.findings:
                drafts = self._likely(seen.findings, self.quiet[: place + 1])
                self.alarms += [_told(draft, place) for draft in drafts]

    def _likely(self, findings: Sequence[Finding], tallies: Sequence[Tally]) -> list[AlarmDraft]:
        return likely(self.baseline, findings, tallies, units=self.watched.units)

    def disturbed(
        self, injection: Injection, onset: int, inputs: Inputs | None, *, days: int
    ) -> dict[str, Any]:
        """What the monitor makes of an injection: found after how long, and what it calls it.

        Args:
            injection: What happens.
            onset: On which day.
            inputs: What every question would then see, of an injection on events.
            days: How long it is looked for.
        """
        stays = happened(self.population, self._during, injection, onset, self.plan)
        answers = self._kept(
            answers_of(
                self.population,
                stays,
                self.plan,
                injection=injection,
                onset=onset,
                disturbed=inputs,
                until=onset + days + SETTLES + 1,
            )
        )
        found = self._looked_for(injection, onset, answers, days)
        told = {"injection": injection.id, "onset": onset, "days": days, **found}
        if found["delay"] is not None:
            until = FIRST_DAY + onset + found["delay"]
            told |= _labelled(self.baseline, answers, FIRST_DAY + onset, until)
        return told

    def _looked_for(
        self, injection: Injection, onset: int, answers: Answers, days: int
    ) -> dict[str, Any]:
        detectors, resolved = self.states[onset]
        tallies = list(self.quiet[max(0, onset - BEFORE) : onset])
        found: dict[str, Any] = {"delay": None, "cause": None, "right": False, "settled": None}
        found |= {"strict": False, "settled_strict": None, "settled_cause": None}
        known = _first_known(answers, FIRST_DAY + onset) if self.drawn_only else FIRST_DAY + onset
        edges = [edge for edge in (0, 1, 2, 7, 14, 28, 56, 112, 224) if edge < days] + [days]
        last = None
        for begin, end in pairwise([*edges, days + SETTLES + 1]):
            some = [FIRST_DAY + onset + day for day in range(begin, end)]
            for tally in tally_days(self.baseline, answers, some):
                place = tally.day - FIRST_DAY - onset
                tallies.append(tally)
                seen = watch_days(
                    self.baseline, self.watched.watch, detectors, [tally], resolved=resolved
                )
                detectors, resolved = seen.detectors, frozenset()
                if tally.day < known:  # nothing can be found yet: a false alarm, and resolved
                    resolved = frozenset(finding.stream for finding in seen.findings)
                    continue
                if found["delay"] is None and place < days:
                    drafts = self._relevant(injection, seen.findings, tallies)
                    if drafts:
                        last = place + SETTLES
                        found |= {"delay": place, **_named(injection, drafts)}
                if last is not None and place == last:
                    drafts = self._relevant(injection, seen.findings, tallies)
                    named = _named(injection, drafts) if drafts else found
                    return found | {
                        "settled": named["right"],
                        "settled_strict": named["strict"],
                        "settled_cause": named["cause"],
                    }
            if found["delay"] is None and end >= days:
                break
        return found

    def _relevant(
        self, injection: Injection, findings: Sequence[Finding], tallies: Sequence[Tally]
    ) -> list[AlarmDraft]:
        if not findings:
            return []
        drafts = self._likely(findings, tallies)
        return [draft for draft in drafts if found_in(injection, draft)]


def found_in(injection: Injection, draft: AlarmDraft) -> bool:
    """Whether an alarm can be about what was injected, whatever it is called.

    Of a signal, one of the signal or of the answers; of who comes, one of inputs, answers or
    volume; of what comes true, one of performance or fairness; of when, one of labels.
    """
    if injection.signal is not None:
        own = any(finding.signal == injection.signal for finding in draft.findings)
        return own or draft.kind == "output" or draft.cause in injection.causes
    if injection.kind in OF_PEOPLE:
        return draft.kind in ("input", "output", "volume")
    if injection.kind == "label_delay":
        return draft.kind == "labels"
    return draft.kind in ("performance", "fairness") or draft.cause in injection.causes


def _named(injection: Injection, drafts: Sequence[AlarmDraft]) -> dict[str, Any]:
    first = drafts[0]
    about = injection.signal is None or injection.signal in first.signals
    return {
        "cause": first.cause,
        "right": about and first.cause in injection.causes,
        "strict": about and first.cause in injection.strictly,
        "signals": list(first.signals)[:5],
        "causes": [draft.cause for draft in drafts],
        "streams": [finding.stream for finding in first.findings[:3]],
    }


def _told(draft: AlarmDraft, day: int) -> dict[str, Any]:
    return {
        "day": day,
        "kind": draft.kind,
        "cause": draft.cause,
        "streams": [finding.stream for finding in draft.findings[:5]],
    }


def _first_known(answers: Answers, onset: int) -> int:
    """The day on which an outcome of a patient asked about since the onset is first known."""
    told = (answers.day >= onset) & (answers.label_day != UNKNOWN_DAY)
    return max(onset, int(answers.label_day[told].min())) if told.any() else onset


def _labelled(baseline: Baseline, answers: Answers, onset: int, until: int) -> dict[str, int]:
    """Patients asked about since the onset whose outcome was known when it was found."""
    counted = draws(baseline, answers).rows & ~np.isnan(answers.risk)
    told = (answers.label_day != UNKNOWN_DAY) & (answers.label_day <= until)
    rows = counted & told & (answers.day >= onset)
    return {"labelled": int(rows.sum()), "events": int(np.nansum(answers.label[rows]))}
