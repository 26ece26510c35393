"""What an answer needs to say how sure it is, and for whom there is none, as JSON and back."""

import itertools
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from bedside.core.errors import Refused
from bedside.models.conformal import ConformalInterval, ConformalSets
from bedside.models.domain import Domain

__all__ = ["LearntUncertainty", "uncertainty_from_json", "uncertainty_told"]

Record = TypeVar("Record")
Conformal = ConformalSets | ConformalInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntUncertainty:
    """What was learnt; None where nothing is declared."""

    conformal: Conformal | None = None
    domain: Domain | None = None


def uncertainty_told(learnt: LearntUncertainty) -> dict[str, Any]:
    """What stands in `uncertainty.json`; empty where nothing was learnt."""
    told = {"conformal": learnt.conformal, "domain": learnt.domain}
    return {name: asdict(one) for name, one in told.items() if one is not None}


def uncertainty_from_json(content: bytes) -> LearntUncertainty:
    """Read `uncertainty.json`.

    Raises:
        Refused: these bytes are none (`model_unreadable`).

    >>> uncertainty_from_json(b"{}")
    LearntUncertainty(conformal=None, domain=None)
    """
    try:
        told = json.loads(content)
        if set(told) - {"conformal", "domain"}:
            raise ValueError("other keys")
        found = told.get("conformal"), told.get("domain")
        return LearntUncertainty(
            conformal=None if found[0] is None else _conformal(found[0]),
            domain=None if found[1] is None else _domain(found[1]),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise Refused(
            "What the packaged model says of its uncertainty cannot be read.",
            fix="build the version again.",
            code="model_unreadable",
        ) from None


def _conformal(told: dict[str, Any]) -> Conformal:
    if "limits" in told:
        sets = _record(ConformalSets, told)
        if not sets.limits:
            raise ValueError("no label")
        return sets
    return _record(ConformalInterval, told)


def _domain(told: dict[str, Any]) -> Domain:
    domain = _record(Domain, told)
    wide, deep, axes = len(domain.missing), len(domain.columns), len(domain.axes)
    if len(domain.levels) != wide or not all(0 <= at < wide for at in domain.columns):
        raise ValueError("a feature that is not there")
    if {len(domain.knots), len(domain.scores), len(domain.rest)} != {deep}:
        raise ValueError("not one entry for each number")
    if len(domain.spread) != axes or any(len(one) != deep for one in domain.axes):
        raise ValueError("axes of another width")
    for knots, scores in zip(domain.knots, domain.scores, strict=True):
        rising = all(low < high for low, high in itertools.pairwise(knots))
        if not knots or len(knots) != len(scores) or not rising:
            raise ValueError("knots that do not ascend")
    if len(domain.limits) != 2 or min(*domain.limits, *domain.spread, *domain.rest) <= 0:
        raise ValueError("a limit or variance that is not above 0")
    return domain


def _record(of: type[Record], told: dict[str, Any]) -> Record:
    """The record, from exactly its own keys, with every list a tuple of finite numbers."""
    if set(told) != {field.name for field in fields(of)}:  # type: ignore[arg-type]
        raise ValueError("other keys")
    return of(**{name: _frozen(value) for name, value in told.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no finite number")
    return value
