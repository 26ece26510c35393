"""The part of the evidence report that says what the model relies on, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.lines import Line
from bedside.core.records.evidence import figure_text
from bedside.core.units import display
from bedside.develop.evaluate.pictures import Picture, picture_of
from bedside.metrics.names import METRICS

__all__ = ["explanations_section"]

FEW = 7  # whole values that are each written on the axis
Cells = Sequence[Mapping[str, Any]]
SCALE = {
    "binary": "log-odds",
    "multiclass": "log-odds",
    "ordinal": "log-odds",
    "survival": "log-hazard",
    "regression": "in the unit of what is predicted",
}
MOVED = {
    "binary": "risk",
    "survival": "risk",
    "multiclass": "chance of any answer but the first",
    "ordinal": "predicted level",
    "regression": "predicted value",
}
"""What a positive contribution raises, by kind of outcome."""


def explanations_section(evidence: Mapping[str, Any], outcome: str = "binary") -> Markup:
    """The part as HTML; empty where nothing is explained.

    Args:
        evidence: Its `explanations`, where it has any.
        outcome: Its kind.

    >>> str(explanations_section({}))
    ''
    """
    told = evidence.get("explanations") or {}
    if not told.get("by_signal"):
        return Markup()
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    metrics = [one["loss"]["metric"] for one in told["by_signal"] if "loss" in one]
    page = environment.get_template("explanations.html.j2").render(
        shares=_shares(told["by_signal"]),
        by_signal=told["by_signal"],
        metric=METRICS[metrics[0]] if metrics else None,
        shapes=_shapes(told["shapes"]),
        sentences=[_stability(told["stability"]), *_checks(told["checks"])],
        scale=SCALE[outcome],
        what=MOVED[outcome],
        figure=figure_text,
    )
    return Markup(page)  # noqa: S704 - made here, escaped


def _shares(by_signal: Cells) -> Picture:
    says = (
        "Each signal's share of the model's reasons, all its features together; the bars are 95 % "
        "intervals by patient. Worry when a signal leads that you would not expect."
    )
    title = "Share of the model's reasons, by signal"
    svg = forest_chart(
        [
            ForestRow(name=one["text"], estimate=one["share"], low=one["low"], high=one["high"])
            for one in by_signal
        ],
        title=title, says=says, figure_title="share", digits=1, low=0.0, per_cent=True,
    )  # fmt: skip
    return Picture(title=title, says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts


def _shapes(shapes: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """A chart for each feature with two cells or more, all on one scale."""
    ends = [
        end for one in shapes for cell in one["cells"] for end in (cell["low"], cell["high"], 0.0)
    ]
    if not ends:
        return []
    spare = 0.06 * (max(ends) - min(ends)) or 0.05
    scale = min(ends) - spare, max(ends) + spare
    return [_shape(one, scale) for one in shapes if len(one["cells"]) > 1]


def _shape(shape: Mapping[str, Any], scale: tuple[float, float]) -> Picture:
    cells: Cells = shape["cells"]
    missing = [cell for cell in cells if cell["value"] is None]
    known = [cell for cell in cells if cell["value"] is not None]
    title = shape["text"]
    if any(cell["label"] is not None for cell in known) or len(known) < 2:
        return _labelled(title, cells, scale, _unit(shape["unit"]))
    says = "Mean contribution by value."
    if missing:
        gap = missing[0]
        says += f" Missing: {gap['contribution']:+.2f} ({gap['low']:+.2f} to {gap['high']:+.2f})."
    x = [cell["value"] for cell in known]
    spare = 0.04 * (x[-1] - x[0]) or 0.5
    y, low, high = ([cell[key] for cell in known] for key in ("contribution", "low", "high"))
    unit = _unit(shape["unit"])
    return picture_of(
        title[:1].upper() + title[1:],
        says,
        [
            Line(name="", x=x, y=y, low=low, high=high, dots=True, tone=0),
            Line(name="", x=[x[0] - spare, x[-1] + spare], y=[0, 0], dashed=True, tone=2),
        ],
        x_title=f"{title} [{unit}]" if unit else title,
        y_title="contribution",
        x_range=(x[0] - spare, x[-1] + spare),
        y_range=scale,
        x_ticks=x if len(x) <= FEW and all(one == round(one) for one in x) else None,
    )


def _labelled(title: str, cells: Cells, scale: tuple[float, float], unit: str) -> Picture:
    """The same of categories, and of what has one known value."""
    says = "Mean contribution by value, with its interval."
    svg = forest_chart(
        [
            ForestRow(
                name=cell["label"] or f"{cell['value']:g} {unit}".strip(),
                estimate=cell["contribution"], low=cell["low"], high=cell["high"],
            )
            for cell in cells
        ],
        title=title, says=says, figure_title="contribution", digits=2, overall=0.0,
        low=scale[0], high=scale[1], half=True,
    )  # fmt: skip
    title = title[:1].upper() + title[1:]
    return Picture(title=title, says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts


def _unit(unit: str | None) -> str:
    """As clinicians write it; of a change per hour, that of what changes, and then "per h".

    >>> _unit("{score}/h"), _unit("mm[Hg]"), _unit("1")
    ('per h', 'mmHg', '')
    """
    if unit is None or not unit.endswith("/h"):
        return display(unit)
    return f"{display(unit.removesuffix('/h'))} per h".strip()


def _stability(told: Mapping[str, Any]) -> str:
    if "why" in told or told["jaccard"] is None:
        return f"Stability: not measured, since {told.get('why', 'no row had a reason')}."
    same, first, ranks = told["jaccard"], told["first"], told["spearman"]
    which = "strongest reason is" if told["top"] == 1 else f"{told['top']} strongest reasons are"
    text = (
        f"Stability: between {told['refits']} models of resampled training patients "
        f"({told['training_rows']:,} rows each), a patient's {which} the same to "
        f"{_share(same['mean'])} (Jaccard index; two models agree least to "
        f"{_share(same['lowest'])} and most to {_share(same['highest'])}; reasons drawn by chance "
        f"to {_share(told['jaccard_by_chance'])}). The first reason is the same in "
        f"{_share(first['mean'])}."
    )
    if ranks is not None:
        text += f" The order of all signals correlates by {ranks['mean']:.2f} (Spearman)."
    return f"{text} Worry when this is near what chance gives: do not act on single reasons then."


def _share(value: float, digits: int = 0) -> str:
    return f"{100 * value:.{digits}f} %"


def _checks(told: Mapping[str, Any]) -> list[str]:
    if "why" in told:
        return [f"Sanity of the explanations: not checked, since {told['why']}."]
    noise, driver = told["irrelevant"], told["driver"]
    passed = "passed" if told["passed"] else "NOT PASSED"
    return [
        f"Sanity of the explanations: {passed}.",
        f"A planted driver (the answer with noise) ranks {driver['rank']} of {driver['of']} with "
        f"{_share(driver['share'], 1)} of the reasons; it must rank first.",
        f"A planted irrelevance ({noise['copy_of']}, exchanged between patients) ranks "
        f"{noise['rank']} of {noise['of']} with {_share(noise['share'], 1)} of the reasons; at "
        f"most half of the {_share(noise['original_share'], 1)} of the original is allowed. Worry "
        "when it is more: the model then learns chance by heart.",
    ]
