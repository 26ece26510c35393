"""What a declaration must keep when it speaks of the kind of its outcome."""

from collections.abc import Iterator
from datetime import timedelta

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.question import TimeAtRisk
from bedside.core.records.question_grammar import outcome_name
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["outcome_mistakes"]

_PLACE = ("question", "outcome")
_OF_LEVELS = ("multiclass", "ordinal")


def outcome_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    outcome, risk = declaration.question.outcome, declaration.question.time_at_risk
    if outcome.kind == "survival":
        yield from _survival(outcome.horizons, risk)
        yield from _competing(declaration)
    elif outcome.horizons:
        yield Mistake(
            (*_PLACE, "horizons"),
            f"an outcome of the kind {outcome.kind} has no horizons",
            "remove them, or make the kind survival",
        )
    if outcome.kind in _OF_LEVELS:
        yield from _levels(outcome.levels)
    elif outcome.levels:
        yield Mistake(
            (*_PLACE, "levels"),
            f"an outcome of the kind {outcome.kind} has no levels",
            "remove them, or make the kind multiclass or ordinal",
        )
    yield from _told(declaration)
    yield from _utility(declaration)


def _survival(horizons: tuple[str, ...], risk: TimeAtRisk | None) -> Iterator[Mistake]:
    if risk is None:
        yield Mistake(
            _PLACE,
            "survival needs a time at risk, which says for how long a subject is followed",
            "give time_at_risk: {outcome, end, censored_by} instead of a window with a label",
        )
        return
    if _length(risk.start):
        yield Mistake(
            ("question", "time_at_risk", "start"),
            "a survival outcome is waited for from the prediction time on",
            "remove start, or move the prediction time itself with index_timestamp",
        )
    if not horizons:
        yield Mistake(
            _PLACE, "survival has no horizon", "add horizons, such as [365 d, 1826 d], ascending"
        )
    lengths: list[timedelta] = []
    for index, text in enumerate(horizons):
        length, path = _length(text), (*_PLACE, "horizons", index)
        if length is None:
            yield Mistake(path, f"'{text}' is not a duration", "write it like 365 d")
            return
        if length <= (lengths[-1] if lengths else timedelta()):
            yield Mistake(path, "the horizons do not ascend from above 0", "put them in order")
        lengths.append(length)
    end = _length(risk.end)
    if lengths and end is not None and lengths[-1] > end:
        yield Mistake(
            (*_PLACE, "horizons", len(lengths) - 1),
            f"the last horizon lies beyond the time at risk, which ends after {risk.end}",
            "let time_at_risk end at the last horizon, or later",
        )


def _competing(declaration: Declaration) -> Iterator[Mistake]:
    """Competing events, and the learner that can deal with them, go together."""
    risk, kind = declaration.question.time_at_risk, declaration.learner.kind
    if risk is not None and risk.competing and kind != "competing_risks":
        yield Mistake(
            ("learner", "kind"),
            f"'{kind}' would take competing events for censoring, and the risks would be too high",
            "write kind: competing_risks, or name the event under censored_by and say why it "
            "does not compete",
        )
    if kind == "competing_risks" and (risk is None or not risk.competing):
        yield Mistake(
            ("learner", "kind"),
            "no event competes with the outcome",
            "name it under question.time_at_risk.competing, or take another learner",
        )


def _levels(levels: tuple[str, ...]) -> Iterator[Mistake]:
    path = (*_PLACE, "levels")
    if len(levels) < 2:
        yield Mistake(path, "fewer than two levels", "name each text that the outcome may say")
    if len(set(levels)) < len(levels) or "" in levels:
        yield Mistake(path, "a level is named twice, or is empty", "name each once")


def _told(declaration: Declaration) -> Iterator[Mistake]:
    """The outcome's signal, where it has one, says what the kind asks of it."""
    kind = declaration.question.outcome.kind
    for name, signal in _signals_of(declaration):
        path = ("signals", name)
        if kind in _OF_LEVELS and not signal.is_categorical:
            yield Mistake(
                path,
                f"an outcome of the kind {kind} is a text, and this signal has no categories",
                "add categories:, the text of the source to each level",
            )
        if kind == "regression" and (signal.unit is None or signal.is_categorical):
            yield Mistake(
                path,
                "the outcome is a number, and this signal has no unit",
                "add unit: (UCUM), and no categories",
            )
        levels = dict.fromkeys((signal.categories or {}).values()) if kind in _OF_LEVELS else {}
        for level in levels:
            if level not in declaration.question.outcome.levels:
                yield Mistake(
                    (*path, "categories"),
                    f"'{level}' is not a level of the outcome",
                    "name it under question.outcome.levels",
                )


def _signals_of(declaration: Declaration) -> Iterator[tuple[str, Signal]]:
    """The outcome signals whose code is that of the predicate that must come true."""
    predicate = declaration.question.predicates.get(outcome_name(declaration.question) or "")
    if predicate is None or predicate.other_cols:
        return
    for name, signal in declaration.signals.items():
        if signal.role == "outcome" and predicate.code in signal.codes:
            yield name, signal


def _utility(declaration: Declaration) -> Iterator[Mistake]:
    """The Challenge counts hours before and after one onset, so it is of a binary outcome alone."""
    kind = declaration.question.outcome.kind
    if kind != "binary" and declaration.evaluation.utility is not None:
        yield Mistake(
            ("evaluation", "utility"),
            f"an outcome of the kind {kind} has no such utility",
            "remove it",
        )


def _length(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except Invalid:
        return None  # told where the question's own durations are read
