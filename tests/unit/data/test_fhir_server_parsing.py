"""What a stranger's server may send is read or refused in plain words: no crash, no patient."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.records.fhir_export import LARGEST_PART, FhirServerOptions, ReceivedPart
from bedside.data.adapters.fhir_server.answers import (
    SmartConfiguration,
    TokenAnswer,
    issue_codes,
    oauth_error,
    read_answer,
    read_manifest,
    read_page,
)
from bedside.data.adapters.fhir_server.lines import Lines
from bedside.data.adapters.fhir_server.unpacking import Cut, unpacked
from bedside.data.adapters.fhir_server.wire import asked_wait
from fhir_collecting import TurningClock

SECRET = "Ünsal"  # noqa: S105 - a name
quick = settings(max_examples=100, deadline=None)

values = st.recursive(
    st.just(SECRET) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def answers(**fields: st.SearchStrategy) -> st.SearchStrategy[bytes]:
    """JSON with these fields, each right or anything; or any bytes."""
    mixed = st.fixed_dictionaries({}, optional={name: one | values for name, one in fields.items()})
    return mixed.map(lambda told: json.dumps(told).encode()) | st.binary(max_size=80)


def read_or_refused(read: Callable[..., Any], *given: Any) -> Any:
    """What is read; or None, where it is refused without the patient's name."""
    refusal = ""
    try:
        return read(*given)
    except BedsideError as refused:
        refusal = str(refused)
    assert SECRET not in refusal
    return None


links = st.lists(st.fixed_dictionaries({"relation": st.just("next"), "url": st.text()}), max_size=2)
listed = st.lists(st.fixed_dictionaries({"url": st.text(), "type": st.text()}), max_size=2)
resource = st.fixed_dictionaries({"resourceType": st.sampled_from(["Patient", "", SECRET])})
entries = st.lists(st.fixed_dictionaries({"resource": resource | values}), max_size=3)
HOSTILE = [
    b"[" * 200_000,
    b'{"entry":' * 50_000,
    b"\x00",
    b"\xff\xfe{}",
    b'{"a":1e999}',
    b"NaN",
    b"",
]


@quick
@given(
    answers(
        transactionTime=st.just("2026-03-01T12:00:00Z"), output=listed, error=listed,
        deleted=listed, link=links, requiresAccessToken=st.booleans(),
    )
    | st.sampled_from(HOSTILE)
)  # fmt: skip
def test_a_manifest_is_read_or_refused(content):
    manifest = read_or_refused(read_manifest, content)

    assert manifest is None or all(one.url and one.type.isalpha() for one in manifest.files)


@quick
@given(
    answers(resourceType=st.just("Bundle"), type=st.just("searchset"), link=links, entry=entries)
    | st.sampled_from(HOSTILE)
)
def test_a_page_is_read_or_refused(content):
    page = read_or_refused(read_page, content)

    for entry in page.entries if page else ():
        assert entry.line.endswith(b"\n")
        assert json.loads(entry.line)["resourceType"] == entry.type


@quick
@given(
    answers(
        access_token=st.just(SECRET),
        token_endpoint=st.text(),
        error=st.text(),
        issue=st.lists(values),
    )
    | st.sampled_from(HOSTILE)
)
def test_the_smaller_answers_are_read_or_refused(content):
    for kind in (SmartConfiguration, TokenAnswer):
        told = read_or_refused(read_answer, content, kind, "It")
        assert kind is SmartConfiguration or SECRET not in repr(told)
    for code in (oauth_error(content), *issue_codes(content)):
        assert all(sign.islower() or sign in "_-" for sign in code)


@quick
@given(
    st.lists(st.binary(max_size=30).map(lambda line: b'{"a": "' + line.hex().encode() + b'"}')),
    st.integers(1, 40),
    st.integers(80, 300),
    st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    st.booleans(),
)
def test_lines_come_out_as_they_went_in_and_whole(objects, step, largest, ending, ended):
    content = ending.join(objects) + (ending if ended and objects else b"")
    lines = Lines(largest, "It")

    chunks = (content[start : start + step] for start in range(0, len(content), step))
    parts = list(lines.parts(chunks, most=10**9))
    last = lines.last()
    parts += [last] if last else []

    assert b"".join(parts) == content
    assert all(len(part) <= largest for part in parts)
    assert all(part.endswith(b"\n") for part in parts[:-1])
    assert lines.count == len(objects)


