"""Selection by the future: bounds, windows and prediction times that only later events decide."""

from bedside.cohorts.leakage.edges import may_be_after, places_of, prediction_place
from bedside.cohorts.leakage.inputs import Result
from bedside.cohorts.leakage.outcome import leaves, outcome_of
from bedside.core.records.leakage import Checked, Finding
from bedside.core.records.question import RECORD_END, Question
from bedside.core.records.question_grammar import edges_of, parse_bounds

__all__ = ["selected"]

_FIX = "ask of everyone who can be asked at the prediction time, and let the label be unknown."


def selected(question: Question) -> Result:
    """What the question itself decides by looking ahead of the prediction time."""
    findings = [*_bounds(question), *_windows(question), *_times(question)]
    looked = Checked(
        detector="selection",
        what="windows, whose bounds and edges depend on nothing after the prediction time",
        number=len(question.windows),
        kinds=("selected_by_future", "window_depends_on_outcome"),
    )
    return Result(
        findings=tuple({finding.name: finding for finding in findings}.values()), checked=(looked,)
    )


def _bounds(question: Question) -> list[Finding]:
    moment, outcome = prediction_place(question), set(outcome_of(question).predicates)
    places = places_of(question)
    found = []
    for name, window in question.windows.items():
        if not window.has or not may_be_after(places[f"{name}.end"], moment):
            continue
        outcome_only = all(
            parse_bounds(bounds)[1] == 0 and outcome & set(leaves(question, [predicate]))
            for predicate, bounds in window.has.items()
        )
        bounded = ", ".join(sorted(window.has))
        found.append(
            Finding(
                name=f"selected_by_future:{name}",
                kind="selected_by_future",
                text=f"The window '{name}' ends after the prediction time, and its bounds on "
                f"{bounded} decide who is asked: at the bedside nobody can know that yet"
                + (" (here only those are left out whom the outcome meets before it counts)."
                   if outcome_only else " (immortal-time selection)."),
                fix=_FIX,
                severity="warning" if outcome_only else "leak",
            )
        )  # fmt: skip
    if question.prediction_times.keep == "last":
        found.append(
            Finding(
                name="selected_by_future:keep_last",
                kind="selected_by_future",
                text="Only the last prediction time of each "
                f"{question.prediction_times.per} is kept: that it is the last one is known only "
                "afterwards, and often because of the outcome.",
                fix="keep all of them, or the first.",
            )
        )
    return found


def _windows(question: Question) -> list[Finding]:
    """Windows other than the labelled one whose own edge an event of the outcome places."""
    outcome = outcome_of(question)
    found = []
    for name, window in question.windows.items():
        if window.label is not None:
            continue
        for side, edge in zip(("start", "end"), edges_of(name, window), strict=True):
            predicate = edge.event or ""
            if set(leaves(question, [predicate])) & set(outcome.label):
                found.append(
                    _depends(
                        name,
                        f"The {side} of the window '{name}' is placed by '{predicate}', which is "
                        "the outcome: those who have it get another window than those who do not.",
                    )
                )
    return found


def _times(question: Question) -> list[Finding]:
    """A prediction time that lies before the event, or the end of the record, that places it."""
    moment, found = prediction_place(question), []
    label = set(outcome_of(question).label)
    if question.trigger == RECORD_END or moment.at_record_end:
        found.append(
            _depends(
                "prediction_time",
                "The prediction time is placed by the end of the record, which nobody knows then.",
            )
        )
    elif moment.anchor != "trigger" and moment.hours < 0:
        found.append(
            _depends(
                "prediction_time",
                f"The prediction time lies {-moment.hours:g} hours before the event that places "
                f"it ({', '.join(moment.through)}).",
            )
        )
    elif moment.anchor == "trigger" and moment.hours < 0:
        same = label & set(leaves(question, [question.trigger]))
        found.append(
            _depends(
                "prediction_time",
                f"The prediction time lies {-moment.hours:g} hours before its trigger"
                + (", which is the outcome." if same else ", which has not happened yet then."),
            )
        )
    if label & set(leaves(question, moment.through)):
        found.append(
            _depends(
                "prediction_time",
                "The prediction time is placed by the outcome: those who have it are asked about "
                "at another moment than those who do not.",
            )
        )
    return found


def _depends(name: str, text: str) -> Finding:
    return Finding(
        name=f"window_depends_on_outcome:{name}",
        kind="window_depends_on_outcome",
        text=text,
        fix="place the edge by the trigger, or by an event that comes before the prediction time.",
    )
