"""The evidence as one HTML page that opens from a file: no script, no network, no date."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.columns import histogram
from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.lines import Line
from bedside.charts.people import People, people_chart, shared_out
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import figure_text
from bedside.core.records.flow_words import ToldStep
from bedside.core.records.split import Split
from bedside.core.records.training import augmentation_text, imputation_text, step_text
from bedside.core.records.version import GateResult
from bedside.develop.evaluate.burden import burden_of, burden_pictures
from bedside.develop.evaluate.cohort_page import flow_picture
from bedside.develop.evaluate.cross_validation import spread_text
from bedside.develop.evaluate.explanations_page import explanations_section
from bedside.develop.evaluate.fairness_page import fairness_section
from bedside.develop.evaluate.pictures import (
    Picture,
    banded,
    calibration_pictures,
    picture_of,
    ranking_pictures,
    usefulness_pictures,
)
from bedside.develop.evaluate.pictures_by_outcome import (
    level_pictures,
    survival_pictures,
    value_pictures,
)
from bedside.develop.evaluate.subgroup_pictures import (
    differing,
    in_order,
    main_metrics,
    subgroup_pictures,
)
from bedside.develop.evaluate.sureness import sureness_sentences
from bedside.develop.evaluate.verdict import gate_text, headline, per_thousand, verdict
from bedside.develop.train.sample_size import WORDS as SAMPLE_SIZE
from bedside.develop.train.tuning.words import tuning_lines
from bedside.metrics.names import METRICS, last_horizon, metrics_by

__all__ = ["render_report"]

THOUSAND = 1000


def render_report(
    declaration: Declaration, evidence: Mapping[str, Any], gates: Sequence[GateResult]
) -> str:
    """The page; `evidence` also holds counts, quality, training, importance and findings."""
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    metrics = evidence["metrics"]
    told = metrics_by(last_horizon(declaration.question.outcome))
    ranking, calibration, usefulness = _curves(declaration, evidence)
    return environment.get_template("report.html.j2").render(
        d=declaration,
        e=evidence,
        gates=gates,
        verdict=verdict(declaration, evidence, gates),
        headline=headline(declaration, metrics),
        metrics=told,
        gate=gate_text,
        short=_short,
        shown=sorted(metrics, key=_place),
        figure=figure_text,
        spread=spread_text,
        crossed=evidence.get("cross_validation"),
        apart=_apart(declaration.evaluation.split),
        counts=evidence["counts"],
        quality=evidence["quality"],
        ranking=ranking,
        calibration=calibration,
        sure=sureness_sentences(evidence.get("uncertainty", {})),
        usefulness=usefulness,
        thousand=_thousand(declaration, evidence),
        alerts=_alerts(declaration, evidence),
        forests=subgroup_pictures(evidence),
        group_metrics=main_metrics(metrics),
        differing=differing(evidence),
        in_order=in_order,
        fairness=fairness_section(evidence),
        gaps=imputation_text(evidence["training"]),
        made=augmentation_text(evidence["training"]),
        steps=[
            step_text(step)
            for step in (evidence["training"]["augmentation"] or {}).get("steps", [])
        ],
        importance=_importance(evidence["importance"]),
        explanations=explanations_section(evidence, declaration.question.outcome.kind),
        learning=_learning(evidence.get("learning_curve")),
        sample_size=_sample_size(evidence["training"].get("sample_size")),
        tuning=tuning_lines(evidence["training"].get("tuning")),
        findings=evidence["leakage"],
        flow=_flow(evidence),
    )


def _curves(
    declaration: Declaration, evidence: Mapping[str, Any]
) -> tuple[list[Picture], list[Picture], list[Picture]]:
    """Charts of discrimination, of calibration and of usefulness."""
    curves, kind = evidence["curves"], declaration.question.outcome.kind
    if kind == "survival":
        return *survival_pictures(curves), []
    if kind == "regression":
        return *value_pictures(curves, ""), []
    ranking, calibration = ranking_pictures(curves), calibration_pictures(curves)
    if kind in ("multiclass", "ordinal"):
        crossed, levels = level_pictures(curves)
        ranking, calibration = [*crossed, *ranking], [*levels, *calibration]
    return ranking, calibration, usefulness_pictures(curves, evidence["threshold"]["value"])


def _place(metric: str) -> tuple[int, str]:
    """Where a metric stands: in the order of all metrics, at earlier horizons after the last."""
    order = {name: at for at, name in enumerate(METRICS)}
    plain, _, when = metric.partition("_at_")
    return (order[metric] if metric in order else order.get(plain, len(order)), when)


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


def _thousand(declaration: Declaration, evidence: Mapping[str, Any]) -> Picture | None:
    """What happens to 1,000 patients (or times that one asks) at the threshold."""
    shares = per_thousand(evidence["metrics"])
    if shares is None:
        return None
    counts = shared_out(THOUSAND, shares)
    words = ("with the outcome, alerted", "with the outcome, missed", "without it, alerted",
             "without it, left in peace")  # fmt: skip
    repeated = declaration.evaluation.burden_per == "day"
    who = "predictions" if repeated else "patients"
    says = (
        f"Of 1,000 {who} like those held out, {counts[0] + counts[2]:,} cause an alert, of which "
        f"{counts[0]:,} are right; {counts[1]:,} with the outcome are missed."
    )
    svg = people_chart(
        [People(count=n, text=text) for n, text in zip(counts, words, strict=True)],
        title=f"What happens to 1,000 {who}",
        says=says,
    )
    return Picture(title=f"Of 1,000 {who}", says=says, svg=Markup(svg))  # noqa: S704 - escaped


def _alerts(declaration: Declaration, evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """Alerts over time, where they are counted by the day."""
    alerts = evidence.get("alerts")
    if alerts is None:
        return None
    plan = declaration.evaluation.alerts
    burden = burden_of(
        alerts,
        threshold=evidence["threshold"]["value"],
        beds=plan.beds,
        capacity=plan.capacity,
        snooze_hours=alerts["snooze_hours"],
    )
    lead, says = alerts["lead_time"], "How long before the event its first alert came, in hours."
    svg = histogram(lead["hours"], lead["subjects"], says=says, unit=" h")
    times = Picture(
        title="Lead time",
        says=f"{says} Worry when most come too late to act. Dashed: too few patients to be told.",
        svg=Markup(svg),  # noqa: S704 - escaped by charts
    )
    return {"burden": burden, "pictures": [burden_pictures(alerts, burden)[0], times], **alerts}


def _importance(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Each input's share of the model's reasons, with its interval where there is one."""
    if not rows:
        return None
    says = (
        "Each input's share of the model's reasons. It says what the model uses, not what causes "
        "the outcome. Worry when an input leads that you would not expect."
    )
    title = "Share of the model's reasons"
    svg = forest_chart(
        [
            ForestRow(
                name=row["text"], estimate=row["share"], low=row.get("low"), high=row.get("high")
            )
            for row in rows
        ],
        title=title, says=says, figure_title="share", digits=1, low=0.0, per_cent=True,
    )  # fmt: skip
    return Picture(title=title, says=says, svg=Markup(svg))  # noqa: S704 - escaped by charts


