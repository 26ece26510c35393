"""The model card, in Markdown: what the model is for, what was measured, what is not known."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import figure_text
from bedside.core.records.training import augmentation_text, imputation_text, step_text

__all__ = ["model_card"]


def model_card(declaration: Declaration, evidence: Mapping[str, Any]) -> str:
    """The card; every figure comes from the evidence."""
    use = declaration.intended_use
    rows = [f"| {name} | {figure_text(figure)} |" for name, figure in evidence["metrics"].items()]
    findings = [_finding(told) for told in evidence["leakage"]] or ["- None."]
    counts = [
        f"- {side}: {c['subjects']} subjects, {c['rows']} predictions, {c['positive']} positive"
        for side, c in evidence["counts"].items()
    ]
    return "\n".join(
        [
            f"# {declaration.title}",
            "",
            f"- Supports: {use.decision}",
            f"- Users: {', '.join(use.users)}",
            f"- Population: {use.population}",
            *(f"- Not for: {text}" for text in use.not_for),
            "",
            "## Question",
            "",
            declaration.question.ask,
            "",
            "## Data",
            "",
            *counts,
            f"- Source licence: {declaration.data.licence}",
            f"- Release mode: {declaration.data.release_mode}",
            "",
            "## Training",
            "",
            *_training(evidence["training"]),
            "",
            "## Measured on held-out subjects",
            "",
            "| metric | estimate (95 % interval) |",
            "| --- | --- |",
            *rows,
            "",
            "## Leakage findings",
            "",
            *findings,
            "",
            "## May change without a new approval",
            "",
            *([f"- {text}" for text in declaration.change_control] or ["- Nothing."]),
            "",
            "## Gaps",
            "",
            "- external and temporal validation",
            "- effect on care and outcomes",
            *([] if evidence["subgroups"] else ["- performance by sex, age and other subgroups"]),
            "",
        ]
    )


def _finding(told: Mapping[str, Any]) -> str:
    """What the audit found; a warning needs no acknowledgement."""
    if told["because"]:
        return f"- {told['text']} Acknowledged: {told['because']}"
    return f"- Warning: {told['text']}"


def _training(told: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- Missing values: {imputation_text(told)}",
        f"- Augmentation: {augmentation_text(told)}",
    ]
    if told["augmentation"] is not None:
        lines += [f"  - {step_text(step)}" for step in told["augmentation"]["steps"]]
        lines.append("- Calibration, threshold and every figure below are of real subjects only.")
    return lines
