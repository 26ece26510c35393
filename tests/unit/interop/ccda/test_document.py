"""C-CDA documents as the ward writes them, and as a stranger might."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.ccda.document import Document, read_document
from bedside.interop.ccda.times import moment

BERLIN = ZoneInfo("Europe/Berlin")
LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
HEADER = f"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" {XSI}>
<id root="1.2.3" extension="d1"/><code code="34133-9" {LOINC}/>"""
PATIENT = """<recordTarget><patientRole><id root="1.2.3.4" extension="MRN7"/><patient>
<administrativeGenderCode code="F"/><birthTime value="19500301"/></patient></patientRole>
</recordTarget>"""


def a_document(
    body: str = "<component><structuredBody/></component>",
    made: str = '<effectiveTime value="20240102030405+0100"/>',
    patient: str = PATIENT,
    extra: str = "",
) -> bytes:
    return f"{HEADER}{made}{extra}{patient}{body}</ClinicalDocument>".encode()


def a_section(code: str, *entries: str) -> str:
    held = "".join(f"<entry>{entry}</entry>" for entry in entries)
    section = f'<section><code code="{code}" {LOINC}/>{held}</section>'
    return (
        f"<component><structuredBody><component>{section}</component></structuredBody></component>"
    )


def an_observation(value: str, *, attributes: str = "", time: str = "20231231", extra: str = ""):
    return f"""<observation classCode="OBS" moodCode="EVN" {attributes}>{extra}
    <id root="9.9.9" extension="o1"/><code code="718-7" {LOINC}/>
    <effectiveTime value="{time}"/>{value}</observation>"""


def read(body: str, **header: str) -> Document:
    return read_document(a_document(body, **header), BERLIN)


def the_result(value: str, **told: str):
    document = read(a_section("30954-2", an_observation(value, **told)))
    found = [fact for fact in document.facts if fact.kind == "observation"]
    return found[0] if found else document.dropped


def test_the_header_says_whose_it_is_and_when_it_was_made() -> None:
    document = read("<component><structuredBody/></component>")

    assert document.subject == "1.2.3.4^MRN7"
    assert document.recorded == datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    told = {fact.code: (fact.kind, fact.time, fact.text) for fact in document.facts}
    assert told["BEDSIDE//sex"] == ("patient", None, "female")
    assert told["MEDS//BIRTH"] == ("patient", datetime(1950, 3, 1, tzinfo=UTC), None)
    assert told["LOINC//34133-9"] == ("document", document.recorded, None)


def test_a_social_security_number_names_the_patient_only_where_nothing_else_does() -> None:
    number = '<id root="2.16.840.1.113883.4.1" extension="111-22-3333"/>'
    both = PATIENT.replace("<id root", number + "<id root")
    only = PATIENT.replace('<id root="1.2.3.4" extension="MRN7"/>', number)

    assert read_document(a_document(patient=both), None).subject == "1.2.3.4^MRN7"
    assert read_document(a_document(patient=only), None).subject.endswith("^111-22-3333")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('<value xsi:type="PQ" value="13.2" unit="g/dL"/>', (13.2, "g/dL", None)),
        ('<value xsi:type="INT" value="3"/>', (3.0, None, None)),
        ('<value xsi:type="REAL" value="-1.5e2"/>', (-150.0, None, None)),
        ('<value xsi:type="BL" value="true"/>', (None, None, "true")),
        ('<value xsi:type="ST">cloudy</value>', (None, None, "cloudy")),
        (f'<value xsi:type="CD" code="260385009" {SNOMED}/>', (None, None, "SNOMED//260385009")),
        (
            '<value xsi:type="CD" nullFlavor="OTH"><originalText>odd</originalText></value>',
            (None, None, "odd"),
        ),
        (
            f'<value xsi:type="CD" nullFlavor="OTH"><translation code="1" {SNOMED}/></value>',
            (None, None, "SNOMED//1"),
        ),
        (
            '<value xsi:type="IVL_PQ"><low value="5" unit="mg" inclusive="false"/></value>',
            (None, None, "> 5 mg"),
        ),
        (
            '<value xsi:type="RTO_PQ_PQ"><numerator value="1" unit="mg"/>'
            '<denominator value="2" unit="mL"/></value>',
            (None, None, "1 mg / 2 mL"),
        ),
    ],
)
def test_a_value_of_each_type_becomes_a_number_or_a_text(value: str, told: tuple) -> None:
    fact = the_result(value)
    assert (fact.value, fact.unit, fact.text) == told


