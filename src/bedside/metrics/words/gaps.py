"""How far groups lie apart, in words."""

from bedside.metrics.words.metric import Metric

__all__ = ["GAPS"]

GAPS: dict[str, Metric] = {
    "tpr_gap": Metric(
        title="Gap in sensitivity",
        style="share",
        better="low",
        meaning="the greatest difference in sensitivity between two groups",
    ),
    "fpr_gap": Metric(
        title="Gap in false alert rate",
        style="share",
        better="low",
        meaning="the greatest difference, between two groups, in the share of cases without the "
        "outcome that are alerted",
    ),
    "ppv_gap": Metric(
        title="Gap in positive predictive value",
        style="share",
        better="low",
        meaning="the greatest difference between two groups in the share of alerts that are right",
    ),
    "selection_gap": Metric(
        title="Gap in alert rate",
        style="share",
        meaning="the greatest difference between two groups in the share of predictions that alert",
    ),
    "calibration_gap": Metric(
        title="Gap in calibration",
        style="share",
        better="low",
        meaning="the greatest difference between two groups in observed share minus mean "
        "predicted risk",
    ),
    "auroc_gap": Metric(
        title="Gap in AUROC",
        style="number",
        better="low",
        meaning="the greatest difference in AUROC between two groups",
    ),
}
