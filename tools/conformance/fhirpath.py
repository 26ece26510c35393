"""The official FHIRPath tests for R4 (FHIR/fhir-test-cases, r4/fhirpath) against our engine."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
from defusedxml.ElementTree import fromstring

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.checking import check
from bedside.interop.fhirpath.collection import Collection
from bedside.interop.fhirpath.expression import compile_expression
from bedside.interop.fhirpath.model import system_kind
from bedside.interop.fhirpath.values import system_type
from conformance.fhir_xml import json_of_xml
from conformance.fhirpath_reasons import REASONS
from conformance.suite import UNEXPLAINED, Case, Suite, members

__all__ = ["run"]

FOLDER = "fhirpath-r4-tests"
NOW = datetime(2026, 11, 25, 12, 30, 15, 250_000, UTC)


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    group: str
    inputs: str
    expression: str
    invalid: str
    strict: bool
    ordered: bool
    predicate: bool
    documents: bool
    outputs: tuple[tuple[str, str], ...]


def run(data: Path) -> Suite:
    """Run every test that the folder holds.

    Args:
        data: The folder that holds `fhirpath-r4-tests`, zipped or not.
    """
    files = members(data / FOLDER)
    (listing,) = (name for name in files if re.search(r"tests-fhir-r4[^/]*\.xml$", name))
    inputs = {name.rpartition("/")[2]: content for name, content in files.items()}

    @cache
    def resource(name: str) -> dict[str, Any]:
        twin = name.rpartition(".")[0] + ".json"
        if twin in inputs:
            return msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(inputs[twin])
        return json_of_xml(inputs[name])

    tests = _tests(fromstring(files[listing]))
    return Suite(name="FHIRPath R4", cases=tuple(_case(test, resource, inputs) for test in tests))


def _tests(root: Element) -> list[_Test]:
    found = []
    for group in root.iter("group"):
        for test in group.iter("test"):
            expression = test.find("expression")
            if expression is None:
                continue
            found.append(
                _Test(
                    name=test.get("name", ""),
                    group=group.get("name", ""),
                    inputs=test.get("inputfile", "patient-example.xml"),
                    expression=expression.text or "",
                    invalid=expression.get("invalid") or test.get("invalid") or "",
                    strict=test.get("mode") == "strict",
                    ordered=test.get("checkOrderedFunctions") == "true",
                    predicate=test.get("predicate") == "true",
                    documents=test.get("mode") == "cda",
                    outputs=tuple(
                        (output.get("type") or "", output.text or "")
                        for output in test.iter("output")
                    ),
                )
            )
    return found


def _case(test: _Test, resource: Any, inputs: dict[str, bytes]) -> Case:
    twin = test.inputs.rpartition(".")[0] + ".json"
    if test.documents:
        status, problem = "not_run", "it asks a C-CDA document, and FHIRPath here asks FHIR"
    elif test.inputs not in inputs and twin not in inputs:
        status, problem = "not_run", "its input resource is not among the files"
    else:
        problem = _problem(test, resource(test.inputs))
        status = "fail" if problem else "pass"
    reason = REASONS.get(test.name) or REASONS.get(test.group) or UNEXPLAINED
    return Case(
        name=test.name,
        group=test.group,
        status=status,  # type: ignore[arg-type]
        reason="" if status == "pass" else problem if status == "not_run" else reason,
    )


def _problem(test: _Test, resource: dict[str, Any]) -> str:
    """What is wrong with our answer; empty where nothing is."""
    try:
        expression = compile_expression(test.expression)
        if test.strict:
            check(expression, resource["resourceType"], ordered=test.ordered)
        found = expression.evaluate([resource], now=NOW).valued()
    except Invalid as error:
        return "" if test.invalid else f"refused: {error.problem}"
    if test.invalid:
        return f"an error of kind {test.invalid} is expected, but it gives {found.values}"
    if test.predicate:
        return _predicate_problem(test, found)
    got = [
        _written(value, kind) for value, kind in zip(found.values, found.type_list(), strict=True)
    ]
    if len(got) != len(test.outputs):
        return f"{test.outputs} is expected, but it gives {got}"
    for (kind, text), (our_kind, our_text) in zip(test.outputs, got, strict=True):
        if (kind and kind != our_kind) or not _same(text, our_text, our_kind):
            return f"{test.outputs} is expected, but it gives {got}"
    return ""


def _predicate_problem(test: _Test, found: Collection) -> str:
    """A predicate holds where its result is true, or is anything at all."""
    values = found.values
    holds = values[0] if len(values) == 1 and isinstance(values[0], bool) else bool(values)
    wanted = [("boolean", "true" if holds else "false")]
    return "" if list(test.outputs) == wanted else f"{test.outputs} is expected, not {wanted}"


def _written(value: Any, kind: str) -> tuple[str, str]:
    """Type and text of a result, as the suite writes them."""
    name = kind or system_type(value)
    if name.startswith("System."):
        name = name[7:] if name == "System.Quantity" else name[7].lower() + name[8:]
    if isinstance(value, bool):
        return name, "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(value))
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return name, text


def _same(wanted: str, got: str, kind: str) -> bool:
    if wanted.startswith("@"):
        wanted = wanted[1:].removeprefix("T")
    if system_kind(kind) == "Decimal" or kind == "decimal":
        return Decimal(wanted) == Decimal(got)
    return wanted == got
