"""Results as HL7 v2 messages: what they say, and that each arrives once, whatever the receiver."""

import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid
from bedside.core.records.answer import (
    Abstention,
    AbstentionReason,
    Answer,
    Failure,
    Reason,
    Score,
)
from bedside.core.records.fhir_letter import LetterState
from bedside.infra.database.opening import open_database, writing
from bedside.interop.hl7v2.answering import acknowledgement
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.message import Message, read_header, read_message
from bedside.interop.hl7v2.result import Addressed, result_message
from bedside.serve.adapters.mllp_target import MllpTarget, Receiver
from bedside.serve.adapters.sql_outbox import SqlOutbox
from bedside.serve.hl7v2 import Results
from bedside.serve.write_back import Plan, WriteBack
from data_folder import data_folder
from served import a_declaration

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = "0f0f0f0f-1111-4222-8333-444444444444"
ADT = read_message(
    b"MSH|^~\\&|ADT|WEST|BEDSIDE||20260301||ADT^A01|77|P|2.5\r"
    b"PID|1||7^^^WEST&1.2&ISO^MR~8^^^EAST^PI||Roe^Jane \\T\\ Co||19600101|F\rPV1|1|I\r"
)
SCORE = Score(
    risk=0.0712,
    threshold=0.05,
    alert=True,
    reasons=(Reason(feature="hr", text="heart rate 131 /min | rising ^ & ~ \\", contribution=0.9),),
    notes=("A note\nof two lines",),
)


def an_answer(outcome: Any = SCORE, **changes: Any) -> Answer:
    told = {
        "prediction_id": ID,
        "model": "sepsis",
        "version": "sepsis@0123456789ab",
        "stage": "live",
        "as_of": "2026-03-01T11:59:00Z",
        "outcome": outcome,
    }
    return Answer(**(told | changes))


def told(outcome: Any = SCORE, asked_by: Message = ADT) -> Message:
    content = result_message(an_answer(outcome), a_declaration(), asked_by, Addressed(), at=NOW)
    parsed = hl7.parse(content.decode())
    assert str(parsed.segment("MSH")[10]) == ID
    assert len(parsed.segments("OBX")) == content.count(b"\rOBX|")
    return read_message(content)


def observed(message: Message) -> dict[str, Any]:
    return {one.text(3): one for one in message.segments if one.name == "OBX"}


def test_a_score_is_a_final_number_with_unit_flag_alert_and_reasons():
    message = told()

    assert message.header.name == "ORU^R01"
    assert message.header.control == ID
    found = observed(message)
    risk = found["bedside-risk"]
    assert (risk.text(2), risk.text(5), risk.text(6)) == ("NM", "0.0712", "1")
    assert (risk.text(7), risk.text(8), risk.text(11)) == ("< 0.05", "A", "F")
    assert (found["alert"].text(2), found["alert"].text(5)) == ("CWE", "Y")
    assert found["reason"].text(5) == "heart rate 131 /min | rising ^ & ~ \\ (raises)"
    assert found["note"].text(5) == "A note\nof two lines"
    (request,) = [one for one in message.segments if one.name == "OBR"]
    assert (request.text(4), request.text(7), request.text(25)) == (
        "bedside-risk",
        "20260301115900+0000",
        "F",
    )


@pytest.mark.parametrize(
    ("outcome", "name", "word"),
    [
        (
            Abstention(reason=AbstentionReason.STALE, signal="lactate", text="measure again."),
            "abstention",
            "stale",
        ),
        (Failure(code="model_failed", text="Treat as not scored."), "failure", "model_failed"),
    ],
)
def test_what_is_no_score_is_a_result_that_could_not_be_obtained_and_says_why(outcome, name, word):
    found = observed(told(outcome))

    assert (found["bedside-risk"].text(5), found["bedside-risk"].text(11)) == ("", "X")
    assert word in found[name].text(5)
    assert "alert" not in found


def test_the_patient_is_copied_with_every_identifier():
    (patient,) = [one for one in told().segments if one.name == "PID"]

    assert patient.field(3) == "7^^^WEST&1.2&ISO^MR~8^^^EAST^PI"
    assert patient.text(5, 2) == "Jane & Co"


