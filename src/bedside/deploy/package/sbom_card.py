"""The data of a model card in the form that a bill of materials gives them.

Source: ECMA-424, CycloneDX 1.6, `modelCard`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.core.records.declaration import Declaration
from bedside.core.records.version import GateResult

__all__ = ["model_card_data"]

_TASKS = {
    "binary": "binary classification",
    "multiclass": "multiclass classification",
    "ordinal": "ordinal classification",
    "regression": "regression",
    "survival": "time to event",
}


def model_card_data(
    declaration: Declaration,
    evidence: Mapping[str, Any],
    gates: tuple[GateResult, ...],
    *,
    snapshot: str,
) -> dict[str, Any]:
    """`modelCard`: how it learnt, what was measured on held-out subjects, and what it is for.

    Args:
        declaration: The model.
        evidence: As in its bundle; suppressed figures stay suppressed.
        gates: What it had to reach.
        snapshot: The digest of the data that it was built from.
    """
    use = declaration.intended_use
    outcome = declaration.question.outcome.kind
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": _TASKS.get(outcome, outcome),
            "architectureFamily": declaration.learner.kind,
            "modelArchitecture": f"{declaration.learner.kind}, as an ONNX graph",
            "datasets": [
                {
                    "type": "dataset",
                    "name": declaration.data.source or declaration.data.file or "data",
                    "contents": {
                        "properties": [
                            {"name": "bedside:snapshot", "value": snapshot},
                            *_counts(evidence),
                        ]
                    },
                    "classification": declaration.data.release_mode,
                }
            ],
            "inputs": [{"format": "named clinical signals; see input_schema.json"}],
            "outputs": [{"format": "a score with reasons, an abstention, or a failure"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_figures(evidence))},
        "considerations": {
            "users": list(use.users),
            "useCases": [f"{use.decision}; for {use.population}"],
            "technicalLimitations": [f"not for: {one}" for one in use.not_for],
        },
        "properties": [
            {"name": "bedside:gate", "value": f"{'kept' if one.passed else 'NOT kept'}: {one.text}"}
            for one in gates
        ],
    }


def _counts(evidence: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for side, counts in sorted(evidence["counts"].items()):
        if isinstance(counts, Mapping) and counts.get("subjects") is not None:
            yield {"name": f"bedside:subjects:{side}", "value": str(counts["subjects"])}


def _figures(evidence: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each figure of all held-out subjects, then of each subgroup; none that is hidden."""
    yield from _metrics(evidence["metrics"], "held-out subjects")
    for name, levels in sorted((evidence.get("subgroups") or {}).items()):
        for level, told in sorted(levels.items()):
            yield from _metrics(told.get("metrics"), f"{name}: {level}")


def _metrics(figures: Any, part: str) -> Iterator[dict[str, Any]]:
    if not isinstance(figures, Mapping):
        return
    for name, figure in sorted(figures.items()):
        if not isinstance(figure, Mapping) or not isinstance(figure.get("estimate"), int | float):
            continue
        told: dict[str, Any] = {"type": name, "value": repr(figure["estimate"]), "slice": part}
        if figure.get("low") is not None and figure.get("high") is not None:
            told["confidenceInterval"] = {
                "lowerBound": repr(figure["low"]),
                "upperBound": repr(figure["high"]),
            }
        yield told
