"""A baseline as JSON and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from bedside.core.errors import Refused
from bedside.monitor.stream.grids import Grid
from bedside.monitor.stream.streams import FORM, Baseline
from bedside.monitor.stream.values import atoms_of

__all__ = ["baseline_from_json", "baseline_to_json"]

_LONGEST_DELAY = 36_525  # days


def baseline_to_json(baseline: Baseline) -> dict[str, Any]:
    """What stands under `streams` in a bundle's reference; canonical JSON can say it."""
    told = {"form": FORM, **asdict(baseline)}
    if not baseline.codes:  # as it was before codes were counted
        del told["codes"]
    made: dict[str, Any] = json.loads(json.dumps(told, allow_nan=False))
    return made


def baseline_from_json(told: Mapping[str, Any]) -> Baseline:
    """Read it again.

    Raises:
        Refused: it is none, or of another form (`baseline_unreadable`).
    """
    try:
        if told["form"] != FORM:
            raise ValueError("another form")
        made = msgspec.convert(dict(told), Baseline)
        if baseline_to_json(made) != told:
            raise ValueError("other keys, or a number that is not finite")
        _check(made)
    except (IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise Refused(
            "The baseline that the version is watched by cannot be read.",
            fix="make it again: bedside monitor MODEL --baseline SINCE UNTIL.",
            code="baseline_unreadable",
        ) from None
    return made


def _check(baseline: Baseline) -> None:
    """What the tallies rely on."""
    if len({stream.id for stream in baseline.streams}) < len(baseline.streams):
        raise ValueError("a stream twice")
    for stream in baseline.streams:
        if not (0 <= stream.least <= stream.most <= 1 and stream.least < 1 and stream.most > 0):
            raise ValueError("an empty range")
    grids = [baseline.risk, baseline.cases, baseline.controls]
    for grid in [*grids, *(feature.grid for feature in baseline.features)]:
        if grid is not None:
            _check_grid(grid)
    for feature in baseline.features:
        if feature.grid and feature.levels and feature.grid.cells != len(feature.levels) + 1:
            raise ValueError("not one cell for each level")
    if baseline.contributions and len(baseline.contributions) != len(baseline.features) + 1:
        raise ValueError("contributions of another width")
    if not 0 <= (baseline.usual_delay_days or 0) <= _LONGEST_DELAY or baseline.span_hours < 0:
        raise ValueError("a time that cannot be")
    values = atoms_of(baseline).value
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a value outside 0 to 1")


def _check_grid(grid: Grid) -> None:
    if len(grid.shares) != len(grid.edges) + 1 or list(grid.edges) != sorted(set(grid.edges)):
        raise ValueError("edges that do not ascend")
    if not all(0 <= share <= 1 for share in grid.shares):
        raise ValueError("a share outside 0 to 1")
