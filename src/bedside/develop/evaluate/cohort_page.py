"""Who is asked about, as one HTML page: the flow of participants, whole and by subgroup."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.flow import FlowBox, flow_chart
from bedside.core.records.declaration import Declaration
from bedside.core.records.flow_words import ToldStep

__all__ = ["flow_picture", "render_cohort"]


def flow_picture(steps: Sequence[ToldStep]) -> str:
    """The flow as SVG text."""
    boxes = [
        FlowBox(
            text=f"{number}. {step.text.replace('_', ' ')}",
            kept=f"{step.subjects} subjects"
            + (f", {step.rows} prediction times" if step.rows != "0" else ""),
            dropped=f"left out: {step.dropped}" if step.dropped else "",
        )
        for number, step in enumerate(steps, start=1)
    ]
    return flow_chart(boxes, says="How many subjects and prediction times each step left.")


def render_cohort(
    declaration: Declaration,
    steps: Sequence[ToldStep],
    labels: Mapping[str, Mapping[str, str]],
    lines: Sequence[str],
) -> str:
    """The page.

    Args:
        declaration: The model.
        steps: The flow with its small counts hidden.
        labels: By side of the split: how many subjects, rows, and rows of each case, in words.
        lines: The question in words.
    """
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("cohort.html.j2").render(
        d=declaration,
        steps=steps,
        labels=labels,
        cases=[name for name in next(iter(labels.values())) if name not in ("subjects", "rows")],
        lines=lines,
        picture=Markup(flow_picture(steps)),  # noqa: S704 - made here, its texts are escaped
        groups=list(steps[-1].groups) if steps else [],
    )
