"""Charts of outcomes that are not yes or no: survival, levels and values."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bedside.charts.columns import histogram
from bedside.charts.crossed import crossed_chart
from bedside.charts.lines import Line
from bedside.develop.evaluate.pictures import WORRY_DOTS, Picture, banded, picture_of, told

__all__ = ["level_pictures", "survival_pictures", "value_pictures"]

_GROUPS = ("lowest risk", "second", "third", "highest risk")
_MANY = {1: "one group", 2: "two groups", 3: "three groups", 4: "four groups"}
_LEVELS_A_CHART = 5  # as many as there are tones


def survival_pictures(curves: Mapping[str, Any]) -> tuple[list[Picture], list[Picture]]:
    """Those of discrimination, and those of calibration."""
    ranking, calibration = [], []
    if "over_time" in curves and curves["over_time"]["days"]:
        ranking += _over_time(curves["over_time"])
    if "risk_groups" in curves:
        calibration.append(_by_group(curves["risk_groups"]))
    calibration += [_at_horizon(one) for one in curves["horizons"] if one["predicted"]]
    if "competing" in curves:
        calibration.append(_competing(curves["competing"]))
    return ranking, calibration


def _by_group(groups: list[dict[str, Any]]) -> Picture:
    names = _GROUPS if len(groups) == len(_GROUPS) else [f"group {n + 1}" for n in range(9)]
    lines, top, last = [], 0.05, 1.0
    for tone, (name, group) in enumerate(zip(names, groups, strict=False)):
        lines += banded(name, group["days"], group, "observed", tone=tone, steps=True)
        some = slice(None, None, max(len(group["predicted"]) // 8, 1))
        lines.append(
            Line(
                name="",
                x=group["predicted_days"][some],
                y=group["predicted"][some],
                dots=True,
                drawn=False,
                tone=tone,
            )
        )
        figures = [*group["predicted"], *(high for high in group["high"] if high is not None)]
        top, last = max([top, *figures]), max([last, *group["predicted_days"]])
    return picture_of(
        "The event over time, by predicted risk",
        f"Patients in {_MANY[len(groups)]} of predicted risk. Lines: who had had the "
        "event by each day, with the 95 % interval (Aalen-Johansen, so that follow-up may end "
        "early); a line ends where ten patients or fewer are still followed. Dots: what the model "
        "predicted. Worry when dots leave the band of their own line, or when lines cross.",
        lines,
        x_title="days since the prediction",
        y_title="share with the event",
        x_range=(0, last),
        y_range=(0, min(top * 1.05, 1.0)),
    )


def _at_horizon(one: Mapping[str, Any]) -> Picture:
    x, y, low, high = told(one["predicted"], one["observed"], one["low"], one["high"])
    top = min(max([*one["predicted"], *high, *y, 0.01]) * 1.05, 1.0)
    return picture_of(
        f"Calibration at {one['days']:,g} days",
        "Predicted risk by then against the share who had the event, as far as they were "
        f"followed. {WORRY_DOTS}",
        [
            Line(name="observed", x=x, y=y, low=low, high=high, dots=True, drawn=False, tone=1),
            Line(name="perfect", x=[0, top], y=[0, top], dashed=True, tone=2),
        ],
        x_title="predicted risk",
        y_title="share that came true",
        x_range=(0, top),
        y_range=(0, top),
    )


def _over_time(told_: Mapping[str, Any]) -> list[Picture]:
    days, area, brier = told_["days"], told_["auc"], told_["brier"]
    low = min([0.45, *(value for value in area["low"] if value is not None)])
    top = max([0.05, *(value for value in brier["high"] if value is not None)]) * 1.1
    span = (0.0, days[-1])
    return [
        picture_of(
            "Discrimination over time",
            "For each day, the chance that a patient with the event by then had a higher risk than "
            "one without it (AUC); the band is the 95 % interval. Worry when it nears 0.5.",
            [
                *banded("model", days, area, "estimate", tone=0, dots=True),
                Line(name="a coin", x=[0, days[-1]], y=[0.5, 0.5], dashed=True, tone=1),
            ],
            x_title="days since the prediction",
            y_title="AUC",
            x_range=span,
            y_range=(low, 1.0),
        ),
        picture_of(
            "Error over time",
            "The squared distance between the predicted risk and what had happened by each day "
            "(Brier score); 0 is perfect, 0.25 is always saying one half.",
            banded("model", days, brier, "estimate", tone=0, dots=True),
            x_title="days since the prediction",
            y_title="Brier score",
            x_range=span,
            y_range=(0.0, top),
        ),
    ]


def _competing(one: Mapping[str, Any]) -> Picture:
    top = max([0.05, *(value for value in one["high"] if value is not None)]) * 1.1
    return picture_of(
        "The competing event over time",
        "The share of all patients who had the competing event first, after which the predicted "
        "event can no longer come. Where it is large, a risk that ignores it is too high.",
        banded("observed", one["days"], one, "estimate", tone=3, steps=True),
        x_title="days since the prediction",
        y_title="share with the competing event",
        x_range=(0, max([1.0, *one["days"]])),
        y_range=(0, min(top, 1.0)),
    )


def level_pictures(curves: Mapping[str, Any]) -> tuple[list[Picture], list[Picture]]:
    """What was predicted against what came true, and the calibration of each level."""
    if "confusion" not in curves:
        return [], []
    levels, share = curves["confusion"]["levels"], curves["confusion"]["share"]
    title = "What was predicted, by what came true"
    says = (
        "Each row is a level that came true, and how often each level was the likeliest then. "
        "Worry when a row is dark off the diagonal. Cells with few patients are not told."
    )
    svg = crossed_chart(
        levels, levels, share, title=title, says=says, row_title="came true",
        column_title="predicted",
    )  # fmt: skip
    crossed = Picture(title=title, says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts
    each = list(curves["level_calibration"].items())
    charts = [
        _level_calibration(each[at : at + _LEVELS_A_CHART])
        for at in range(0, len(each), _LEVELS_A_CHART)
    ]
    return [crossed], charts


def _level_calibration(levels: list[tuple[str, Mapping[str, Any]]]) -> Picture:
    lines, top = [], 0.05
    for tone, (name, one) in enumerate(levels):
        x, y, low, high = told(one["predicted"], one["observed"], one["low"], one["high"])
        lines.append(Line(name=name, x=x, y=y, low=low, high=high, dots=True, tone=tone))
        top = max([top, *x, *high])
    top = min(top * 1.05, 1.0)
    return picture_of(
        "Calibration of each level",
        f"The predicted chance of each level against how often it came true. {WORRY_DOTS}",
        [*lines, Line(name="perfect", x=[0, top], y=[0, top], dashed=True, tone=2)],
        x_title="predicted chance",
        y_title="share that came true",
        x_range=(0, top),
        y_range=(0, top),
    )


def value_pictures(curves: Mapping[str, Any], unit: str) -> tuple[list[Picture], list[Picture]]:
    """Predicted against observed, and what is left over."""
    one, left = curves["predicted_observed"], curves["residuals"]
    x, y, low, high = told(one["predicted"], one["observed"], one["low"], one["high"])
    ends = [*one["predicted"], *low, *high] or [0.0, 1.0]
    spare = 0.05 * (max(ends) - min(ends)) or 1.0
    span = (min(ends) - spare, max(ends) + spare)
    seen = picture_of(
        "Predicted and observed",
        f"Groups of patients by predicted value: the mean of what was measured. {WORRY_DOTS}",
        [
            Line(name="observed mean", x=x, y=y, low=low, high=high, dots=True, drawn=False,
                 tone=1),
            Line(name="perfect", x=list(span), y=list(span), dashed=True, tone=2),
        ],
        x_title=f"predicted{unit}",
        y_title=f"observed{unit}",
        x_range=span,
        y_range=span,
    )  # fmt: skip
    return [seen], [_residuals(left, span, unit), _how_far_off(left, unit)]


def _residuals(left: Mapping[str, Any], span: tuple[float, float], unit: str) -> Picture:
    x = left["predicted"]
    reach = max([abs(value) for value in [*left["tenth"], *left["ninetieth"]]] or [1.0]) * 1.1
    eight_tenths = Line(
        name="median, and eight tenths of patients", x=x, y=left["median"], low=left["tenth"],
        high=left["ninetieth"], band=True, tone=0,
    )  # fmt: skip
    return picture_of(
        "How far off, by predicted value",
        "Observed less predicted: the median, and between which values eight tenths of patients "
        "lie. Worry when the line leaves 0, or when the band opens at one end.",
        [eight_tenths, Line(name="exact", x=list(span), y=[0, 0], dashed=True, tone=2)],
        x_title=f"predicted{unit}",
        y_title=f"observed less predicted{unit}",
        x_range=span,
        y_range=(-(reach or 1.0), reach or 1.0),
    )


def _how_far_off(left: Mapping[str, Any], unit: str) -> Picture:
    says = "How many predictions are how far off (observed less predicted). Worry about two hills."
    svg = histogram(left["edges"], left["rows"], says=says, unit=unit)
    return Picture(title="How far off", says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts
