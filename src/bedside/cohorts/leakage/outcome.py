"""Which predicates make the label, and which codes and events they speak of."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from bedside.core.records.question import CodePattern, Predicate, Question
from bedside.core.records.question_grammar import parse_expression

__all__ = ["Outcome", "codes_of", "events_of", "leaves", "outcome_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The plain predicates of the label, and of what competes with it, by name."""

    label: dict[str, Predicate]
    competing: dict[str, Predicate]

    @property
    def predicates(self) -> dict[str, Predicate]:
        """Both kinds."""
        return {**self.competing, **self.label}

    def which(self, code: str) -> str | None:
        """The name of the predicate that this code may belong to."""
        return next(
            (name for name, one in self.predicates.items() if code in codes_of(one, [code])), None
        )


def outcome_of(question: Question) -> Outcome:
    """The parts of the outcome, those of an `or` or `and` each for itself."""
    risk = question.time_at_risk
    labels = [window.label for window in question.windows.values() if window.label]
    names = [*labels, *([risk.outcome] if risk else [])]
    return Outcome(
        label=leaves(question, names), competing=leaves(question, risk.competing if risk else [])
    )


def leaves(question: Question, names: Iterable[str]) -> dict[str, Predicate]:
    """The plain predicates behind these names."""
    return dict(_leaves(question, names, frozenset()))


def _leaves(
    question: Question, names: Iterable[str], above: frozenset[str]
) -> Iterator[tuple[str, Predicate]]:
    for name in names:
        told = question.predicates.get(name)
        if told is None or name in above:
            continue  # one that every question has, such as any event, or a circle
        if told.expr is None:
            yield name, told
        else:
            parts = parse_expression(told.expr).of
            yield from _leaves(question, parts, above | {name})


def codes_of(predicate: Predicate, codes: Iterable[str]) -> set[str]:
    """Those of the codes that a plain predicate speaks of."""
    told = predicate.code
    if isinstance(told, CodePattern):
        if told.regex is not None:
            return {code for code in codes if re.match(told.regex, code)}
        return set(told.any).intersection(codes)
    return {code for code in codes if code == told}


def events_of(predicates: Iterable[Predicate], events: pl.DataFrame) -> pl.DataFrame:
    """The events that fulfil one of these plain predicates; `code` is text."""
    codes = events["code"].unique().to_list()
    met = pl.lit(False)
    for one in predicates:
        fits = pl.col("code").is_in(sorted(codes_of(one, codes)))
        if one.value_min is not None:
            value, low = pl.col("value"), one.value_min
            fits &= value > low if one.value_min_inclusive is False else value >= low
        if one.value_max is not None:
            value, high = pl.col("value"), one.value_max
            fits &= value < high if one.value_max_inclusive is False else value <= high
        for column, text in one.other_cols.items():
            name = {"text_value": "text"}.get(column, column)
            if name in events.columns:
                fits &= pl.col(name).cast(pl.String) == text
        met |= fits.fill_null(False)
    return events.filter(met)
