"""Questions about the risk of bias, each with what the evidence says; nobody's judgement is made.

Source: Wolff et al., Ann Intern Med 2019;170:51-58 (PROBAST); Moons et al., BMJ 2025;388:e082505
(PROBAST+AI). The questions stand in `probast_ai.csv` in our own words.
"""

from collections.abc import Mapping
from itertools import groupby

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents import facts_of_training as training
from bedside.governance.documents import facts_of_use as use
from bedside.governance.documents.case import Case
from bedside.governance.documents.checklists import Fact, gathered, item_of, table
from bedside.governance.documents.document import Document, Line, Section

__all__ = ["JUDGED", "probast_ai"]

JUDGED: Mapping[str, tuple[str, ...]] = {
    "Participants": ("Risk of bias: participants", "Do these patients fit your question?"),
    "Predictors": ("Risk of bias: predictors", "Do these predictors fit your question?"),
    "Outcome": ("Risk of bias: outcome", "Does this outcome fit your question?"),
    "Analysis": ("Risk of bias: analysis",),
}
"""What the reviewer judges in each domain: low, high or unclear. It is never filled in."""


def _optimism(case: Case) -> list[Line]:
    """The leading figure held out, and by cross-validation."""
    name = performance.main_metric(case)
    crossed = performance.crossed(case, [name])
    if not crossed:
        return []
    held = performance.figures(case, [name])[0]
    found = crossed[0]
    return [
        Line(label=f"Held out: {held.label}", text=held.text, cited=held.cited),
        Line(label=f"Cross-validated: {found.label}", text=found.text, cited=found.cited),
    ]


def _ratio(case: Case) -> list[Line]:
    """Events, or patients, to each parameter."""
    told = case.found("training", "sample_size") or {}
    made = []
    for name in ("events_per_parameter", "patients_per_parameter"):
        if name in told:
            path = ("training", "sample_size", name)
            words = name.replace("_", " ").capitalize()
            made.append(case.seen(words, f"{told[name]:g}", path, section="training"))
    return made


def _apart(case: Case) -> list[Line]:
    """By which site or time the held-out subjects are others, where they are."""
    return [line for line in data.split(case) if line.label in ("Held-out site", "Held-out time")]


def _groups(case: Case) -> list[Line]:
    return [*performance.subgroups(case), *performance.gaps_between_groups(case)]


def _parity(case: Case) -> list[Line]:
    return [*use.whole_model(case), *training.calibration(case), *training.recalibration(case)]


RULES: Mapping[str, tuple[Fact, ...]] = {
    "1.1": (data.source, data.licence, data.dates),
    "1.2": (use.eligibility, data.flow),
    "1.3": (_apart, performance.elsewhere),
    "2.1": (use.predictors, data.quality),
    "2.2": (use.seen_when, data.leakage),
    "2.3": (use.seen_when, data.leakage),
    "3.1": (use.outcome,),
    "3.2": (use.sealed, use.gates),
    "3.3": (use.outcome, data.leakage),
    "3.4": (use.outcome, performance.subgroups),
    "3.6": (use.horizon,),
    "4.1": (_ratio, training.sample_size, data.counts),
    "4.2": (training.learner, use.predictors),
    "4.3": (data.flow, data.counts),
    "4.4": (training.imputation,),
    "4.5": (training.learner, training.tuning),
    "4.6": (use.answers, use.horizon),
    "4.7": (
        lambda case: performance.figures(case, [performance.main_metric(case)]),
        performance.calibrated,
    ),
    "4.8": (_optimism, performance.learning_curve),
    "4.9": (_parity,),
    "4.10": (data.leakage, data.split),
    "4.11": (training.imbalance,),
    "4.12": (_groups,),
}
"""What the evidence says to each question."""


def probast_ai(case: Case) -> Document:
    """The questions about a version."""
    sections = tuple(
        Section(
            name=domain.lower(),
            heading=domain,
            items=tuple(item_of(row, gathered(case, RULES.get(row["item"], ()))) for row in rows),
            judged=JUDGED[domain],
        )
        for domain, rows in groupby(table("probast_ai.csv"), key=lambda row: row["domain"])
    )
    return Document(
        name="probast_ai",
        kind="Risk of bias: prompts after PROBAST and PROBAST+AI",
        title=case.declared["title"],
        model=case.declared["name"],
        intro=(
            "For a reviewer: the questions of four domains, in our own words, with what the "
            "evidence says to each. This is not the tool itself: look at the papers for it.",
            "Whether the risk of bias is low, high or unclear is the reviewer's to say. Nothing "
            "here says it, and nothing is filled in.",
        ),
        source="Wolff et al., Ann Intern Med 2019;170:51-58; Moons et al., BMJ 2025;388:e082505.",
        sections=sections,
    )
