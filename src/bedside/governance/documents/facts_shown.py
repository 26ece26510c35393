"""Which of what is asked was shown at all: kinds of test, goals, groups, sensitive inputs."""

from collections.abc import Iterator, Mapping

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Cited, Line

__all__ = [
    "elsewhere_counts",
    "elsewhere_data",
    "elsewhere_groups",
    "elsewhere_process",
    "fairness_goal",
    "fairness_watched",
    "groups_counted",
    "groups_that_differ",
    "metrics_named",
    "output_kind",
    "safety_goal",
    "sensitive_inputs",
    "speaks_of",
    "test_type",
]

SENSITIVE: Mapping[str, tuple[str, ...]] = {
    "race": ("race",),
    "ethnicity": ("ethnicity", "ethnic"),
    "language": ("language",),
    "sexual orientation": ("orientation",),
    "gender identity": ("gender",),
    "sex": ("sex",),
    "date of birth or age": ("birth", "age"),
    "social determinants of health": ("insurance", "payer", "income", "deprivation", "education"),
    "health status assessments": ("assessment", "questionnaire", "disability", "frailty"),
}
"""The variables of 45 CFR 170.315(b)(11)(iv)(A)(5)-(13), and words that tell a signal of them."""


def output_kind(case: Case) -> list[Line]:
    """A prediction; of levels also a classification."""
    kind = case.outcome
    text = "a prediction" + (", as a classification" if kind in ("multiclass", "ordinal") else "")
    return [case.said("Kind", text, ("question", "outcome", "kind"))]


def sensitive_inputs(case: Case) -> list[Line]:
    """Which of the nine variables are among the signals, and as what."""
    return [_signals_of(case, group, words) for group, words in SENSITIVE.items()]


def _signals_of(case: Case, group: str, words: tuple[str, ...]) -> Line:
    found = [
        (name, one)
        for name, one in case.declared["signals"].items()
        if one["role"] != "outcome" and speaks_of(words, f"{name} {one['label']}")
    ]
    if not found:
        return case.said(group.capitalize(), "no signal is named so", ("signals",))
    text = ", ".join(
        f"{one['label']} ({'for groups only' if one['role'] == 'attribute' else 'an input'})"
        for _, one in found
    )
    return case.said(group.capitalize(), text, *(("signals", name) for name, _ in found))


def speaks_of(words: tuple[str, ...], text: str) -> bool:
    """Whether one of the words stands in a text, as a whole."""
    told = text.lower().replace("_", " ").replace(",", " ").split()
    return any(word in told for word in words)


def fairness_goal(case: Case) -> list[Line]:
    """What had to be equal between whom."""
    told, made = case.declared["fairness"], []
    if told is not None:
        text = f"{told['constraint'].replace('_', ' ')} between levels of {told['subgroup']}"
        made.append(case.said("Equal", text, ("fairness",)))
    for at, gate in enumerate(case.declared["gates"]):
        if gate["subgroup"]:
            text = f"{gate['metric']} between levels of {gate['subgroup']}"
            made.append(case.said("Gate", text, ("gates", at)))
    return made


def safety_goal(case: Case) -> list[Line]:
    """What was declared of how sure it must be, and what staff can follow up."""
    told, made = case.declared["uncertainty"], []
    if told["coverage"] is not None:
        text = f"the truth within the set in {told['coverage']:g} of patients"
        made.append(case.said("Coverage", text, ("uncertainty", "coverage")))
    if told["domain"] is not None:
        text = f"no answer outside the domain of {told['domain']:g} of the training patients"
        made.append(case.said("Domain", text, ("uncertainty", "domain")))
    alerts = case.declared["evaluation"]["alerts"]
    if case.found("alerts") is not None and alerts["capacity"] is not None:
        text = f"{alerts['capacity']:g} alerts in 24 h over {alerts['beds']} beds"
        made.append(case.said("Staff can follow up", text, ("evaluation", "alerts")))
    return made


def test_type(case: Case) -> list[Line]:
    """How it was tested, on which kind of patients."""
    made = data.split(case)
    text = "on data that were there before, of patients held out"
    made.insert(0, case.seen("Retrospective", text, ("counts", "held_out"), section="data"))
    if case.found("cross_validation") is not None:
        path = ("evaluation", "folds")
        text = f"{case.declared['evaluation']['folds']} folds of whole subjects"
        made.append(case.said("Cross-validation", text, path))
    return made


def metrics_named(case: Case) -> list[Line]:
    """Which measures were taken, and with how many resamples."""
    told = case.evidence["metrics"]
    names = ", ".join(performance.title_of(name) for name in performance.in_order(told))
    text = f"{case.declared['evaluation']['bootstrap']:,} of whole subjects"
    return [
        case.seen("Measures", names, ("metrics",)),
        case.said("Resamples", text, ("evaluation", "bootstrap")),
    ]


def groups_that_differ(case: Case) -> list[Line]:
    """The groups that differ from all others."""
    return [one for one in performance.subgroups(case) if "; differs from all others" in one.text]


def groups_counted(case: Case) -> list[Line]:
    """How many held-out subjects each declared group has."""
    return [
        Line(label=one.label, text=one.text.partition(";")[0], cited=one.cited)
        for one in performance.subgroups(case)
    ]


def fairness_watched(case: Case) -> list[Line]:
    """The live gates on groups, which are judged before each step towards patients."""
    gates = case.declared.get("rollout", {}).get("gates", ())
    return [
        case.said("Live gate", f"{gate['metric']} by {gate['subgroup']}", ("rollout", "gates", at))
        for at, gate in enumerate(gates)
        if gate.get("subgroup")
    ]


def elsewhere_data(case: Case) -> list[Line]:
    """Whose data the other patients are."""
    return [
        _there(file, "Other patients", str(told["data"]["name"]), ("data", "name"))
        for file, told in case.elsewhere.items()
        if isinstance(told.get("data"), Mapping) and told["data"].get("name")
    ] or elsewhere_counts(case)


def elsewhere_counts(case: Case) -> list[Line]:
    """How many other patients there were."""
    return [line for line in performance.elsewhere(case) if line.label == "Other patients"]


def elsewhere_process(case: Case) -> list[Line]:
    """That the sealed version was judged as it is."""
    return [
        _there(file, "Judged", "the sealed version, as it is, on patients of another source",
               ("counts",))
        for file in case.elsewhere
    ]  # fmt: skip


def elsewhere_groups(case: Case) -> list[Line]:
    """Groups among the other patients."""
    return list(_groups_there(case))


def _groups_there(case: Case) -> Iterator[Line]:
    for file, told in case.elsewhere.items():
        there = Case(declared=case.declared, evidence={"subgroups": {}, **told})
        for line in performance.subgroups(there):
            yield Line(
                label=line.label,
                text=line.text,
                cited=tuple(_cited(file, one.path) for one in line.cited),
            )


def _there(file: str, label: str, text: str, path: tuple[str | int, ...]) -> Line:
    return Line(label=label, text=text, cited=(_cited(file, path),))


def _cited(file: str, path: tuple[str | int, ...]) -> Cited:
    return Cited(file=file, path=path, page=file.removesuffix(".json") + ".html")
