"""An HL7 v2 message comes out without what identifies anybody, and is still a message."""

import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.release_mode import ReleaseMode
from bedside.interop.hl7v2.message import read_message
from bedside.interop.hl7v2.splitting import messages_in
from bedside.privacy.cleaner import Note
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.fields.hl7v2 import Hl7Release
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import ReleasePlan
from data_folder import data_folder

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="p")
EXPERT = ReleasePlan(mode=ReleaseMode.EXPERT, project="p", dossier="d")
HEAD = "MSH|^~\\&|LAB|WARD|EHR|ST ELSE|20190502101112||ORU^R01|M1|P|2.5"
# Fields that hold identifiers by HL7 2.5.1, chapters 2, 3, 4, 6 and 7.
IDENTIFIERS = {
    "MSH": {3, 4, 5, 6, 8, 10},
    "EVN": {5, 7},
    "PID": {2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 18, 19, 20, 21, 23, 26, 29},
    "PD1": {3, 4},
    "NK1": {2, 4, 5, 6, 7, 12, 13, 30, 31, 32, 33, 37},
    "PV1": {3, 5, 6, 7, 8, 9, 11, 17, 19, 42, 43, 44, 50, 52},
    "GT1": {2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 18, 19, 21},
    "IN1": {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 18, 19, 36, 49},
    "IN2": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 22, 25, 26, 40, 52, 61, 63, 64},
    "ORC": {2, 3, 4, 10, 11, 12, 13, 14, 17, 18, 19, 21, 22, 23, 24},
    "OBR": {2, 3, 10, 16, 17, 18, 19, 20, 21, 28, 32, 33, 34, 35},
    "OBX": {15, 16, 18, 23, 24, 25},
    "NTE": {3},
    "TXA": {5, 9, 10, 11, 12, 13, 14, 15, 16, 22},
    "DG1": {16},
}


def a_release(plan: ReleasePlan = SAFE, **more: Any) -> Hl7Release:
    return Hl7Release(FieldActions(plan=plan, vault=MemoryVault(), released_at=NOW, **more))


def released(*segments: str, plan: ReleasePlan = SAFE, **more: Any) -> dict[str, str]:
    content = "\r".join([HEAD, *segments]).encode()
    message = read_message(a_release(plan, **more).message(content))
    return {segment.name: segment.raw for segment in message.segments}


def test_a_patient_keeps_sex_year_of_birth_state_and_three_digits() -> None:
    told = released(
        "PID|1|old|77^^^WARD^MR~123-45-6789^^^^SS||Ruiz^Ada||19710709|F|||1 Elm^^Nome^AK^99762||555"
    )

    fields = told["PID"].split("|")
    assert re.fullmatch(r"\d+\^\^\^\^MR", fields[3])
    assert fields[7:9] == ["1971", "F"]
    assert fields[11] == "^^^AK^997"
    assert len(fields) == 12
    head = told["MSH"].split("|")
    assert head[2:7] == ["", "", "", "", "2019"]
    assert head[17] == "UNICODE UTF-8"


def test_results_keep_numbers_and_codes_and_lose_words() -> None:
    content = "\r".join(
        [
            HEAD,
            "OBX|1|NM|2823-3^Potassium^LN||4.2|mmol/L^^UCUM|||||F|||20190502",
            "OBX|2|TX|1^Note^LN||Seen Mr Ruiz",
            "OBX|3|CWE|883-9^ABO^LN||278149003^Group A^SCT",
            "OBX|4|ED|1^PDF^LN||^application^pdf^Base64^QUJD",
            "OBX|5|ST|2^Titre^LN||< 5",
            "ZPI|1|Ruiz",
        ]
    ).encode()

    message = read_message(a_release().message(content))

    values = [s.field(5) for s in message.segments if s.name == "OBX"]
    assert values == ["4.2", "", "278149003^Group A^SCT", "", "< 5"]
    assert "ZPI" not in {segment.name for segment in message.segments}


def test_dates_move_by_the_offset_and_a_note_comes_out_cleaned() -> None:
    class Cleaner:
        def clean(self, notes: list[Note]) -> list[str | None]:
            return [one.text.replace("Ruiz", "A|B") for one in notes]

    pid = "PID|1||77^^^WARD^MR"
    release = a_release(EXPERT, cleaner=Cleaner())
    content = "\r".join([HEAD, pid, "OBR|1|||||20190502|20190502101112", "NTE|1||Mr Ruiz"]).encode()

    message = read_message(release.message(content))

    (order,) = [s for s in message.segments if s.name == "OBR"]
    moved = datetime.strptime(order.text(6), "%Y%m%d").date() - datetime(2019, 5, 2).date()  # noqa: DTZ001, DTZ007
    assert moved.days == release.actions.vault.offset(release.actions.subject("77"))
    assert order.text(7)[8:] == "101112"
    (note,) = [s for s in message.segments if s.name == "NTE"]
    assert note.text(3) == "Mr A|B"


def real_messages() -> Iterator[bytes]:
    with zipfile.ZipFile(data_folder("hl7v2-messages") / "fhir_converter_hl7v2.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".hl7"):
                content = archive.read(name)
                for piece in messages_in(content):
                    yield content[piece.offset : piece.offset + piece.length]


@pytest.mark.parametrize("plan", [SAFE, EXPERT], ids=lambda plan: str(plan.mode))
def test_no_string_of_an_identifier_survives(plan: ReleasePlan) -> None:
    seen = 0
    for content in real_messages():
        try:
            message = read_message(content)
        except Invalid:
            continue
        canaries, lines = {}, []
        for segment in message.segments:
            cells = segment.raw.split("|")
            shift = 1 if segment.name == "MSH" else 0
            secret = IDENTIFIERS.get(segment.name)
            for number in range(1, 61):
                place = number - shift
                if (segment.name[0] == "Z" or (secret and number in secret)) and place > 0:
                    cells += [""] * (place + 1 - len(cells))
                    canary = f"CANARY{len(canaries):05d}X"
                    canaries[canary] = f"{segment.name}-{number}"
                    cells[place] = f"{canary}^{canary}&{canary}~{canary}"
            lines.append("|".join(cells))
        done = a_release(plan).message("\r".join(lines).encode()).decode()

        assert [canaries[one] for one in canaries if one in done] == []
        assert read_message(done.encode()).header.name == message.header.name
        seen += len(canaries)
    assert seen > 1000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="PIDOBXNTE|^~&\\1 \r\nü", max_size=40), max_size=6))
def test_strangers_bytes_never_stop_the_release(lines: list[str]) -> None:
    content = "\r".join([HEAD, *lines]).encode()

    done = a_release().file(content)

    for piece in messages_in(done):
        read_message(done[piece.offset : piece.offset + piece.length])


def test_what_is_no_message_is_counted_and_left_out() -> None:
    release = a_release()

    assert release.file(b"Mr Ruiz was here") == b""
    assert release.actions.lost["what is no message"] == 1