@pytest.mark.parametrize(
    "value",
    [
        "",
        '<value xsi:type="PQ" nullFlavor="UNK"/>',
        '<value xsi:type="PQ" value="NaN" unit="g"/>',
        '<value xsi:type="PQ" value="1e999" unit="g"/>',
        '<value xsi:type="PQ" value="12,5"/>',
        '<value xsi:type="ED" representation="B64">AAAA</value>',
        '<value xsi:type="GLIST_PQ"/>',
    ],
)
def test_a_value_that_is_no_value_is_counted_and_left_out(value: str) -> None:
    assert the_result(value)["an observation without a value that can be read"] == 1


PQ = '<value xsi:type="PQ" value="1" unit="g"/>'


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"attributes": 'negationInd="true"'}, "a statement that something is not so"),
        ({"attributes": 'nullFlavor="NI"'}, "a statement that only says why nothing is known"),
        ({"extra": '<statusCode code="cancelled"/>'}, "an act that did not happen"),
        ({"extra": "<subject/>"}, "a statement about somebody else"),
        ({"time": "20231301"}, "a time is impossible"),
        ({"time": "0000"}, "a time is in a year outside"),
        ({"time": "yesterday"}, "a time is malformed"),
    ],
)
def test_what_is_not_so_or_not_his_is_counted_and_never_a_fact(told: dict, reason: str) -> None:
    dropped = the_result(PQ, **told)
    assert [key for key in dropped if key.startswith(reason)]


def test_a_plan_is_not_an_event() -> None:
    planned = f'<procedure moodCode="RQO"><code code="1" {SNOMED}/></procedure>'
    document = read(a_section("47519-4", planned))
    assert document.dropped["an intention, not an event"] == 1
    assert not [fact for fact in document.facts if fact.kind == "procedure"]


def test_a_nullified_result_takes_itself_back_without_its_value() -> None:
    fact = the_result(PQ, extra='<statusCode code="nullified"/>')
    assert fact.retracts
    assert (fact.value, fact.unit) == (None, None)
    assert fact.identity == "9.9.9^o1"


def test_a_date_is_placed_at_its_end_so_that_nobody_sees_it_early() -> None:
    assert the_result(PQ, time="20231231").time == datetime(
        2023, 12, 31, 22, 59, 59, 999999, tzinfo=UTC
    )


def test_what_a_document_tells_of_its_own_day_had_happened_when_it_was_made() -> None:
    made = datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert the_result(PQ, time="20240102").time == made
    assert the_result(PQ, time="20240103").time > made


def test_a_date_without_a_zone_is_left_out_where_the_source_declares_none() -> None:
    document = read_document(a_document(a_section("30954-2", an_observation(PQ))), None)
    assert document.dropped["the time has no zone and the source declares no timezone"] == 1


def test_a_problem_is_known_by_its_value_and_its_interval() -> None:
    concern = f"""<act moodCode="EVN"><entryRelationship><observation moodCode="EVN">
    <id root="9" extension="p1"/><code code="64572001" {SNOMED}/>
    <effectiveTime><low value="202301011000+0000"/><high value="202301021000+0000"/></effectiveTime>
    <value xsi:type="CD" code="233604007" {SNOMED}/></observation></entryRelationship></act>"""

    (fact,) = (one for one in read(a_section("11450-4", concern)).facts if one.kind == "condition")

    assert fact.code == "SNOMED//233604007"
    assert fact.time == datetime(2023, 1, 1, 10, tzinfo=UTC)
    assert fact.end == datetime(2023, 1, 2, 10, tzinfo=UTC)


def test_an_end_before_its_beginning_is_left_out_and_the_problem_stays() -> None:
    odd = f"""<observation moodCode="EVN"><effectiveTime><low value="2020"/><high value="2010"/>
    </effectiveTime><value xsi:type="CD" code="1" {SNOMED}/></observation>"""
    document = read(a_section("11450-4", odd))
    (fact,) = (one for one in document.facts if one.kind == "condition")
    assert fact.end is None
    assert document.dropped["an end before its beginning, left out of its fact"] == 1