def _learning(told: Mapping[str, Any] | None) -> list[Picture]:
    """How the figures grow with the number of training subjects."""
    if told is None:
        return []
    made = []
    for name, figures in told["metric"].items():
        columns = {key: [one[key] for one in figures] for key in ("estimate", "low", "high")}
        known = [value for part in columns.values() for value in part if value is not None]
        if not known:
            continue
        spare = 0.1 * (max(known) - min(known)) or 0.05
        title = METRICS[name].title if name in METRICS else name
        lines: list[Line] = banded(
            "", told["subjects"], columns, "estimate", tone=0, dots=True
        )  # fmt: skip
        made.append(
            picture_of(
                f"{title} by number of training patients",
                "The same way of training with fewer patients. When the line is not yet level at "
                "its end, more patients may make a better model.",
                lines,
                x_title="training patients",
                y_title=title,
                x_range=(0, max(told["subjects"])),
                y_range=(min(known) - spare, max(known) + spare),
            )
        )
    return made


def _sample_size(told: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What is there, and then what is needed, each in words."""
    order = {name: at for at, name in enumerate(SAMPLE_SIZE)}
    rows = [row for row in _flat(told) if row[0] not in ("text", "enough")]
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    return [(SAMPLE_SIZE.get(name, name), value) for name, value in rows]


def _flat(told: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Names and figures of a nested part of the evidence, for a table."""
    if told is None:
        return []
    if isinstance(told, Mapping):
        return [
            row
            for name, part in told.items()
            for row in _flat(part, f"{prefix}{' – ' if prefix else ''}{name.replace('_', ' ')}")
        ]
    if isinstance(told, list):
        return [(prefix, ", ".join(_number(part) for part in told))]
    return [(prefix, _number(told))]


def _short(value: float) -> str:
    """Three digits that count, zeros at the end as well.

    >>> _short(0.62), _short(11.26), _short(245.3)
    ('0.620', '11.3', '245')
    """
    return f"{value:#.3g}".rstrip(".")


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
