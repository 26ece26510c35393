"""Sources of every format; each place holds a canary of its own: a leak names its origin."""

import gzip
import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path

import polars as pl

from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle.package import load_declaration
from bedside.usecases import folder_of
from dicom_files import a_ct, as_bytes
from house import ROOT

__all__ = ["NUMBER", "ORIGINS", "STEM", "a_canary", "a_number", "a_request", "a_world"]

STEM, NUMBER = "Xanadukubla", "918273645"
ORIGINS: dict[str, str] = {}  # where a canary was planted, by the canary
_TEN = "bcdfghjklm"
SHIPPED = ("synthea_bulk", "synthea_fhir_r4", "hl7v2_messages", "ccda_samples", "omop_synthea27nj")
TABLE = """\
bedside: 1
name: ward
title: A ward
format: table
licence: none
release_mode: identified
files: ["*.csv", "*.gz"]
timezone: UTC
quarantine: {at_most: 0.95}
known_at:
  observation: {after: 90 min}
  patient: {after: 0 min, counted_from: first}
tables:
  - files: "*"
    subject: id
    time: {column: when}
    key: [id, when]
    columns:
      pulse: {code: LOINC//8867-4, kind: observation, unit: "/min"}
      note: {code: WARD//note, kind: observation}
"""
FEED = """\
bedside: 1
name: feed
title: A feed
format: hl7v2
licence: none
release_mode: identified
known_at:
  patient: {{after: 1 d, counted_from: first, recorded: true}}
  encounter: {{after: 1 d, recorded: true}}
  observation: {{after: 1 d, recorded: true}}
  report: {{after: 1 d, recorded: true}}
listener: {{port: {port}}}
"""


def a_canary(origin: str) -> str:
    """The word of this place: letters alone, so that it passes for a name."""
    told = hashlib.sha256(origin.encode()).digest()
    word = STEM + "".join(_TEN[octet % 10] for octet in told[:5])
    assert ORIGINS.setdefault(word.lower(), origin) == origin
    return word


def a_number(origin: str) -> str:
    """The number of this place: twelve digits."""
    word = NUMBER + f"{int.from_bytes(hashlib.sha256(origin.encode()).digest()) % 1000:03d}"
    assert ORIGINS.setdefault(word, origin) == origin, f"Two places have the number {word}."
    return word


def a_world(folder: Path, port: int) -> dict[str, Path]:
    """Every source in a folder of its own, whose name holds a canary as well."""
    made = {
        name: folder / f"{name} {a_canary(f'the name of the folder of {name}')}"
        for name in ("model", "ward", "feed", "fhir", "bulk", "hl7", "ccda", "omop", "notes",
                     "dicom", "bad", "declared")
    }  # fmt: skip
    for path in made.values():
        path.mkdir(parents=True)
    _model(made["model"])
    _table(made["ward"])
    _declared(made["declared"])
    (made["feed"] / "source.yaml").write_text(FEED.format(port=port))
    _fhir(made["fhir"], made["bulk"])
    _hl7(made["hl7"])
    _named(made["ccda"], "ccda", ".xml").write_text(a_document())
    _omop(made["omop"])
    _notes(made["notes"])
    _dicom(made["dicom"])
    _bad(made["bad"])
    return made


def _declared(folder: Path) -> None:
    """The sources that ship, made to bear more records that cannot be read."""
    for name in SHIPPED:
        told = (ROOT / f"src/bedside/usecases/sources/{name}.yaml").read_text()
        told = told.replace("[A-Z]*.ndjson", "*.ndjson") + "\nquarantine: {at_most: 0.95}\n"
        if name == "synthea_bulk":
            told = told.replace("known_at:", "known_at:\n  observation: {after: 0 min}", 1)
        (folder / f"{name}.yaml").write_text(told)


def _named(folder: Path, kind: str, ending: str) -> Path:
    return folder / f"{a_canary(f'the name of a file of {kind}')}{ending}"


