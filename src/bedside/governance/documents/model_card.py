"""The model card: what the model is for, how it was made, what was measured, what is not known.

Its sections follow the headings that readers of model cards know.
Source: Mitchell et al., FAT* 2019:220-229; CHAI Applied Model Card, version 0.2.
"""

from collections.abc import Callable, Iterator, Sequence

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents import facts_of_training as training
from bedside.governance.documents import facts_of_use as use
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Document, Item, Line, Section
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
            lines = list(_limits(case))
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


def _limits(case: Case) -> Iterator[Line]:
    """What the evidence itself warns of."""
    if case.found("training", "imported") is not None:
        words = (
            "it is not known which patients it was learnt from; the figures are too good if some "
            "of them are held out here"
        )
        yield case.seen("Learnt elsewhere", words, ("training", "imported"), section="training")
    if case.found("training", "sample_size", "enough") is False:
        path = ("training", "sample_size", "needed")
        words = f"fewer patients to learn from than the {case.found(*path):,} that are needed"
        yield case.seen("Sample size", words, path, section="training")
    for name, low, high in (
        ("calibration_slope", "predictions too extreme", "predictions not extreme enough"),
        ("expected_observed_ratio", "predictions too low", "predictions too high"),
    ):
        told = case.found("metrics", name)
        if told is None or told["low"] is None or told["low"] <= 1 <= told["high"]:
            continue
        words = low if told["high"] < 1 else high
        line = performance.figures(case, [name])[0]
        yield case.seen("Calibration", f"{words}: {line.text}", ("metrics", name))
    yield from _no_better(case)
    for line in performance.subgroups(case):
        if "; differs from all others" in line.text:
            yield line
    for finding, line in zip(case.evidence["leakage"], data.leakage(case), strict=False):
        if finding.get("because") or finding.get("severity") == "warning":
            yield line


def _no_better(case: Case) -> Iterator[Line]:
    """That a plain regression comes as far, by the leading figure."""
    name = performance.main_metric(case)
    own, other = case.found("metrics", name, "estimate"), case.found("baseline", name, "estimate")
    if own is None or other is None:
        return
    better = own < other if case.outcome == "regression" else own > other
    if not better:
        text = f"{performance.title_of(name)} {own:.3f}; a plain regression {other:.3f}"
        paths = (("metrics", name), ("baseline", name))
        yield case.seen("No better than a plain regression", text, *paths)
