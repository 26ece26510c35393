"""The public HL7 v2 messages, counted again by another parser, and received by MLLP."""

import asyncio
import importlib
import zipfile
from collections import Counter
from pathlib import Path

import hl7
import pytest

from bedside.core.records.collection import Collection
from bedside.core.records.mllp import MllpOptions
from bedside.data.adapters.mllp.journal import Journal, journal_parts
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.hl7v2 import READER
from bedside.interop.collection import read_collection
from data_folder import data_folder
from mllp_sending import ask, data_keys_in, listening

pytestmark = pytest.mark.xdist_group("collect_hl7v2")  # its fixtures are made once

ROOT = Path(__file__).parents[3]
DECLARED = ROOT / "src/bedside/usecases/sources/hl7v2_messages.yaml"
UNREAD = {"ED", "RP", "HD"}


def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@pytest.fixture(scope="module")
def messages() -> dict[str, bytes]:
    found = {}
    for archive in data_folder("hl7v2-messages").glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            found |= {name: opened.read(name) for name in opened.namelist() if name[-4:] == ".hl7"}
    return found


@pytest.fixture(scope="module")
def batches(messages: dict[str, bytes]) -> dict[str, Batch]:
    return {
        name: READER.collect(Part(name=name, content=content), the_source(), lambda _: None)
        for name, content in messages.items()
    }


def parsed(content: bytes) -> hl7.Message:
    lines = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    whole: list[str] = []
    for line in lines:
        if line[3:4] == "|" or not whole:
            whole.append(line)
        elif line.strip():
            whole[-1] += line
    return hl7.parse("\r".join(whole) + "\r")


def field(segment: hl7.Segment, number: int) -> str:
    text = str(segment[number]) if number < len(segment) else ""
    return "" if text == '""' else text


def type_of(message: hl7.Message) -> tuple[str, str]:
    kind, _, event = field(message[0], 9).partition("^")
    return kind, event.partition("^")[0]


def values_of(observation: hl7.Segment) -> int:
    """How many values of it are read: none where they are of another type, or it is pending."""
    if field(observation, 2) in UNREAD or field(observation, 11) in ("I", "O"):
        return 0
    return len([one for one in field(observation, 5).split("~") if one.strip("^ ")])


ALWAYS_ONE = {
    "DG1": "condition", "PRB": "condition", "AL1": "allergy", "IAM": "allergy",
    "PR1": "procedure", "RXA": "immunization", "RXE": "medication_request",
    "SCH": "appointment", "TXA": "document",
}  # fmt: skip


def counted(message: hl7.Message) -> Counter[str]:
    """How many facts of each kind a message should give, from its segments alone."""
    kind, event = type_of(message)
    named = {name: [one for one in message if str(one[0]) == name] for name in
             ("PID", "OBX", "TXA", "AIS", "RXO", "RXE", "MRG")}  # fmt: skip
    found: Counter[str] = Counter()
    control = ""
    for segment in message:
        name = str(segment[0])
        found[ALWAYS_ONE.get(name, "")] += 1
        control = field(segment, 1) if name == "ORC" else control
        if name == "OBR" and field(segment, 4):
            found["report" if kind in ("ORU", "OUL") or control == "RE" else "order"] += 1
    del found[""]
    for patient in named["PID"]:
        found["patient"] += bool(field(patient, 7)) + bool(field(patient, 8))
        found["death"] += bool(field(patient, 29))
    found["patient"] += len(named["MRG"]) if event == "A40" else 0
    found["appointment"] += len(named["AIS"]) if event not in ("S15", "S17") else 0
    found["medication_request"] += len(named["RXO"]) if not named["RXE"] else 0
    if kind == "MDM":  # the lines of a text are one fact; what is replaced is taken back, twice
        found["document"] += len({field(one, 3) for one in named["OBX"] if values_of(one)})
        if event in ("T09", "T10"):
            found["document"] += 2 * sum(bool(field(one, 13)) for one in named["TXA"])
    else:
        found["observation"] = sum(values_of(one) for one in named["OBX"] if field(one, 3))
    return +found


