"""Answering a feed: each message that asks gets one answer, from what was known when it came."""

import asyncio
import json
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.clock import iso
from bedside.core.errors import Unavailable
from bedside.core.ids import subject_pseudonym
from bedside.core.records.codes_seen import CodeSeen, codes_from_text
from bedside.core.records.fhir_letter import LetterState
from bedside.core.records.hl7v2_channel import Hl7v2, ResultCode
from bedside.core.records.mllp import MllpOptions
from bedside.core.records.version import Stage
from bedside.interop.hl7v2.message import read_message
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.collect import collect
from bedside.lifecycle.hl7_feed import Round
from bedside.lifecycle.prediction_replay import READERS
from bedside.wiring.sources import incoming_of
from hl7_ward import NOW, Ward, admission, an_oru, observed
from mllp_sending import ask, listening

pytestmark = pytest.mark.xdist_group("lifecycle_hl7_feed")  # its fixtures are made once

ASKED = ("ORU^R01",)


@pytest.fixture
def ward(tmp_path):
    """Makes a ward; it is closed in the end."""
    opened = []

    def make(**parts) -> Ward:
        opened.append(Ward(tmp_path / "w", **parts))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def asked_by(*messages: str, **parts) -> Hl7v2:
    return Hl7v2(messages=messages, receiving_application="EHR", **parts)


def risk(ward: Ward, number: int = -1) -> float:
    return float(observed(ward.waiting()[number])["bedside-risk"].text(5))


def test_a_message_is_answered_from_what_several_told_of_its_patient(ward):
    at = ward(channel=asked_by(*ASKED, result=ResultCode(code="97535-1", system="LN")))
    at.receive(
        admission("1"),
        an_oru("2", heart_rate=None, order="F0"),
        an_oru("3", patient="8", lactate=0.9),
        an_oru("4", lactate=None),
        at=NOW + timedelta(seconds=3),
    )

    done = at.look()

    assert (done.messages, done.asked, done.answered, done.problem) == (4, 3, 3, None)
    first, second, third = at.waiting()
    assert "abstention" in observed(first), "the heart rate was not known yet"
    found = observed(third)
    assert (found["97535-1"].text(3, 3), found["97535-1"].text(11)) == ("LN", "F")
    assert float(found["97535-1"].text(5)) > float(observed(second)["97535-1"].text(5))
    header = read_message(third.content).header
    assert (header.to_application, header.application) == ("EHR", "BEDSIDE")
    assert {one["as_of"] for one in at.answers()} == {iso(NOW + timedelta(seconds=3))}


def test_what_came_later_is_not_known_to_an_earlier_message(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", lactate=1.0), an_oru("2", lactate=9.0, order="F2"))

    at.look()

    assert risk(at, 0) < risk(at, 1)


def test_a_correction_counts_from_when_it_came(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", lactate=9.0))
    later = NOW + timedelta(minutes=2)
    made = an_oru("2", lactate=1.0, status="C", made=NOW + timedelta(minutes=1))
    made = made.replace(b"20260301113100", b"20260301113000")
    at.receive(made, at=later)
    at.look()
    corrected = risk(at)

    at.receive(admission("3", patient="9"), an_oru("4", patient="9", lactate=1.0), at=later)
    at.look()

    assert corrected == pytest.approx(risk(at), abs=1e-5)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ({}, LetterState.WAITING),
        ({"stage": Stage.SILENT}, LetterState.NOTHING),
        ({"channel": asked_by(*ASKED, abstentions=False)}, LetterState.NOTHING),
    ],
)
def test_an_abstention_is_recorded_and_sent_as_declared(ward, parts, state):
    at = ward(**parts)
    at.receive(an_oru("1", heart_rate=None))

    assert at.look().answered == 1

    assert [one.state for one in at.letters()] == [state]
    assert [one["outcome"] for one in at.answers()] == ["abstention"]