def test_an_identifier_that_two_entries_share_names_neither() -> None:
    twice = a_section("30954-2", an_observation(PQ), an_observation(PQ, time="20230101"))
    found = [fact.identity for fact in read(twice).facts if fact.kind == "observation"]
    assert len(set(found)) == 2
    assert "9.9.9^o1" not in found


def test_the_next_version_of_a_document_carries_the_same_name() -> None:
    nameless = an_observation(PQ).replace('<id root="9.9.9" extension="o1"/>', "")
    body = a_section("30954-2", nameless)

    def identities(extra: str) -> list[str]:
        return [fact.identity for fact in read(body, extra=extra).facts]

    first = identities('<setId root="5.5"/><versionNumber value="1"/>')
    second = identities('<setId root="5.5"/><versionNumber value="2"/>')
    replaced = identities(
        '<relatedDocument typeCode="RPLC"><parentDocument><id root="5.5"/></parentDocument>'
        "</relatedDocument>"
    )
    other = identities("")

    assert first == second == replaced
    assert first != other


def test_a_code_of_an_unknown_system_is_kept_as_local_and_counted() -> None:
    section = a_section("47519-4", '<procedure><code code="X1" codeSystem="9.8.7"/></procedure>')
    document = read(section)
    assert [fact.code for fact in document.facts if fact.kind == "procedure"] == ["LOCAL//X1"]
    assert document.unknown == {"9.8.7|X1": 1}


def test_a_scan_is_a_document_whose_content_is_counted_as_left_out() -> None:
    scan = '<nonXMLBody><text mediaType="application/pdf">JVBE</text></nonXMLBody>'
    document = read(f"<component>{scan}</component>")
    assert document.rows["document"] == 1
    assert document.dropped == {"the content of an unstructured document (a scan, a PDF…)": 1}


BOMB = b"""<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<ClinicalDocument xmlns="urn:hl7-org:v3">&a;</ClinicalDocument>"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "document type or entities"),
        (OUTSIDE, "document type or entities"),
        (b"<a>" * 100_000, "deep"),
        (b"<a " + b'b="" ' * 20_000 + b"/>", "a tag longer than"),
        (b"", "well-formed"),
        (b"\x00\x01", "well-formed"),
        (b"<a/>", "not a CDA document"),
        (a_document()[:-5], "well-formed"),
        (b'<?xml version="1.0" encoding="x-none"?><a/>', "well-formed"),
        (a_document(patient=""), "about no patient"),
        (a_document(patient=PATIENT * 2), "about no patient, or about several"),
        (a_document(patient="<recordTarget/>"), "does not identify its patient"),
        (a_document(made=""), "when it was made"),
        (a_document(made='<effectiveTime value="99999999"/>'), "outside 1850"),
    ],
)
def test_a_hostile_or_broken_document_is_refused_and_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as told:
        read_document(content, None)
    assert reason in (told.value.code or "")


@given(st.text("0123456789+-.", max_size=30))
@settings(max_examples=200)
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        found = moment(text, UTC)
    except Invalid:
        return
    assert 1849 <= found.year <= 2201


@given(
    st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["%Y", "%Y%m", "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"]),
)
@settings(max_examples=150)
def test_a_coarser_time_is_never_before_the_moment_that_it_tells_of(
    when: datetime, minutes: int, precision: str
) -> None:
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    exact = moment(when.strftime("%Y%m%d%H%M%S.%f") + offset, None)

    coarse = moment(when.strftime(precision) + offset, None)

    within = 60 if "%M" in precision else 0  # to the minute is as it is written
    assert (exact - coarse).total_seconds() < max(within, 1e-9) or coarse >= exact


@given(data=st.data())
@settings(max_examples=150)
def test_a_document_with_anything_in_any_attribute_is_read_or_refused(data: st.DataObject) -> None:
    body = a_section("30954-2", an_observation(PQ))
    text = a_document(body).decode()
    quoted = [place for place, letter in enumerate(text) if letter == '"'][1::2]
    place = data.draw(st.sampled_from(quoted))
    junk = data.draw(st.text(max_size=20)).replace("<", "").replace("&", "").replace('"', "")
    try:
        document = read_document((text[:place] + junk + text[place:]).encode(errors="ignore"), UTC)
    except Invalid as error:
        reason = error.code
        assert reason
    else:
        assert document.rows["document"] == 1
