"""The TRIPOD+AI checklist, filled in from a version's evidence; what lacks is for a person.

Source: Collins et al., BMJ 2024;385:e078378. Its 27 items, 52 with their parts, stand in
`tripod_ai.csv` in our own words.
"""

from collections.abc import Mapping
from itertools import groupby

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents import facts_of_training as training
from bedside.governance.documents import facts_of_use as use
from bedside.governance.documents.case import Case
from bedside.governance.documents.checklists import Fact, clusters, gathered, item_of, table
from bedside.governance.documents.document import Document, Line, Section

__all__ = ["tripod_ai"]


def _metrics_named(case: Case) -> list[Line]:
    """Which measures were taken, and with how many resamples."""
    text = f"{case.declared['evaluation']['bootstrap']:,} of whole subjects"
    resamples = case.said("Resamples", text, ("evaluation", "bootstrap"))
    names = ", ".join(
        performance.title_of(n) for n in performance.in_order(case.evidence["metrics"])
    )
    return [case.seen("Measures", names, ("metrics",)), resamples]


def _sites(case: Case) -> list[Line]:
    return [line for line in data.split(case) if line.label in ("Held-out site", "Kept together")]


RULES: Mapping[str, tuple[Fact, ...]] = {
    "1": (use.title,),
    "3b": (use.decision, use.users, use.population),
    "4": (use.question,),
    "5a": (data.source, data.licence),
    "5b": (data.dates,),
    "6b": (use.population, use.eligibility),
    "6c": (use.treatments,),
    "7": (data.quality,),
    "8a": (use.outcome, use.horizon),
    "9a": (use.predictors,),
    "9b": (use.predictors, use.seen_when),
    "10": (training.sample_size, performance.learning_curve),
    "11": (training.imputation,),
    "12a": (data.split, data.counts),
    "12b": (use.predictors, training.learner),
    "12c": (
        training.learner,
        training.tuning,
        training.calibration,
        training.baseline,
        lambda case: performance.crossed(case, [performance.main_metric(case)]),
    ),
    "12d": (_sites,),
    "12e": (_metrics_named, training.baseline, use.gates),
    "12f": (training.recalibration,),
    "12g": (performance.elsewhere,),
    "13": (training.imbalance,),
    "14": (training.mitigation, performance.gaps_between_groups),
    "15": (use.answers, performance.threshold),
    "16": (data.split,),
    "18e": (data.licence,),
    "18f": (use.whole_model,),
    "20a": (data.flow,),
    "20b": (data.groups_of_subjects,),
    "20c": (performance.elsewhere,),
    "21": (data.counts,),
    "22": (use.whole_model,),
    "23a": (performance.figures, performance.crossed, performance.subgroups, performance.elsewhere),
    "23b": (clusters,),
    "24": (training.recalibration,),
    "26": (training.sample_size, data.leakage, use.not_for),
    "27a": (use.poor_input, training.imputation),
    "27b": (use.users, use.channels),
    "27c": (use.change_control, use.monitoring),
}
"""What is known of each item; one without a rule is for a person alone."""


def tripod_ai(case: Case) -> Document:
    """The checklist of a version."""
    sections = tuple(
        Section(
            name=part.lower().replace(" ", "_"),
            heading=part,
            items=tuple(item_of(row, gathered(case, RULES.get(row["item"], ()))) for row in rows),
        )
        for part, rows in groupby(table("tripod_ai.csv"), key=lambda row: row["part"].split(":")[0])
    )
    return Document(
        name="tripod_ai",
        kind="TRIPOD+AI checklist",
        title=case.declared["title"],
        model=case.declared["name"],
        intro=(
            "What a report of this model must tell. What the evidence answers is filled in, with "
            "its place; the rest is for a person to write. The items are in our own words: look "
            "at the paper for its own.",
            "That an item is answered says that something is told of it, not that it is good.",
        ),
        source="Collins et al., BMJ 2024;385:e078378.",
        sections=sections,
    )
