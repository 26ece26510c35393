"""A question by itself: in words, checked against the data, and answered with its flow."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bedside.cohorts.question.rows import matching
from bedside.cohorts.question_words import question_words
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.flow_words import ToldStep, count_text, told_flow
from bedside.core.records.question import Predicate, Question
from bedside.core.records.split import SIDES
from bedside.develop.evaluate.cohort_page import render_cohort
from bedside.lifecycle.asking import Asking, flow_of, steps_of
from bedside.lifecycle.intake import intake_of
from bedside.lifecycle.platform import Platform

__all__ = ["Flowed", "PredicateCount", "check_question", "flow_question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flowed:
    """The flow of a question as it may be shown, its labels by side, and the page."""

    steps: tuple[ToldStep, ...]
    labels: dict[str, dict[str, str]]
    page: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateCount:
    """How often a plain predicate's codes are met; None where that is ten or fewer."""

    name: str
    codes: int
    events: int | None
    subjects: int | None


def flow_question(platform: Platform, declaration: Declaration, data: Path | None) -> Flowed:
    """Answer the question, tell who was left out at each step, and write the page.

    Raises:
        NotFound, Invalid, Refused, Unavailable: as a build would.
    """
    rows, flow = flow_of(platform, declaration, data)
    steps = told_flow(flow)
    asked = declaration.question
    labels = {side: _labels(rows.filter(pl.col("side") == side), asked) for side in SIDES}
    labels["unknown or unused"] = _labels(rows.filter(pl.col("side").is_null()), asked)
    page = platform.folder / "reports" / declaration.name / "cohort.html"
    words = question_words(asked)
    platform.write(page, render_cohort(declaration, steps, labels, words).encode())
    platform.ledger.append(
        platform.actor, "question.flow", {"model": declaration.name, "steps_count": len(steps)}
    )
    return Flowed(steps=steps, labels=labels, page=page)


def _labels(rows: pl.DataFrame, question: Question) -> dict[str, str]:
    """Subjects, rows, and how many rows have which outcome, in words; a number has no cases.

    Ten or fewer are not told, and where they could be found by subtraction, nothing is told but to
    the nearest ten.
    """
    cases = dict(enumerate(question.outcome.levels))
    if question.outcome.kind in ("binary", "survival"):
        cases[1] = "with the outcome"
    if question.time_at_risk is not None and question.time_at_risk.competing:
        cases |= {2: "with a competing event"} if question.outcome.kind == "survival" else {}
    counts = {case: int((rows["label"] == number).sum()) for number, case in cases.items()}
    known = rows.height - rows["label"].null_count()
    found = [*counts.values(), known - sum(counts.values()) if cases else 0]
    rounds = any(0 < count <= SUPPRESS_AT_OR_BELOW for count in found)
    counts = {"subjects": rows["subject_id"].n_unique(), "rows": rows.height, **counts}
    return {name: count_text(count, rounds) for name, count in counts.items()}


def check_question(
    platform: Platform, declaration: Declaration, data: Path | None
) -> tuple[PredicateCount, ...]:
    """How often each plain predicate of the question is met in the prepared data.

    A predicate that is never met is most often a code that is written in another way.

    Raises:
        NotFound, Invalid, Refused, Unavailable: as a build would.
    """
    with platform.lock():
        asking = Asking(
            platform=platform,
            declaration=declaration,
            intake=intake_of(platform, declaration, data),
            steps=steps_of(platform, platform.folder / "steps"),
        )
        snapshot = asking.prepared(asking.prepare(asking.collect()))
        events: Counter[str] = Counter()
        subjects: Counter[str] = Counter()
        for shard in snapshot.shards(["subject_id", "code"]):
            counts = shard.group_by(pl.col("code").cast(pl.String)).agg(
                pl.len(), pl.col("subject_id").n_unique().alias("of")
            )
            for code, count, of in counts.iter_rows():
                events[code] += count
                subjects[code] += of
    return tuple(_counted(declaration, events, subjects))


def _counted(
    declaration: Declaration, events: Counter[str], subjects: Counter[str]
) -> Iterator[PredicateCount]:
    question = declaration.question
    plain: dict[str, Predicate] = {**question.predicates, **question.patient_demographics}
    met = pl.Series(list(events), dtype=pl.String)
    for name, predicate in plain.items():
        if predicate.code is None:
            continue
        codes = met.filter(matching(predicate.code, met)).to_list()
        count = sum(events[code] for code in codes)
        most = max((subjects[code] for code in codes), default=0)
        yield PredicateCount(
            name=name,
            codes=len(codes),
            events=None if 0 < count <= SUPPRESS_AT_OR_BELOW else count,
            subjects=None if 0 < most <= SUPPRESS_AT_OR_BELOW else most,
        )