def test_real_messages_give_results_for_the_same_patient():
    done = 0
    for archive in data_folder("hl7v2-messages").glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if not name.endswith(".hl7") or "ADT" not in name:
                    continue
                try:
                    asked_by = read_message(opened.read(name))
                    message = told(asked_by=asked_by)
                except Invalid:
                    continue
                pids = [
                    next(one for one in each.segments if one.name == "PID")
                    for each in (asked_by, message)
                ]
                assert pids[0].text(3) == pids[1].text(3)
                assert pids[0].text(5) == pids[1].text(5)
                done += 1
    assert done >= 10


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back_as_it_was_and_makes_no_other_segment(text):
    failure = Failure(code="model_failed", text=text)
    content = result_message(an_answer(failure), a_declaration(), ADT, Addressed(), at=NOW)

    segments = read_message(content).segments
    (found,) = [one for one in segments if one.name == "OBX" and one.text(3) == "failure"]
    assert found.plain(found.field(5)) == f"{text} (model_failed)"
    assert [one.name for one in segments] == ["MSH", "PID", "OBR", *["OBX"] * 4]


def test_a_withheld_answer_is_no_message():
    with pytest.raises(Invalid):
        result_message(an_answer(shown=False), a_declaration(), ADT, Addressed(), at=NOW)


def test_nobody_or_two_patients_are_no_message():
    for patients in (b"", b"PID|1||7\rPID|2||8\r", b"PID|1\r"):
        asked_by = read_message(b"MSH|^~\\&|A||||2026||ADT^A01|1|P|2.5\r" + patients)
        with pytest.raises(Invalid) as refused:
            told(asked_by=asked_by)
        assert refused.value.code == "hl7_no_patient"


