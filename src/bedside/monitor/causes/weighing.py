"""How severe an alarm is: whether the risks of patients are wrong now."""

from bedside.core.records.watch import AlarmSeverity
from bedside.monitor.causes.evidence_of import Evidence, Move
from bedside.monitor.causes.explained import Case, Explanation
from bedside.monitor.stream.streams import PERFORMANCE

__all__ = ["effect_of", "score_share", "severity_of"]

LEAST_SHIFT = 0.05
"""Of the mean log-odds; of a smaller one no share is told, because chance makes most of it."""

MOST_SHARE = 1.5
"""Where its signals do far more than the shift, others work against them, and no share is told."""

LARGE_EFFECT = 0.2
"""On the mean log-odds: the odds of everybody changed by a fifth."""

SOME_EFFECT = 0.05
LARGE_SHARE = 0.25  # of the score shift
SCORE_MOVED = 0.05  # of the mean rank of the risk
ALERTS_MOVED = (0.02, 0.25)  # of the answers, and of the alert rate itself
CALIBRATION_OFF = (0.02, 0.2)  # of the patients, and of those with the outcome
AREA_LOST = 0.05
NOT_ANSWERED = 0.1  # of the questions
FEWEST = 11


def effect_of(evidence: Evidence, explanation: Explanation) -> float:
    """By how much its signals move the mean log-odds; of everything where it names none."""
    found = evidence.attribution
    if found is None or found.n < FEWEST:
        return 0.0
    if not explanation.signals:
        return found.shift
    return sum(found.by_signal.get(signal, 0.0) for signal in explanation.signals)


def score_share(evidence: Evidence, explanation: Explanation) -> float | None:
    """The share of the score shift that its signals account for; None: there is none to share."""
    found = evidence.attribution
    if found is None or found.n < FEWEST or abs(found.shift) < LEAST_SHIFT:
        return None
    if not explanation.signals or explanation.kind != "input":
        return None
    share = found.share(explanation.signals)
    return None if share is None or not 0 <= share <= MOST_SHARE else round(min(share, 1.0), 4)


def severity_of(
    case: Case, evidence: Evidence, explanation: Explanation, event_share: float | None
) -> AlarmSeverity:
    """High where the risks of patients are wrong now, medium where they may be, else low."""
    share = score_share(evidence, explanation)
    effect = abs(effect_of(evidence, explanation))
    about_inputs = explanation.kind == "input"
    families = {case.family(finding) for finding in explanation.findings}
    moves = [
        move
        for finding in explanation.findings
        if (move := evidence.moves.get(finding.stream)) is not None
    ]
    if about_inputs and effect >= LARGE_EFFECT:
        return "high"
    if about_inputs and share is not None and abs(share) >= LARGE_SHARE and _risks_moved(evidence):
        return "high"
    if any(_harmful(move, event_share) for move in moves):
        return "high"
    if explanation.cause in ("unit_change", "feed_lost") and effect >= SOME_EFFECT:
        return "medium"
    if explanation.cause == "volume" or families & {  # patients may be without a risk
        *PERFORMANCE, "score", "alert", "answering",
    }:  # fmt: skip
        return "medium"
    return "medium" if about_inputs and effect >= SOME_EFFECT else "low"


def _risks_moved(evidence: Evidence) -> bool:
    """Whether the risks of everybody, or the alerts, surely moved, and by much."""
    return any(
        move.strong
        and abs(move.change)
        >= (
            SCORE_MOVED
            if move.family == "score"
            else max(ALERTS_MOVED[0], ALERTS_MOVED[1] * move.then)
        )
        for move in evidence.of("score", "alert")
        if move.id != "score_spread"
    )


def _harmful(move: Move, event_share: float | None) -> bool:
    """Whether this move alone makes risks wrong, or leaves patients without one."""
    size = abs(move.change)
    if move.family in ("calibration", "group calibration"):
        return 2 * size >= max(CALIBRATION_OFF[0], CALIBRATION_OFF[1] * (event_share or 0.0))
    if move.family in ("discrimination", "group discrimination"):
        return -move.change >= AREA_LOST
    if move.family == "answering":
        return move.change >= NOT_ANSWERED
    return move.family == "alert" and size >= max(ALERTS_MOVED[0], ALERTS_MOVED[1] * move.then)
