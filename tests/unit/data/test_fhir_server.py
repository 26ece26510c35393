"""Bulk Data export from a real server: what comes, how long it waits, and where it will not go."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from data_folder import data_folder
from fhir_collecting import Note, TurningClock, a_client, joined
from fhir_server import (
    BUILT_IN,
    DELETED,
    ERRORS,
    SHOWN,
    RunningFhirServer,
    a_fhir_server,
)

WHOLE = {kind: b"".join(lines) for kind, lines in BUILT_IN.items()}


@pytest.fixture
def server() -> RunningFhirServer:
    return a_fhir_server()


def test_everything_that_the_server_holds_comes_byte_for_byte(server):
    with a_client(server) as client:
        parts = list(client.export(Note()))

    assert joined(parts) == WHOLE
    assert joined(parts, "errors") == {"errors": b"".join(ERRORS)}
    assert [part.name for part in parts] == [
        "Observation.000.000.ndjson", "Observation.001.000.ndjson", "Observation.002.000.ndjson",
        "Patient.003.000.ndjson", "errors.004.000.ndjson",
    ]  # fmt: skip
    assert server.jobs == []  # and its files are removed


def test_real_bulk_data_of_13_types_come_byte_for_byte(server):
    folder = data_folder("synthea-bulk-ndjson-10")
    server.set(folder=str(folder), file_lines=1000)

    with a_client(server, part_bytes=300_000) as client:
        parts = list(client.export(Note()))

    expected = {
        path.name.partition(".")[0]: gzip.decompress(path.read_bytes())
        for path in folder.glob("[A-Z]*.ndjson.gz")
    }
    assert len(expected) == 13
    assert joined(parts) == expected
    assert max(len(part.content) for part in parts) <= 300_000
    assert sum(part.content.count(b"\n") for part in parts if part.kind == "resources") == 7_160


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        pytest.param({}, {"level": "system"}, id="all"),
        pytest.param({"level": "patient"}, {"level": "patient"}, id="all patients"),
        pytest.param(
            {"level": "group", "group": "icu-1"}, {"level": "group", "group": "icu-1"}, id="a group"
        ),
        pytest.param(
            {"types": ("Patient",), "output_format": "ndjson"},
            {"_type": "Patient", "_outputFormat": "ndjson"},
            id="a type",
        ),
        pytest.param(
            {"filters": ("Observation?category=laboratory&code=a,b", "Patient?active=true")},
            {"filters": "Observation?category=laboratory&code=a,b|Patient?active=true"},
            id="filters",
        ),
        pytest.param(
            {"since": "2026-01-04T01:00:00+01:00"}, {"_since": "2026-01-04T00:00:00.000Z"}, id="new"
        ),
    ],
)
def test_what_is_declared_is_what_is_asked_for(server, options, asked):
    with a_client(server, **options) as client:
        parts = list(client.export(Note()))

    assert asked.items() <= server.asked[0].items()
    assert set(joined(parts)) == set(options.get("types", BUILT_IN))


def test_what_is_gone_since_then_is_handed_on(server):
    with a_client(server, since="2026-01-03T00:00:00Z") as client:
        parts = list(client.export(Note()))

    assert joined(parts, "deleted") == {"deleted": b"".join(DELETED)}
    assert joined(parts)["Patient"] == b"".join(BUILT_IN["Patient"][2:])


def test_an_incremental_export_asks_from_the_moment_that_the_last_one_showed(server):
    note = Note()
    with a_client(server, incremental=True) as client:
        list(client.export(note))
        list(client.export(note))
    with a_client(server, incremental=True, types=("Patient",)) as client:
        list(client.export(note))  # another question: nothing of it was read before

    assert [asked.get("_since") for asked in server.asked] == [None, SHOWN, None]


def test_a_large_file_comes_in_parts_that_end_where_a_line_ends(server):
    server.set(file_lines=1000)

    with a_client(server, part_bytes=1000) as client:
        parts = list(client.export(Note()))

    assert joined(parts) == WHOLE
    assert len(parts) > 30
    assert all(len(part.content) <= 1000 and part.content.endswith(b"\n") for part in parts)
    assert len({part.name for part in parts}) == len(parts)


@pytest.mark.parametrize(
    "settings",
    [
        {"plain": True},
        {"split_manifest": True},
        {"requires_token": False},
        {"busy": {"kick-off": 2, "status": 2, "Patient.0": 2, "token": 1}},
        {"failing": {"kick-off": [500], "status": [503, 502], "Patient.0": [500], "token": [504]}},
        {"dropped": {"Observation.0": 2, "Patient.0": 1}},
        {"cut": {"Observation.1": 3}},
        {"cut": {"Observation.1": 3}, "plain": True},
        {"retry_after": None},
        {"replaced": {"errors": ""}, "counts_wrong": -1},
    ],
    ids=str,
)
def test_whatever_the_server_may_do_everything_comes_once(server, settings):
    server.set(**settings)

    with a_client(server, part_bytes=500) as client:
        parts = list(client.export(Note()))

    assert joined(parts) == WHOLE
    assert server.counts["kick-off"] <= 3
    assert server.jobs == []


def test_it_waits_as_long_as_the_server_asks(server):
    server.set(polls=2, retry_after="120", busy={"kick-off": 1})
    naps: list[float] = []

    with a_client(server, sleep=naps.append) as client:
        list(client.export(Note()))

    assert naps == [7, 120, 120]


def test_it_waits_until_the_date_that_the_server_names(server):
    until = datetime.now(UTC) + timedelta(seconds=90)
    server.set(polls=1, retry_after=format_datetime(until, usegmt=True))
    naps: list[float] = []

    with a_client(server, sleep=naps.append) as client:
        list(client.export(Note()))

    assert len(naps) == 1
    assert 60 < naps[0] < 91


def test_without_a_word_of_the_server_it_waits_longer_each_time(server):
    server.set(polls=15, retry_after=None)
    naps: list[float] = []

    with a_client(server, sleep=naps.append) as client:
        list(client.export(Note()))

    assert naps[:3] == [1, 1.5, 2.25]
    assert naps == sorted(naps)
    assert naps[-1] == 60


def test_it_tells_how_far_the_server_is_and_none_of_its_words(server):
    server.set(polls=2, progress="Ünsal-3 is at 42.5 % now".encode().decode("latin-1"))
    told: list[str] = []

    with a_client(server, tell=told.append) as client:
        list(client.export(Note()))

    assert told == [
        "The server has started an export.",
        "The server says that 42% of the export is done.",
    ]


def test_an_export_that_takes_too_long_is_left_and_found_again(server):
    server.set(polls=3, retry_after="3000")
    note = Note()

    with a_client(server, wait_seconds=3600) as client:
        with pytest.raises(Unavailable, match="goes on where it is") as slow:
            list(client.export(note))
        parts = list(client.export(note))

    assert slow.value.code == "export_slow"
    assert joined(parts) == WHOLE
    assert server.counts["kick-off"] == 1


def test_an_export_that_fails_on_the_server_is_begun_anew_next_time(server):
    server.set(failing={"status": [500] * 3})
    note = Note()

    with a_client(server, attempts=3) as client:
        with pytest.raises(Unavailable) as failed:
            list(client.export(note))
        parts = list(client.export(note))

    assert failed.value.code == "export_failed"
    assert joined(parts) == WHOLE
    assert server.counts["kick-off"] == 2


def test_an_export_that_expired_is_begun_anew_and_that_is_told(server):
    note, told = Note(), []
    with a_client(server, tell=told.append) as client:
        parts = client.export(note)
        next(parts), next(parts)
        parts.close()
        server.forget("jobs")

        after = list(client.export(note))

    assert joined(after) == WHOLE
    assert server.counts["kick-off"] == 2
    assert any("expired on the server" in line for line in told)


def test_an_export_that_always_expires_is_given_up(server):
    server.set(failing={"Patient.0": [404, 410]})

    with a_client(server) as client, pytest.raises(Unavailable) as expired:
        list(client.export(Note()))

    assert expired.value.code == "export_expired"
    assert server.counts["kick-off"] == 2


def test_a_part_counts_as_kept_only_when_the_next_one_is_asked_for(server):
    note = Note()
    with a_client(server) as client:
        first = client.export(note)
        given = [next(first), next(first)]
        first.close()

        rest = list(client.export(note))

    assert [part.name for part in given][1] == rest[0].name
    assert server.counts["Observation.0"] == 1
    assert server.counts["Observation.1"] == 2
    assert server.counts["kick-off"] == 1


def test_a_process_that_dies_between_the_removal_and_its_note_reads_nothing_twice(server):
    class Dying(Note):
        def save(self, state):
            if state["status_url"] is None:
                raise KeyboardInterrupt
            super().save(state)

    dying, note = Dying(), Note()
    with a_client(server) as client:
        with pytest.raises(KeyboardInterrupt):
            list(client.export(dying))
        note.text = dying.text

        assert list(client.export(note)) == []

    assert server.counts["kick-off"] == 1
    assert server.counts["Patient.0"] == 1
    assert note.load()["shown"] == SHOWN


def test_a_server_that_does_not_remove_its_files_stops_nobody(server):
    server.set(failing={"remove": [403]})
    told: list[str] = []

    with a_client(server, tell=told.append) as client:
        assert joined(list(client.export(Note()))) == WHOLE

    assert told[-1] == "The server did not remove its exported files."


def test_an_export_of_another_question_is_removed_first(server):
    note = Note()
    with a_client(server) as client:
        next(client.export(note))
    with a_client(server, types=("Patient",)) as client:
        parts = list(client.export(note))

    assert set(joined(parts)) == {"Patient"}
    assert server.counts["remove"] == 2
    assert server.jobs == []


@pytest.mark.parametrize("what", ["status", "file"])
def test_another_host_is_visited_only_when_it_is_declared(server, what):
    elsewhere = server.address.replace("127.0.0.1", "localhost")
    server.set(elsewhere={what: elsewhere})

    with a_client(server) as client, pytest.raises(Refused) as refused:
        list(client.export(Note()))
    with a_client(server, allowed_hosts=(elsewhere.removeprefix("http://"),)) as client:
        parts = list(client.export(Note()))

    assert refused.value.code == "other_origin"
    assert joined(parts) == WHOLE


@pytest.mark.parametrize("what", ["kick-off", "status", "Patient.0", "smart-configuration"])
def test_no_redirect_is_followed(server, what):
    server.set(redirected={what: f"{server.address}/token"})

    with a_client(server) as client, pytest.raises(Refused) as refused:
        list(client.export(Note()))

    assert refused.value.code == "redirected"


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [
        pytest.param({"bomb": "Patient.0"}, {"file_bytes": 10**7}, "file_too_large", id="a bomb"),
        pytest.param({}, {"total_bytes": 20_000}, "file_too_large", id="too much in all"),
        pytest.param({}, {"part_bytes": 100}, "record_too_long", id="a line that is too long"),
        pytest.param(
            {"replaced": {"Patient.0": "<html>Ünsal-3</html>"}}, {}, "not_ndjson", id="a page"
        ),
        pytest.param(
            {"changing": "Observation.0", "dropped": {"Observation.0": 1}, "plain": True},
            {"part_bytes": 500},
            "file_changed",
            id="a file that changes",
        ),
        pytest.param({"counts_wrong": 1}, {}, "file_incomplete", id="lines that are missing"),
        pytest.param(
            {"replaced": {"Patient.0": '{"name": "Ünsal'}, "counts_wrong": -9},
            {},
            "file_incomplete",
            id="a line that is cut",
        ),
        pytest.param({"dropped": {"Patient.0": 99}}, {}, "server_unreachable", id="drops always"),
        pytest.param({"cut": {"Patient.0": 99}}, {}, "server_unreachable", id="cut gzip always"),
        pytest.param({"failing": {"Patient.0": [503] * 9}}, {}, "server_busy", id="busy always"),
        pytest.param({"failing": {"Patient.0": [400]}}, {}, "not_given", id="no file"),
        pytest.param({"failing": {"kick-off": [400]}}, {}, "not_given", id="no types"),
        pytest.param({"failing": {"status": [403]}}, {}, "not_let_in", id="not for us"),
        pytest.param({"failing": {"status": [200]}}, {}, "answer_unreadable", id="no manifest"),
        pytest.param({"levels": ["group"]}, {}, "no_export", id="no such level"),
        pytest.param({"busy": {"kick-off": 99}}, {}, "server_busy", id="busy for ever"),
    ],
)
def test_a_bad_server_is_told_in_plain_words_and_without_a_patient(server, settings, options, code):
    outcome = {"resourceType": "OperationOutcome", "issue": [{"code": "x", "diagnostics": "Ünsal"}]}
    server.set(**{"body": json.dumps(outcome)} | settings)

    with a_client(server, **options) as client, pytest.raises(BedsideError) as told:
        list(client.export(Note()))

    assert told.value.code == code
    assert "nsal" not in f"{told.value!r} {told.value} {told.value.__cause__!r}"


def test_a_file_that_trickles_in_for_too_long_is_given_up(server):
    clock = TurningClock()

    class Slow(TurningClock):
        def now(self):
            clock.turned += timedelta(seconds=80)
            return clock.now()

    with a_client(server, client_id=None, clock=Slow(), file_seconds=60) as client:
        server.set(auth=False)
        with pytest.raises(Unavailable) as slow:
            list(client.export(Note()))

    assert slow.value.code == "server_unreachable"


def test_a_server_that_is_not_there_is_told(server):
    nowhere = replace(server, address="http://127.0.0.1:9")

    with a_client(server, base_url=nowhere.base, attempts=2) as client:
        with pytest.raises(Unavailable) as told:
            list(client.export(Note()))

    assert told.value.code == "server_unreachable"


def damaged_notes() -> Iterator[dict[str, object]]:
    note = Note()
    with a_client(a_fhir_server()) as client:
        next(client.export(note))
    whole = note.load()
    yield whole | {"version": 99}
    yield whole | {"done": [7]}
    yield whole | {"done": [0, 0]}
    yield whole | {"manifest": {"files": "Ünsal"}}
    yield {}


def test_a_damaged_note_is_refused_and_an_address_in_it_is_checked_like_any_other(server):
    notes = list(damaged_notes())
    note = Note()
    with a_client(server) as client:
        next(client.export(note))
        for damaged in notes:
            changed = Note()
            changed.save(damaged)
            with pytest.raises(Invalid) as told:
                list(client.export(changed))
            assert told.value.code == "state_damaged"

        moved = Note()
        moved.save(
            note.load() | {"status_url": "https://elsewhere.example/jobs/1", "manifest": None}
        )
        with pytest.raises(Refused) as refused:
            list(client.export(moved))
    assert refused.value.code == "other_origin"
