"""A model's form as JSON bytes and back, strictly: what is not one is refused."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar, get_args

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.outcome import OUTCOME_KINDS
from bedside.models.form import (
    Additive,
    CalibrationMap,
    GroupMap,
    Hazards,
    Link,
    Member,
    ModelForm,
    Term,
    Trees,
)

__all__ = ["form_from_json", "form_to_json"]

Record = TypeVar("Record")


def form_to_json(form: ModelForm) -> bytes:
    """Canonical JSON; every float is written so that it reads back to the bit."""
    told = asdict(form)
    for member, one in zip(told["members"], form.members, strict=True):
        member["kind"] = "trees" if isinstance(one.part, Trees) else "additive"
    return canonical_json(told)


def form_from_json(content: bytes) -> ModelForm:
    """The form again.

    Raises:
        Refused: these bytes are no form, or its parts do not fit together (`model_unreadable`).
    """
    try:
        form = _form(json.loads(content))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise _unreadable("it is no model") from None
    for problem in _problems(form):
        raise _unreadable(problem)
    return form


def _form(told: Mapping[str, Any]) -> ModelForm:
    hazards = told["hazards"]
    return _record(
        ModelForm,
        told,
        outcome=_one_of(told["outcome"], OUTCOME_KINDS),
        link=_one_of(told["link"], get_args(Link)),
        width=int(told["width"]),
        members=tuple(_member(one) for one in told["members"]),
        levels=tuple(str(one) for one in told["levels"]),
        cutpoints=_floats(told["cutpoints"]),
        horizons=_floats(told["horizons"]),
        hazards=None
        if hazards is None
        else _record(
            Hazards,
            hazards,
            days=_floats(hazards["days"]),
            cumulative=_rows(hazards["cumulative"]),
        ),
        calibration=_map(told["calibration"]),
        groups=tuple(
            _record(
                GroupMap,
                one,
                column=int(one["column"]),
                value=float(one["value"]),
                calibration=_map(one["calibration"]),
            )
            for one in told["groups"]
        ),
    )


def _member(told: Mapping[str, Any]) -> Member:
    part, kind = told["part"], _one_of(told["kind"], ("trees", "additive"))
    if kind == "trees":
        trees = _record(Trees, part, text=str(part["text"]), outputs=int(part["outputs"]))
        return Member(part=trees, weight=float(told["weight"]))
    additive = _record(
        Additive,
        part,
        intercept=_floats(part["intercept"]),
        terms=tuple(_term(one) for one in part["terms"]),
        expected=_rows(part["expected"]),
    )
    return Member(part=additive, weight=float(told["weight"]))


def _term(told: Mapping[str, Any]) -> Term:
    return _record(
        Term,
        told,
        kind=_one_of(told["kind"], ("linear", "steps", "polyline")),
        features=tuple(int(one) for one in told["features"]),
        scores=_rows(told["scores"]),
        edges=_rows(told["edges"]),
    )


def _map(told: Mapping[str, Any]) -> CalibrationMap:
    return _record(
        CalibrationMap,
        told,
        kind=_one_of(told["kind"], ("none", "affine", "beta", "polyline", "venn_abers")),
        numbers=_floats(told["numbers"]),
        knots=_floats(told["knots"]),
        values=_rows(told["values"]),
    )


def _record(of: type[Record], told: Mapping[str, Any], /, **values: Any) -> Record:
    """The record, from exactly its own keys."""
    if set(told) != {field.name for field in fields(of)}:  # type: ignore[arg-type]
        raise ValueError("other keys")
    return of(**values)


def _one_of(value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise ValueError("another word")
    return value


def _floats(told: Any) -> tuple[float, ...]:
    made = tuple(float(one) for one in told)
    if not all(math.isfinite(one) for one in made):
        raise ValueError("not finite")
    return made


def _rows(told: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(_floats(one) for one in told)


def _problems(form: ModelForm) -> Iterator[str]:
    if form.width < 1 or not form.members:
        yield "it has no feature or no part"
    outputs = {member.part.outputs for member in form.members}
    if len(outputs) != 1:
        yield "its members differ in what they give"
    for member in form.members:
        if isinstance(member.part, Additive):
            for term in member.part.terms:
                yield from _term_problems(term, form.width, member.part.outputs)
    if form.link == "cumulative_logistic" and (outputs != {1} or not _ascending(form.cutpoints)):
        yield "an ordinal model has other than one margin, or cutpoints that do not ascend"
    if form.link in ("proportional_hazards", "competing_hazards"):
        if form.hazards is None or not form.horizons:
            yield "a survival model has no baseline hazard or no horizon"
        elif len(form.hazards.cumulative) != next(iter(outputs)):
            yield "there is not one baseline hazard for each margin"
    for calibration in (form.calibration, *(group.calibration for group in form.groups)):
        yield from _map_problems(calibration)


def _term_problems(term: Term, width: int, outputs: int) -> Iterator[str]:
    if not term.features or not all(0 <= at < width for at in term.features):
        yield "a term speaks of a feature that is not there"
    if len(term.scores) != outputs:
        yield "a term has not one score for each output"
    if term.kind == "linear":
        size = 2
    elif term.kind == "polyline":
        size = 1 + len(term.edges[0]) if len(term.edges) == 1 else -1
    else:
        if len(term.edges) != len(term.features):
            yield "a term has not one list of edges for each feature"
        size = math.prod(len(edges) + 2 for edges in term.edges)
    if any(len(scores) != size for scores in term.scores):
        yield "a term has not one score for each bin"
    if not all(_ascending(edges) for edges in term.edges):
        yield "the edges of a term do not ascend"


def _map_problems(calibration: CalibrationMap) -> Iterator[str]:
    sizes = {"none": 0, "beta": 3, "polyline": 0, "venn_abers": 0}
    if calibration.kind in sizes and len(calibration.numbers) != sizes[calibration.kind]:
        yield "a calibration has not the numbers that it needs"
    knots = len(calibration.knots)
    wanted = {"polyline": [knots], "venn_abers": [knots + 1] * 2}.get(calibration.kind, [])
    if [len(values) for values in calibration.values] != wanted:
        yield "a calibration has not one value for each knot"
    if not _ascending(calibration.knots):
        yield "the knots of a calibration do not ascend"


def _ascending(values: tuple[float, ...]) -> bool:
    return all(low < high for low, high in itertools.pairwise(values))


def _unreadable(problem: str) -> Refused:
    return Refused(
        f"The packaged model cannot be read: {problem}.",
        fix="build the version again.",
        code="model_unreadable",
    )
