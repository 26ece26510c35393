"""What the HL7 v2 collector makes of messages: versions, corrections, cancellations, merges."""

from datetime import UTC, datetime
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.event import MERGED_INTO
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, Part
from bedside.data.collect.formats.hl7v2 import READER
from bedside.interop.hl7v2.framing import framed

PID = "PID|1||7^^^WEST^MR||Doe^Jane||19610615|F"


def a_source(timezone: str | None = "Europe/Berlin") -> Collection:
    return Collection(
        bedside=1,
        name="ward",
        title="A ward",
        format="hl7v2",
        licence="none",
        release_mode="identified",
        known_at={},
        timezone=timezone,
    )


def a_message(
    kind: str, *segments: str, at: str = "20260131080000+0000", control: str = "1", pid: str = PID
) -> bytes:
    head = f"MSH|^~\\&|LAB|HOSP|EHR|HOSP|{at}||{kind}|{control}|P|2.5"
    return "\r".join([head, *([pid] if pid else []), *segments, ""]).encode()


def a_result(value: str, status: str, *, at: str, control: str, code: str = "2823-3") -> bytes:
    return a_message(
        "ORU^R01",
        "OBR|1|P1|F1|24320-4^Panel^LN|||20260131070000+0000",
        f"OBX|1|NM|{code}^Potassium^LN||{value}|mmol/L|||||{status}",
        at=at,
        control=control,
    )


def collected(*messages: bytes, source: Collection | None = None) -> Batch:
    content = b"".join(messages)
    batch = READER.collect(
        Part(name="feed.hl7", content=content), source or a_source(), lambda name: None
    )
    assert dict(batch.facts.schema) == FACT_SCHEMA
    assert dict(batch.records.schema) == RECORD_SCHEMA
    assert set(batch.facts["kind"]) <= READER.kinds
    return batch


def of(batch: Batch, kind: str) -> pl.DataFrame:
    return batch.facts.filter(pl.col("kind") == kind)


def versions(facts: pl.DataFrame) -> list[tuple[float | None, bool]]:
    """Value and whether it retracts, by `recorded`; all must be of one record."""
    assert facts["identity"].n_unique() == 1
    assert facts["record"].n_unique() == facts.height
    return facts.sort("recorded").select("value", "retracts").rows()


def test_a_preliminary_result_its_final_value_and_its_correction_are_one_record():
    batch = collected(
        a_result("5.1", "P", at="20260131080000+0000", control="1"),
        a_result("5.3", "F", at="20260131090000+0000", control="2"),
        a_result("3.5", "C", at="20260131100000+0000", control="3"),
    )

    assert versions(of(batch, "observation")) == [(5.1, False), (5.3, False), (3.5, False)]


@pytest.mark.parametrize("status", ["D", "W", "X"])
def test_a_result_that_is_deleted_wrong_or_cannot_be_had_takes_its_versions_back(status):
    batch = collected(
        a_result("5.1", "F", at="20260131080000+0000", control="1"),
        a_result("", status, at="20260131090000+0000", control="2"),
    )

    assert versions(of(batch, "observation")) == [(5.1, False), (None, True)]


def test_a_message_that_is_sent_again_is_the_same_record():
    once = a_result("5.1", "F", at="20260131080000+0000", control="1")

    batch = collected(once, once)

    assert of(batch, "observation")["record"].n_unique() == 1


def test_a_later_message_that_says_the_same_is_a_later_version():
    batch = collected(
        a_result("5.1", "P", at="20260131080000+0000", control="1"),
        a_result("5.1", "P", at="20260131090000+0000", control="2"),
    )

    assert versions(of(batch, "observation")) == [(5.1, False), (5.1, False)]


def test_of_many_messages_that_say_the_same_the_first_and_the_last_stand():
    hours = range(10, 20)

    batch = collected(
        *(a_message("ADT^A08", at=f"20260131{hour}0000+0000", control=str(hour)) for hour in hours)
    )

    sexes = batch.facts.filter(pl.col("code") == "BEDSIDE//sex")
    assert sexes["recorded"].dt.hour().to_list() == [10, 19]
    assert batch.dropped["a message repeats what those before and after it say"] == 16


