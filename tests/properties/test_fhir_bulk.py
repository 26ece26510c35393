"""Laws of reading FHIR in bulk: nothing sent breaks it, and fast says what slow says."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import FACT_SCHEMA, Batch, Part
from bedside.data.collect.formats.fhir import READER
from bedside.data.collect.formats.fhir_times import read_times
from bedside.interop.fhir_bulk.bundles import as_lines, is_one_document
from bedside.interop.fhir_bulk.moments import MALFORMED, microseconds
from fhir_reference import facts_of_resource

ZONE = ZoneInfo("America/New_York")
SOURCE = Collection(
    bedside=1,
    name="ward",
    title="A ward",
    format="fhir",
    licence="none",
    release_mode="identified",
    known_at={},
    timezone="America/New_York",
)
SAID = ["subject", "time", "end", "recorded", "kind", "code", "value", "unit", "text"]
SAID += ["encounter", "retracts"]
NAMES = [
    "resourceType", "id", "status", "code", "coding", "system", "text", "subject", "reference",
    "effectiveDateTime", "issued", "valueQuantity", "value", "component", "meta", "versionId",
    "period", "start", "entry", "resource", "fullUrl", "request", "extension", "url", "contained",
    "medicationReference", "link", "content", "attachment", "data", "type", "class",
    "provision", "purpose", "policyRule", "dateTime", "patient",
]  # fmt: skip
TYPES = ["Observation", "Patient", "Encounter", "Condition", "Bundle", "MedicationRequest", "Claim"]
TYPES += [
    "DocumentReference",
    "DiagnosticReport",
    "Immunization",
    "Procedure",
    "Medication",
    "Consent",
]
SECRET = "Zaphod"  # noqa: S105  (stands for what a patient would not want told)


def collected(content: bytes, name: str = "x.ndjson") -> Batch:
    batch = READER.collect(Part(name=name, content=content), SOURCE, lambda _: None)
    assert batch.facts.schema == pl.Schema(FACT_SCHEMA)
    return batch


def told(facts: pl.DataFrame) -> list[str]:
    return said(facts.select(SAID).rows())


def said(facts: list[tuple[Any, ...]]) -> list[str]:
    return sorted(
        repr([one.isoformat() if isinstance(one, datetime) else one for one in fact])
        for fact in facts
    )


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([SECRET, "final", "urn:uuid:1", "Patient/1", "#1", "2026", "a\0b", "\ud800"])
    | st.text(max_size=8)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)
resources = st.builds(
    lambda kind, rest: {"resourceType": kind} | rest,
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(NAMES), trees, max_size=8),
)


@settings(max_examples=150, deadline=2000)
@example([b"\t"])
@example([b'{"resourceType": "Patient", "id": "1"}', b" \x0b"])
@given(st.lists(st.binary(max_size=60) | resources.map(lambda one: json.dumps(one).encode())))
def test_nothing_that_is_sent_breaks_the_reader_and_every_line_is_told(made: list[bytes]) -> None:
    content = b"\n".join(made)
    prepared = as_lines(content)
    batch = collected(content)
    lines = [line for line in prepared.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]

    records = 1 if is_one_document(prepared) else len(lines)

    assert sum(batch.rows_in.values()) + len(batch.bad) == records
    assert SECRET not in repr((batch.dropped, batch.bad, batch.rows_in))
    assert as_lines(prepared) == prepared
    for one in batch.bad:
        assert 0 <= one.offset <= one.offset + one.length <= len(prepared)


@settings(max_examples=100, deadline=2000)
@given(st.lists(resources, min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 255))
def test_a_resource_with_one_wrong_byte_never_breaks_the_others(
    made: list[dict[str, Any]], place: int, octet: int
) -> None:
    good = {"resourceType": "Patient", "id": "1", "gender": "male"}
    broken = bytearray(json.dumps(made[0]).encode())
    broken[place % len(broken)] = octet
    lines = [json.dumps(good).encode(), bytes(broken), json.dumps(good).encode()]
    content = b"\n".join(lines)

    facts = collected(content).facts.filter(subject="1", code="BEDSIDE//sex", text="male")

    assert facts.height >= 2


codings = st.builds(
    lambda system, code: {"system": system, "code": code},
    st.sampled_from(["http://loinc.org", "http://snomed.info/sct", "https://lab.example", "x"]),
    st.sampled_from(["1", "2", "3"]),
)
concepts = st.builds(
    lambda coding, text: {"coding": coding} | ({"text": text} if text else {}),
    st.lists(codings, max_size=3),
    st.sampled_from(["", "words"]),
)
values = st.fixed_dictionaries(
    {},
    optional={
        "valueQuantity": st.fixed_dictionaries(
            {},
            optional={
                "value": st.floats(-1e6, 1e6) | st.integers(-9, 9),
                "comparator": st.sampled_from(["<", ">="]),
                "unit": st.just("mg"),
                "code": st.just("mg/dL"),
            },
        ),
        "valueCodeableConcept": concepts,
        "valueString": st.sampled_from(["", "words"]),
        "valueInteger": st.integers(-9, 9),
        "valueBoolean": st.booleans(),
        "dataAbsentReason": st.just({"text": "lost"}),
    },
)
times = st.sampled_from(
    ["2026-01-31T08:00:00+01:00", "2026-01-31T08:00:00.25-05:00", "2026-01-31", "2026-07-01"]
)
observations = st.builds(
    lambda base, value, parts, rest: base | value | ({"component": parts} if parts else {}) | rest,
    st.fixed_dictionaries(
        {
            "resourceType": st.just("Observation"),
            "id": st.sampled_from(["1", "2"]),
            "status": st.sampled_from(
                ["final"] * 6 + ["preliminary", "registered", "cancelled", "entered-in-error"]
            ),
            "code": concepts,
            "subject": st.sampled_from(
                ["Patient/1", "urn:uuid:2", "https://x.example/Patient/3"]
            ).map(lambda one: {"reference": one}),
        }
    ),
    values,
    st.lists(st.builds(lambda one, code: one | {"code": code}, values, concepts), max_size=3),
    st.fixed_dictionaries({}, optional={"effectiveDateTime": times, "issued": times}),
)


@settings(max_examples=200, deadline=2000)
@given(st.lists(observations, max_size=8))
def test_columns_say_what_one_resource_at_a_time_says(made: list[dict[str, Any]]) -> None:
    content = "\n".join(json.dumps(one) for one in made).encode()
    expected = [fact for one in made for fact in facts_of_resource(one, {}, ZONE)]

    batch = collected(content)

    assert told(batch.facts) == said(expected)
    assert batch.rows_in == ({"Observation": len(made)} if made else {})
    assert not batch.bad


@settings(max_examples=60, deadline=2000)
@given(st.lists(observations, min_size=1, max_size=6), st.integers(0, 6))
def test_where_an_export_is_cut_does_not_matter(made: list[dict[str, Any]], at: int) -> None:
    lines = [json.dumps(one).encode() + b"\n" for one in made]
    pieces = [b"".join(lines[:at]), b"".join(lines[at:])]

    parts = [collected(piece) for piece in pieces]

    whole = collected(b"".join(lines))
    columns = [*SAID, "record", "identity"]
    both = pl.concat([part.facts for part in parts]).select(columns).rows()
    assert sorted(map(repr, both)) == sorted(map(repr, whole.facts.select(columns).rows()))
    assert sum(sum(part.dropped.values()) for part in parts) == sum(whole.dropped.values())


moments = st.datetimes(datetime(1800, 1, 1), datetime(2250, 1, 1))  # noqa: DTZ001
written = st.one_of(
    st.builds(
        lambda moment, form, zone: moment.isoformat(timespec=form) + zone,
        moments,
        st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
        st.sampled_from(["", "Z", "+00:00", "-05:00", "+05:45", "+14:00", "-23:59", "+24:00"]),
    ),
    st.builds(lambda moment, end: moment.isoformat()[:end], moments, st.sampled_from([4, 7, 10])),
    st.text("0123456789-T:.Z+", max_size=26),
)


@settings(max_examples=200, deadline=2000)
@given(st.lists(st.none() | written, max_size=12))
def test_a_column_of_times_says_what_each_of_them_says(texts: list[str | None]) -> None:
    moments, why = read_times(texts, ZONE)

    for at, text in enumerate(texts):
        slow = None if text is None else microseconds(text, ZONE)
        fast = moments[at]
        if isinstance(slow, int):
            assert fast == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=slow)
            assert at not in why
        elif slow is None:
            assert fast is None
        elif slow != MALFORMED or fast is None:  # Polars also takes a month of one digit
            assert fast is None
            assert why[at] == slow