def test_a_failure_is_recorded_and_sent_and_the_next_message_is_asked(ward):
    at = ward(channel=asked_by(*ASKED, abstentions=False))
    at.served.model.mode = "raises"
    at.receive(admission("0"), an_oru("1"))
    assert at.look().failed == 1
    at.served.model.mode = "well"
    at.receive(an_oru("2"))

    assert at.look().answered == 1

    failed, well = map(observed, at.waiting())
    assert failed["bedside-risk"].text(11) == "X"
    assert "model_failed" in failed["failure"].text(5)
    assert well["bedside-risk"].text(11) == "F"


TWO_PATIENTS = an_oru("x") + b"PID|2||8^^^WEST^MR\rOBR|1||F2|1^x^LN\rOBX|1|NM|1^x^LN||1|1|||||F\r"
POISON = {
    "two patients": (TWO_PATIENTS, "hl7_no_patient"),
    "nobody": (an_oru("x").replace(b"7^^^WEST^MR", b""), "hl7_no_patient"),
    "no zone": (an_oru("x").replace(b"+0000||ORU", b"||ORU"), "hl7_unread"),
    "a birth to come": (
        an_oru("x").replace(b"19550203", b"20990203"),
        "invalid",
    ),
}


@pytest.mark.parametrize("name", POISON)
def test_what_cannot_be_asked_is_noted_and_holds_up_nobody(ward, caplog, name):
    content, problem = POISON[name]
    at = ward(channel=asked_by(*ASKED))
    at.receive(b"this is no message 4711", content, admission("1"), an_oru("2"))

    done = at.look()

    assert (done.unread, done.answered, done.problem) == (1, 1, None)
    (noted,) = [one for one in at.letters() if one.state is LetterState.UNREADABLE]
    assert noted.problem == problem
    told = json.dumps(
        [one.details for one in at.platform.ledger.entries() if one.action == "hl7.unread"]
    )
    assert problem in told
    for text in (told, caplog.text, repr(noted)):
        assert "Quetzal" not in text
        assert "1955" not in text


def test_a_reader_that_breaks_on_one_message_does_not_stop_the_feed(ward, caplog, monkeypatch):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1"), an_oru("2", patient="8"))

    def broken(*_args, **_more):
        raise RuntimeError("Quetzal 4.2")

    with monkeypatch.context() as fault:
        fault.setattr("bedside.lifecycle.hl7_history.draft_of", broken)
        assert at.look().unread == 2
    at.receive(an_oru("3"))

    assert at.look().answered == 1
    assert "RuntimeError" in caplog.text
    assert "Quetzal" not in caplog.text


def test_a_message_that_is_sent_again_is_not_answered_again_whenever_that_is(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1"), an_oru("1"))
    assert (at.look().answered, len(at.letters())) == (1, 1)
    at.receive(an_oru("1"))
    assert at.look().repeated == 1
    at.restart()
    at.receive(an_oru("1"), an_oru("1", lactate=9.0))

    done = at.look()

    assert (done.repeated, done.reused, done.unread, done.answered) == (1, 1, 1, 0)
    assert len(at.answers()) == 1
    assert sorted(one.state for one in at.letters()) == ["unreadable", "waiting"]
    assert reuses(at) == [False]


def reuses(at: Ward) -> list[bool]:
    """Of each other message under an id in use, whether it was asked about, as the ledger says."""
    entries = at.platform.ledger.entries()
    return [one.details["asked"] for one in entries if one.action == "hl7.control_id_reused"]


DAY = timedelta(days=1)
SOON = timedelta(minutes=5)


def test_a_counter_that_begins_anew_after_the_window_asks_and_each_message_asks_once(ward):
    at = ward(channel=asked_by(*ASKED))
    second = an_oru("1", patient="8", lactate=9.0, made=NOW + DAY)
    third = an_oru("1", patient="9", lactate=1.0, made=NOW + 2 * DAY)
    at.receive(an_oru("1"))
    at.receive(second, at=NOW + DAY)
    assert at.look().answered == 2
    at.restart()
    at.receive(an_oru("1"), second, at=NOW + DAY + SOON)
    at.receive(third, at=NOW + 2 * DAY)

    done = at.look()

    assert (done.repeated, done.answered, done.reused) == (2, 1, 0)
    assert (len(at.letters()), len(at.answers()), reuses(at)) == (3, 3, [])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (an_oru("1", patient="8"), "another patient"),
        (an_oru("1", lactate=9.0, made=NOW + SOON), "made at another time"),
        (an_oru("1").replace(b"ORU^R01^ORU_R01", b"ORU^R30^ORU_R30"), "another kind"),
    ],
)
def test_within_the_window_what_is_told_apart_asks_and_that_its_id_was_in_use_is_noted(
    ward, other, said
):
    at = ward(channel=asked_by(*ASKED, "ORU^R30"))
    at.receive(an_oru("1"), other, an_oru("1"))

    done = at.look()

    assert (done.answered, done.repeated, done.reused, done.unread) == (2, 1, 1, 0), said
    at.restart()
    at.receive(other, an_oru("1"), at=NOW + 3 * DAY)
    assert at.look().repeated == 2
    assert (len(at.answers()), reuses(at)) == (2, [True])