def test_a_pending_result_gives_no_fact_and_is_counted():
    batch = collected(a_result("5.1", "I", at="20260131080000+0000", control="1"))

    assert of(batch, "observation").is_empty()
    assert batch.dropped["a result that is pending (OBX-11 is I)"] == 1


def test_a_result_is_known_from_its_message_and_happened_when_the_specimen_was_drawn():
    batch = collected(a_result("5.1", "F", at="20260131080000+0000", control="1"))

    (row,) = of(batch, "observation").rows(named=True)
    assert row["time"] == datetime(2026, 1, 31, 7, tzinfo=UTC)
    assert row["recorded"] == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert (row["code"], row["value"], row["unit"]) == ("LOINC//2823-3", 5.1, "mmol/L")


def test_lines_of_one_text_are_one_record_and_not_corrections_of_each_other():
    batch = collected(
        a_message(
            "ORU^R01",
            "OBR|1|P1|F1|18748-4^Report^LN|||20260131070000+0000",
            "OBX|1|TX|18748-4^Report^LN||No fracture.|||||F",
            "OBX|2|TX|18748-4^Report^LN||No effusion.|||||F",
        )
    )

    (row,) = of(batch, "observation").rows(named=True)
    assert row["text"] == "No fracture.\nNo effusion."


VISIT = "PV1|1|I|ICU^1^2||||||||||||||||V1" + "|" * 25 + "{admit}|{leave}"


def a_visit(event: str, at: str, *, admit: str = "202601300900", leave: str = "") -> bytes:
    visit = VISIT.format(admit=admit, leave=leave)
    pid = f"EVN|{event}|{at}||||202601301000\r{PID}"
    return a_message(f"ADT^{event}", visit, at=at, control=event + at, pid=pid)


def test_an_admission_a_discharge_and_its_cancelling_are_versions_of_one_visit():
    batch = collected(
        a_visit("A01", "20260130090500+0100"),
        a_visit("A03", "20260131120000+0100", leave="202601311155"),
        a_visit("A13", "20260131130000+0100", leave="202601311155"),
    )

    stays = of(batch, "encounter").filter(pl.col("code") == "HL7//IMP").sort("recorded")
    assert stays["identity"].n_unique() == 1
    assert stays["end"].to_list() == [None, datetime(2026, 1, 31, 10, 55, tzinfo=UTC), None]
    ends = of(batch, "encounter_end").sort("recorded")
    assert ends["retracts"].to_list() == [False, True]


def test_a_cancelled_admission_takes_the_visit_back():
    batch = collected(a_visit("A01", "20260130090500+0100"), a_visit("A11", "20260130100000+0100"))

    stays = of(batch, "encounter").filter(pl.col("code") == "HL7//IMP").sort("recorded")
    assert stays["identity"].n_unique() == 1
    assert stays["retracts"].to_list() == [False, True]


def test_a_cancelled_transfer_takes_back_the_location_that_it_names():
    batch = collected(a_visit("A02", "20260130100500+0100"), a_visit("A12", "20260130110000+0100"))

    places = batch.facts.filter(pl.col("code") == "BEDSIDE//location").sort("recorded")
    assert places["identity"].n_unique() == 1
    assert places["text"].to_list() == ["ICU/1/2", None]
    assert places["retracts"].to_list() == [False, True]


@pytest.mark.parametrize("event", ["A40", "A34", "A30", "A18"])
def test_a_merge_says_which_identifier_goes_and_which_stays(event):
    batch = collected(a_message(f"ADT^{event}", "MRG|9^^^WEST^MR"))

    (row,) = batch.facts.filter(pl.col("code") == MERGED_INTO).rows(named=True)
    assert (row["subject"], row["text"]) == ("9^^^WEST", "7^^^WEST")


def test_two_merges_in_one_message_are_apart_and_can_be_erased_apart():
    batch = collected(
        a_message("ADT^A40", "MRG|9^^^WEST^MR", "PID|2||8^^^WEST^MR", "MRG|10^^^WEST^MR")
    )

    merges = batch.facts.filter(pl.col("code") == MERGED_INTO)
    assert dict(merges.select("subject", "text").rows()) == {
        "9^^^WEST": "7^^^WEST",
        "10^^^WEST": "8^^^WEST",
    }
    assert batch.records["subject"].to_list() == ["7^^^WEST", "8^^^WEST"]
    assert merges["offset"].to_list() == batch.records["offset"].to_list()


