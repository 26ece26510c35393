"""Which metrics are computed under which names, and how to say each one in words."""

from dataclasses import replace

from bedside.core.clock import days_of
from bedside.core.records.declaration import Declaration, Evaluation
from bedside.core.records.outcome import Outcome, at_horizon
from bedside.metrics.words.alerts import ALERTS
from bedside.metrics.words.gaps import GAPS
from bedside.metrics.words.metric import Metric
from bedside.metrics.words.outcomes import OUTCOMES
from bedside.metrics.words.risk import RISK

__all__ = ["METRICS", "Metric", "last_horizon", "metric_names", "metrics_by"]

_RANKING = ("auroc", "auprc")
_RISK = (
    *_RANKING,
    "brier",
    "scaled_brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "expected_observed_ratio",
    "ici",
)
_ALERTING = (
    "net_benefit",
    "standardised_net_benefit",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "nne",
    "min_sensitivity_ppv",
    "alert_rate",
)
_SURVIVAL = ("harrell_c", "uno_c", "integrated_brier", "calibration_slope")
_HORIZON = ("auroc", "brier", "expected_observed_ratio", "ici")
_SURVIVAL_ALERTING = (
    "net_benefit",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "nne",
    "alert_rate",
)
_LEVELS = (
    "multiclass_log_loss",
    "multiclass_brier",
    "macro_auroc",
    "hand_till_auroc",
    "accuracy",
)
_ORDINAL = ("quadratic_kappa", "ordinal_c", "ranked_probability_score")
_VALUES = ("mae", "rmse", "r2", "mean_error", "regression_slope", "regression_intercept")
_REPEATED = ("subjects_alerted_share", "subject_sensitivity")
_OVER_TIME = (
    "event_sensitivity",
    "median_lead_hours",
    "alerts_per_patient_day",
    "false_alerts_per_patient_day",
    "alert_ppv",
    "alerts_per_true_alert",
    "late_alert_share",
)
_AT = "_at_"


_PLAIN = {**RISK, **ALERTS, **OUTCOMES, **GAPS}


class _Metrics(dict[str, Metric]):
    """Knows a metric at an earlier horizon, such as `auroc_at_365_days`, by its plain name."""

    def __missing__(self, name: str) -> Metric:
        plain, _, when = name.partition(_AT)
        if plain not in _PLAIN or not when:
            raise KeyError(name)
        metric, (many, _, unit) = _PLAIN[plain], when.partition("_")
        words = f"{float(many):,g} {unit}"
        return replace(
            metric,
            title=f"{metric.title} at {words}",
            meaning=f"{metric.meaning} (of the risk by {words})",
        )

    def __contains__(self, name: object) -> bool:
        plain, _, when = str(name).partition(_AT)
        return super().__contains__(name) or (bool(when) and super().__contains__(plain))


METRICS: dict[str, Metric] = _Metrics(_PLAIN)
"""Every metric that an evaluation can hold, in the order in which it is shown.

A metric at an earlier horizon of a survival model is looked up as `METRICS["auroc_at_365_days"]`.
"""


def last_horizon(outcome: Outcome) -> float | None:
    """The last horizon in days; None where the outcome has none."""
    if not outcome.horizons:
        return None
    return days_of(outcome.horizons[-1])


def metrics_by(days: float | None) -> dict[str, Metric]:
    """The same metrics, of which those of the risk by the last horizon say so.

    >>> metrics_by(1826.0)["auroc"].title, metrics_by(None)["auroc"].title
    ('AUROC at 1,826 days', 'AUROC')
    """
    if days is None:
        return METRICS
    named = {name: METRICS[at_horizon(name, days)] for name in (*_HORIZON, *_SURVIVAL_ALERTING)}
    return _Metrics({**METRICS, **named})


def metric_names(declaration: Declaration) -> frozenset[str]:
    """The metrics that a declaration's evaluation yields, so that a gate on any other is refused.

    Per day means repeated predictions, so that figures by subject are added.
    """
    evaluation, outcome = declaration.evaluation, declaration.question.outcome
    names = set(
        _burden(
            evaluation,
            ill_known=outcome.kind != "regression",
            of_events=outcome.kind == "binary",
        )
    )
    if outcome.kind == "binary":
        names.update(_RISK, _ALERTING, GAPS if evaluation.subgroups else ())
    elif outcome.kind == "survival":
        earlier = [days_of(text) for text in outcome.horizons[:-1]]
        names.update(_SURVIVAL, _HORIZON, _SURVIVAL_ALERTING)
        names.update(at_horizon(name, days) for name in _HORIZON for days in earlier)
    elif outcome.kind == "regression":
        names.update((*_VALUES, "alert_rate"))
    else:
        names.update(_RISK, _ALERTING, _LEVELS, _ORDINAL if outcome.kind == "ordinal" else ())
    if evaluation.utility is not None:
        names.add("normalised_utility")
    return frozenset(names)


def _burden(evaluation: Evaluation, *, ill_known: bool, of_events: bool) -> tuple[str, ...]:
    if evaluation.burden_per != "day":
        return ("alerts_per_100_subjects",)
    repeated = _REPEATED if ill_known else _REPEATED[:1]
    over_time = _OVER_TIME if of_events else ()
    return ("alerts_per_100_patient_days", *repeated, *over_time)
