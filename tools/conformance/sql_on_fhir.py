"""The tests of SQL on FHIR v2 (FHIR/sql-on-fhir-v2, tests) against our runner."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.sql_on_fhir import read_view, run_view
from conformance.sql_on_fhir_reasons import REASONS
from conformance.suite import UNEXPLAINED, Case, Status, Suite, members

__all__ = ["run"]

FOLDER = "sql-on-fhir-v2-tests"


def run(data: Path) -> Suite:
    """Run every test that the folder holds; the group says whether it is shareable.

    Args:
        data: The folder that holds `sql-on-fhir-v2-tests`, zipped or not.
    """
    cases = []
    for name, content in sorted(members(data / FOLDER).items()):
        if not name.endswith(".json") or name.endswith(".schema.json"):
            continue
        part = msgspec.json.decode(content)
        if isinstance(part, dict) and isinstance(part.get("tests"), list):
            title = name.rpartition("/")[2].removesuffix(".json")
            cases += [_case(title, test, part.get("resources", [])) for test in part["tests"]]
    return Suite(name="SQL on FHIR v2", cases=tuple(cases))


def _case(file: str, test: dict[str, Any], resources: list[Any]) -> Case:
    name = f"{file}: {test['title']}"
    shareable = "shareable" in test.get("tags", [])
    problem = _problem(test, resources)
    status: Status = "fail" if problem else "pass"
    return Case(
        name=name,
        group="shareable" if shareable else "experimental",
        status=status,
        reason=REASONS.get(name, UNEXPLAINED) if problem else "",
    )


def _problem(test: dict[str, Any], resources: list[Any]) -> str:
    """What is wrong with our answer; empty where nothing is."""
    wants_error = bool(test.get("expectError"))
    try:
        table = run_view(read_view(json.dumps(test["view"]).encode()), resources)
    except Invalid as error:
        return "" if wants_error else f"refused: {error.problem}"
    if wants_error:
        return "an error is expected"
    if "expectColumns" in test and list(table.columns) != test["expectColumns"]:
        return f"the columns are {list(table.columns)}"
    if "expectCount" in test and len(table) != test["expectCount"]:
        return f"there are {len(table)} rows"
    if "expect" in test:
        wanted, got = Counter(map(_row, test["expect"])), Counter(map(_row, table.rows()))
        if wanted != got:
            return f"missing {wanted - got}, too many {got - wanted}"
    return ""


def _row(row: dict[str, Any]) -> str:
    """A row as text that does not depend on the order of its columns."""
    return json.dumps(row, sort_keys=True)
