"""The C-CDA samples, counted again from the raw XML with ElementTree alone."""

import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.ccda import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("collect_ccda")  # its fixtures are made once

DECLARED = Path(__file__).parents[3] / "src/bedside/usecases/sources/ccda_samples.yaml"
V3 = "{urn:hl7-org:v3}"

# Of each section that is read: the kind of fact, and the path of a statement below its entries.
SECTIONS = {
    **dict.fromkeys(
        ("11450-4", "42347-5", "11535-2", "10219-4", "59769-0"),
        ("condition", "act/entryRelationship/observation"),
    ),
    "55109-3": ("condition", "observation"),
    "48765-2": ("allergy", "act/entryRelationship/observation"),
    **dict.fromkeys(("10160-0", "42346-7"), ("medication_statement", "substanceAdministration")),
    "75311-1": ("medication_statement", "act/entryRelationship/substanceAdministration"),
    "11369-6": ("immunization", "substanceAdministration"),
    "47519-4": ("procedure", "*"),
    "46240-8": ("encounter", "encounter"),
    **dict.fromkeys(("30954-2", "8716-3"), ("observation", "organizer/component/observation")),
    "29762-2": ("observation", "observation"),
}
BY_KIND = ("condition", "allergy", "medication_statement", "immunization", "procedure")
BY_KIND += ("encounter", "observation")
ONE_STATEMENT = {
    "a statement that something is not so": 15,
    "an act that did not happen (aborted, cancelled, held…)": 3,
    "a statement without a code": 2,
    "an observation without a value that can be read": 3,
    "a time is malformed": 1,
}


@cache
def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@cache
def raw() -> dict[str, Element]:
    with zipfile.ZipFile(data_folder("ccda-samples") / "ccda.zip") as archive:
        return {name: fromstring(archive.read(name)) for name in archive.namelist()}  # noqa: S314


@pytest.fixture(scope="module")
def batches() -> dict[str, Batch]:
    folder = data_folder("ccda-samples")
    with SourceFiles(folder, the_source().files, READER.passive) as found:
        parts = list(found.parts(READER.split))
        return {part.name: READER.collect(part, the_source(), found.beside) for part in parts}


def steps(path: str) -> str:
    return "/".join(step if step == "*" else V3 + step for step in path.split("/"))


def counted(root: Element) -> tuple[Counter[str], int]:
    """Statements by kind, and the entries of sections that are not read."""
    found, unread = Counter[str](), 0
    for section in root.iter(f"{V3}section"):
        coded = section.find(f"{V3}code")
        code = "" if coded is None else coded.get("code", "")
        entries = section.findall(f"{V3}entry")
        if code in SECTIONS:
            kind, path = SECTIONS[code]
            found[kind] += sum(len(entry.findall(steps(path))) for entry in entries)
        else:
            unread += len(entries)
    found["encounter"] += len(root.findall(steps("componentOf/encompassingEncounter")))
    return found, unread


def test_every_document_is_read_and_every_statement_is_counted(batches: dict[str, Batch]) -> None:
    assert batches.keys() == raw().keys()
    assert len(batches) == 14
    for name, batch in batches.items():
        found, unread = counted(raw()[name])
        assert batch.bad == ()
        assert {kind: batch.rows_in.get(kind, 0) for kind in BY_KIND} == {
            kind: found[kind] for kind in BY_KIND
        }, name
        left = sum(n for why, n in batch.dropped.items() if "section that is not read" in why)
        assert left == unread, name


def test_statements_in_are_facts_out_and_each_difference_has_a_reason(
    batches: dict[str, Batch],
) -> None:
    dropped = Counter[str]()
    for name, batch in batches.items():
        dropped.update(batch.dropped)
        statements = sum(batch.rows_in.get(kind, 0) for kind in BY_KIND)
        # A medication that is intended is a request; its section counts it as a statement.
        kinds = [*BY_KIND, "medication_request"]
        facts = batch.facts.filter(pl.col("kind").is_in(kinds)).height
        lost = sum(batch.dropped.get(reason, 0) for reason in ONE_STATEMENT)
        assert statements == facts + lost, name

    assert {reason: dropped[reason] for reason in ONE_STATEMENT} == ONE_STATEMENT
    assert dropped["the content of an unstructured document (a scan, a PDF…)"] == 4


def test_every_negation_of_the_samples_is_counted(batches: dict[str, Batch]) -> None:
    negated = 0
    for root in raw().values():
        for section in root.iter(f"{V3}section"):
            coded = section.find(f"{V3}code")
            if coded is not None and coded.get("code") in SECTIONS:
                path = SECTIONS[coded.get("code", "")][1]
                found = (
                    one for e in section.findall(f"{V3}entry") for one in e.findall(steps(path))
                )
                negated += sum(one.get("negationInd") == "true" for one in found)
    assert negated == ONE_STATEMENT["a statement that something is not so"]


def test_every_number_in_a_result_is_the_number_in_the_document(batches: dict[str, Batch]) -> None:
    for name, batch in batches.items():
        wanted = Counter()
        for section in raw()[name].iter(f"{V3}section"):
            coded = section.find(f"{V3}code")
            if coded is not None and coded.get("code") in {"30954-2", "8716-3"}:
                for one in section.iterfind(steps("entry/organizer/component/observation")):
                    code, value = one.find(f"{V3}code"), one.find(f"{V3}value")
                    if value is not None and value.get("value"):
                        key = f"LOINC//{code.get('code')}", float(value.get("value"))
                        wanted[(*key, value.get("unit"))] += 1
        numbers = batch.facts.filter(
            (pl.col("kind") == "observation") & pl.col("unit").is_not_null()
        )
        found = Counter(numbers["code", "value", "unit"].iter_rows())
        assert found & wanted == found, name
        missing = wanted - found
        assert sum(missing.values()) <= sum(batch.dropped.get(one, 0) for one in ONE_STATEMENT)


def test_everything_is_recorded_when_its_document_was_made(batches: dict[str, Batch]) -> None:
    facts = pl.concat([batch.facts for batch in batches.values()])
    assert set(facts["kind"]) <= set(the_source().known_at)
    assert facts["recorded"].null_count() == facts["record"].null_count() == 0
    assert facts["identity"].null_count() == 0
    assert facts.filter(pl.col("time").is_null())["kind"].unique().to_list() == ["patient"]
    assert facts.filter(pl.col("end") < pl.col("time")).is_empty()
    birth = facts.filter(pl.col("code") == "MEDS//BIRTH")
    assert birth["time"].dt.hour().unique().to_list() == [0]
    assert birth.height == 14


def test_a_hostile_document_is_set_aside_and_never_repeats_its_patient() -> None:
    content = b'<!DOCTYPE a [<!ENTITY n "JohnDoe">]><ClinicalDocument xmlns="urn:hl7-org:v3">&n;'
    batch = READER.collect(Part(name="x.xml", content=content), the_source(), lambda _: None)
    assert batch.facts.is_empty()
    assert batch.bad[0].reason == "it has a document type or entities, which are not read"
    assert batch.records["length"].to_list() == [len(content)]
