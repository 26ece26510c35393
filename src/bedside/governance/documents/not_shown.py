"""What nobody has shown about a version: each thing without evidence, and what would show it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Item
from bedside.governance.documents.facts_shown import speaks_of

__all__ = ["GROUPS", "not_shown"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "sex": ("sex", "gender"),
    "age": ("age",),
    "race or ethnicity": ("race", "ethnicity", "ethnic"),
    "language": ("language",),
    "means and insurance": ("insurance", "payer", "income", "deprivation", "education"),
}
"""Groups of people whom readers ask about, and the words by which a signal of them is known."""

_Has = Callable[[Case], Any]
_SOUGHT: tuple[tuple[str, str, _Has, str], ...] = (
    (
        "external validation",
        "Other hospitals or sources",
        lambda case: case.elsewhere or case.declared["evaluation"]["split"]["held_out_sites"],
        "judge it on patients of another source (bedside evaluate), or hold out whole sites.",
    ),
    (
        "temporal validation",
        "A later time",
        lambda case: case.declared["evaluation"]["split"]["held_out_from"],
        "hold out whoever is asked about from a date on (evaluation.split.held_out_from).",
    ),
    (
        "cross-validation",
        "Other draws of the subjects",
        lambda case: case.found("cross_validation"),
        "declare evaluation.folds, or say why the one held-out side suffices.",
    ),
    (
        "learning curve",
        "Whether more patients would help",
        lambda case: case.found("learning_curve"),
        "declare evaluation.learning_curve.",
    ),
    (
        "sample size",
        "Whether there were enough patients to learn from",
        lambda case: case.found("training", "sample_size"),
        "build it again: a build works this out by itself.",
    ),
    (
        "certainty",
        "How sure one answer is",
        lambda case: case.found("uncertainty", "coverage"),
        "declare uncertainty.coverage.",
    ),
    (
        "domain",
        "For whom it must not answer, by how unlike they are",
        lambda case: case.found("uncertainty", "domain"),
        "declare uncertainty.domain.",
    ),
    (
        "steadiness of reasons",
        "Whether its reasons are the same when it is learnt again",
        lambda case: case.found("explanations", "stability"),
        "build it again: a build measures this by itself.",
    ),
    (
        "alerts over time",
        "How many alerts a day it causes",
        lambda case: case.found("alerts"),
        "declare evaluation.burden_per: day, for a model that asks again and again; for one that "
        "asks once, say how many patients come in a day.",
    ),
    (
        "gates",
        "What it had to reach, set beforehand",
        lambda case: case.declared["gates"],
        "declare gates.",
    ),
    (
        "flow",
        "Who was left out of the cohort",
        lambda case: case.found("flow"),
        "build it again: a build counts this by itself.",
    ),
    (
        "dates of care",
        "From which years the patients are",
        lambda case: case.declared["data"]["source"] or case.declared["data"]["clock"]["column"],
        "name the years in which these patients were treated; the table does not tell.",
    ),
)
_NEVER: tuple[tuple[str, str, str], ...] = (
    (
        "silent run",
        "A prospective silent run",
        "run it silently beside care (bedside release --stage silent), and compare.",
    ),
    (
        "effect",
        "What clinicians do with it, and what becomes of their patients",
        "study its use; nothing in a build can show this.",
    ),
    (
        "today's practice",
        "Whether it is better than what is done today",
        "compare it with the score or the judgement in use; a plain regression is not that.",
    ),
    ("developer", "Who answers for it", "name the developer and a contact."),
    ("funding", "Who paid for it", "name who paid for development and for deployment."),
    (
        "people consulted",
        "Whom it was made with",
        "say which patients, carers and clinicians had a say, and in what.",
    ),
    (
        "clinical risk",
        "What a wrong answer can do",
        "judge the harm of a missed and of a false answer, and who prevents it.",
    ),
    (
        "approval by an authority",
        "Whether it may be used, and where",
        "state any regulatory clearance, or that there is none.",
    ),
)


def not_shown(case: Case) -> list[Item]:
    """What has no evidence, each with what would show it."""
    return [
        *(
            Item(name=name, asks=what, missing=f"Not shown: {remedy}")
            for name, what, has, remedy in _SOUGHT
            if not has(case)
        ),
        *_groups(case),
        *_fairness(case),
        *_figures(case),
        *(Item(name=name, asks=what, missing=f"Not shown: {do}") for name, what, do in _NEVER),
    ]


def _groups(case: Case) -> Iterator[Item]:
    """Groups of people without figures of their own."""
    declared, judged = case.declared["evaluation"]["subgroups"], case.evidence["subgroups"]
    for group, words in GROUPS.items():
        signals = [
            name
            for name, told in case.declared["signals"].items()
            if speaks_of(words, name) or speaks_of(words, told["label"])
        ]
        dimensions = [name for name, told in declared.items() if told["signal"] in signals]
        if any(_is_shown(judged.get(name, {})) for name in dimensions):
            continue
        if dimensions:
            why = "every level is too small, or hidden; bring more patients."
        elif signals:
            why = f"it is in the data ({', '.join(signals)}); declare a subgroup."
        else:
            why = "it is not in the data that this version reads."
        yield Item(
            name=f"figures by {group}",
            asks=f"How well it does by {group}",
            missing="Not shown: " + why,
        )


def _is_shown(levels: Mapping[str, Any]) -> bool:
    return any(told["subjects"] is not None and "why" not in told for told in levels.values())


def _fairness(case: Case) -> Iterator[Item]:
    if case.found("fairness"):
        return
    if case.outcome != "binary":
        why = "gaps are measured of yes-or-no outcomes only; look at the subgroups."
    elif case.evidence["subgroups"]:
        why = "no gap was measured."
    else:
        why = "declare evaluation.subgroups."
    asks = "Whether errors differ between groups"
    yield Item(name="gaps between groups", asks=asks, missing="Not shown: " + why)


def _figures(case: Case) -> Iterator[Item]:
    """Figures that are undefined, or have no interval."""
    told = case.evidence["metrics"]
    undefined = [name for name in performance.in_order(told) if told[name]["estimate"] is None]
    bare = [
        name
        for name in performance.in_order(told)
        if told[name]["estimate"] is not None and told[name]["low"] is None
    ]
    for name, names, words in (
        ("undefined figures", undefined, "could not be measured"),
        ("intervals", bare, "have no interval"),
    ):
        if names:
            lines = performance.figures(case, names)
            missing = f"Not shown: these figures {words}; more held-out patients may tell them."
            asks = f"Figures that {words}"
            yield Item(name=name, asks=asks, lines=tuple(lines), missing=missing)
