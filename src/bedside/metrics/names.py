"""Which metrics are computed under which names, and how to say each one in words."""

from dataclasses import dataclass
from typing import Literal

from bedside.core.records.declaration import Declaration

__all__ = ["METRICS", "Metric", "metric_names"]

_ALWAYS = (
    "auroc",
    "auprc",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "expected_observed_ratio",
    "net_benefit",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "min_sensitivity_ppv",
    "alert_rate",
)
_REPEATED = ("subjects_alerted_share", "subject_sensitivity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one metric is titled, written and read.

    `style` is `share` (0 to 1, shown in per cent), `number` or `rate`. `better` says which way
    is good; `nearest` is the ideal value where neither end is. `meaning` completes the sentence
    "This figure is …" for a clinician.
    """

    title: str
    style: Literal["share", "number", "rate"]
    meaning: str
    better: Literal["high", "low"] | None = None
    nearest: float | None = None


METRICS: dict[str, Metric] = {
    "auroc": Metric(
        title="AUROC",
        style="number",
        better="high",
        meaning="the chance that a random case with the outcome is ranked above a random case "
        "without it; 0.5 is a coin, 1 is perfect",
    ),
    "auprc": Metric(
        title="AUPRC",
        style="number",
        better="high",
        meaning="the mean share of true alerts over all sensitivities; a coin reaches only the "
        "share of cases that have the outcome",
    ),
    "brier": Metric(
        title="Brier score",
        style="number",
        better="low",
        meaning="the mean squared distance between the predicted risk and what came true; 0 is "
        "perfect",
    ),
    "log_loss": Metric(
        title="Log loss",
        style="number",
        better="low",
        meaning="the mean surprise at what came true; it punishes confident errors; 0 is perfect",
    ),
    "calibration_slope": Metric(
        title="Calibration slope",
        style="number",
        nearest=1.0,
        meaning="1 when the risks are spread as they should be; below 1 they are too extreme",
    ),
    "calibration_intercept": Metric(
        title="Calibration intercept",
        style="number",
        nearest=0.0,
        meaning="0 when the risks are right on average; above 0 they are too low, below 0 too "
        "high (in log-odds)",
    ),
    "expected_observed_ratio": Metric(
        title="Expected / observed",
        style="number",
        nearest=1.0,
        meaning="the outcomes that were predicted for each one that came true; 1 is right",
    ),
    "net_benefit": Metric(
        title="Net benefit",
        style="number",
        better="high",
        meaning="true alerts minus false alerts, the latter weighted by the odds of the "
        "threshold, for each case",
    ),
    "sensitivity": Metric(
        title="Sensitivity",
        style="share",
        better="high",
        meaning="the share of cases with the outcome that are alerted",
    ),
    "specificity": Metric(
        title="Specificity",
        style="share",
        better="high",
        meaning="the share of cases without the outcome that are left in peace",
    ),
    "ppv": Metric(
        title="Positive predictive value",
        style="share",
        better="high",
        meaning="the share of alerts that are right",
    ),
    "npv": Metric(
        title="Negative predictive value",
        style="share",
        better="high",
        meaning="the share of silent answers that are right",
    ),
    "min_sensitivity_ppv": Metric(
        title="Smaller of sensitivity and PPV",
        style="share",
        better="high",
        meaning="the smaller of two shares: of the cases with the outcome that are alerted, and "
        "of the alerts that are right; alerts drawn by chance reach, on average, no more than "
        "the share of cases that have the outcome",
    ),
    "alert_rate": Metric(
        title="Alert rate",
        style="share",
        meaning="the share of predictions that alert",
    ),
    "alerts_per_100_subjects": Metric(
        title="Alerts per 100 subjects",
        style="rate",
        meaning="how many alerts 100 subjects cause",
    ),
    "alerts_per_100_patient_days": Metric(
        title="Alerts per 100 patient-days",
        style="rate",
        meaning="how many alerts 100 observed days cause",
    ),
    "subjects_alerted_share": Metric(
        title="Subjects alerted",
        style="share",
        meaning="the share of subjects with at least one alert",
    ),
    "subject_sensitivity": Metric(
        title="Subject sensitivity",
        style="share",
        better="high",
        meaning="the share of subjects with the outcome who are alerted at least once before "
        "the end of its last positive hour",
    ),
    "normalised_utility": Metric(
        title="Normalised utility",
        style="number",
        better="high",
        meaning="the Challenge's own score: 1 is alerting at the best hours only, 0 is never "
        "alerting",
    ),
}
"""Every metric that an evaluation can hold, in the order in which it is shown."""


def metric_names(declaration: Declaration) -> frozenset[str]:
    """The metrics that a declaration's evaluation yields, so that a gate on any other is refused.

    Per day means repeated predictions, so that figures by subject are added.
    """
    evaluation = declaration.evaluation
    by_day = evaluation.burden_per == "day"
    names = {*_ALWAYS, "alerts_per_100_patient_days" if by_day else "alerts_per_100_subjects"}
    if by_day:
        names.update(_REPEATED)
    if evaluation.utility is not None:
        names.add("normalised_utility")
    return frozenset(names)
