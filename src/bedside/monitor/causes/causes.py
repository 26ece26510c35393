"""What is most likely behind the streams that left their range: one alarm for each cause."""

from collections.abc import Callable, Mapping, Sequence

from bedside.core.clock import day_text
from bedside.core.records.watch import Finding
from bedside.monitor.causes.causes_of_outcomes import (
    explained_by_outcomes,
    late_labels,
)
from bedside.monitor.causes.causes_of_people import (
    explained_by_people,
    of_new_place,
    of_volume,
)
from bedside.monitor.causes.causes_of_signals import explained_by_signals
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.evidence_of import Evidence, evidence_of
from bedside.monitor.causes.explained import Case, Explanation, onset_of
from bedside.monitor.causes.telling import sentence
from bedside.monitor.causes.units_seen import Conversion
from bedside.monitor.causes.weighing import LARGE_EFFECT, effect_of, score_share, severity_of
from bedside.monitor.stream.streams import PERFORMANCE, Baseline
from bedside.monitor.stream.tally import Tally

__all__ = ["AlarmDraft", "likely"]

OUTPUTS = ("score", "alert", "answering", "unlike")
_BEFORE = 7  # days by which what follows may seem to begin before its cause, by chance


def likely(
    baseline: Baseline,
    findings: Sequence[Finding],
    tallies: Sequence[Tally],
    *,
    units: Mapping[str, Sequence[Conversion]],
    titles: Mapping[str, str] | None = None,
    codes: Mapping[str, Sequence[str]] | None = None,
) -> list[AlarmDraft]:
    """One draft for each likely cause, which together hold every finding, the most severe first.

    Each cause takes as many findings as it explains: that risks, alerts and calibration moved
    because a unit changed is told with the unit, not beside it.

    Args:
        baseline: Of the version.
        findings: What is over its bar.
        tallies: In order of days: from the earliest onset of a finding on, and as many days before
            as there are, which tell how many answers were usual.
        units: Of each signal with a unit, the others in which it could come: of `conversions`.
        titles: What a signal is called; its name, as words, if not given.
        codes: Of each signal, as they are declared.
    """
    if not findings:
        return []
    case = Case(
        since=_by_day(baseline, tallies),
        families={stream.id: stream.family for stream in baseline.streams},
        units=units,
        titles=titles or {},
        codes=codes or {},
    )
    drafts = [_draft(case, baseline, found) for found in explanations(case, findings)]
    order = {"high": 0, "medium": 1, "low": 2}
    return sorted(drafts, key=lambda draft: (order[draft.severity], draft.onset, draft.key))


def explanations(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """The causes, each with the findings that it explains; every finding is in exactly one."""
    left = list(findings)
    found = [one for one in explained_by_signals(case, left) if not of_new_place(case, one)]
    left = _rest(left, found)
    aside = [signal for one in found for signal in one.signals]
    people = explained_by_people(case, left, aside)
    left = _rest(left, people)
    inputs = found + people
    apart = late_labels(case, left) + of_volume(case, left)
    left = _rest(left, apart)
    outputs = case.of(left, *OUTPUTS)
    if outputs and not inputs:
        inputs = explained_by_people(case, outputs, [], OUTPUTS)
        left = _rest(left, inputs)
    inputs = [_with_outputs(case, one, inputs, left) for one in inputs]
    left = _rest(left, inputs)
    performance = explained_by_outcomes(case, left)
    left = _rest(left, performance)
    return inputs + apart + performance + _unknown(left)


def _rest(findings: Sequence[Finding], explained: Sequence[Explanation]) -> list[Finding]:
    """The findings that none of these explains."""
    taken = {(one.stream, one.side) for cause in explained for one in cause.findings}
    return [one for one in findings if (one.stream, one.side) not in taken]


def _with_outputs(
    case: Case, explanation: Explanation, among: Sequence[Explanation], findings: Sequence[Finding]
) -> Explanation:
    """With what followed from it, if it is the one that moves the risks most."""
    evidence = case.since(explanation.onset)
    effects = {one.cause + str(one.signals): abs(effect_of(evidence, one)) for one in among}
    mine = effects[explanation.cause + str(explanation.signals)]
    if mine < max(effects.values()):
        return explanation
    follows = [
        one for one in case.of(findings, *OUTPUTS) if onset_of([one]) >= explanation.onset - _BEFORE
    ]
    moved = [move for move in evidence.of("score") if move.strong]
    if mine >= LARGE_EFFECT / 2 or moved or follows:
        follows += [
            one
            for one in case.of(findings, *PERFORMANCE)
            if onset_of([one]) >= explanation.onset - _BEFORE
        ]
    return explanation.with_more(follows)


def _unknown(findings: Sequence[Finding]) -> list[Explanation]:
    """What is left, of each kind one alarm without a cause."""
    made = []
    for kind in sorted({one.kind for one in findings}):
        mine = [one for one in findings if one.kind == kind]
        first = max(mine, key=lambda one: one.log_evidence - one.bar)
        more = f", and {len(mine) - 1} more moved" if len(mine) > 1 else ""
        what = first.text.split(" since ")[0]
        made.append(
            Explanation(
                cause="unknown",
                kind=kind,
                onset=onset_of(mine),
                signals=tuple(sorted({one.signal for one in mine if one.signal})),
                groups=tuple(sorted({one.group for one in mine if one.group})),
                findings=tuple(mine),
                what=f"{what}{more}",
            )
        )
    return made


def _draft(case: Case, baseline: Baseline, explanation: Explanation) -> AlarmDraft:
    evidence = case.since(explanation.onset)
    share = score_share(evidence, explanation)
    about = explanation.signals or explanation.groups
    by_itself = explanation.cause not in ("case_mix", "new_site", "season", "unknown")
    return AlarmDraft(
        key=":".join((explanation.cause, about[0] if about and by_itself else explanation.kind)),
        kind=explanation.kind,
        severity=severity_of(case, evidence, explanation, baseline.event_share),
        cause=explanation.cause,
        signals=explanation.signals,
        groups=explanation.groups,
        onset=day_text(explanation.onset),
        text=sentence(case, evidence, explanation, share),
        score_share=share,
        findings=tuple(
            sorted(explanation.findings, key=lambda one: (one.bar - one.log_evidence, one.stream))
        ),
    )


def _by_day(baseline: Baseline, tallies: Sequence[Tally]) -> Callable[[int], Evidence]:
    """The evidence since a day, added up once for each."""
    kept: dict[int, Evidence] = {}

    def since(day: int) -> Evidence:
        if day not in kept:
            kept[day] = evidence_of(baseline, tallies, day)
        return kept[day]

    return since
