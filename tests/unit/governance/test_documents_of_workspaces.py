"""What is said of a workspace and its data stands in its facts, and names no patient."""

import pytest

from bedside.governance.documents import facts_of_snapshots, facts_of_workspaces
from bedside.governance.documents.about_a_workspace import (
    OF_A_WORKSPACE,
    about_a_workspace,
    data_sheet,
)
from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import value_at
from bedside.governance.documents.held import Held
from bedside.governance.documents.rendering import as_html
from bedside.governance.documents.templated import facts_named
from documented import NUMBER, is_told, numbers_in

SNAPSHOT = {
    "name": "ward/prepared",
    "state": 2,
    "snapshot": "ab" * 32,
    "zone": "released",
    "release_mode": "limited_dataset",
    "created_at": "2026-03-01T12:00:00Z",
    "erased": "10 or fewer",
    "events": 17851,
    "subjects": 569,
    "years": {"first": 2019, "last": 2021},
    "codes": [
        {"code": "LOINC//2823-3", "unit": "mmol/L", "events": 1200, "subjects": 400,
         "without": 0.297, "delay_hours": {"median": 1.0, "p95": 2.5}},
        {"code": "RARE//1", "unit": None, "events": "10 or fewer", "subjects": "10 or fewer",
         "without": None, "delay_hours": None},
    ],
    "raw_files": [{"name": "ward.csv", "digest": "cd" * 32, "records": 1234}],
    "made_by": [{"job": "prepare", "source": "snapshot ward/collected", "at": "2026-03-01"}],
    "used_by": [{"version": "ward@0123", "licence": "CC BY 4.0"}],
}  # fmt: skip
WORKSPACE = {
    "people": {"strict": True, "roles": [{"person": "user:a", "role": "data_steward"}]},
    "clients": [{"name": "ehr", "known_by": "certificate", "state": "in force"}],
    "access": {"issuer": True, "certificates": True, "behind_proxy": True, "session_hours": 8},
    "policies": [
        {"name": "erase", "words": "Stewards may erase.", "forbids": False, "origin": "shipped"},
        {"name": "never", "words": "Never for marketing.", "forbids": True, "origin": "shipped"},
    ],
    "own_policies": 3,
    "ledger": {"entries": 4321, "faults": 0, "checkpoints": 7, "newest": 4300, "cosigned": 2,
               "places": 1},
    "keys": [{"name": "raw", "protects": "files", "where": "a vault", "versions": 2}],
    "seals": {"bundles": 5, "snapshots": 6},
    "data_sets": [
        {"name": "ward/prepared", "zone": "released", "release_mode": "expert", "events": 99,
         "subjects": "10 or fewer"},
    ],
    "purposes": {"treatment of patients": 1234},
    "left": {"deploy.export": "10 or fewer"},
    "refused": 12,
    "erasures": 0,
    "backups": 4,
    "consents": 25,
    "risks": [{"data": "ward/released", "k": 4, "wanted_k": 11, "is_enough": False}],
}  # fmt: skip


def documents():
    told = Held(file="workspace.json", told=WORKSPACE)
    sheet = Held(file="data-sheet.json", told=SNAPSHOT)
    return [(data_sheet(sheet), sheet), *((one, told) for one in about_a_workspace(told))]


@pytest.mark.parametrize("name", [*OF_A_WORKSPACE, "data_sheet"])
def test_each_row_of_each_table_names_facts_that_there_are_and_who_fills_its_gap(name):
    modules = {"here": facts_of_workspaces, "data": facts_of_snapshots}

    for row in table(f"{name}.csv"):
        assert None not in row
        assert all((row["asks"], row["missing"], row["who"].startswith("the ")))
        assert len(facts_named(row["facts"], modules)) == len(row["facts"].split())


def test_each_number_stands_where_it_is_said_to():
    for document, held in documents():
        lines = [line for item in document.items for line in item.lines]
        assert len(lines) > 10
        for line in lines:
            assert {one.file for one in line.cited} == {held.file}
            known = [n for one in line.cited for n in numbers_in(value_at(held.told, one.path))]
            for number in NUMBER.findall(line.text):
                assert is_told(number, known), f"{line.text}: {number}"


def test_few_people_are_not_counted_and_likelihood_is_never_filled_in():
    pages = [as_html(document) for document, _ in documents()]
    dpia = documents()[1][0]

    assert "10 or fewer events of 10 or fewer subjects" in pages[0]
    assert "29.7 %" in pages[0]
    judged = [item for item in dpia.items if item.name in ("c2", "c3", "c4", "c5")]
    assert all("judge" in item.missing for item in judged)


def test_what_lies_outside_the_workspace_is_a_gap_with_who_must_show_it():
    hipaa = documents()[2][0]

    told = {item.name: item for item in hipaa.items}

    assert told["(d)"].who == "the identity provider's administrator"
    assert "more than one factor" in told["(d)"].missing
    assert told["(a)(2)(ii)"].state == "gap"
    assert told["(c)(1)"].state == "answered"
    bare = {**WORKSPACE, "people": {"strict": False, "roles": []}}
    page = as_html(about_a_workspace(Held(file="workspace.json", told=bare))[1])
    assert "whoever can open the workspace holds every role" in page