class Ward:
    """A real receiver on loopback that does as it is told, and keeps what it was sent."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[bytes] = []
        self.answers: Callable[[bytes], bytes | None] = accept
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                one, _ = self._socket.accept()
            except OSError:
                return
            with one:
                self._talk(one)

    def _talk(self, one: socket.socket) -> None:
        frames = Frames(1 << 20)
        try:
            while data := one.recv(65_536):
                for message in frames.feed(data):
                    self.got.append(message)
                    answer = self.answers(message)
                    if answer is None:
                        return
                    one.sendall(framed(answer))
        except OSError:
            return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def accept(message: bytes) -> bytes:
    header = read_header(message.partition(b"\r")[0].decode())
    return acknowledgement(header, at=NOW, control="9")


def refuse(message: bytes) -> bytes:
    return accept(message).replace(b"MSA|AA", b"MSA|AE")


def answer_another(message: bytes) -> bytes:
    return accept(message).replace(ID.encode(), b"another")


class At:
    """A clock that is set."""

    moment = NOW

    def now(self) -> datetime:
        return self.moment


class Sending:
    """An outbox on a disk, and what sends from it."""

    def __init__(self, folder: Path, port: int, *, seconds: float = 5.0) -> None:
        self.clock, self.recorded = At(), []
        receiver = Receiver(host="127.0.0.1", port=port, seconds=seconds)
        self.outbox = SqlOutbox(
            open_database(folder / "outbox.sqlite"), writing=writing, secret=bytes(32)
        )
        self.target = MllpTarget(receiver)
        self.results = Results(self.outbox, receiver.name, Addressed(), lambda text: text[:200])
        self.write_back = WriteBack(
            self.outbox,
            self.target,
            receiver.name,
            clock=self.clock,
            record=lambda action, details: self.recorded.append((action, details)),
            plan=Plan(attempts=4),
            action="hl7.result",
        )

    def put(self, answer: Answer) -> bool:
        return self.results.put(answer, a_declaration(), ADT, subject=1, at=NOW)

    def deliver(self, after: timedelta = timedelta(hours=2)) -> Any:
        self.clock.moment += after
        return self.write_back.deliver()

    def state(self) -> LetterState:
        (letter,) = self.outbox.listed(set(LetterState), most=9)
        return letter.state


@contextmanager
def a_ward(folder: Path, **options: Any) -> Iterator[tuple[Ward, Sending]]:
    ward = Ward()
    sending = Sending(folder, ward.port, **options)
    try:
        yield ward, sending
    finally:
        sending.target.close()
        ward.close()


def test_a_result_is_sent_once_though_it_is_put_twice(tmp_path):
    with a_ward(tmp_path) as (ward, sending):
        assert sending.put(an_answer())
        assert not sending.put(an_answer())

        assert sending.deliver().sent == 1
        assert sending.deliver().sent == 0
        assert len(ward.got) == 1
        ((action, details),) = sending.recorded
        assert (action, details["state"], details["prediction_id"]) == ("hl7.result", "sent", ID)


def test_what_is_withheld_is_noted_and_never_sent(tmp_path):
    with a_ward(tmp_path) as (ward, sending):
        sending.put(an_answer(shown=False))
        sending.deliver()

        assert sending.state() is LetterState.NOTHING
        assert ward.got == []


def test_a_refusal_is_for_a_person_who_may_send_it_again(tmp_path):
    with a_ward(tmp_path) as (ward, sending):
        ward.answers = refuse
        sending.put(an_answer())
        assert sending.deliver().dead == 1
        assert sending.deliver().sent == 0

        ward.answers = accept
        assert sending.outbox.revive(f"mllp://127.0.0.1:{ward.port}", sending.clock.now()) == 1
        assert sending.deliver().sent == 1
        assert ward.got[0] == ward.got[1]


@pytest.mark.parametrize("trouble", ["slow", "hangs up", "answers another"])
def test_without_its_own_answer_a_result_is_sent_again_with_the_same_id(tmp_path, trouble):
    slow = threading.Event()
    with a_ward(tmp_path, seconds=0.2) as (ward, sending):
        ward.answers = {
            "slow": lambda message: accept(message) if slow.wait(2) else None,
            "hangs up": lambda _: None,
            "answers another": answer_another,
        }[trouble]
        sending.put(an_answer())
        assert sending.deliver().later == 1
        slow.set()

        ward.answers = accept
        assert sending.deliver().sent == 1
        assert {read_message(one).header.control for one in ward.got} == {ID}


def test_a_receiver_that_is_away_and_comes_back_gets_what_waited_even_after_a_restart(tmp_path):
    with a_ward(tmp_path) as (ward, sending):
        port = ward.port
        sending.put(an_answer())
    assert sending.deliver().later == 1

    again, back = Sending(tmp_path, port), Ward(port)
    again.clock.moment = sending.clock.moment
    try:
        assert again.deliver().sent == 1
        assert len(back.got) == 1
    finally:
        again.target.close()
        back.close()


def test_a_receiver_that_never_comes_makes_a_dead_letter(tmp_path):
    with a_ward(tmp_path) as (_, sending):
        sending.put(an_answer())
    told = [sending.deliver() for _ in range(4)]

    assert [one.later for one in told] == [1, 1, 1, 0]
    assert told[-1].dead == 1


def test_a_result_lies_sealed_and_is_forgotten_with_its_patient(tmp_path):
    with a_ward(tmp_path) as (_, sending):
        sending.put(an_answer())
        assert b"Jane" not in (tmp_path / "outbox.sqlite").read_bytes()

        (letter,) = sending.outbox.due(sending.write_back._server, NOW, most=1)
        assert sending.outbox.forget([letter.subject_tag]) == 1


def test_another_machine_is_spoken_to_in_tls_alone():
    for host in ("10.0.0.1", "ehr.example.org", "localhost"):
        with pytest.raises(Invalid) as refused:
            Receiver(host=host, port=2576)
        assert refused.value.code == "mllp_open"


@given(answer=st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_whatever_a_receiver_answers_is_an_answer_or_tried_again(answer):
    ward = Ward()
    ward.answers = lambda _: answer
    target = MllpTarget(Receiver(host="127.0.0.1", port=ward.port, seconds=0.05))
    content = result_message(an_answer(), a_declaration(), ADT, Addressed(), at=NOW)
    try:
        with pytest.raises(BedsideError):
            target.transact(content)
    finally:
        target.close()
        ward.close()
