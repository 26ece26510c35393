"""The part of the evidence report that says whether errors differ between groups."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.core.records.evidence import figure_text
from bedside.metrics.names import METRICS

__all__ = ["fairness_section"]

METHODS = {
    "reweighing": (
        "reweighing",
        "Training rows are weighted so that the outcome is as frequent in one group as in another "
        "(Kamiran and Calders 2012).",
    ),
    "reductions": (
        "reductions",
        "The learner is refitted under changing weights until the groups are treated alike on the "
        "training rows (Agarwal et al. 2018). The margins of the models are averaged into one "
        "model; this only approximates the lottery over models for which the method is proven.",
    ),
    "thresholds_by_group": (
        "a threshold for each group",
        "Each group has the alert threshold at which the constraint holds on the tuning subjects. "
        "The risks themselves are unchanged.",
    ),
    "recalibration_by_group": (
        "a calibration for each group",
        "The risks of each group are calibrated on its own tuning subjects, held to the common "
        "calibration where these are few.",
    ),
}
CONSTRAINTS = {
    "equal_opportunity": "equal sensitivity",
    "equalized_odds": "equal sensitivity and equal false alarms",
    "demographic_parity": "equal alert rates",
}


def fairness_section(evidence: Mapping[str, Any]) -> Markup:
    """The part as HTML; empty where no subgroup is declared or nothing was judged.

    Args:
        evidence: Its `fairness`, `threshold` and, where there is one, `mitigation`.

    >>> str(fairness_section({}))
    ''
    """
    if not evidence.get("fairness"):
        return Markup()
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    mitigation = evidence.get("mitigation")
    method, explained = METHODS[mitigation["method"]] if mitigation else ("", "")
    if mitigation and mitigation["constraint"] is not None:
        explained += f" What is made equal: {CONSTRAINTS[mitigation['constraint']]}."
    page = environment.get_template("fairness.html.j2").render(
        fairness=evidence["fairness"],
        mitigation=mitigation,
        method=method,
        explained=explained,
        common=evidence["threshold"]["value"],
        metrics=METRICS,
        figure=figure_text,
    )
    return Markup(page)  # noqa: S704 - made here, escaped