def test_every_message_is_read(messages, batches):
    assert len(messages) == 67
    assert all(not batch.bad for batch in batches.values())
    assert sum((Counter(batch.rows_in) for batch in batches.values()), Counter()) == Counter(
        "^".join(field(parsed(content)[0], 9).split("^")[:2]) for content in messages.values()
    )


def test_facts_of_each_kind_are_as_many_as_another_parser_counts(messages, batches):
    for name, content in messages.items():
        facts = Counter(batches[name].facts["kind"])
        ours = Counter({k: n for k, n in facts.items() if not k.startswith("encounter")})

        assert ours == counted(parsed(content)), name


def test_visits_are_told_by_adt_messages_that_are_about_them(messages, batches):
    told = Counter()
    for name, content in messages.items():
        message = parsed(content)
        kind, event = type_of(message)
        visits = [one for one in message if str(one[0]) == "PV1"]
        if kind != "ADT":
            told["a visit (PV1) in a message that is not ADT"] += len(visits)
        elif event in ("A28", "A45", "A60"):
            told["a visit (PV1) in an ADT event that is not about it"] += len(visits)
        elif visits:
            stays = batches[name].facts.filter(batches[name].facts["code"].str.starts_with("HL7//"))
            stays = stays.filter(stays["kind"] == "encounter")
            dated = field(visits[0], 44) or event in ("A01", "A04")
            numbered = field(visits[0], 19) or field(message.segment("PID"), 18)
            assert stays.height == bool(dated and numbered), name
            assert stays["retracts"].to_list() == [event == "A11"] * stays.height, name
    dropped = sum((Counter(batch.dropped) for batch in batches.values()), Counter())
    assert {reason: dropped[reason] for reason in told} == told


def test_every_result_without_a_fact_has_a_reason(messages, batches):
    dropped = sum((Counter(batch.dropped) for batch in batches.values()), Counter())
    results = [
        one for content in messages.values() for one in parsed(content) if str(one[0]) == "OBX"
    ]

    for kind in UNREAD:
        unread = [
            one for one in results
            if field(one, 2) == kind and field(one, 3) and field(one, 5) and field(one, 11) != "O"
        ]  # fmt: skip
        assert dropped.get(f"a value of the type {kind} is not read", 0) == len(unread)
    pending = sum(field(one, 11) == "I" for one in results)
    assert dropped["a result that is pending (OBX-11 is I)"] == pending


def test_the_later_of_two_laboratory_messages_corrects_the_earlier(batches):
    before, after = (batches[f"messages/LAB-ORU-{number}.hl7"].facts for number in (1, 2))

    both = before.join(after, on="identity", suffix="_after").filter(kind="observation")

    assert both.height == 8  # two of the ten were pending in the first message
    assert (both["code"] == both["code_after"]).all()
    assert (both["recorded"] < both["recorded_after"]).all()
    changed = both.filter(both["value"] != both["value_after"])
    assert dict(changed.select("code", "value_after").rows()) == {
        "LOINC//11273-0": 4.08,
        "LOINC//20570-8": 39.7,
        "LOINC//11125-2": 220.0,
    }


def test_what_the_listener_received_gives_the_same_facts_as_the_files(messages, batches, tmp_path):
    async def send() -> None:
        with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
            async with listening(journal, MllpOptions(port=0)) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                for content in messages.values():
                    assert b"MSA|AA|" in await ask(reader, writer, content)
                writer.close()

    asyncio.run(send())
    (received,) = journal_parts(tmp_path / "journal", data_keys_in(tmp_path))
    batch = READER.collect(received.part, the_source(), lambda _: None)

    assert received.complete
    assert not batch.bad
    one_by_one = {row for one in batches.values() for row in one.facts.drop("offset").rows()}
    repeated = batch.dropped.get("a message repeats what those before and after it say", 0)
    together = set(batch.facts.drop("offset").rows())
    assert together <= one_by_one
    assert len({row[9] for row in one_by_one - together}) <= repeated


def test_every_difference_from_the_expected_bundles_is_explained(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    suite = importlib.import_module("conformance.hl7v2").run(data_folder("hl7v2-messages").parent)

    assert suite.unexplained == ()
    assert suite.count("pass") >= 657
