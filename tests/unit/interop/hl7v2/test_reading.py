"""HL7 v2 messages, read: delimiters, escapes, character sets, times, batches, frames, answers."""

import zipfile
from datetime import UTC, datetime

import pytest

from bedside.core.errors import Invalid
from bedside.interop.hl7v2.answering import acknowledgement, verdict_on
from bedside.interop.hl7v2.delimiters import STANDARD, read_delimiters
from bedside.interop.hl7v2.escapes import unescape
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.message import MOST_SEGMENTS, Segment, read_message
from bedside.interop.hl7v2.observation import read_observation
from bedside.interop.hl7v2.splitting import messages_in
from bedside.interop.hl7v2.times import read_time
from bedside.interop.hl7v2.values import identifiers, subject_identifier
from data_folder import data_folder

HEAD = b"MSH|^~\\&|LAB|H|EHR|H|20260131080000+0100||ORU^R01|17|P|2.5"


def a_segment(text: str) -> Segment:
    return Segment(text, STANDARD)


def the_answers(obx: str) -> list[tuple[float | None, str]]:
    return [(one.number, one.text) for one in read_observation(a_segment(obx)).answers]


def problem_of(content: bytes) -> str:
    with pytest.raises(Invalid) as error:
        read_message(content)
    return error.value.problem


def test_every_public_message_is_read_whole():
    folder = data_folder("hl7v2-messages")
    read = 0
    for archive in folder.glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if not name.endswith(".hl7"):
                    continue
                content = opened.read(name)
                (piece,) = messages_in(content)
                message = read_message(content[piece.offset : piece.offset + piece.length])
                lines = content.decode("utf-8-sig").replace("\r", "\n").split("\n")
                assert [one.name for one in message.segments] == [
                    line[:3] for line in lines if line[3:4] == "|"
                ]
                read += 1
    assert read == 67


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_segments_end_with_any_line_end(end):
    message = read_message(end.join([HEAD, b"PID|1||7", b"", b"OBX|1|NM"]) + end)

    assert [one.name for one in message.segments] == ["MSH", "PID", "OBX"]


def test_a_message_says_itself_what_parts_it():
    message = read_message(b"MSH$*%!@$LAB$$$$2026$$ORU*R01$17$P$2.5\rPID$1$$7***WEST@1*MR%8")

    assert message.header.event == "R01"
    assert [one.name for one in identifiers(message.segments[1], 3)] == ["7^^^WEST", "8"]


def test_a_line_that_is_no_segment_goes_on_with_the_one_before():
    message = read_message(HEAD + b"\rOBX|1|TX|n^Note^L||first\nsecond line|||||F\rNTE|1")

    assert len(message.segments) == 3
    assert the_answers(message.segments[1].raw) == [(None, "first\nsecond line")]


def test_a_value_that_was_taken_away_is_empty_and_says_so():
    segment = a_segment('PID|1||7|||||""')

    assert segment.text(8) == ""
    assert segment.is_null(8)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\F\\S\\T\\R\\E\ ", "|^&~\\ "),
        (r"a\.br\b\.sp+2\c", "a\nb\nc"),
        (r"\H\bold\N\ and \.in+4\indented", "bold and indented"),
        (r"\XC3A4\ \XE4\ ", "ä ä "),
        (r"\X4\ \Zlocal\ \Cxy", r"\X4\ \Zlocal\ \Cxy"),
    ],
)
def test_escape_sequences_mean_what_the_standard_says(written, meant):
    assert unescape(written, STANDARD) == meant


@pytest.mark.parametrize(
    ("name", "octets"),
    [(b"8859/1", b"M\xfcller"), (b"UNICODE UTF-8", b"M\xc3\xbcller"), (b"", b"M\xc3\xbcller")],
)
def test_a_message_is_read_in_the_character_set_that_it_names(name, octets):
    message = read_message(HEAD + b"||||||" + name + b"\rPID|1||7||" + octets)

    assert message.segments[1].text(5) == "Müller"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "does not begin with MSH"),
        (b"<xml/>", "does not begin with MSH"),
        (b"MSH", "delimiters"),
        (b"MSH|^^^^|", "delimiters"),
        (b"MSH|abcd|", "delimiters"),
        (b"MSH|^~\\&|LAB", "what kind of message"),
        (HEAD + b"\rPID|1||\0", "NUL"),
        (HEAD + b"\rPID|1||\xff", "not UTF-8"),
        (HEAD + b"||||||EBCDIC\rPID|1||7", "not known"),
        (HEAD + b"||||||UNICODE UTF-8\rPID|1||\xff", "not in the character set"),
        (HEAD + b"\rNTE" * (MOST_SEGMENTS + 1), "segments"),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(content, word):
    assert word in problem_of(content)


