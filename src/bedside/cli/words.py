"""Results in plain words, for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.core.records.version import GateResult
from bedside.lifecycle.package import Built

__all__ = ["built_json", "built_words", "gates_lines", "watched_words"]

HEADLINE = (
    "harrell_c",
    "uno_c",
    "integrated_brier",
    "auroc",
    "auprc",
    "macro_auroc",
    "quadratic_kappa",
    "mae",
    "rmse",
    "r2",
    "brier",
    "calibration_slope",
    "sensitivity",
    "ppv",
    "min_sensitivity_ppv",
    "normalised_utility",
)


def built_json(built: Built) -> dict[str, Any]:
    """A built version as one JSON document."""
    return {
        "version": built.version.id,
        "bundle": built.version.bundle,
        "stage": built.version.stage.value,
        "gates_passed": built.version.gates_passed,
        "gates": [asdict(gate) for gate in built.version.gates],
        "metrics": built.evidence["metrics"],
        "cross_validation": built.evidence.get("cross_validation"),
        "baseline": built.evidence["baseline"],
        "subgroups": built.evidence["subgroups"],
        "threshold": built.evidence["threshold"],
        "leakage": built.evidence["leakage"],
        "report": str(built.report),
    }


def built_words(built: Built) -> str:
    """What a person wants to know after a build."""
    counts, metrics = built.evidence["counts"]["held_out"], built.evidence["metrics"]
    lines = [
        f"{built.version.id} on {counts['subjects']} held-out subjects, "
        f"{counts['rows']} predictions:",
        *(f"  {name:<21} {figure_text(metrics[name])}" for name in HEADLINE if name in metrics),
        *_crossed(built.evidence),
        *gates_lines(built.version.gates),
        f"Report: {built.report}",
    ]
    if built.version.gates_passed:
        lines.append(f"Next: bedside approve {built.version.id} --name '…' --meaning '…'")
    return "\n".join(lines)


def gates_lines(gates: Sequence[GateResult]) -> list[str]:
    """A line for each gate; one that says so where none is declared."""
    lines = [f"  {'✓' if gate.passed else '✗'} {gate.text}" for gate in gates]
    return lines or ["  No gates are declared, so nothing stops a poor model."]


def _crossed(evidence: Mapping[str, Any]) -> list[str]:
    """The first headline figure by cross-validation, where there is one."""
    crossed = evidence.get("cross_validation")
    shown = [name for name in HEADLINE if crossed and name in crossed["metrics"]]
    if not crossed or not shown:
        return []
    name = "normalised_utility" if "normalised_utility" in shown else shown[0]
    return [
        f"  {name} by {crossed['folds']}-fold cross-validation over "
        f"{crossed['counts']['subjects']:,} subjects: "
        f"{figure_text(crossed['metrics'][name]['pooled'])}"
    ]


def watched_words(report: Mapping[str, Any], page: Path) -> str:
    """The findings of a monitoring run, or its quiet sentence, and what cannot be known."""
    lines = [f"! {finding['text']}" for finding in report["findings"]]
    if not lines and report.get("quiet"):
        lines = [str(report["quiet"])]
    lines += [f"? {_said(item)}" for item in report["cannot_know_yet"]]
    return "\n".join([*lines, *_drift(report), f"Page: {page}"])


def _drift(report: Mapping[str, Any]) -> list[str]:
    """New patients beside those of the build: each column, and all of them together."""
    drift, joint, weighted = (report[name] for name in ("drift", "joint", "weighted"))
    if "why" in drift:
        return [f"? How far each column lies from the build's: {drift['why']}"]
    lines = [
        f"  {drift['moved']} of {len(drift['rows'])} columns differ from the {drift['then']:,} "
        "patients of the build by more than chance (Holm)."
    ]
    if "why" in joint:
        return [*lines, f"? Whether columns together tell them apart: {joint['why']}."]
    lines.append(
        f"  Taken together, columns tell them apart with an AUROC of {joint['auroc']:.3f} "
        f"({joint['low']:.3f} to {joint['high']:.3f}; 0.5 is not at all), p {joint['p_value']:.2g}."
    )
    area = weighted.get("figures", {}).get("auroc")
    if area is not None:
        lines.append(
            f"  AUROC expected of them, from the build's weighted: {area['value']:.3f} "
            f"({area['low']:.3f} to {area['high']:.3f})."
        )
    return lines


def _said(item: Any) -> str:
    return str(item["text"]) if isinstance(item, Mapping) else str(item)
