"""Who a pseudonym is, is told to two people, or in an emergency to one and to everybody."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import subject_pseudonym
from bedside.core.records.consent import Provision
from bedside.core.records.decision import DecisionKind, DecisionState
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.signature import Meaning
from bedside.core.records.snapshot import Zone
from bedside.lifecycle import reveal as reveal_module
from bedside.lifecycle.consents import record_consent
from bedside.lifecycle.deciding import as_shown, book_of, standing_in
from bedside.lifecycle.decision_effects import sign
from bedside.lifecycle.reveal import Wanted, reveal
from deciding import a_hospital, acting
from stored import RAW, a_row, events_of

NAME = "GRACE BREWSTER"
SUBJECT = 4711
WHY = "the result must reach the ward"


@pytest.fixture
def hospital(tmp_path):
    platform, hands = a_hospital(tmp_path / "w")
    vault = platform.vaults.of("study")
    stood_in = vault.stand_in(SUBJECT, IdentifierKind.NAME, NAME, lambda random: "JANE ROE")
    assert stood_in == "JANE ROE"
    return platform, hands, vault.pseudonym(SUBJECT)


def asks(hospital, who, *, purpose="treatment", **more):
    platform, hands, pseudonym = hospital
    wanted = Wanted(pseudonym=pseudonym, project="study", reason=WHY)
    return reveal(acting(platform, who, purpose), wanted, hands[who], **more)


def signs(hospital, who, decision, meaning=Meaning.APPROVAL):
    platform, hands, _ = hospital
    return sign(acting(platform, who), decision, hands[who], meaning=meaning)


def written(platform):
    """All that the ledger and the outbox say in the open."""
    entries = [[one.action, one.details] for one in platform.ledger.entries()]
    outbox = platform.folder / "outbox"
    return json.dumps(entries) + "".join(one.read_text() for one in outbox.glob("*"))


def test_two_people_reveal_once(hospital):
    asked = asks(hospital, "user:dpo")
    again = asks(hospital, "user:dpo")
    with pytest.raises(Refused):
        signs(hospital, "user:dpo", asked.decision)
    signs(hospital, "user:deputy", asked.decision)
    found = asks(hospital, "user:dpo")
    after = asks(hospital, "user:dpo")

    assert (asked.values, again.values, after.values) == ((), (), ())
    assert asked.decision == again.decision == found.decision != after.decision
    assert list(found.values) == [("name", NAME, "JANE ROE")]
    assert found.subject == SUBJECT
    assert NAME not in written(hospital[0])
    assert WHY not in written(hospital[0])
    assert str(hospital[2]) not in written(hospital[0])
    actions = [one.action for one in hospital[0].ledger.entries()]
    assert actions.count("reveal") == 1


def test_a_second_signature_that_comes_too_late_reveals_nothing(hospital):
    asked = asks(hospital, "user:dpo")
    signs(hospital, "user:deputy", asked.decision)
    platform, hands, pseudonym = hospital

    late = replace(platform, clock=FixedClock(platform.clock.now() + timedelta(minutes=31)))
    decision = book_of(platform).decisions[asked.decision]

    assert standing_in(late, book_of(late), decision).state is DecisionState.OPEN
    found = asks((late, hands, pseudonym), "user:dpo")
    assert found.values == ()


def test_only_who_asked_is_told_and_only_who_may_at_the_door(hospital):
    asked = asks(hospital, "user:dpo")
    signs(hospital, "user:deputy", asked.decision)

    other = asks(hospital, "user:deputy")
    for who in ("user:ben", "user:sam"):
        with pytest.raises(Refused) as refused:
            asks(hospital, who)
        assert refused.value.code == "not_allowed"
        with pytest.raises(Refused):
            signs(hospital, who, other.decision)
    with pytest.raises(Refused):
        asks(hospital, "user:dpo", purpose="research")

    assert other.values == ()


def test_an_emergency_reveals_at_once_tells_every_officer_and_waits_for_a_review(hospital):
    found = asks(hospital, "user:dpo", emergency=True)
    platform = hospital[0]

    assert list(found.values) == [("name", NAME, "JANE ROE")]
    message = json.loads(next((platform.folder / "outbox").glob("*.json")).read_text())
    assert message["to"] == ["user:ada", "user:deputy", "user:dpo"]
    assert found.review in message["text"]
    assert NAME not in written(platform)
    book = book_of(platform)
    review = book.decisions[found.review]
    assert review.kind is DecisionKind.EMERGENCY_REVIEW
    assert standing_in(platform, book, review).state is DecisionState.OPEN
    alone = signs(hospital, "user:dpo", found.review, Meaning.REVIEW)
    assert standing_in(platform, book_of(platform), alone).state is DecisionState.OPEN
    signs(hospital, "user:deputy", found.review, Meaning.REVIEW)
    assert standing_in(platform, book_of(platform), review).state is DecisionState.IN_FORCE


def test_whose_pseudonym_it_was_and_why_is_not_for_everybody(hospital):
    asked = asks(hospital, "user:dpo")
    decision = book_of(hospital[0]).decisions[asked.decision]

    seen = {
        who: as_shown(acting(hospital[0], who, "overview"), decision).record
        for who in ("user:dpo", "user:deputy", "user:sam", "user:ben")
    }

    assert seen["user:dpo"] == seen["user:deputy"] == decision.record
    assert seen["user:sam"].keys() == seen["user:ben"].keys() == {"hidden"}


def test_an_emergency_is_over_after_an_hour_and_a_new_one_is_a_new_decision(hospital):
    platform, hands, pseudonym = hospital
    first = asks(hospital, "user:dpo", emergency=True)
    second = asks(hospital, "user:dpo", emergency=True)
    decision = book_of(platform).decisions[first.decision]

    late = replace(platform, clock=FixedClock(platform.clock.now() + timedelta(minutes=61)))

    assert second.decision == first.decision
    assert standing_in(late, book_of(late), decision).state is DecisionState.OPEN
    with pytest.raises(Refused):  # a clock that is an hour wrong signs nothing that counts
        asks((late, hands, pseudonym), "user:dpo", emergency=True)


def test_what_was_written_down_is_written_before_it_is_shown(hospital, monkeypatch):
    asked = asks(hospital, "user:dpo")
    signs(hospital, "user:deputy", asked.decision)
    platform = hospital[0]

    class Crashing:
        def of(self, project):
            raise KeyboardInterrupt

    shown = reveal_module._shown
    monkeypatch.setattr(
        reveal_module,
        "_shown",
        lambda platform, *args, **more: shown(replace(platform, vaults=Crashing()), *args, **more),
    )
    with pytest.raises(KeyboardInterrupt):
        asks(hospital, "user:dpo")
    monkeypatch.undo()
    after = asks(hospital, "user:dpo")

    assert [one.action for one in platform.ledger.entries()].count("reveal") == 1
    assert after.values == ()  # what was used up is used up: another decision is needed
    assert after.decision != asked.decision


@pytest.mark.parametrize("where", ["in a data set", "in the vault"])
def test_a_patient_who_refused_is_not_named_but_to_treat_them(hospital, where):
    platform, hands, pseudonym = hospital
    if where == "in a data set":
        vault = platform.vaults.of("study")
        salt = "a salt"
        subject = subject_pseudonym("0017", salt=salt)
        saved(platform, subject, salt)
        pseudonym = vault.pseudonym(subject)
    else:
        platform.vaults.of("study").stand_in(
            SUBJECT, IdentifierKind.RECORD_NUMBER, "0017", lambda random: "9999"
        )
    record_consent(acting(platform, "user:dpo"), "0017", Provision(kind="deny"))

    with pytest.raises(Refused) as refused:
        asks((platform, hands, pseudonym), "user:dpo", purpose="safety", emergency=True)
    treated = asks((platform, hands, pseudonym), "user:dpo", emergency=True)

    assert refused.value.code == "not_allowed"
    assert treated.subject is not None


def test_a_reason_is_needed_and_a_pseudonym_that_is_one(hospital):
    with pytest.raises(Invalid):
        Wanted(pseudonym=1, project="study", reason=" x  ")
    platform, hands, _ = hospital
    with pytest.raises(NotFound):
        asks((platform, hands, 12345), "user:dpo")
    platform.vaults.of("study").forget(SUBJECT)
    with pytest.raises(Refused) as refused:
        asks(hospital, "user:dpo")
    assert refused.value.code == "erased"


def saved(platform, subject, salt):
    """An identified data set with this one patient."""
    platform.store.save(
        "ward/prepared",
        [events_of(a_row(subject))],
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt=salt,
        sources=[RAW],
    )
