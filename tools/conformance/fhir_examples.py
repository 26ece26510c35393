"""HL7's FHIR R4 examples and the validator's cases: every resource counted with `json`, and ours.

A valid file passes when each of its resources is read, none is called unreadable, and each gives
facts or is told with the reason why not. An invalid one passes when it is survived and each of its
resources is told in the same way, or the file is called unreadable: what a validator finds wrong in
it may well lie in an element that gives no facts.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bedside.core.records.collection import Collection
from bedside.core.records.release_mode import ReleaseMode
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.fhir import READER
from conformance.suite import UNEXPLAINED, Case, Suite, members

__all__ = ["resources_of", "run"]

EXAMPLES, CASES = "fhir-r4-examples", "fhir-validator-r4-cases"
SOURCE = Collection(
    bedside=1,
    name="examples",
    title="FHIR R4 examples",
    format="fhir",
    licence="Apache-2.0",
    release_mode=ReleaseMode.IDENTIFIED,
    known_at={},
    timezone="UTC",
)
XML = "It is XML. Servers export JSON and NDJSON, and that is what is read."
REASONS = {
    "json-comments-1.json": "It holds comments, which JSON (RFC 8259) does not have; the validator "
    "reads them only when it is told to.",
}


def run(data: Path) -> Suite:
    """Collect every file alone.

    Args:
        data: The folder that holds `fhir-r4-examples` and `fhir-validator-r4-cases`.
    """
    cases = [
        _case(name, "examples", content, valid=True)
        for name, content in sorted(members(data / EXAMPLES).items())
        if name.endswith((".json", ".xml"))
    ]
    files = {name.rpartition("cases/")[2]: one for name, one in members(data / CASES).items()}
    for told in json.loads(files["manifest.json"])["test-cases"]:
        if told["file"] in files:
            valid = told.get("expected_errors") == 0
            group = f"validator cases, {'valid' if valid else 'invalid or not said to be valid'}"
            cases.append(_case(told["file"], group, files[told["file"]], valid=valid))
    return Suite(name="FHIR R4 resources", cases=tuple(cases))


def resources_of(document: Any) -> Counter[str]:
    """The resources of a document by type; those in the entries of a Bundle, not the Bundle."""
    found: Counter[str] = Counter()
    if document.get("resourceType") != "Bundle" or not document.get("entry"):
        found[str(document.get("resourceType"))] += 1
        return found
    for entry in document["entry"]:
        if "resource" in entry:
            found += resources_of(entry["resource"])
        else:
            found["Bundle"] += 1
    return found


def _case(name: str, group: str, content: bytes, *, valid: bool) -> Case:
    if name.endswith(".xml"):
        return Case(name=name, group=group, status="not_run", reason=XML)
    batch = READER.collect(Part(name=name, content=content), SOURCE, lambda _: None)
    try:
        wanted = resources_of(json.loads(content))
    except ValueError:
        wanted = Counter()
    told = wanted == Counter(batch.rows_in) and not batch.bad and _is_told(batch)
    refused = len(batch.bad) == 1 and not batch.rows_in
    if told or (refused and not valid):
        return Case(name=name, group=group, status="pass")
    return Case(name=name, group=group, status="fail", reason=REASONS.get(name, UNEXPLAINED))


def _is_told(batch: Batch) -> bool:
    """Whether each resource gives a fact or a reason."""
    return sum(batch.rows_in.values()) <= batch.facts["offset"].n_unique() + sum(
        batch.dropped.values()
    )
