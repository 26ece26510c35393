"""Which columns and rows of the event table a question needs."""

import polars as pl

from bedside.core.records.question import CodePattern, Predicate, Question
from bedside.core.records.question_grammar import (
    EVERYWHERE,
    asked_predicates,
    is_static,
    named_predicates,
    parse_expression,
)

__all__ = ["columns_of", "predicates_of", "where_of"]

_ALWAYS_READ = (
    "subject_id",
    "time",
    "known_at",
    "code",
    "value",
    "text",
    "end",
    "encounter_id",
    "source_row",
    "replaces",
)


def predicates_of(question: Question) -> dict[str, Predicate]:
    """Every predicate that is asked about, those that it is made of first."""
    names = [*question.patient_demographics, *named_predicates(question)]
    return asked_predicates(question, names)


def columns_of(question: Question, *, few: bool = False) -> list[str]:
    """The columns of the event table that a question reads.

    Whether a row corrects another or takes it back stands in `replaces`, `source_row`, `value`,
    `text` and `end`; so they are read for every question.

    Args:
        question: What is asked.
        few: Only those without which its predicates cannot be evaluated.
    """
    told = {"subject_id", "time", "known_at", "code"} if few else set(_ALWAYS_READ)
    for predicate in predicates_of(question).values():
        if predicate.value_min is not None or predicate.value_max is not None:
            told.add("value")
        told.update({"text_value": "text"}.get(one, one) for one in predicate.other_cols)
    return [one for one in _ALWAYS_READ if one in told] + sorted(told - set(_ALWAYS_READ))


def where_of(question: Question) -> pl.Expr | None:
    """The rows that a question needs: those of its codes, and corrections; None is every row."""
    predicates = predicates_of(question)
    named = named_predicates(question)
    if any(one in EVERYWHERE for one in named):
        return None
    for predicate in predicates.values():
        if predicate.expr is None:
            continue
        expression = parse_expression(predicate.expr)
        static = [one for one in expression.of if is_static(one, predicates)]
        if any(one in EVERYWHERE for one in expression.of):
            return None
        if len(static) == len(expression.of) or (static and not expression.every):
            return None
    needed = pl.col("replaces").is_not_null()
    texts = pl.col("code").cast(pl.String)
    listed: set[str] = set()
    for predicate in predicates.values():
        pattern = predicate.code
        if isinstance(pattern, str):
            listed.add(pattern)
        elif isinstance(pattern, CodePattern) and pattern.regex is None:
            listed.update(pattern.any)
        elif isinstance(pattern, CodePattern):
            needed = needed | texts.str.contains(str(pattern.regex))
    return needed | pl.col("code").is_in(sorted(listed))
