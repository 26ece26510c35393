"""The model card: what the model is for, how it was made, what was measured, what is not known.

Its sections follow the headings that readers of model cards know.
Source: Mitchell et al., FAT* 2019:220-229; CHAI Applied Model Card, version 0.2.
"""

from collections.abc import Callable, Sequence

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents import facts_of_training as training
from bedside.governance.documents import facts_of_use as use
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Document, Item, Line, Section
from bedside.governance.documents.facts_of_limits import limits
from bedside.governance.documents.facts_of_reasons import reasons
from bedside.governance.documents.not_shown import not_shown

__all__ = ["HEADINGS", "model_card"]

Fact = Callable[[Case], Sequence[Line]]

HEADINGS: tuple[tuple[str, str, str, tuple[Fact, ...]], ...] = (
    (
        "use",
        "Intended use",
        "",
        (use.decision, use.users, use.population, use.not_for, use.eligibility, use.channels),
    ),
    ("details", "The model", "", (use.question, use.answers, use.horizon, training.learner)),
    (
        "data",
        "Data",
        "Each subject is on one side only: to learn from, to tune on, or held out to be judged by.",
        (data.source, data.licence, data.dates, data.counts, data.split, data.flow, data.quality),
    ),
    (
        "training",
        "Training",
        "Calibration, threshold and every figure below are of real subjects only.",
        (
            training.tuning,
            training.imputation,
            training.augmentation,
            training.calibration,
            training.mitigation,
            training.recalibration,
            training.sample_size,
        ),
    ),
    (
        "performance",
        "Measured on held-out subjects",
        "In brackets the 95 % interval, which resamples whole subjects.",
        (performance.threshold, performance.figures, performance.plain),
    ),
    (
        "out_of_fold",
        "Measured by cross-validation",
        "This judges the way of training on fewer subjects, not the very model of this version.",
        (performance.crossed, performance.learning_curve),
    ),
    ("elsewhere", "Measured on other patients", "", (performance.elsewhere,)),
    (
        "groups",
        "Subgroups and fairness",
        "Groups with ten subjects or fewer, with or without the outcome, are not shown, nor is "
        "what would tell them.",
        (performance.subgroups, performance.gaps_between_groups),
    ),
    ("certainty", "How sure an answer is, and who gets none", "", (performance.sureness,)),
    ("burden", "Burden of alerts", "", (performance.alerts,)),
    (
        "reasons",
        "What it relies on",
        "Shares of the model's reasons, the greatest first. They say what it uses, not what "
        "causes the outcome.",
        (reasons,),
    ),
    ("leakage", "Leakage findings", "", (data.leakage,)),
    ("limits", "Warnings and limits", "", ()),
    ("gates", "What it had to reach", "", (use.gates,)),
    ("upkeep", "Upkeep", "", (use.change_control, use.monitoring)),
)
"""Each section's name, heading, note and what fills it; one that nothing fills is left out."""


def model_card(case: Case) -> Document:
    """The card; every figure comes from the evidence."""
    sections = []
    for name, heading, note, facts in HEADINGS:
        lines = [line for fact in facts for line in fact(case)]
        if name == "limits":
            lines = limits(case)
        if lines:
            item = Item(name=name, asks=heading, lines=tuple(lines))
            sections.append(Section(name=name, heading=heading, note=note, items=(item,)))
    note = "Nobody has shown these. Each line says what would show it."
    gaps = Section(name="gaps", heading="Not shown", note=note, items=tuple(not_shown(case)))
    return Document(
        name="model_card",
        kind="Model card",
        title=case.declared["title"],
        model=case.declared["name"],
        intro=(
            "Every figure is generated from the evidence, and its place in it stands beside it.",
        ),
        source="Headings after Mitchell et al., FAT* 2019:220-229, and CHAI's applied model card.",
        sections=(*sections, gaps),
    )