def test_what_was_only_stamped_anew_within_the_window_is_the_same_message(ward):
    at = ward(channel=asked_by(*ASKED))
    again = an_oru("1").replace(b"20260301120000", b"20260301120500", 1)
    assert again != an_oru("1")
    at.receive(an_oru("1"), again)
    assert at.look().repeated == 1
    at.restart()
    at.receive(again, at=NOW + SOON)
    assert at.look().repeated == 1
    assert (len(at.answers()), reuses(at)) == (1, [])


def test_the_window_is_as_the_source_declares_it(ward):
    at = ward(channel=asked_by(*ASKED), listener=MllpOptions(port=0, control_id_seconds=60))
    at.receive(an_oru("1"))
    at.receive(an_oru("1", lactate=9.0), at=NOW + SOON)

    assert (at.look().answered, reuses(at)) == (2, [])


def test_what_could_not_be_read_is_known_again_and_another_under_its_id_is_asked(ward):
    at = ward(channel=asked_by(*ASKED))
    nobody = an_oru("1").replace(b"7^^^WEST^MR", b"")
    at.receive(nobody)
    assert at.look().unread == 1
    at.restart()
    at.receive(nobody, an_oru("1"))

    done = at.look()

    assert (done.repeated, done.answered, done.reused, done.unread) == (1, 1, 1, 0)


