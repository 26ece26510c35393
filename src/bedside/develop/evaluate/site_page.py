"""What a site tells its hub, as a page: for whoever sends it, and whoever receives it."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.lines import Line, line_chart
from bedside.core.records.site_report import Figure, LocalFigures, SiteReport, ToldGate
from bedside.develop.evaluate.external_page import in_order, proof_template, title_of
from bedside.develop.evaluate.subgroup_pictures import in_order as groups_in_order

__all__ = ["gate_text", "render_report"]

FEW = "10 or fewer, or hidden with them"


def render_report(report: SiteReport, *, site: str, fingerprint: str) -> str:
    """The page; the same report gives the same page. Everything that it says is escaped.

    Args:
        report: Of the site.
        site: By which name it is known to whoever looks at the page.
        fingerprint: Of its key, in groups.
    """
    page: str = proof_template("site_report.html.j2").render(
        r=report,
        site=site,
        fingerprint=fingerprint,
        few=FEW,
        order=in_order,
        title=title_of,
        gate=gate_text,
        figure=_figure,
        calibration=_calibration,
        groups=_groups,
        rank=_ranking,
    )
    return page


def gate_text(gate: ToldGate) -> str:
    """A gate in words.

    >>> gate_text(ToldGate(metric="auroc", subgroup=None, bound="low", at_least=0.7, at_most=None,
    ...                    passed=True))
    'AUROC: lower end of the interval at least 0.7'
    """
    end = {"low": "lower end of the interval ", "high": "upper end of the interval "}
    bound = (
        f"at least {gate.at_least:g}"
        if gate.at_least is not None
        else f"at most {gate.at_most or 0:g}"
    )
    where = f" of each level of {gate.subgroup.replace('_', ' ')}" if gate.subgroup else ""
    return f"{title_of(gate.metric)}{where}: {end.get(gate.bound, '')}{bound}"


def _figure(figure: Figure) -> str:
    text = f"{figure.estimate:.3f}"
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({figure.low:.3f} to {figure.high:.3f})"


def _ranking(local: LocalFigures) -> str | None:
    """The figure by which the site's subgroups are compared."""
    names = [name for levels in local.subgroups.values() for one in levels.values()
             for name in one.figures]  # fmt: skip
    ordered = in_order(dict.fromkeys(names))
    return ordered[0] if ordered else None


def _calibration(local: LocalFigures) -> Markup | None:
    if not local.calibration:
        return None
    x = [one.predicted for one in local.calibration]
    y = [one.observed for one in local.calibration]
    top = max(*x, *y, 0.01) * 1.08
    svg = line_chart(
        [
            Line(name="this site's patients", x=x, y=y, dots=True),
            Line(name="perfect", x=[0.0, top], y=[0.0, top], dashed=True),
        ],
        title="Calibration",
        says="Predicted against observed, in groups of patients of like risk. Worry where the "
        "line lies far from the dashed one.",
        x_title="predicted",
        y_title="observed",
        x_range=(0.0, top),
        y_range=(0.0, top),
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _groups(local: LocalFigures) -> Markup | None:
    name = _ranking(local)
    if name is None:
        return None
    whole = local.figures.get(name)
    rows = [] if whole is None else [ForestRow(name="all patients", **_ends(whole))]
    rows += list(_rows(local, name))
    svg = forest_chart(
        rows,
        title=f"{title_of(name)} by subgroup",
        says=f"{title_of(name)} in each group of the site's patients, with its 95 % interval.",
        figure_title=title_of(name),
        overall=None if whole is None else whole.estimate,
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _rows(local: LocalFigures, name: str) -> Iterator[ForestRow]:
    for dimension, levels in groups_in_order(_plain(local)):
        yield ForestRow(name=dimension.replace("_", " "))
        for level, told in levels:
            group = told["group"]
            figure = group.figures.get(name)
            if figure is None:
                yield ForestRow(name=level or "unknown", why="too few patients to be shown")
            else:
                yield ForestRow(name=level, n=f"{group.subjects:,}", **_ends(figure))


def _plain(local: LocalFigures) -> Mapping[str, Any]:
    return {
        dimension: {level: {"group": group} for level, group in levels.items()}
        for dimension, levels in local.subgroups.items()
    }


def _ends(figure: Figure) -> dict[str, Any]:
    return {"estimate": figure.estimate, "low": figure.low, "high": figure.high}
