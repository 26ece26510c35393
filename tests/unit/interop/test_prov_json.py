"""The ledger and the lineage as PROV: relations lead somewhere, nothing is its own cause."""

import pytest

from bedside.core.records.ledger import GENESIS, LedgerEntry
from bedside.core.records.lineage import Edge, Node
from bedside.interop.prov_json import prov_document, prov_faults

RAW, DATA, MODEL = "11" * 32, "22" * 32, "sepsis@33"


def an_entry(sequence, action, details, actor="user:grey"):
    return LedgerEntry(
        sequence=sequence,
        at=f"2026-01-31T08:00:{sequence:02d}.000000Z",
        actor=actor,
        purpose="care",
        action=action,
        details=details,
        sealed_digest=None,
        previous=GENESIS,
        hash=f"{sequence:064x}",
    )


def an_edge(job, source, output):
    return Edge(at="2026-01-31T08:00:00.000000Z", job=job, run="r", source=source, output=output)


def a_document():
    entries = [
        an_entry(1, "snapshot", {"snapshot": DATA}),
        an_entry(2, "build.done", {"version": MODEL}),
        an_entry(3, "answer", {"version": MODEL, "prediction_id": "p-1"}, "service:bedside"),
        an_entry(4, "release", {"version": MODEL}),
    ]
    edges = [
        an_edge("collect", Node(kind="raw", id=RAW), Node(kind="snapshot", id=DATA)),
        an_edge("build", Node(kind="snapshot", id=DATA), Node(kind="version", id=MODEL)),
    ]
    return prov_document(entries, edges)


def test_a_whole_chain_is_told_from_raw_files_to_an_answer():
    document = a_document()
    made_of = {
        told["prov:generatedEntity"]: told["prov:usedEntity"]
        for told in document["wasDerivedFrom"].values()
    }
    version = next(name for name in document["entity"] if "version-" in name)

    assert prov_faults(document) == []
    assert made_of["bedside:prediction-p-1"] == version
    assert made_of[version] == f"bedside:snapshot-{DATA}"
    assert made_of[f"bedside:snapshot-{DATA}"] == f"bedside:raw-{RAW}"
    assert {one["prov:type"] for one in document["agent"].values()} == {
        "prov:Person",
        "prov:SoftwareAgent",
    }
    assert len(document["wasAssociatedWith"]) == len(document["activity"]) == 4


def test_an_activity_generates_what_it_made_and_used_the_rest():
    document = a_document()
    made = {one["prov:activity"]: one["prov:entity"] for one in document["wasGeneratedBy"].values()}
    used = {one["prov:activity"] for one in document["used"].values()}

    assert made["bedside:entry-3"] == "bedside:prediction-p-1"
    assert used == {"bedside:entry-3", "bedside:entry-4"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["entity"].pop(f"bedside:raw-{RAW}"),
        lambda d: d["agent"].clear(),
        lambda d: d["activity"].update({f"bedside:raw-{RAW}": next(iter(d["activity"].values()))}),
        lambda d: d["entity"].update({"other:x": {}}),
        lambda d: d["activity"]["bedside:entry-1"].update({"prov:endTime": "2020"}),
        lambda d: d["wasDerivedFrom"].update({"_:x": {
            "prov:generatedEntity": f"bedside:raw-{RAW}",
            "prov:usedEntity": "bedside:prediction-p-1"}}),
    ],
)  # fmt: skip
def test_our_validator_notices(spoil):
    document = a_document()
    spoil(document)

    assert prov_faults(document) != []