@pytest.mark.parametrize(
    ("text", "zone", "known"),
    [
        ("2026", "UTC", "2026-12-31T23:59:59.999999+00:00"),
        ("202602", "UTC", "2026-02-28T23:59:59.999999+00:00"),
        ("20260131", "Europe/Berlin", "2026-01-31T22:59:59.999999+00:00"),
        ("2026013108", "UTC", "2026-01-31T08:59:59.999999+00:00"),
        ("202601310800", "Europe/Berlin", "2026-01-31T07:00:00+00:00"),
        ("20260131080059", "UTC", "2026-01-31T08:00:59+00:00"),
        ("20260131080059.1234-0500", None, "2026-01-31T13:00:59.123400+00:00"),
        ("20260131+0100", None, "2026-01-31T22:59:59.999999+00:00"),
    ],
)
def test_a_time_of_any_precision_is_known_when_it_is_over(text, zone, known):
    assert read_time(text, zone).known.isoformat() == known


@pytest.mark.parametrize(
    "text",
    ["00000101", "20261301", "20260230", "202601312460", "2026-01-31", "٢٠٢٦", "9999999", "soon"],
)
def test_what_is_no_time_is_refused_and_not_repeated(text):
    with pytest.raises(Invalid) as error:
        read_time(text, "UTC")

    assert text not in str(error.value)


def test_a_time_without_a_zone_is_refused_where_none_is_declared():
    with pytest.raises(Invalid, match="the time has no zone and the source declares no timezone"):
        read_time("202601310800", None)


@pytest.mark.parametrize(
    ("obx", "answers"),
    [
        ("OBX|1|NM|1^x^LN||4.06|g/L", [(4.06, "")]),
        ("OBX|1|NM|1^x^LN||60~120|/min", [(60, ""), (120, "")]),
        ("OBX|1|NM|1^x^LN||<0.1|g/L", [(None, "<0.1")]),
        ("OBX|1|NM|1^x^LN||NaN", []),
        ("OBX|1|NM|1^x^LN||1e999", []),
        ("OBX|1|SN|1^x^LN||^5", [(5, "")]),
        ("OBX|1|SN|1^x^LN||>=^5", [(None, ">=5")]),
        ("OBX|1|SN|1^x^LN||^1^:^128", [(None, "1:128")]),
        ("OBX|1|ST|1^x^LN||4.5|mmol/L", [(4.5, "")]),
        ("OBX|1|ST|1^x^LN||4.5", [(None, "4.5")]),
        ("OBX|1|TX|1^x^LN||one~two", [(None, "one\ntwo")]),
        ("OBX|1|TS|1^x^LN||202101151620+0215", [(None, "2021-01-15T16:20+02:15")]),
        ("OBX|1|DT|1^x^LN||20210115", [(None, "2021-01-15")]),
        ("OBX|1|TM|1^x^LN||1620", [(None, "16:20")]),
        ("OBX|1|DT|1^x^LN||soon", []),
        ("OBX|1|ED|1^x^LN||^IM^JPEG^Base64^AAAA", []),
    ],
)
def test_a_result_is_read_after_its_type(obx, answers):
    assert the_answers(obx) == answers


def test_the_medical_record_number_names_the_patient_whatever_stands_before_it():
    segment = a_segment("PID|1||123^^^USSSA^SS~9^^^HOSP^PI~7^^^WEST^MR")

    assert subject_identifier(identifiers(segment, 3)).name == "7^^^WEST"


def test_a_batch_gives_its_messages_and_the_bytes_that_are_none():
    content = b"FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rPID|1\rMSH|^~\\&|B\rBTS|2\rFTS|1\rlost\r"

    pieces = [content[one.offset : one.offset + one.length] for one in messages_in(content)]

    assert pieces == [b"MSH|^~\\&|A\rPID|1", b"MSH|^~\\&|B", b"lost"]


def test_frames_keep_messages_apart_even_where_one_is_none():
    content = b"".join(map(framed, (b"MSH|^~\\&|A\rPID|1\r", b"noise", b"MSH|^~\\&|B\r")))

    pieces = [content[one.offset : one.offset + one.length] for one in messages_in(content)]

    assert pieces == [b"MSH|^~\\&|A\rPID|1", b"noise", b"MSH|^~\\&|B"]


def test_a_message_that_is_too_long_ends_the_stream():
    frames = Frames(8)

    assert frames.feed(framed(b"MSH|1") + b"\x0b" + b"x" * 100) == [b"MSH|1"]
    assert frames.is_over
    assert frames.feed(framed(b"MSH|2")) == []


def test_an_answer_goes_back_to_the_sender_under_its_control_identifier():
    header, error = verdict_on(HEAD + b"\rPID|1||7")

    answer = acknowledgement(header, at=datetime(2026, 1, 31, 7, tzinfo=UTC), control="9")

    assert error is None
    assert answer == (
        b"MSH|^~\\&|EHR|H|LAB|H|20260131070000.000+0000||ACK^R01^ACK|9|P|2.5\rMSA|AA|17\r"
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"noise", b"MSA|AR|"), (HEAD + b"\rPID|1||\xff", b"MSA|AE|")],
)
def test_what_is_no_message_is_answered_with_the_reason(content, code):
    header, error = verdict_on(content)

    answer = acknowledgement(
        header, at=datetime(2026, 1, 31, tzinfo=UTC), control="9", fault=error.code
    )

    assert code in answer
    assert b"\rERR|||" in answer
    assert read_message(answer).header.kind == "ACK"


def test_the_delimiters_of_version_2_7_may_name_a_truncation_character():
    assert read_delimiters("MSH|^~\\&#|").truncation == "#"