def _model(folder: Path) -> None:
    """The diagnosis model on a file of biopsies, with a surgeon and cells of a wrong type."""
    told = (ROOT / "src/bedside/usecases/diagnosis/bedside.yaml").read_text()
    told = told.replace("biopsies.parquet", "biopsies.csv").replace(
        "channels:",
        "channels:\n  fhir: {}\n"
        '  hl7v2: {messages: ["ORU^R01", "ADT^A01"], receiving_application: EHR}',
    )
    lines = [line for line in told.splitlines() if "bundled:" not in line]
    (folder / "bedside.yaml").write_text("\n".join(lines) + "\n")
    table = breast_cancer().with_columns(
        case=pl.format(a_canary("the case of the model's table") + "-{}", pl.col("case")),
        surgeon=pl.lit(a_canary("a column of the model's table that nothing names")),
    )
    table.write_csv(folder / "biopsies.csv")
    wrong = folder / "wrong"
    wrong.mkdir()
    cell = pl.lit(a_canary("a cell of the model's table that should be a number"))
    table.head(40).with_columns(mean_radius=cell).write_csv(wrong / "biopsies.csv")


def _table(folder: Path) -> None:
    (folder / "source.yaml").write_text(TABLE)
    rows = [
        f"{a_canary('the patient of a table')}{at},2026-03-01T{at:02d}:00,{60 + at},"
        f"{a_canary('a note in a cell of a table')},{a_canary('a surplus cell of a table')}"
        for at in range(6)
    ]
    rows += [
        f"{a_canary('the patient of a table')}1,2026-03-01T09:00,"
        f"{a_canary('a pulse that is no number')},x,y",
        f"{a_canary('the patient of a table')}2,{a_canary('a time that is none')},70,x,y",
        f"{a_canary('the patient of a row that is cut')}",
    ]
    text = "\n".join(["id,when,pulse,note,surgeon", *rows, ""])
    _named(folder, "tables", ".csv").write_text(text)
    (folder / "more.csv.gz").write_bytes(gzip.compress(text.replace("2026-03", "2026-04").encode()))


def a_patient() -> dict[str, object]:
    """A FHIR patient, every string of whom is a canary."""
    return {
        "resourceType": "Patient",
        "id": a_canary("Patient.id"),
        "identifier": [{"system": "urn:mrn", "value": a_number("Patient.identifier.value")}],
        "name": [
            {"family": a_canary("Patient.name.family"), "given": [a_canary("Patient.name.given")]}
        ],
        "telecom": [{"system": "phone", "value": a_number("Patient.telecom.value")}],
        "address": [{"line": [a_canary("Patient.address.line")], "city": a_canary("Patient.city")}],
        "text": {
            "status": "generated",
            "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{a_canary('Patient.text.div')}</div>",
        },
        "extension": [
            {"url": "http://example.org/maiden", "valueString": a_canary("Patient.extension")}
        ],
        "gender": "female",
        "birthDate": "1961-03-04",
        "contact": [{"name": {"family": a_canary("Patient.contact.name")}}],
    }


def _resources() -> list[dict[str, object]]:
    subject = {
        "reference": f"Patient/{a_canary('Patient.id')}", "display": a_canary("subject.display")
    }  # fmt: skip
    code = {
        "coding": [{"system": "http://loinc.org", "code": "8867-4"}],
        "text": a_canary("code.text"),
    }
    at = "2026-02-03T04:05:06Z"
    observation = {
        "resourceType": "Observation",
        "id": a_canary("Observation.id"),
        "status": "final",
        "code": code,
        "subject": subject,
        "effectiveDateTime": at,
        "performer": [{"display": a_canary("Observation.performer.display")}],
        "note": [{"text": a_canary("Observation.note.text")}],
    }
    return [
        a_patient(),
        observation | {"valueQuantity": {"value": 71, "unit": "/min", "code": "/min"}},
        observation | {"id": "o2", "valueString": a_canary("Observation.valueString")},
        observation | {"id": "o3", "effectiveDateTime": a_canary("Observation.effectiveDateTime")},
        observation | {"id": "o4", "valueQuantity": {"value": a_canary("valueQuantity.value")}},
        {
            "resourceType": "Condition",
            "id": "c1",
            "subject": subject,
            "code": {"text": a_canary("Condition.code.text")},
            "recordedDate": at,
        },
        {"resourceType": a_canary("a resourceType that is none"), "id": "x"},
    ]


