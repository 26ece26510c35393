"""Two versions on the very same questions: where they agree, and which is better where known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind
from bedside.deploy.rollout.answers import Columns, LiveAnswer
from bedside.deploy.rollout.evidence import REPLICATES, SEED
from bedside.deploy.rollout.figures import drawn_from, gapless, judged_families, share
from bedside.metrics.bootstrap import estimate_from
from bedside.metrics.crossed import crossed_counts
from bedside.metrics.family import family_of_totals, summed

__all__ = ["compare_answers", "paired"]

Bools = npt.NDArray[np.bool_]


def paired(
    first: Sequence[LiveAnswer], second: Sequence[LiveAnswer]
) -> list[tuple[LiveAnswer, LiveAnswer]]:
    """The answers of both to the same question.

    Of a question that was asked several times, the newest answer of each counts whose outcome is
    known, else the newest.
    """
    mine, known = _by_question(first), _by_question(second)
    return [(one, known[question]) for question, one in mine.items() if question in known]


def _as_known(
    one: LiveAnswer, other: LiveAnswer, kind: OutcomeKind
) -> tuple[LiveAnswer, LiveAnswer]:
    """Both with what is known of the patient; of a time until an event, the longer follow-up.

    What came of the answers of two versions is noted at different times, and how far a patient was
    followed must not tell the versions apart.
    """
    if kind != "survival" or one.followed_days is None or other.followed_days is None:
        return one, other
    known = one if one.followed_days >= other.followed_days else other
    label, days = known.label, known.followed_days
    return (
        replace(one, label=label, followed_days=days),
        replace(other, label=label, followed_days=days),
    )


def _by_question(answers: Sequence[LiveAnswer]) -> dict[str, LiveAnswer]:
    ranked = sorted(answers, key=lambda one: (one.is_judged, one.at))
    return {one.question: one for one in ranked}


def compare_answers(
    first: Sequence[LiveAnswer],
    second: Sequence[LiveAnswer],
    kind: OutcomeKind,
    *,
    horizons: Sequence[float] = (),
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """The champion (`first`) and a challenger on the same questions, ready for canonical JSON.

    `pairs`, `subjects`, `scored` (by both) and `judged` are counts. `same_kind`: the share of
    pairs in which both score, both abstain or both fail. `same_alert`: of the pairs that both
    score, the share in which both alert or neither does. `alerts`: how many both, one, or none
    alerts; a count of ten or fewer is None. `differences`: challenger less champion, of the alert
    rate and of every metric over the pairs that both score and whose outcome is known, with an
    interval from resamples of patients that judge both. Of a time until an event, `judged` are
    those that were followed at all, and `horizons` are its days, ascending.
    """
    pairs = [_as_known(a, b, kind) for a, b in paired(first, second)]
    one, other = Columns.of([a for a, _ in pairs]), Columns.of([b for _, b in pairs])
    both = one.readable & other.readable
    judged = one.judged_as(kind) & other.judged_as(kind)
    agree = np.array([a.outcome == b.outcome for a, b in pairs], dtype=np.bool_)
    subject = gapless(one.subject[both])
    same = one.alert[both] == other.alert[both]
    return {
        "pairs": len(pairs),
        "subjects": one.subjects,
        "scored": int(both.sum()),
        "judged": int(judged.sum()),
        **({"horizons": list(horizons)} if horizons else {}),
        "same_kind": share(agree, one.subject).as_json(),
        "same_alert": share(same, subject).as_json(),
        "alerts": crossed_counts(
            one.alert[both], other.alert[both], only=("champion_only", "challenger_only")
        ),
        "differences": {
            **_alert_difference(one.alert[both], other.alert[both], subject, replicates),
            **_differences(pairs, judged, kind, horizons, replicates),
        },
    }


def _alert_difference(
    first: Bools, second: Bools, subject: npt.NDArray[np.int64], replicates: int
) -> dict[str, Any]:
    if not first.size:
        return {}
    subjects = int(subject.max()) + 1
    more = second.astype(np.float64) - first.astype(np.float64)
    family = family_of_totals(
        {
            "more": summed(more, subject, subjects),
            "rows": summed(np.ones_like(more), subject, subjects),
        },
        {"alert_rate": lambda t: t["more"] / t["rows"]},
    )
    point, drawn = drawn_from([family], subjects, replicates, SEED)["alert_rate"]
    return {"alert_rate": _rounded(estimate_from(point, drawn, first.size).as_json())}


def _differences(
    pairs: Sequence[tuple[LiveAnswer, LiveAnswer]],
    judged: Bools,
    kind: OutcomeKind,
    horizons: Sequence[float],
    replicates: int,
) -> dict[str, Any]:
    known = [pair for pair, yes in zip(pairs, judged, strict=True) if yes]
    if not known:
        return {}
    sides = [[a for a, _ in known], [b for _, b in known]]
    subject = Columns.of(sides[0]).subject  # whose question it was is the same for both
    subjects = int(subject.max()) + 1
    first, second = (
        drawn_from(
            judged_families(side, kind, subject, subjects, horizons), subjects, replicates, SEED
        )
        for side in sides
    )
    return {
        name: _rounded(
            estimate_from(second[name][0] - point, second[name][1] - drawn, len(known)).as_json()
        )
        for name, (point, drawn) in first.items()
        if name in second and name != "alert_rate"
    }


def _rounded(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.10g}") if isinstance(value, float) else value
        for name, value in told.items()
    }
