"""What alerts cost and find, in words."""

from bedside.metrics.words.metric import Metric

__all__ = ["ALERTS"]

ALERTS: dict[str, Metric] = {
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
    "event_sensitivity": Metric(
        title="Event sensitivity",
        style="share",
        better="high",
        meaning="the share of events that are alerted in time",
    ),
    "median_lead_hours": Metric(
        title="Median lead time (hours)",
        style="rate",
        better="high",
        meaning="how many hours before the event the first alert comes, at the median of the "
        "events that are alerted",
    ),
    "alerts_per_patient_day": Metric(
        title="Alerts per patient-day",
        style="rate",
        meaning="how many alerts one observed day of one patient causes",
    ),
    "false_alerts_per_patient_day": Metric(
        title="False alerts per patient-day",
        style="rate",
        better="low",
        meaning="how many alerts that no event follows one observed day of one patient causes",
    ),
    "alert_ppv": Metric(
        title="Alerts that are right",
        style="share",
        better="high",
        meaning="the share of alerts, after the snooze, that an event follows in time or finds "
        "present",
    ),
    "alerts_per_true_alert": Metric(
        title="Alerts per true alert",
        style="rate",
        better="low",
        meaning="how many alerts, after the snooze, are looked at to find one that is right",
    ),
    "late_alert_share": Metric(
        title="Late alerts",
        style="share",
        better="low",
        meaning="the share of alerts that come when the event is already there",
    ),
}
