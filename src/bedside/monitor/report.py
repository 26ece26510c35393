"""The monitoring report as one page: no script, no network, the same bytes for the same report."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.core.units import display
from bedside.monitor.drawing import interval_chart, paired_bars, shares
from bedside.monitor.wording import number, per_cent

__all__ = ["render_report"]

_STATUS = {
    "moved": ("!", "Something moved"),
    "quiet": ("✓", "Nothing moved by more than chance"),
    "cannot_know": ("?", "Too few patients to say anything"),
}
_PERFORMANCE = {
    "auroc": ("AUROC", "how well the model ranks patients; 0.5 is a coin, 1 is perfect"),
    "brier": ("Brier score", "how far the risks lie from what came true; 0 is perfect"),
    "expected_observed_ratio": (
        "Expected / observed",
        "outcomes predicted for each that came true; 1 is right",
    ),
    "calibration_slope": ("Calibration slope", "1 is right; below 1 the risks are too extreme"),
}


def render_report(report: Mapping[str, Any], *, title: str, note: str = "") -> str:
    """The report that `compare` made, as an HTML page.

    Args:
        report: From `compare`.
        title: Which model and version, in words.
        note: When and on which data, in words; it is printed below the title.

    Returns:
        A page that opens from a file. Everything given is escaped.
    """
    page = Environment(
        loader=PackageLoader("bedside.monitor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(
        number=_number, per_cent=_per_cent, interval=_interval, unit=display, chance=_chance
    )
    symbol, status = _STATUS[report["status"]]
    return page.get_template("report.html").render(
        report=report,
        title=title,
        note=note,
        symbol=symbol,
        status=status,
        moved=_moved_features(report),
        risk=_risk_chart(report),
        calibration=_calibration(report),
        performance=_PERFORMANCE,
        drift=report.get("drift"),
        joint=report.get("joint"),
        labels={entry["name"]: entry["label"] for entry in report["inputs"]},
    )


def _moved_features(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The features that moved, each with its picture."""
    return [
        {
            "label": entry["label"],
            "unit": display(entry["unit"]),
            "psi": entry["distribution"]["psi"],
            "chart": _bars(entry["distribution"], entry["label"]),
        }
        for entry in report["inputs"]
        if entry["distribution"] is not None and entry["distribution"]["moved"]
    ]


def _risk_chart(report: Mapping[str, Any]) -> Markup | None:
    if report["predictions"] is None:
        return None
    return _bars(report["predictions"]["risk"], "predicted risk")


def _bars(shown: Mapping[str, Any], what: str) -> Markup:
    picture = paired_bars(
        shares(shown["then"]),
        shares(shown["now"]),
        edges=shown["edges"],
        says=f"Share of patients in each range of {what}, then and now.",
    )
    return Markup(picture)  # noqa: S704 - drawn here, and every word in it is escaped


def _calibration(report: Mapping[str, Any]) -> Markup | None:
    if report["performance"] is None:
        return None
    rows = [
        (f"{_PERFORMANCE[name][0]}, {when}", report["performance"][name][when], when)
        for name in ("expected_observed_ratio", "calibration_slope")
        for when in ("then", "now")
        if report["performance"][name][when]["estimate"] is not None
    ]
    picture = interval_chart(
        rows, says="Calibration figures with their 95 % intervals, then and now; 1 is right."
    )
    return Markup(picture)  # noqa: S704 - drawn here, and every word in it is escaped


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)


def _per_cent(figure: Mapping[str, Any]) -> str:
    """A share, or that it is too small to show."""
    return "few or all" if figure["estimate"] is None else per_cent(figure["estimate"])


def _interval(figure: Mapping[str, Any]) -> str:
    """An estimate with its interval, or why there is none."""
    if figure["estimate"] is None:
        return str(figure.get("why", "–"))
    low, middle, high = (f"{figure[key]:.3f}" for key in ("low", "estimate", "high"))
    return f"{middle} ({low} to {high})"


def _chance(shown: Mapping[str, Any]) -> str:
    """An adjusted p-value, or that no test was made."""
    p = shown["p_adjusted"]
    if p is None:
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
