"""Bundles as lines: which lines they give, and what is left alone."""

import json
from typing import Any

from bedside.core.records.collection import Collection
from bedside.core.records.event import TAKEN_BACK
from bedside.data.collect.facts import Batch, Part, digest_of_records
from bedside.data.collect.formats.fhir import READER
from bedside.interop.fhir_bulk.bundles import as_lines, is_one_document

SOURCE = Collection(
    bedside=1,
    name="ward",
    title="A ward",
    format="fhir",
    licence="none",
    release_mode="identified",
    known_at={},
)


def a_bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def lines(content: dict[str, Any], *, indent: int | None = None) -> list[dict[str, Any]]:
    made = as_lines(json.dumps(content, indent=indent).encode())
    return [json.loads(line) for line in made.splitlines()]


def collected(content: bytes) -> Batch:
    return READER.collect(Part(name="b.json", content=content), SOURCE, lambda _: None)


PATIENT = {"fullUrl": "urn:uuid:11", "resource": {"resourceType": "Patient", "id": "p7"}}
VISIT = {
    "fullUrl": "urn:uuid:22",
    "resource": {"resourceType": "Encounter", "subject": {"reference": "urn:uuid:11"}},
}


def test_each_resource_is_a_line_and_references_follow_the_new_names() -> None:
    for indent in (None, 2):
        assert lines(a_bundle(PATIENT, VISIT), indent=indent) == [
            {"resourceType": "Patient", "id": "p7"},
            {"id": "22", "resourceType": "Encounter", "subject": {"reference": "Patient/p7"}},
        ]


def test_how_a_bundle_is_indented_does_not_matter_to_the_digest_of_a_record() -> None:
    short, long = (json.dumps(a_bundle(PATIENT, VISIT), indent=one).encode() for one in (None, 4))

    assert as_lines(short + b"\n") == as_lines(long)


def test_numbers_keep_their_digits() -> None:
    content = (
        b'{"resourceType":"Bundle","entry":[{"resource":\n{"resourceType":"Basic","n": 1.10}}]}'
    )

    assert as_lines(content) == b'{"resourceType":"Basic","n":1.10}\n'


def test_an_id_comes_from_the_address_where_the_resource_has_none() -> None:
    entry = {"fullUrl": "https://x.example/fhir/Patient/9", "resource": {"resourceType": "Patient"}}

    assert lines(a_bundle(entry)) == [{"id": "9", "resourceType": "Patient"}]


def test_bundles_within_bundles_are_taken_apart_down_to_a_bound() -> None:
    nested = a_bundle(PATIENT)
    for _ in range(3):
        nested = a_bundle({"resource": nested})
    deep = nested
    for _ in range(20):
        deep = a_bundle({"resource": deep})

    assert lines(nested) == [PATIENT["resource"]]
    assert len(collected(json.dumps(deep).encode()).bad) == 1


def test_an_empty_or_foreign_document_stays_one_record() -> None:
    assert lines(a_bundle(), indent=2) == [a_bundle()]
    assert lines({"resourceType": "Patient", "id": "1"}, indent=2) == [
        {"resourceType": "Patient", "id": "1"}
    ]


def test_a_document_that_is_broken_is_one_bad_record() -> None:
    content = json.dumps(a_bundle(PATIENT), indent=2).encode()[:-2]

    batch = collected(content)

    assert is_one_document(content)
    assert [(one.offset, one.length) for one in batch.bad] == [(0, len(content))]


def test_a_file_whose_first_line_is_broken_is_still_read_line_by_line() -> None:
    batch = collected(b'{"resourceType":\n{"resourceType":"Patient","id":"1","gender":"male"}\n')

    assert len(batch.bad) == 1
    assert batch.facts.height == 1


def test_a_deleted_resource_of_a_history_takes_its_versions_back() -> None:
    entry = {
        "request": {"method": "DELETE", "url": "Observation/17"},
        "response": {"status": "204", "lastModified": "2026-01-31T08:00:00Z"},
    }
    batch = collected(json.dumps(a_bundle(entry, kind="history")).encode())

    assert batch.facts.select("kind", "code", "retracts", "subject").rows() == [
        ("observation", TAKEN_BACK, True, None)
    ]
    assert batch.facts["identity"].to_list() == digest_of_records(["Observation/17"]).to_list()
    assert batch.facts["recorded"].dt.to_string("%F").to_list() == ["2026-01-31"]


def test_the_deleted_files_of_a_bulk_export_are_read_the_same_way() -> None:
    entries = [{"request": {"method": "DELETE", "url": f"{one}/1"}} for one in ("Patient", "Claim")]
    content = json.dumps(a_bundle(*entries)).encode() + b"\n"

    batch = collected(content)

    assert as_lines(as_lines(content)) == as_lines(content)
    assert batch.facts["subject"].to_list() == ["1"]
    assert batch.rows_in == {"Bundle": 2}
    assert batch.dropped == {"Bundle: what was deleted gives no facts": 1}


def test_an_entry_without_a_resource_is_counted() -> None:
    answer = a_bundle({"response": {"status": "201"}}, kind="transaction-response")

    assert collected(json.dumps(answer).encode()).dropped == {
        "Bundle: an entry without a resource": 1
    }


def test_an_entry_that_cannot_be_read_leaves_the_others() -> None:
    broken: dict[str, Any] = {"fullUrl": 5, "resource": {"resourceType": "Patient"}}
    known = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "gender": "male"}}

    batch = collected(json.dumps(a_bundle(broken, known)).encode())

    assert len(batch.bad) == 1
    assert batch.facts["subject"].to_list() == ["1"]


def test_lines_of_resources_stay_as_they_are() -> None:
    content = b'{"resourceType" : "Patient"}\r\n{"resourceType":"Bundle","entry":[]}\n\n'

    assert as_lines(content) is content