def test_after_its_first_patient_was_erased_an_id_serves_another(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(an_oru("1"))
    at.look()
    subject = subject_pseudonym("7^^^WEST", salt="bedside")
    at.platform.ledger.forget(subject)
    at.erased = {at.platform.tag(f"bedside:{subject}")}
    at.receive(an_oru("1"), an_oru("1", patient="8"))

    done = at.look()

    assert (done.answered, done.unread) == (1, 0)


def test_two_senders_may_use_one_control_id(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(an_oru("1"), an_oru("1").replace(b"|LAB|", b"|LAB2|"))

    assert at.look().answered == 2


def test_a_result_of_our_own_that_comes_back_asks_nobody(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1"))
    at.look()
    at.receive(at.waiting()[0].content)

    done = at.look()

    assert (done.messages, done.asked) == (1, 0)


def test_what_came_before_the_first_start_is_history_and_asks_nothing(ward):
    at = ward(channel=asked_by(*ASKED), before=(admission("0"), an_oru("1", lactate=None)))
    assert at.look().messages == 0
    at.receive(an_oru("2", heart_rate=None, order="F2"))

    assert at.look().asked == 1

    assert observed(at.waiting()[0])["bedside-risk"].text(11) == "F", "the heart rate of before"


def test_after_a_start_the_messages_of_before_are_known_and_not_asked_again(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", lactate=None))
    assert at.look().asked == 1
    at.restart()
    at.receive(an_oru("2", heart_rate=None, order="F2"))

    assert at.look().asked == 1

    assert observed(at.waiting()[-1])["bedside-risk"].text(11) == "F"


def test_while_the_ledger_takes_nothing_the_feed_waits_and_then_goes_on(ward, monkeypatch):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1"), an_oru("2", order="F2"))

    def away(*_args, **_more):
        raise Unavailable("It is away.", fix="wait.", code="away")

    with monkeypatch.context() as fault:
        fault.setattr(type(at.platform.ledger), "append", away)
        assert at.look().problem == "ledger_unavailable"
        assert at.feed.place == 0
        assert at.letters() == []

    done = at.look()

    assert (done.answered, done.problem, at.feed.place) == (2, None, 3)
    assert len(at.letters()) == 2


def test_who_was_erased_is_not_asked_about(ward):
    at = ward(channel=asked_by(*ASKED))
    subject = subject_pseudonym("7^^^WEST", salt="bedside")
    at.erased = {at.platform.tag(f"bedside:{subject}")}
    at.receive(an_oru("1"), an_oru("2", patient="8"))

    assert at.look().answered == 1
    assert len(at.answers()) == 1


def test_what_was_collected_stays_known_and_only_what_is_answered_leaves_the_journal(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", lactate=9.0, heart_rate=None))
    at.journal.rotate()

    with incoming_of(at.platform, at.source, None) as incoming:
        collect(at.platform, at.source, incoming)
    assert at.feed.place == 0
    assert at.look().answered == 1, "it was collected, and was still here to be answered"
    with incoming_of(at.platform, at.source, None) as incoming:
        collect(at.platform, at.source, incoming)
    folder = at.platform.folder / "journal" / "ward"
    assert list(folder.glob("*.journal")) == []

    for _ in range(2):
        at.receive(an_oru(str(at.journal.place), lactate=None, order="F2"))
        assert at.look().answered == 1
        at.restart()
    at.receive(admission("8", patient="8"))
    at.receive(an_oru("9", patient="8", lactate=9.0))
    at.look()

    *_, collected, again, fresh = map(observed, at.waiting())
    assert collected["bedside-risk"].text(5) == again["bedside-risk"].text(5)
    assert collected["bedside-risk"].text(5) == fresh["bedside-risk"].text(5)


def test_an_answer_is_read_again_from_what_the_ledger_kept(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", unit="mg/dL", lactate=36.0))
    at.look()
    (entry,) = [one for one in at.platform.ledger.entries() if one.action == "answer"]
    kept = opened_answer(at.platform.ledger.unseal(entry.sequence))

    facts = READERS["hl7v2"](at.served.answerer.declaration, kept["request"].encode(), NOW)

    assert facts.subject == kept["subject"] == subject_pseudonym("7^^^WEST", salt="bedside")
    values = {one.code: (one.value, one.unit) for one in facts.events if one.value is not None}
    assert values["AGE//years"] == (71.0, "a")
    assert {one.text for one in facts.events if one.code == "SEX//administrative"} == {"female"}
    again = at.served.answer(facts.events, as_of=NOW)
    assert again.outcome.risk == pytest.approx(kept["answer"]["outcome"]["risk"])


def test_a_result_under_a_code_that_nobody_asks_for_is_told_by_its_code(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1").replace(b"2524-7^", b"32693-4^"))

    at.look()

    (entry,) = [one for one in at.platform.ledger.entries() if one.action == "answer"]
    kept = opened_answer(at.platform.ledger.unseal(entry.sequence))
    assert CodeSeen("", "LOINC//32693-4", False) in codes_from_text(kept["codes"])


def test_an_implausible_value_is_left_out_and_that_is_said(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), an_oru("1", lactate=4000.0))

    at.look()

    assert "left out" in observed(at.waiting()[0])["note"].text(5)


def test_that_an_earlier_message_could_not_be_read_is_said_beside_the_score(ward):
    at = ward(channel=asked_by(*ASKED))
    at.receive(admission("0"), admission("1").replace(b"+0000||ADT", b"||ADT"), an_oru("2"))

    assert at.look().answered == 1

    assert "could not be read" in observed(at.waiting()[0])["note"].text(5)


class Killed(BaseException):
    """The process dies here."""


class Dying:
    """An outbox whose process dies at the n-th call, before or after it took effect."""

    def __init__(self, outbox, fate: list[tuple[int, bool]]) -> None:
        self._outbox, self._fate, self._calls = outbox, fate, 0

    def __getattr__(self, name):
        real = getattr(self._outbox, name)
        if name not in ("put", "reach"):
            return real

        def call(*arguments):
            self._calls += 1
            dies = bool(self._fate) and self._calls >= self._fate[0][0]
            if dies and self._fate.pop(0)[1]:
                raise Killed
            result = real(*arguments)
            if dies:
                raise Killed
            return result

        return call


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=10),
    fate=st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4),
    is_one_id=st.booleans(),
)
def test_wherever_a_process_dies_every_message_that_asks_has_one_answer(steps, fate, is_one_id):
    with tempfile.TemporaryDirectory() as folder:
        left: list[tuple[int, bool]] = []
        at = Ward(
            Path(folder) / "w",
            channel=asked_by("ORU^R01"),
            around=lambda outbox: Dying(outbox, left),
        )
        left += fate
        sent = set()
        try:
            for number, looks in steps:
                control = "1" if is_one_id else str(number)
                content = an_oru(control, patient=str(number), lactate=1.0 + number)
                at.receive(admission(f"a{number}", patient=str(number)), content)
                sent.add(number)
                if looks:
                    _look_until_it_lives(at)
            _look_until_it_lives(at)
        finally:
            at.close()

        assert len(at.letters()) == len(sent)
        assert all(one.state is LetterState.WAITING for one in at.letters())
        assert len(at.answers()) == len(sent)
        predictions = {one.prediction_id for one in at.letters()}
        assert predictions == {one["prediction_id"] for one in at.answers()}


def _look_until_it_lives(at: Ward) -> None:
    while True:
        try:
            done = at.look()
        except Killed:
            at.restart()
        else:
            assert done.problem is None
            return


def test_a_message_is_acknowledged_while_nothing_can_be_answered(ward, monkeypatch):
    at = ward(channel=asked_by(*ASKED))
    free, stuck = threading.Event(), threading.Event()
    real = type(at.platform.ledger).append

    def held_up(*arguments, **more):
        stuck.set()
        assert free.wait(60)
        return real(*arguments, **more)

    async def conversation() -> Round:
        async with listening(at.journal, MllpOptions(port=0)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert b"MSA|AA|1" in await ask(reader, writer, an_oru("1"))
            looking = asyncio.create_task(at.feed.round())
            await asyncio.to_thread(stuck.wait, 60)
            assert b"MSA|AA|2" in await ask(reader, writer, an_oru("2", order="F2"))
            assert not looking.done()
            assert at.letters() == []
            free.set()
            writer.close()
            return await looking

    with monkeypatch.context() as fault:
        fault.setattr(type(at.platform.ledger), "append", held_up)
        first = asyncio.run(conversation())

    assert first.messages == 1
    assert at.look().answered == 1
    assert len(at.letters()) == 2


@pytest.fixture(scope="module")
def a_standing_ward(tmp_path_factory):
    at = Ward(tmp_path_factory.mktemp("fuzz") / "w", channel=asked_by(*ASKED))
    yield at
    at.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(st.integers(60, 400), st.binary(min_size=0, max_size=6)), min_size=1, max_size=6
    )
)
def test_whatever_a_message_holds_the_feed_goes_on_and_says_nothing_of_it(
    a_standing_ward, edits, caplog
):
    at = a_standing_ward
    content = an_oru(f"fuzz-{at.journal.place}")
    for place, piece in edits:
        content = content[:place] + piece + content[place + len(piece) :]
    before = len(at.letters())
    at.receive(content)

    done = at.look()

    assert done.problem is None
    assert done.answered + done.failed + done.unread + done.repeated == done.asked
    assert len(at.letters()) - before == done.asked - done.repeated
    assert "Quetzal" not in caplog.text
