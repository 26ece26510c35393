"""What was measured: figures, cross-validation, groups, sureness, alerts, reasons, elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.core.clock import days_of
from bedside.core.records.evidence import figure_text
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Cited, Line, Path
from bedside.metrics.names import METRICS, metrics_by

__all__ = [
    "alerts",
    "calibrated",
    "crossed",
    "elsewhere",
    "figures",
    "gaps_between_groups",
    "in_order",
    "learning_curve",
    "main_metric",
    "plain",
    "subgroups",
    "sureness",
    "threshold",
    "title_of",
]

_MAIN = {
    "binary": "auroc",
    "survival": "harrell_c",
    "multiclass": "macro_auroc",
    "ordinal": "ordinal_c",
    "regression": "mae",
}
_RIGHT = {
    "calibration_slope", "calibration_intercept", "expected_observed_ratio", "ici", "brier",
    "regression_slope", "regression_intercept", "mean_error",
}  # fmt: skip
_BURDEN = (
    "alert_rate", "alerts_per_100_subjects", "alerts_per_100_patient_days",
    "alerts_per_patient_day", "false_alerts_per_patient_day", "alert_ppv",
    "alerts_per_true_alert", "event_sensitivity", "median_lead_hours", "late_alert_share",
    "subjects_alerted_share", "subject_sensitivity", "nne",
)  # fmt: skip


def main_metric(case: Case) -> str:
    """The metric that leads for this kind of outcome."""
    return _MAIN[case.outcome]


def title_of(name: str, case: Case | None = None) -> str:
    """A metric in words, of a survival model's risk with its horizon; its name without words."""
    try:
        return metrics_by(None if case is None else _last_horizon(case))[name].title
    except KeyError:
        return name


def _last_horizon(case: Case) -> float | None:
    """In days; None where the outcome has none."""
    horizons = case.declared["question"]["outcome"]["horizons"]
    return days_of(horizons[-1]) if horizons else None


def in_order(told: Mapping[str, Any]) -> list[str]:
    """The names of metrics as they are shown."""
    return [*(n for n in METRICS if n in told), *(n for n in told if n not in [*METRICS])]


def figures(case: Case, names: Sequence[str] | None = None) -> list[Line]:
    """Each figure on the held-out subjects, with its interval."""
    told = case.evidence["metrics"]
    shown = in_order(told) if names is None else [name for name in names if name in told]
    return [
        case.seen(title_of(name, case), figure_text(told[name]), ("metrics", name))
        for name in shown
    ]


def calibrated(case: Case) -> list[Line]:
    """The figures that say whether predictions are right."""
    return figures(case, [n for n in in_order(case.evidence["metrics"]) if n in _RIGHT])


def plain(case: Case) -> list[Line]:
    """The same figures of the plain regression."""
    told = case.evidence["baseline"]
    return [
        case.seen(
            f"Plain regression: {title_of(name, case)}", figure_text(told[name]), ("baseline", name)
        )
        for name in in_order(told)
    ]


def threshold(case: Case) -> list[Line]:
    """From where it alerts."""
    value = case.found("threshold", "value")
    if value is None:
        return []
    made = [case.seen("Alerts from", f"{value:.4f}", ("threshold", "value"), section="")]
    for at, one in enumerate(case.found("threshold", "groups") or []):
        path: Path = ("threshold", "groups", at)
        made.append(case.seen("In a group", f"{one['threshold']:.4f}", path, section=""))
    chosen = case.declared["evaluation"]["threshold"]
    for name, words in (("sensitivity", "for a sensitivity of"), ("value", "declared as")):
        if chosen[name] is not None:
            where = ("evaluation", "threshold", name)
            made.append(case.said("Chosen", f"{words} {chosen[name]:g}", where))
    if chosen["maximise"] is not None:
        words = f"by the greatest {chosen['maximise'].replace('_', ' ')} on the tuning subjects"
        made.append(case.said("Chosen", words, ("evaluation", "threshold", "maximise")))
    return made


def crossed(case: Case, names: Sequence[str] | None = None) -> list[Line]:
    """Figures over all subjects, each judged by a model that never saw them."""
    told = case.found("cross_validation", "metrics")
    if told is None:
        return []
    made = []
    for name in in_order(told) if names is None else [n for n in names if n in told]:
        one = told[name]
        text, spread = figure_text(one["pooled"]), one["by_fold"]
        if spread["mean"] is not None:
            text += (
                f"; by fold {spread['mean']:.3f}, from {spread['lowest']:.3f} to "
                f"{spread['highest']:.3f}"
            )
        path = ("cross_validation", "metrics", name)
        made.append(case.seen(title_of(name, case), text, path, section="folds"))
    return made


