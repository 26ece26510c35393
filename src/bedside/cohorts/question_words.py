"""A question in plain words, as a study design (OHDSI: target, outcome, time at risk)."""

from collections.abc import Iterator, Mapping

from bedside.core.clock import days_of, parse_duration
from bedside.core.records.question import CodePattern, Predicate, Question, TimeAtRisk, Window
from bedside.core.records.question_grammar import bounds_words, outcome_name

__all__ = ["question_words"]


def question_words(question: Question) -> list[str]:
    """Sentences for those who must judge whether this is the right question.

    >>> question_words(Question(
    ...     ask="will the patient die?", trigger="admission",
    ...     predicates={"admission": Predicate(code="ADM"), "death": Predicate(code="DEATH")},
    ...     time_at_risk=TimeAtRisk(outcome="death", end="7 d")))[1]
    'Target: each moment of admission (code ADM).'
    """
    return [
        f"Question: {question.ask}",
        f"Target: each moment of {_named(question, question.trigger)}.",
        *_demographics(question),
        *_moments(question),
        *_left_out(question),
        *_outcome(question),
    ]


def _named(question: Question, name: str) -> str:
    predicate = question.predicates.get(name)
    return f"{name} ({_meaning(predicate, question)})" if predicate else name.strip("_").lower()


def _meaning(predicate: Predicate, question: Question) -> str:
    if predicate.expr is not None:
        return predicate.expr
    parts = [_codes(predicate.code)]
    for bound, inclusive, words in (
        (predicate.value_min, predicate.value_min_inclusive, ("at least", "above")),
        (predicate.value_max, predicate.value_max_inclusive, ("at most", "below")),
    ):
        if bound is not None:
            parts.append(f"{words[0] if inclusive else words[1]} {bound:g}")
    parts += [f"{column} is {text!r}" for column, text in predicate.other_cols.items()]
    return ", ".join(parts)


def _codes(code: str | CodePattern | None) -> str:
    if isinstance(code, CodePattern):
        if code.regex is not None:
            return f"codes like {code.regex}"
        return f"any of the codes {', '.join(code.any)}"
    return f"code {code}"


def _demographics(question: Question) -> Iterator[str]:
    for name, predicate in question.patient_demographics.items():
        yield f"Of each subject it is known whether: {name} ({_meaning(predicate, question)})."


def _moments(question: Question) -> Iterator[str]:
    times = question.prediction_times
    at = [(name, window) for name, window in question.windows.items() if window.index_timestamp]
    where = f"the {at[0][1].index_timestamp} of the window {at[0][0]}" if at else "the trigger"
    yield f"Asked at: {where}" + (
        ", and never before the trigger could be seen." if times.seen == "known_at" else "."
    )
    if times.every or times.each:
        how = f"every {times.every}" if times.every else f"at each {times.each}"
        until = f" until {times.until}" if times.until else ""
        most = f", for at most {times.at_most}" if times.at_most else ""
        yield f"Asked again: {how}{until}{most}."
    if times.keep != "all":
        yield f"Kept: the {times.keep} of each {times.per}."


def _left_out(question: Question) -> Iterator[str]:
    for name, window in question.windows.items():
        for predicate, bounds in window.has.items():
            why = f" ({window.because})" if window.because else ""
            yield (
                f"Needed: {predicate} {bounds_words(bounds)} in {name}, "
                f"{_span(question.windows, name, window)}{why}."
            )
    for washout in question.washout:
        span = f"in the {washout.span} before" if washout.span else "ever before"
        why = f" ({washout.because})" if washout.because else ""
        yield f"Left out: who had {washout.predicate} {span}{why}."


def _span(windows: Mapping[str, Window], name: str, window: Window) -> str:
    """A window's edges in words, its own start and end read as they are declared."""
    start = window.start if window.start is not None else "the start of the record"
    end = window.end if window.end is not None else "the end of the record"
    edges = f"from {start} to {end}"
    opened = [
        word
        for word, inclusive in (("start", window.start_inclusive), ("end", window.end_inclusive))
        if not inclusive
    ]
    return edges + (f" (its {' and '.join(opened)} not included)" if opened else "")


def _outcome(question: Question) -> Iterator[str]:
    risk = question.time_at_risk
    if risk is not None:
        yield f"Outcome: {_named(question, risk.outcome)}."
        yield f"Time at risk: {_risk(risk)}."
    for name, window in question.windows.items():
        if window.label:
            yield f"Outcome: {_named(question, window.label)}."
            yield f"Time at risk: {_span(question.windows, name, window)}."
    yield from _predicted(question)
    if question.outcome.kind == "survival":
        late = parse_duration(question.settles_after)
        yield "Censored, not free of it: who was followed for less." + (
            f" An outcome may be written down up to {question.settles_after} late, so nobody is "
            f"followed into the last {question.settles_after} of the data."
            if late
            else ""
        )
        return
    if question.outcome.kind != "binary":
        yield "Unknown: where there was no such event, or it does not say."
        return
    yield (
        f"Unknown, not negative: an outcome that the data end too early to know; it may be written "
        f"down up to {question.settles_after} late."
    )


def _predicted(question: Question) -> Iterator[str]:
    """What the model says of the outcome; nothing more is said of a plain yes or no."""
    outcome, name = question.outcome, outcome_name(question)
    levels = f"{', '.join(outcome.levels[:-1])} or {outcome.levels[-1]}" if outcome.levels else ""
    if outcome.kind == "survival":
        spans = [_span_words(one) for one in outcome.horizons]
        told = f"{', '.join(spans[:-1])} and {spans[-1]}" if len(spans) > 1 else "".join(spans)
        last = f"; the risk by {spans[-1]} is the one that alerts" if len(spans) > 1 else ""
        yield f"Predicted: how likely {name} is by {told}{last}."
    elif outcome.kind == "multiclass":
        yield f"Predicted: how likely {name} is {levels}; {outcome.levels[0]} calls for nothing."
    elif outcome.kind == "ordinal":
        yield (
            f"Predicted: how likely {name} is {levels}, each graver than the one before; "
            f"{outcome.levels[0]} calls for nothing."
        )
    elif outcome.kind == "regression":
        yield f"Predicted: the value of {name}, in the unit of its signal."


def _span_words(duration: str) -> str:
    """A duration in whole years, months or days, where it is nearly that; else as it was written.

    >>> [_span_words(one) for one in ("365 d", "1826 d", "91 d", "30 d", "24 h", "2 h")]
    ['1 year', '5 years', '3 months (91 d)', '30 days', '1 day', '2 h']
    """
    days = days_of(duration)
    for length, unit, exact in ((365.25, "year", True), (30.4375, "month", False)):
        count = round(days / length)
        nearly = count >= (1 if exact else 2) and abs(days - count * length) <= 1
        if nearly:
            told = f"{count} {unit}{'s' * (count > 1)}"
            return told if exact else f"{told} ({duration})"
    if days >= 1 and days == int(days):
        return f"{int(days)} day{'s' * (days > 1)}"
    return duration


def _risk(risk: TimeAtRisk) -> str:
    said = f"from {risk.start} to {risk.end} after the prediction time"
    if risk.censored_by:
        said += f"; nobody is followed beyond {' or '.join(risk.censored_by)}"
    if risk.competing:
        said += f"; after {' or '.join(risk.competing)} it can no longer happen"
    return said