@pytest.mark.parametrize("first", [b"  <html>", b"[", b"\xef\xbb\xbf{", b" " * 70])
def test_what_is_no_ndjson_is_told_at_its_beginning(first):
    with pytest.raises(Invalid) as told:
        list(Lines(1000, "It").parts([first], most=1000))

    assert told.value.code == "not_ndjson"


@quick
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50), st.booleans())
@example([b""], 1, True)
def test_gzip_of_any_members_in_any_chunks_is_unpacked(members, step, padded):
    packed = b"".join(map(gzip.compress, members)) + (b"\x00" * 7 if padded else b"")
    chunks = [packed[start : start + step] for start in range(0, len(packed), step)]

    for declared in (True, False):
        assert b"".join(unpacked(chunks, declared=declared)) == b"".join(members)


@quick
@given(st.binary(min_size=1, max_size=300), st.data())
def test_gzip_that_ends_early_is_never_taken_for_whole(content, data):
    packed = gzip.compress(content)
    end = data.draw(st.integers(1, len(packed) - 1))

    with pytest.raises(Cut):
        list(unpacked([packed[:end]], declared=True))


@quick
@given(st.binary(max_size=100), st.integers(0, 255), st.data())
def test_gzip_that_was_damaged_gives_the_content_or_nothing(content, value, data):
    packed = bytearray(gzip.compress(content))
    packed[data.draw(st.integers(0, len(packed) - 1))] = value

    with suppress(Cut):
        assert b"".join(unpacked([bytes(packed)], declared=True)) == content


def test_what_is_plain_goes_through_as_it_is():
    assert b"".join(unpacked([b"", b"{", b"}\n"], declared=False)) == b"{}\n"
    assert list(unpacked([], declared=True)) == []


def test_a_bomb_is_refused_before_it_fills_the_memory():
    bomb = gzip.compress((b'{"a": "' + b"0" * 990 + b'"}\n') * 60_000, 1)
    lines = Lines(1024 * 1024, "It")

    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        for part in lines.parts(unpacked([bomb], declared=True), most=20_000_000):
            assert len(part) <= 1024 * 1024
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert refused.value.code == "file_too_large"
    assert peak < 16 * 1024 * 1024


@quick
@given(st.text(max_size=30) | st.none() | st.integers().map(str))
def test_a_wait_is_a_number_of_seconds_or_nothing(text):
    wait = asked_wait(text, TurningClock().now())

    assert wait is None or 0 <= wait < 1e12


GOOD = {"base_url": "https://fhir.example.org/r4", "client_id": "ward"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "http://fhir.example.org/r4"},
        {"base_url": "https://ward:secret@fhir.example.org/r4"},
        {"base_url": "https://fhir.example.org/r4?x=1"},
        {"client_id": None},
        {"client_id": ""},
        {"token_url": "http://auth.example.org/token"},
        {"scope": ""},
        {"level": "everything"},
        {"level": "group"},
        {"group": "icu"},
        {"level": "group", "group": "../Patient"},
        {"types": ("patient",)},
        {"types": ("Patient,Observation",)},
        {"filters": ("Observation",)},
        {"filters": ("Observation?a=b#c",)},
        {"types": ("Patient",), "filters": ("Observation?a=b",)},
        {"since": "2026-01-01"},
        {"since": "yesterday"},
        {"allowed_hosts": ("https://files.example.org",)},
        {"allowed_hosts": ("files.example.org/path",)},
        {"output_format": "a b"},
        {"part_bytes": 0},
        {"part_bytes": LARGEST_PART + 1},
        {"page_size": 0},
        {"attempts": 0},
        {"wait_seconds": 0},
        {"file_seconds": float("nan")},
    ],
    ids=str,
)
def test_a_declaration_that_is_wrong_is_refused_when_it_is_made(wrong):
    FhirServerOptions(**GOOD)

    with pytest.raises(Invalid) as refused:
        FhirServerOptions(**GOOD | wrong)

    assert "secret" not in str(refused.value)


def test_a_part_is_neither_empty_nor_too_large():
    for content in (b"", bytes(LARGEST_PART + 1)):
        with pytest.raises(Invalid):
            ReceivedPart(name="Patient.000.000.ndjson", content=content, kind="resources")
