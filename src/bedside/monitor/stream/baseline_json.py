"""A baseline as JSON and back."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from bedside.core.errors import Refused
from bedside.monitor.stream.grids import Grid
from bedside.monitor.stream.streams import FORM, Baseline, FeatureBaseline, Group, Stream

__all__ = ["baseline_from_json", "baseline_to_json"]

Record = TypeVar("Record")


def baseline_to_json(baseline: Baseline) -> dict[str, Any]:
    """What stands under `streams` in a bundle's reference; canonical JSON can say it."""
    told = {one.name: getattr(baseline, one.name) for one in fields(baseline)}
    told["streams"] = [asdict(one) for one in baseline.streams]
    told["features"] = [asdict(one) for one in baseline.features]
    told["groups"] = [asdict(one) for one in baseline.groups]
    for name in ("risk", "cases", "controls"):
        told[name] = None if told[name] is None else asdict(told[name])
    made: dict[str, Any] = json.loads(json.dumps({"form": FORM, **told}, allow_nan=False))
    return made


def baseline_from_json(told: Mapping[str, Any]) -> Baseline:
    """Read it again.

    Raises:
        Refused: it is none, or of another form (`baseline_unreadable`).
    """
    try:
        if told["form"] != FORM:
            raise ValueError("another form")
        rest = {name: value for name, value in told.items() if name != "form"}
        made = _record(
            Baseline,
            rest
            | {
                "streams": tuple(_record(Stream, one) for one in told["streams"]),
                "features": tuple(_feature(one) for one in told["features"]),
                "groups": tuple(_record(Group, one) for one in told["groups"]),
                **{name: _grid(told[name]) for name in ("risk", "cases", "controls")},
            },
        )
        _check(made)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise Refused(
            "The baseline that the version is watched by cannot be read.",
            fix="make it again: bedside monitor MODEL --baseline SINCE UNTIL.",
            code="baseline_unreadable",
        ) from None
    return made


def _feature(told: Mapping[str, Any]) -> FeatureBaseline:
    made = _record(FeatureBaseline, dict(told) | {"grid": _grid(told["grid"])})
    if made.grid is not None and made.levels and made.grid.cells != len(made.levels) + 1:
        raise ValueError("not one cell for each level")
    return made


def _grid(told: Mapping[str, Any] | None) -> Grid | None:
    if told is None:
        return None
    grid = _record(Grid, told)
    if len(grid.shares) != len(grid.edges) + 1 or list(grid.edges) != sorted(set(grid.edges)):
        raise ValueError("edges that do not ascend")
    if not all(0 <= share <= 1 for share in grid.shares):
        raise ValueError("a share outside 0 to 1")
    return grid


def _check(baseline: Baseline) -> None:
    """What the tallies rely on."""
    if len({stream.id for stream in baseline.streams}) < len(baseline.streams):
        raise ValueError("a stream twice")
    for stream in baseline.streams:
        if not (0 <= stream.least <= stream.most <= 1 and stream.least < 1 and stream.most > 0):
            raise ValueError("an empty range")
    if baseline.calibrated and (
        baseline.risk is None or len(baseline.calibrated) != baseline.risk.cells
    ):
        raise ValueError("not one risk for each cell")
    if baseline.contributions and len(baseline.contributions) != len(baseline.features) + 1:
        raise ValueError("contributions of another width")


def _record(of: type[Record], told: Mapping[str, Any]) -> Record:
    """The record, from exactly its own keys, with every list a tuple and every number finite."""
    if set(told) != {field.name for field in fields(of)}:  # type: ignore[arg-type]
        raise ValueError("other keys")
    return of(**{name: _frozen(value) for name, value in told.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return value