def subgroups(case: Case) -> list[Line]:
    """Each level with its counts and leading figure, and whether it differs from the rest."""
    main, made = main_metric(case), []
    for name, levels in case.evidence["subgroups"].items():
        for level, told in levels.items():
            path: Path = ("subgroups", name, level)
            if told["subjects"] is None:
                text, path = f"not shown: {told['why']}", (*path, "why")
            else:
                text = _level(told, main, number=case.outcome == "regression")
            label = f"{name.replace('_', ' ')}: {level or 'unknown'}"
            made.append(case.seen(label, text, path, section="subgroups"))
    return made


def _level(told: Mapping[str, Any], main: str, *, number: bool) -> str:
    ill = "" if number or told["with_outcome"] is None else f", {told['with_outcome']:,} with it"
    figure = told["metrics"].get(main)
    text = f"{told['subjects']:,} subjects{ill}"
    if figure is not None:
        text += f"; {title_of(main)} {figure_text(figure)}"
    apart = [title_of(n) for n, one in told["differs"].items() if one["is_different"]]
    return text + (f"; differs from all others in {', '.join(apart)}" if apart else "")


def gaps_between_groups(case: Case) -> list[Line]:
    """The gaps between groups, and what a mitigation changed and cost."""
    made = []
    for name, gaps in (case.found("fairness") or {}).items():
        hidden = _hidden(case, name)
        for gap, told in gaps.items():
            text = figure_text(told)
            if hidden.intersection(told["levels"]):
                text = "not shown: one of the two groups is hidden"
            elif told["levels"]:
                text += f"; highest in {told['levels'][0]}, lowest in {told['levels'][1]}"
            path = ("fairness", name, gap)
            label = f"{name.replace('_', ' ')}: {title_of(gap)}"
            made.append(case.seen(label, text, path, section="fairness"))
    cost = case.found("mitigation", "cost") or {}
    made += [
        case.seen(
            f"Mitigation changed {title_of(name)} by",
            figure_text(told),
            ("mitigation", "cost", name),
            section="fairness",
        )
        for name, told in cost.items()
        if isinstance(told, Mapping)
    ]
    return made


def _hidden(case: Case, name: str) -> set[str]:
    """The levels of a subgroup of which nothing is told, which a gap would tell in part."""
    levels = case.evidence["subgroups"].get(name, {})
    return {level for level, told in levels.items() if told["subjects"] is None}


def sureness(case: Case) -> list[Line]:
    """Whether sets, intervals and the domain kept what was declared."""
    made = []
    told = case.found("uncertainty", "coverage")
    if told is not None:
        path: Path = ("uncertainty", "coverage")
        text = f"{told['declared']:.3f}"
        made.append(case.seen("Coverage, declared", text, (*path, "declared"), section="sureness"))
        for word, figure in told["held"].items():
            label, where = f"Coverage, held: {word}", (*path, "held", word)
            made.append(case.seen(label, figure_text(figure), where, section="sureness"))
    domain = case.found("uncertainty", "domain")
    if domain is not None:
        path = ("uncertainty", "domain")
        text = f"{domain['declared']:.3f}"
        made.append(case.seen("Domain, declared", text, (*path, "declared"), section="sureness"))
        text = figure_text(domain["outside"])
        made.append(case.seen("Outside it", text, (*path, "outside"), section="sureness"))
    return made


def alerts(case: Case) -> list[Line]:
    """How many alerts it causes, and how many of them are right."""
    made = figures(case, _BURDEN)
    told = case.found("alerts")
    if told is not None and told.get("events") is not None:
        text = f"{told['events']:,} in {told['event_subjects']:,} subjects"
        paths = (("alerts", "events"), ("alerts", "event_subjects"))
        made.append(case.seen("Events to be found", text, *paths, section="alerts"))
    return made


def learning_curve(case: Case) -> list[Line]:
    """Whether more patients would help."""
    text = case.found("learning_curve", "text")
    if text is None:
        return []
    path = ("learning_curve", "text")
    drawn = any(
        one["estimate"] is not None
        for told in case.evidence["learning_curve"]["metric"].values()
        for one in told
    )
    return [case.seen("More patients", text, path, section="learning" if drawn else "")]


def elsewhere(case: Case) -> list[Line]:
    """The leading figures on other patients, for each evaluation that was made."""
    made = []
    for file, told in case.elsewhere.items():
        page = file.removesuffix(".json") + ".html"
        counts = ", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in told["counts"].items())
        made.append(
            Line(label="Other patients", text=counts, cited=(_there(file, page, ("counts",)),))
        )
        wanted = [main_metric(case), *_RIGHT]
        for name in [n for n in in_order(told.get("metrics", {})) if n in wanted]:
            cited = (_there(file, page, ("metrics", name)),)
            text = figure_text(told["metrics"][name])
            made.append(Line(label=f"There: {title_of(name, case)}", text=text, cited=cited))
    return made


def _there(file: str, page: str, path: Path) -> Cited:
    return Cited(file=file, path=path, page=page)
