"""The evidence as one HTML page that opens from a file: no script, no network, no date."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.lines import Line, line_chart
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import figure_text
from bedside.core.records.flow_words import ToldStep
from bedside.core.records.split import Split
from bedside.core.records.training import augmentation_text, imputation_text, step_text
from bedside.core.records.version import GateResult
from bedside.develop.evaluate.cohort_page import flow_picture
from bedside.develop.evaluate.cross_validation import spread_text
from bedside.metrics.names import METRICS

__all__ = ["render_report"]


def render_report(
    declaration: Declaration, evidence: Mapping[str, Any], gates: Sequence[GateResult]
) -> str:
    """The page; `evidence` also holds counts, quality, training, importance and findings."""
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    groups: Mapping[str, Any] = next(iter(evidence["subgroups"].values()), {})
    first: Mapping[str, Any] = next(iter(groups.values()), {})
    return environment.get_template("report.html.j2").render(
        d=declaration,
        e=evidence,
        gates=gates,
        metrics=METRICS,
        figure=figure_text,
        spread=spread_text,
        crossed=evidence.get("cross_validation"),
        apart=_apart(declaration.evaluation.split),
        counts=evidence["counts"],
        quality=evidence["quality"],
        names=list(first),
        gaps=imputation_text(evidence["training"]),
        made=augmentation_text(evidence["training"]),
        steps=[
            step_text(step)
            for step in (evidence["training"]["augmentation"] or {}).get("steps", [])
        ],
        importance=evidence["importance"],
        findings=evidence["leakage"],
        flow=_flow(evidence),
        question=declaration.question.ask,
        charts=_charts(evidence),
    )


def _apart(split: Split) -> str:
    """What the held-out subjects have apart from the others, beside being other people."""
    said = []
    if split.held_out_sites:
        said.append(f"were at {' or '.join(split.held_out_sites)}")
    if split.held_out_from is not None:
        said.append(f"were asked about from {split.held_out_from} on")
    return ", or ".join(said)


def _flow(evidence: Mapping[str, Any]) -> Markup | None:
    """The flow of participants, where the evidence holds one."""
    steps = [ToldStep(**step) for step in evidence.get("flow", [])]
    return Markup(flow_picture(steps)) if steps else None  # noqa: S704 - made here, escaped


def _charts(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    curves = evidence["curves"]
    roc, precision = curves["roc"], curves["precision_recall"]
    return [
        _chart(
            "ROC",
            "Sensitivity against false alarms at every threshold. Worry when the line is "
            "near the diagonal, which is a coin.",
            [
                Line(name="model", x=roc["x"], y=roc["y"]),
                Line(name="a coin", x=[0, 1], y=[0, 1], dashed=True),
            ],
            "share of negatives alerted",
            "sensitivity",
        ),
        _chart(
            "Precision and recall",
            "How many alerts are true at each sensitivity. Worry when "
            "it falls steeply before the sensitivity you need.",
            [Line(name="model", x=precision["x"], y=precision["y"])],
            "sensitivity (recall)",
            "true share of alerts (precision)",
        ),
        *_usefulness(evidence),
    ]


def _usefulness(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    calibration = evidence["curves"]["calibration"]
    benefit = evidence["curves"]["net_benefit"]
    top = max([*calibration["predicted"], *calibration["high"], 0.01]) * 1.05
    edge = benefit["threshold"][-1]
    highest = max([*benefit["model"], *benefit["treat_all"], 1e-3]) * 1.1
    return [
        _chart(
            "Calibration",
            "Predicted risk against what came true, in tenths. Worry when dots "
            "lie off the dashed line by more than their intervals.",
            [
                Line(
                    name="observed",
                    x=calibration["predicted"],
                    y=calibration["observed"],
                    dots=True,
                    low=calibration["low"],
                    high=calibration["high"],
                ),
                Line(name="perfect", x=[0, top], y=[0, top], dashed=True),
            ],
            "predicted risk",
            "observed share",
            (0, top),
            (0, top),
        ),
        _chart(
            "Net benefit",
            "What acting on the model is worth at each threshold, against "
            "treating everyone or no one (0). Worry when it is not above both.",
            [
                Line(name="model", x=benefit["threshold"], y=benefit["model"]),
                Line(
                    name="treat everyone",
                    x=benefit["threshold"],
                    y=benefit["treat_all"],
                    dashed=True,
                ),
            ],
            "threshold on the risk",
            "net benefit",
            (0, edge),
            (0, highest),
        ),
    ]


def _chart(
    title: str,
    says: str,
    lines: list[Line],
    x_title: str,
    y_title: str,
    x_range: tuple[float, float] = (0, 1),
    y_range: tuple[float, float] = (0, 1),
) -> dict[str, Any]:
    svg = line_chart(
        lines,
        title=title,
        says=says,
        x_title=x_title,
        y_title=y_title,
        x_range=x_range,
        y_range=y_range,
    )
    return {"title": title, "says": says, "svg": Markup(svg)}  # noqa: S704  (escaped by charts)
