"""What a yes-or-no outcome is judged by, in words."""

from bedside.metrics.words.metric import Metric

__all__ = ["RISK"]

RISK: dict[str, Metric] = {
    "auroc": Metric(
        title="AUROC",
        style="number",
        better="high",
        meaning="the chance that a random case with the outcome is ranked above a random case "
        "without it; 0.5 is a coin, 1 is perfect",
        undefined="nobody has, or everybody has, the outcome",
    ),
    "auprc": Metric(
        title="AUPRC",
        style="number",
        better="high",
        meaning="the mean share of true alerts over all sensitivities; a coin reaches only the "
        "share of cases that have the outcome",
        undefined="nobody has the outcome",
    ),
    "brier": Metric(
        title="Brier score",
        style="number",
        better="low",
        meaning="the mean squared distance between the predicted risk and what came true; 0 is "
        "perfect",
    ),
    "scaled_brier": Metric(
        title="Scaled Brier score",
        style="number",
        better="high",
        meaning="the share of the Brier score of always saying the prevalence that the model "
        "takes away; 1 is perfect, 0 is no better than the prevalence",
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
        undefined="one class is missing, all risks are equal, or the risks part the classes "
        "perfectly",
    ),
    "calibration_intercept": Metric(
        title="Calibration intercept",
        style="number",
        nearest=0.0,
        meaning="0 when the risks are right on average; above 0 they are too low, below 0 too "
        "high (in log-odds)",
        undefined="nobody has, or everybody has, the outcome",
    ),
    "expected_observed_ratio": Metric(
        title="Expected / observed",
        style="number",
        nearest=1.0,
        meaning="the outcomes that were predicted for each one that came true; 1 is right",
    ),
    "ici": Metric(
        title="Integrated calibration index",
        style="share",
        better="low",
        meaning="the mean distance between the predicted risk and the share that comes true at "
        "such risks; 0 is perfect",
    ),
    "net_benefit": Metric(
        title="Net benefit",
        style="number",
        better="high",
        meaning="true alerts minus false alerts, the latter weighted by the odds of the "
        "threshold, for each case",
    ),
    "standardised_net_benefit": Metric(
        title="Standardised net benefit",
        style="share",
        better="high",
        meaning="the net benefit as a share of the most that can be had, which is alerting "
        "exactly the cases with the outcome",
    ),
    "sensitivity": Metric(
        title="Sensitivity",
        style="share",
        better="high",
        meaning="the share of cases with the outcome that are alerted",
        undefined="nobody has the outcome",
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
        undefined="nothing alerts",
    ),
    "npv": Metric(
        title="Negative predictive value",
        style="share",
        better="high",
        meaning="the share of silent answers that are right",
    ),
    "nne": Metric(
        title="Number needed to evaluate",
        style="rate",
        better="low",
        meaning="how many alerts are looked at to find one that is right",
        undefined="no alert is right",
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
}
