"""CHAI's Applied Model Card as XML and as JSON, made from the document of its template.

Source: Coalition for Health AI, Applied Model Card schema v0.2 (mc.chai.org): its elements, their
order and how often each may stand, in our own table.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as Xml

from bedside.core.errors import NotFound
from bedside.core.ids import canonical_json
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Document, Item, Line, value_at
from bedside.governance.documents.facts_of_performance import main_metric, title_of
from bedside.governance.documents.stated import stated_words

__all__ = ["ELEMENTS", "NAMESPACE", "OPTIONAL", "as_json", "as_xml", "results_of"]

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
_METRIC = (
    "MetricGoal", "Results", "Interpretation", "TestType", "TestingDataDescription",
    "ValidationProcessAndJustification",
)  # fmt: skip
ELEMENTS: Mapping[str, Any] = {
    "BasicInfo": ("ModelName", "ModelDeveloper", "DeveloperContact"),
    "ReleaseInfo": (
        "ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability", "EHRCompatibility",
        "RegulatoryApproval",
    ),
    "ModelSummary": ("Summary", "Keywords"),
    "UsesAndDirections": (
        "IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse", "TargetedPatientPopulation",
        "CautionedOutOfScopeSettings",
    ),
    "Warnings": (
        "KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel",
    ),
    "TrustIngredients": {
        "AISystemFacts": (
            "OutcomesAndOutputs", "ModelType", "FoundationModels", "InputDataSource",
            "OutputAndInputDataTypes", "DevelopmentDataCharacterization",
            "BiasMitigationApproaches", "OngoingMaintenance", "Security", "Transparency",
        ),
        "TransparencyInformation": (
            "FundingSource", "ThirdPartyInformation", "StakeholdersConsulted",
        ),
    },
    "KeyMetrics": {
        "UsefulnessUsabilityEfficacy": _METRIC,
        "FairnessEquity": _METRIC,
        "SafetyReliability": _METRIC,
    },
    "Resources": (
        "EvaluationReferences", "ClinicalTrial", "PeerReviewedPublications",
        "ReimbursementStatus", "PatientConsentOrDisclosure",
    ),
    "Bibliography": None,
}  # fmt: skip
"""The elements below `AppliedModelCard`, in their order; a name without parts holds text."""

OPTIONAL = frozenset(
    {"EHRCompatibility", "RegulatoryApproval", "FoundationModels", "Security", "Transparency",
     "ThirdPartyInformation", "EvaluationReferences", "ClinicalTrial", "ReimbursementStatus"}
)  # fmt: skip
"""Those that are left out where nothing is told of them."""

_LISTS = {"EHRCompatibility": "EHR", "Keywords": "Keyword"}
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold. Source: W3C XML 1.0, production 2 (Char); CR is a line end."""


def as_xml(document: Document, case: Case) -> bytes:
    """The card in the schema's order; a gap stands there as `Not told: …`.

    What a person stated stands there as their statement.

    A character that XML cannot hold becomes U+FFFD.

    Args:
        document: Of the template `chai`.
        case: What its results point into.
    """
    root = Xml.Element(f"{{{NAMESPACE}}}AppliedModelCard")
    _write(root, _tree(document, case))
    Xml.indent(root)
    text: str = Xml.tostring(root, "unicode", default_namespace=NAMESPACE)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def as_json(document: Document, case: Case) -> bytes:
    """The same card, with the same names, and its gaps."""
    gaps = [{"item": item.name, "missing": item.missing, "who": item.who} for item in document.gaps]
    return canonical_json({"AppliedModelCard": _tree(document, case), "gaps": gaps})


def results_of(item: Item, case: Case) -> list[tuple[str, dict[str, Any]]]:
    """Each result with its label, its figures being those of the evidence, not rounded."""
    found = [(line.label, one) for line in item.lines for one in _figures(line, case)]
    return [(f"{label}: {name}" if name else label, value) for label, (name, value) in found]


def _tree(document: Document, case: Case) -> dict[str, Any]:
    items = {item.name: item for item in document.items}
    return _branch(ELEMENTS, "", items, case)


def _branch(
    parts: Mapping[str, Any] | Sequence[str], path: str, items: Mapping[str, Item], case: Case
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in parts:
        below = parts[name] if isinstance(parts, Mapping) else None
        if below is not None:
            told[name] = _branch(below, f"{path}{name}/", items, case)
            continue
        item = items[f"{path}{name}"]
        if item.lines or item.said is not None or name not in OPTIONAL:
            told[name] = _leaf(name, item, case)
    return told


def _leaf(name: str, item: Item, case: Case) -> Any:
    if name in _LISTS:
        said = [] if item.said is None else [_not_told(item)]
        return {_LISTS[name]: [*(line.text for line in item.lines), *said]}
    if name == "Results":
        found = results_of(item, case)
        text = _not_told(item)
        label = "Not told" if item.said is None else "Stated"
        pairs = found or [(label, {"kind": "text", "value": text})]
        return {
            "MetricResult": [
                {"Label": label, "ValueJson": json.dumps(value, ensure_ascii=False)}
                for label, value in pairs
            ]
        }
    whole = len(item.lines) != 1
    lines = [_safe(f"{line.label}: {line.text}" if whole else line.text) for line in item.lines]
    if item.missing:
        lines.append(_not_told(item))
    return "\n".join(lines)


def _not_told(item: Item) -> str:
    """What is missing and who must fill it, or what a person stated to it."""
    if item.said is not None:
        return stated_words(item.said)
    return f"Not told: {item.missing or 'nothing was measured'} ({item.who or 'a person'})."


def _figures(line: Line, case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """The figures at the first place of a line; of one that hides them, only its words."""
    one = line.cited[0]
    if line.text.startswith("not shown"):
        yield "", {"kind": "text", "value": line.text}
        return
    try:
        value = value_at(case.files[one.file], one.path)
    except (KeyError, NotFound):
        value = None
    if isinstance(value, Mapping) and "estimate" in value:
        yield "", _value(value)
    elif isinstance(value, Mapping) and "pooled" in value:
        yield "", _value(value["pooled"])
    elif isinstance(value, Mapping) and "metrics" in value and value.get("subjects") is not None:
        figure = value["metrics"].get(main_metric(case))
        if figure is None:
            yield "", {"kind": "text", "value": line.text}
        else:
            yield title_of(main_metric(case), case), _value(figure)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield "", {"kind": "single", "value": value}
    else:
        yield "", {"kind": "text", "value": line.text}


def _value(figure: Mapping[str, Any]) -> dict[str, Any]:
    if figure["estimate"] is None:
        return {"kind": "text", "value": f"not shown: {figure.get('why')}"}
    if figure.get("low") is None:
        return {"kind": "single", "value": figure["estimate"]}
    return {
        "kind": "estimate_ci",
        "estimate": figure["estimate"],
        "lower": figure["low"],
        "upper": figure["high"],
        "level": 95,
    }


def _write(parent: Xml.Element, told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        for one in value if isinstance(value, list) else [value]:
            child = Xml.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(one, Mapping):
                _write(child, one)
            else:
                child.text = _safe(one)


def _safe(text: str) -> str:
    """Text that XML can hold: line ends as LF, and nothing that no document may have."""
    return _NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