def test_an_account_that_moves_merges_no_patients():
    batch = collected(a_message("ADT^A44", "MRG|9^^^WEST^MR"))

    assert MERGED_INTO not in set(batch.facts["code"])


@pytest.mark.parametrize(
    ("event", "retracts", "text"),
    [("S13", False, "booked"), ("S15", True, None), ("S17", True, None), ("S26", False, "noshow")],
)
def test_an_appointment_is_changed_cancelled_or_missed(event, retracts, text):
    sch = "SCH|P1|A1|||||||||^^^202602031000^202602031030"

    batch = collected(
        a_message("SIU^S12", sch, at="20260131080000+0000", control="1"),
        a_message(f"SIU^{event}", sch, at="20260201080000+0000", control="2"),
    )

    facts = of(batch, "appointment").sort("recorded")
    assert facts["identity"].n_unique() == 1
    assert facts["retracts"].to_list() == [False, retracts]
    assert facts["text"].to_list() == ["booked", text]


@pytest.mark.parametrize(
    ("control", "retracts", "ends"),
    [("CA", True, False), ("DC", False, True), ("XO", False, False)],
)
def test_an_order_is_cancelled_discontinued_or_changed(control, retracts, ends):
    obr = "OBR|1|P1||58410-2^CBC^LN"

    batch = collected(
        a_message("ORM^O01", "ORC|NW|P1|||||||20260131080000+0000", obr, control="1"),
        a_message(
            "ORM^O01", f"ORC|{control}|P1|||||||20260131080000+0000", obr,
            at="20260131090000+0000", control="2",
        ),
    )  # fmt: skip

    orders = of(batch, "order").sort("recorded")
    assert orders["identity"].n_unique() == 1
    assert orders["retracts"].to_list() == [False, retracts]
    assert orders["end"].is_not_null().to_list() == [False, ends]


def test_a_cancelled_document_takes_its_text_back_too():
    txa = "TXA|1|DS|TX|20260131070000+0000||||||||D1"
    text = "OBX|1|TX|11490-0^Letter^LN||Dear colleague"

    batch = collected(
        a_message("MDM^T02", txa, text, control="1"),
        a_message("MDM^T03", txa, at="20260131090000+0000", control="2"),
        a_message("MDM^T11", txa, at="20260131100000+0000", control="3"),
    )

    facts = of(batch, "document").sort("recorded")
    by_record = facts.group_by("identity", maintain_order=True).agg("retracts")
    assert sorted(by_record["retracts"].to_list()) == [[False, False, True], [False, True]]


def test_a_diagnosis_that_is_deleted_takes_its_versions_back():
    dg1 = "DG1|1||I10^Hypertension^I10|||F" + "|" * 14 + "D7|{}"

    batch = collected(
        a_message("BAR^P12", dg1.format("A"), control="1"),
        a_message("BAR^P12", dg1.format("D"), at="20260131090000+0000", control="2"),
    )

    assert versions(of(batch, "condition")) == [(None, False), (None, True)]


def test_a_birth_date_is_the_start_of_its_day_and_a_death_the_end_of_it():
    pid = PID + "|" * 21 + "20260131|Y"

    batch = collected(a_message("ADT^A31", pid=pid))

    times = dict(batch.facts.select("code", "time").rows())
    assert times["MEDS//BIRTH"] == datetime(1961, 6, 15, tzinfo=UTC)
    assert times["MEDS//DEATH"] == datetime(2026, 1, 31, 22, 59, 59, 999_999, tzinfo=UTC)


def test_a_message_without_a_zone_is_bad_where_none_is_declared():
    batch = collected(a_message("ADT^A31", at="202601310800"), source=a_source(None))

    (bad,) = batch.bad
    assert bad.reason == "the time has no zone and the source declares no timezone"
    assert batch.facts.is_empty()


def test_one_time_without_a_zone_costs_one_fact():
    source = a_source(None)

    batch = collected(
        a_message(
            "ADT^A31", "AL1|1||1^x^LN|||20260131", "AL1|2||2^y^LN|||20260131+0100"
        ),
        source=source,
    )  # fmt: skip

    assert of(batch, "allergy")["code"].to_list() == ["LOINC//2"]


