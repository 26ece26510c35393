"""Paged search of a real server: every entry once, and no page that leads astray."""

import json

import pytest

from bedside.core.errors import BedsideError, Invalid, Refused
from fhir_collecting import a_client, joined
from fhir_server import BUILT_IN, ERRORS, RunningFhirServer, a_fhir_server

WHOLE = {kind: b"".join(lines) for kind, lines in BUILT_IN.items()}
BOTH = ("Patient", "Observation")


@pytest.fixture
def server() -> RunningFhirServer:
    return a_fhir_server()


@pytest.mark.parametrize("paging", ["honest", "relative"])
@pytest.mark.parametrize("size", [1000, 90, 7])
def test_every_entry_comes_once_however_large_the_pages_are(server, paging, size):
    server.set(paging=paging)

    with a_client(server, types=BOTH, page_size=size) as client:
        parts = list(client.search())

    assert joined(parts) == WHOLE
    assert server.counts["Observation"] == -(-90 // size)
    assert b'"value": 4.10,' in parts[0].content  # a decimal keeps its zeros


def test_a_page_that_is_written_for_people_gives_one_line_for_each_resource(server):
    server.set(pretty=True)

    with a_client(server, types=BOTH) as client:
        parts = list(client.search())

    for kind, content in joined(parts).items():
        lines = content.split(b"\n")[:-1]
        assert [json.loads(line) for line in lines] == [json.loads(line) for line in BUILT_IN[kind]]


def test_what_the_server_remarks_is_not_mixed_with_what_it_holds(server):
    server.set(outcome=True)

    with a_client(server, types=BOTH, page_size=50) as client:
        parts = list(client.search())

    assert joined(parts) == WHOLE
    assert joined(parts, "errors") == {"errors": ERRORS[0] * 3}


def test_parts_are_never_larger_than_declared_and_are_numbered(server):
    with a_client(server, types=BOTH, part_bytes=2000) as client:
        parts = list(client.search())

    assert joined(parts) == WHOLE
    assert max(len(part.content) for part in parts) <= 2000
    assert len({part.name for part in parts}) == len(parts)
    assert parts[0].name == "Observation.000.000.ndjson" or parts[0].name.startswith("Patient")


def test_filters_and_since_are_asked_for(server):
    with a_client(
        server,
        types=BOTH,
        filters=("Observation?category=laboratory", "Observation?category=vital-signs"),
        since="2026-01-03T00:00:00Z",
        page_size=1000,
    ) as client:
        parts = list(client.search())

    assert joined(parts)["Patient"] == b"".join(BUILT_IN["Patient"][2:])
    assert [asked.get("category") for asked in server.asked] == [
        None, "laboratory", "vital-signs",
    ]  # fmt: skip
    assert {asked["_lastUpdated"] for asked in server.asked} == {"ge2026-01-03T00:00:00.000000Z"}


def test_a_search_needs_types(server):
    with a_client(server) as client, pytest.raises(Invalid, match="which resource types"):
        list(client.search())


def test_a_busy_server_is_asked_again(server):
    server.set(busy={"Patient": 2}, failing={"Observation": [503]})

    with a_client(server, types=BOTH) as client:
        assert joined(list(client.search())) == WHOLE


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [
        pytest.param({"paging": "circle"}, {"page_size": 10}, "link_loop", id="a circle"),
        pytest.param({"paging": "endless"}, {"pages": 25}, "too_many_pages", id="no end"),
        pytest.param({}, {"total_bytes": 900, "page_size": 3}, "file_too_large", id="too much"),
        pytest.param({}, {"part_bytes": 100}, "record_too_long", id="a long resource"),
        pytest.param({"failing": {"Patient": [400]}}, {}, "not_given", id="refused"),
        pytest.param({"failing": {"Patient": [403]}}, {}, "not_let_in", id="not for us"),
        pytest.param({"failing": {"Patient": [503] * 9}}, {}, "server_busy", id="busy for ever"),
        pytest.param({"page_body": "<html>Ünsal"}, {}, "answer_unreadable", id="no JSON"),
        pytest.param(
            {"page_body": '{"resourceType": "Patient", "id": "Ünsal"}'},
            {},
            "answer_unreadable",
            id="no Bundle",
        ),
        pytest.param(
            {"page_body": '{"resourceType": "Bundle", "entry": [{"resource": {"id": "Ünsal"}}]}'},
            {},
            "answer_unreadable",
            id="an entry without a type",
        ),
    ],
)
def test_a_bad_search_is_told_in_plain_words_and_without_a_patient(server, settings, options, code):
    server.set(**{"body": '{"issue": [{"code": "x", "diagnostics": "Ünsal"}]}'} | settings)

    with a_client(server, types=("Patient",), **options) as client:
        with pytest.raises(BedsideError) as told:
            list(client.search())

    assert told.value.code == code
    assert "nsal" not in str(told.value)


def test_a_page_on_another_host_is_not_visited_even_where_files_may_lie_there(server):
    elsewhere = server.address.replace("127.0.0.1", "localhost")
    server.set(elsewhere={"next": elsewhere})

    with a_client(
        server, types=BOTH, page_size=10, allowed_hosts=(elsewhere.removeprefix("http://"),)
    ) as client:
        with pytest.raises(Refused) as refused:
            list(client.search())

    assert refused.value.code == "other_origin"
    assert server.counts["Patient"] == 1


def test_a_search_that_expired_between_two_pages_is_told(server):
    with a_client(server, types=("Observation",), page_size=10, part_bytes=400) as client:
        parts = client.search()
        next(parts)
        server.set(failing={"Observation": [410]})
        with pytest.raises(BedsideError) as expired:
            list(parts)

    assert expired.value.code == "search_expired"
