"""The burden of alerts in plain words, for a terminal."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from bedside.develop.evaluate.burden import Burden, Load
from bedside.lifecycle.burden import Simulated

__all__ = ["burden_json", "burden_words"]

_HEADS = ("threshold", "snooze", "alerts/24 h", "capacity", "per right", "events", "lead")
_WIDTHS = (11, 8, 12, 10, 10, 8, 8)


def burden_json(done: Simulated) -> dict[str, Any]:
    """The burden as one JSON document."""
    return {"version": done.version, **asdict(done.burden), "page": str(done.page)}


def burden_words(done: Simulated) -> str:
    """The answer, and tables of thresholds."""
    burden = done.burden
    lines = [f"{done.version}: which threshold fits the staff of {burden.beds} occupied beds?", ""]
    lines += [_answer(burden), ""]
    if burden.fitting:
        lines += ["The best threshold that fits, for each snooze:", *_table(burden.fitting), ""]
    lines += [f"Thresholds with a snooze of {burden.snooze_hours:g} h:", *_table(burden.choices)]
    return "\n".join(
        [
            *lines,
            "",
            f"events: share that an alert came for within {burden.lead_hours:g} h before; lead: "
            "median hours from the first such alert; per right: alerts for one that is right.",
            f"Page: {done.page}",
        ]
    )


def _answer(burden: Burden) -> str:
    if burden.capacity is None:
        return "No capacity is given: say with --capacity how many alerts 24 h have staff for."
    if burden.best is None:
        return f"None: every threshold causes more than {burden.capacity:g} alerts in 24 h."
    best = burden.best
    return (
        f"{best.threshold:.4g} with a snooze of {best.snooze_hours:g} h: "
        f"{best.alerts_per_day:.1f} of {burden.capacity:g} alerts in 24 h, "
        f"{_share(best.event_sensitivity)} of events found."
    )


def _table(loads: Iterable[Load]) -> list[str]:
    rows = [_HEADS, *(_cells(load) for load in loads)]
    return ["".join(f"{cell:>{w}}" for cell, w in zip(row, _WIDTHS, strict=True)) for row in rows]


def _cells(load: Load) -> tuple[str, ...]:
    return (
        f"{load.threshold:.4g}",
        f"{load.snooze_hours:g} h",
        f"{load.alerts_per_day:.1f}",
        _share(load.share_of_capacity),
        _number(load.alerts_per_true_alert, ""),
        _share(load.event_sensitivity),
        _number(load.median_lead_hours, " h"),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f}{unit}"