def test_what_is_no_message_is_set_aside_and_the_rest_goes_on():
    noise = b"Jane Doe, 7 mg/l"

    batch = collected(framed(noise), framed(a_message("ADT^A31")))

    (bad,) = batch.bad
    assert (bad.offset, bad.length) == (1, len(noise))
    assert "Doe" not in bad.reason
    assert of(batch, "patient").height == 2


def test_a_wrong_zone_is_the_steward_s_to_put_right():
    with pytest.raises(Invalid, match="not an IANA zone"):
        collected(a_message("ADT^A31"), source=a_source("Mars/Olympus"))


FEED = [
    a_result("5.1", "P", at="20260131080000+0000", control="1"),
    a_result("5.3", "C", at="20260131090000+0000", control="2"),
    a_visit("A01", "20260130090500+0100"),
    a_visit("A03", "20260131120000+0100", leave="202601311155"),
    a_message("ADT^A40", "MRG|9^^^WEST^MR", at="20260201080000+0000", control="5"),
]


def as_set(batch: Batch) -> set[tuple[object, ...]]:
    return set(batch.facts.drop("offset").rows())


def test_the_order_of_messages_changes_no_fact():
    wanted = as_set(collected(*FEED))

    for order in permutations(FEED):
        assert as_set(collected(*order)) == wanted


segments = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "PID",
                "PV1",
                "OBR",
                "OBX",
                "ORC",
                "DG1",
                "AL1",
                "PR1",
                "RXA",
                "RXE",
                "SCH",
                "TXA",
                "MRG",
                "EVN",
                "TQ1",
                "AIS",
                "IAM",
                "PRB",
                "SPM",
                "ZDS",
            ]
        ),
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        "",
                        '""',
                        "7^^^WEST^MR",
                        "NM",
                        "CWE",
                        "TX",
                        "20260131",
                        "000001010000",
                        "5.1",
                        "1e999",
                        "nan",
                        "2823-3^K^LN",
                        "A^B^C^D^E^F",
                        "a&b&c",
                        "~~~",
                        "\\X00\\",
                        "D",
                    ]
                ),
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0\x1c")),
            ),
            max_size=24,
        ),
    ),
    max_size=8,
)
events = st.sampled_from(
    ["ADT^A01", "ADT^A03", "ADT^A08", "ADT^A11", "ADT^A12", "ADT^A13", "ADT^A40", "ORU^R01",
     "ORM^O01", "OUL^R22", "SIU^S12", "SIU^S15", "MDM^T02", "MDM^T10", "VXU^V04", "RDE^O11", "x"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(events, segments)
def test_whatever_the_fields_hold_a_message_gives_facts_or_reasons(event, lines):
    body = ["|".join([name, *fields]) for name, fields in lines]

    batch = collected(a_message(event, *body))

    assert sum(batch.rows_in.values()) + len(batch.bad) == 1
    assert batch.facts.filter(
        pl.col("value").is_not_null() & ~pl.col("value").is_finite()
    ).is_empty()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=6))
def test_whatever_the_bytes_are_every_message_is_read_or_set_aside(noise, place, change):
    sound = FEED[0]
    changed = sound[:place] + change + sound[place + len(change) :]

    batch = collected(framed(noise), framed(changed), framed(sound))

    assert sum(batch.rows_in.values()) + len(batch.bad) >= 1
    assert batch.records["length"].min() is None or batch.records["length"].min() > 0
    for one in batch.bad:
        assert one.reason


secrets = st.text(st.characters(categories=["Lu", "Nd"]), min_size=12, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    secrets,
    st.sampled_from(
        [
            "PID|1||7||{}||{}|{}",
            "OBX|1|NM|1^x^LN||{}|||||F|||{}",
            "DG1|1||1^x^LN||{}",
            "SCH|1|2||||||||||^^^{}",
            "OBX|1|{}|1^x^LN||{}",
        ]
    ),
)
def test_no_reason_and_no_count_repeats_a_value_of_the_patient(secret, line):
    said = line.replace("{}", secret)

    batch = collected(a_message("ORU^R01", said), framed(f"{secret}|{secret}".encode()))

    told = [
        *batch.dropped,
        *batch.codes_unknown,
        *batch.rows_in,
        *(one.reason for one in batch.bad),
    ]
    assert all(secret not in one for one in told)