def _fhir(bundles: Path, bulk: Path) -> None:
    entries = [{"fullUrl": f"urn:{a_canary('entry.fullUrl')}", "resource": r} for r in _resources()]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    _named(bundles, "FHIR bundles", ".json").write_text(json.dumps(bundle))
    lines = [*map(json.dumps, _resources()), '{"resourceType": "' + a_canary("NDJSON cut short")]
    _named(bulk, "NDJSON", ".ndjson").write_text("\n".join(lines))


def a_message(kind: str, control: str, *more: str) -> str:
    """An HL7 v2 message about a patient, with a canary in each field that may name somebody."""
    name = f"{a_canary('PID-5 family')}^{a_canary('PID-5 given')}"
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|{a_canary('MSH-4')}|EHR|H|20260131080000+0000||{kind}|{control}|P|2.5.1",
            f"PID|1||{a_number('PID-3')}^^^{a_canary('PID-3 assigner')}^MR||{name}||19610304|F|||"
            f"{a_canary('PID-11')}^^Nome^AK^99762||{a_number('PID-13')}",
            f"NK1|1|{a_canary('NK1-2')}",
            f"PV1|1|I|{a_canary('PV1-3')}||||{a_number('PV1-7')}^{a_canary('PV1-7 name')}",
            *more,
            "",
        ]
    )


def _hl7(folder: Path) -> None:
    """Results, an admission, and what is no message."""
    order = f"OBR|1||{a_canary('OBR-3')}|718-7^{a_canary('OBR-4 text')}^LN|||20260131070000+0000"
    result = (
        f"OBX|1|NM|718-7^x^LN||13.2|g/dL|||||F|||20260131070000+0000||{a_canary('OBX-15')}",
        f"OBX|2|ST|8867-4^x^LN||{a_canary('OBX-5 text')}||||||F",
        f"OBX|3|NM|8867-4^x^LN||{a_canary('OBX-5 that should be a number')}||||||F",
        f"NTE|1||{a_canary('NTE-3')}",
        f"ZPI|1|{a_canary('a Z segment')}",
    )
    _named(folder, "HL7 results", ".hl7").write_text(a_message("ORU^R01", "c1", order, *result))
    (folder / "admission.hl7").write_text(a_message("ADT^A01", a_canary("MSH-10")))
    (folder / "poison.hl7").write_text(f"PID|1||{a_canary('a message without a head')}")


