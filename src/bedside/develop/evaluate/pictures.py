"""The curves of the evidence as charts, each with a sentence on what it shows and when to worry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from bedside.charts.columns import histogram
from bedside.charts.lines import Line, Mark, line_chart

__all__ = [
    "Picture",
    "banded",
    "calibration_pictures",
    "picture_of",
    "ranking_pictures",
    "told",
    "usefulness_pictures",
]

EVERYONE = 200  # points of the line of treating everyone
WORRY_DOTS = "Worry when dots lie off the dashed line by more than their intervals."


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart, its title, and the sentence below it."""

    title: str
    says: str
    svg: Markup


def picture_of(title: str, says: str, lines: Sequence[Line], **axes: Any) -> Picture:
    """Lines over two axes; see `line_chart`."""
    svg = line_chart(lines, title=title, says=says, **axes)
    return Picture(title=title, says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts


def told(*series: Sequence[float | None]) -> list[list[float]]:
    """The series without the places where any of them has no figure.

    >>> told([1, 2, 3], [4, None, 6])
    [[1, 3], [4, 6]]
    """
    kept = [part for part in zip(*series, strict=True) if None not in part]
    return [list(part) for part in zip(*kept, strict=True)] or [[] for _ in series]


def banded(
    name: str, x: Sequence[float | None], figures: Mapping[str, Any], key: str, **more: Any
) -> list[Line]:
    """A line, and behind it the band of its interval where there is one.

    Args:
        name: Of the line.
        x: Of its points.
        figures: The line under `key`, and its `low` and `high`.
        key: As above.
        more: How the line is drawn.
    """
    xs, ys = told(x, figures[key])
    bx, low, high = told(x, figures["low"], figures["high"])
    line = Line(name=name, x=xs, y=ys, **more)
    if not bx:
        return [line]
    tone = more.get("tone", 0)
    band = Line(
        name="", x=bx, y=low, low=low, high=high, band=True, drawn=False, tone=tone,
        steps=more.get("steps", False),
    )  # fmt: skip
    return [line, band]


def ranking_pictures(curves: Mapping[str, Any]) -> list[Picture]:
    """ROC, and precision against recall."""
    roc, precision = curves["roc"], curves["precision_recall"]
    common = precision["prevalence"]
    return [
        picture_of(
            "ROC",
            "Sensitivity against false alarms at every threshold; the band is the 95 % interval. "
            "Worry when the line is near the dashed diagonal, which is a coin.",
            [
                *banded("model", roc["x"], roc, "y", tone=0),
                Line(name="a coin", x=[0, 1], y=[0, 1], dashed=True, tone=1),
            ],
            x_title="share of those without the outcome who are alerted",
            y_title="sensitivity",
        ),
        picture_of(
            "Precision and recall",
            "How many alerts are right at each sensitivity; alerts drawn by chance are on the "
            "dashed line. Worry when the line falls steeply before the sensitivity you need.",
            [
                *banded("model", precision["x"], precision, "y", tone=0),
                Line(name="by chance", x=[0, 1], y=[common, common], dashed=True, tone=1),
            ],
            x_title="sensitivity (recall)",
            y_title="share of alerts that are right (precision)",
        ),
    ]


def calibration_pictures(curves: Mapping[str, Any]) -> list[Picture]:
    """Predicted risk against what came true, and how the risks lie."""
    bins, risks = curves["calibration"], curves["risks"]
    smooth = bins["smooth"]
    high = [value for value in bins["high"] if value is not None]
    top = min(max([*bins["predicted"], *high, 0.01]) * 1.05, 1.0)
    x, y, low, upper = told(bins["predicted"], bins["observed"], bins["low"], bins["high"])
    says = "How many predictions lie at each risk, the last column with all above it."
    if None in risks["rows"]:
        says += " Dashed columns have too few patients to be told."
    columns = histogram(risks["edges"], risks["rows"], says=says)
    return [
        picture_of(
            "Calibration",
            "Predicted risk against what came true: a smooth curve with its band, and dots for "
            f"groups of patients. {WORRY_DOTS}",
            [
                *banded("observed, smoothed", smooth["predicted"], smooth, "observed", tone=0),
                Line(name="observed", x=x, y=y, low=low, high=upper, dots=True, drawn=False,
                     tone=1),
                Line(name="perfect", x=[0, top], y=[0, top], dashed=True, tone=2),
            ],
            x_title="predicted risk",
            y_title="share that came true",
            x_range=(0, top),
            y_range=(0, top),
        ),
        Picture(
            title="How the risks lie",
            says=f"{says} Worry when nearly all lie at one risk: the model then tells few apart.",
            svg=Markup(columns),  # noqa: S704 - escaped by charts
        ),
    ]  # fmt: skip


def usefulness_pictures(
    curves: Mapping[str, Any], threshold: float | None
) -> list[Picture]:  # fmt: skip
    """The decision curve, with the chosen threshold marked."""
    benefit = curves["net_benefit"]
    bars = benefit["threshold"]
    if not bars:
        return []
    best = [value for value in [*benefit["model"], *benefit["high"]] if value is not None]
    common, last = curves["precision_recall"]["prevalence"], bars[-1]
    grid = [last * step / EVERYONE for step in range(EVERYONE + 1)]
    everyone = [common - bar / (1 - bar) * (1 - common) for bar in grid]
    highest = max([*best, common, 1e-3]) * 1.12
    marks = [] if threshold is None else [Mark(x=threshold, text="alert threshold")]
    return [
        picture_of(
            "Net benefit",
            "What acting on the model is worth at each threshold, in true alerts a patient, "
            "against treating everyone or no one. Worry when the line is not above both others at "
            "the thresholds that you would use.",
            [
                *banded("model", bars, benefit, "model", tone=0),
                Line(name="treat everyone", x=grid, y=everyone, dashed=True, tone=1),
                Line(name="treat no one", x=[0, last], y=[0, 0], dashed=True, tone=2),
            ],
            x_title="threshold on the risk",
            y_title="net benefit",
            x_range=(0, last),
            y_range=(-0.15 * highest, highest),
            marks=marks,
        )
    ]