def a_document() -> str:
    """A C-CDA document with one result."""
    loinc = 'codeSystem="2.16.840.1.113883.6.1"'
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="1.2.3" extension="{a_canary("ClinicalDocument/id")}"/><code code="34133-9" {loinc}/>
<title>{a_canary("ClinicalDocument/title")}</title><effectiveTime value="20240102030405+0100"/>
<recordTarget><patientRole><id root="1.2.3.4" extension="{a_canary("patientRole/id")}"/>
<addr><city>{a_canary("patientRole/addr")}</city></addr><patient>
<name><family>{a_canary("patient/name")}</family></name><administrativeGenderCode code="F"/>
<birthTime value="19500301"/></patient></patientRole></recordTarget>
<component><structuredBody><component><section><code code="30954-2" {loinc}/>
<text>{a_canary("section/text")}</text>
<entry><observation classCode="OBS" moodCode="EVN"><id root="9.9" extension="o1"/>
<code code="718-7" {loinc} displayName="{a_canary("code/@displayName")}"/>
<effectiveTime value="20231231"/>
<value xsi:type="ST">{a_canary("observation/value")}</value></observation></entry>
<entry><observation classCode="OBS" moodCode="EVN"><id root="9.9" extension="o2"/>
<code code="718-7" {loinc}/><effectiveTime value="{a_canary("effectiveTime/@value")}"/>
<value xsi:type="PQ" value="{a_canary("value/@value")}" unit="g"/></observation></entry>
</section></component></structuredBody></component></ClinicalDocument>"""


def _omop(folder: Path) -> None:
    person, visit = a_number("person_id"), a_number("visit_occurrence_id")
    tables = {
        "person": {
            "person_id": person, "gender_concept_id": 8532, "year_of_birth": 1961,
            "month_of_birth": 3, "day_of_birth": 4, "race_concept_id": 0,
            "ethnicity_concept_id": 0, "person_source_value": a_canary("person_source_value"),
        },
        "visit_occurrence": {
            "visit_occurrence_id": visit, "person_id": person, "visit_concept_id": 9201,
            "visit_start_date": "2026-01-02", "visit_end_date": "2026-01-04",
            "visit_type_concept_id": 0, "visit_source_value": a_canary("visit_source_value"),
        },
        "note": {
            "note_id": 1, "person_id": person, "note_date": "2026-01-03",
            "note_type_concept_id": 0, "note_class_concept_id": 0,
            "note_title": a_canary("note_title"), "note_text": a_canary("note_text"),
            "encoding_concept_id": 0, "language_concept_id": 0,
        },
        "measurement": {
            "measurement_id": 1, "person_id": person, "measurement_concept_id": 3027018,
            "measurement_date": a_canary("measurement_date"), "measurement_type_concept_id": 0,
            "value_as_number": a_canary("value_as_number"),
            "value_source_value": a_canary("value_source_value"),
        },
    }  # fmt: skip
    for name, row in tables.items():
        pl.DataFrame([row]).write_csv(folder / f"{name.upper()}.csv")


def _notes(folder: Path) -> None:
    """Two notes, and beside them what the record knows of their patient."""
    (folder / "notes").mkdir()
    names = a_canary("a patient's name in a note"), a_canary("a surgeon's name in a note")
    text = (
        f"Patient: {names[0]}, MRN {a_number('a number in a note')}, seen 2026-01-03.\n"
        f"Operated by Dr. {names[1]}. {names[0]} sleeps well. "
        f"Tel. {a_number('a phone in a note')}\n"
    )
    note = _named(folder / "notes", "notes", ".txt")
    note.write_text(text)
    known = {
        "note": note.name, "subject": 1, "names": [names[0]], "staff": [names[1]],
        "record_numbers": [a_number("a number in a note")],
        "phones": [a_number("a phone in a note")],
    }  # fmt: skip
    (folder / "known.jsonl").write_text(json.dumps(known) + "\n")


def _dicom(folder: Path) -> None:
    """A CT with a canary in each text of its head, and one that is cut short."""
    whole = as_bytes(
        a_ct(
            PatientName=f"{a_canary('PatientName')}^{a_canary('PatientName given')}",
            PatientID=a_canary("PatientID"),
            InstitutionName=a_canary("InstitutionName"),
            ReferringPhysicianName=a_canary("ReferringPhysicianName"),
            StudyDescription=a_canary("StudyDescription"),
            AccessionNumber=a_canary("AccessionNumber"),
            PatientComments=a_canary("PatientComments"),
            StationName=a_canary("StationName"),
        )
    )
    _named(folder, "DICOM", ".dcm").write_bytes(whole)
    (folder / "cut.dcm").write_bytes(whole[:500])
    (folder / "none.dcm").write_text(a_canary("a file that is no DICOM"))


def _bad(folder: Path) -> None:
    """For every parser something that it cannot read, around a canary."""
    for ending in ("csv", "json", "ndjson", "hl7", "xml", "parquet", "yaml", "cedar", "zip", "gz"):
        word = a_canary(f"what is no {ending}")
        for kind, text in {
            "cut": f'{{"{word}": "{word}',
            "xml": f"<a><{word}></a> {word}",
            "nul": f"\x00{word}\udcff",
        }.items():
            (folder / f"{kind}.{ending}").write_bytes(text.encode("utf-8", "surrogateescape"))
    (folder / "bedside.yaml").write_text(f"bedside: 1\nname: [{a_canary('a declaration')}\n")
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{a_canary('the name of a member')}.json", a_canary("a member of a ZIP"))
    _named(folder, "archives", ".zip").write_bytes(packed.getvalue()[:-30])
    (folder / "whole.zip").write_bytes(packed.getvalue())


def a_request(number: int = 0) -> dict[str, object]:
    """A question about a case, in the Open Inference Protocol."""
    row = breast_cancer().row(number, named=True)
    declared, _ = load_declaration(folder_of("diagnosis"))
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [float(row[signal.column or ""])]}
        for name, signal in declared.signals.items()
        if signal.role == "input"
    ]
    told = {
        "subject": f"{a_canary('the subject of a request')}{number}",
        "as_of": "2000-01-01T00:00:00Z",
    }
    return {"inputs": inputs, "parameters": told}
