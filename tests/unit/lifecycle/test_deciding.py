"""Decisions take effect with the signatures that they need, and with no others."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.decision import DecisionKind, DecisionState
from bedside.core.records.policy import Role
from bedside.core.records.signature import Meaning, Signature
from bedside.infra.keys.ed25519 import Ed25519Verifier
from bedside.lifecycle.deciding import (
    book_of,
    claim,
    delegate,
    in_force,
    open_decision,
    sign_decision,
    standing_in,
    withdraw_decision,
    workspace_hand,
)
from bedside.lifecycle.signers import enrol, grant_signer, revoke_signer
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from deciding import a_hand, a_hospital, acting

LIVE = DecisionKind.MODEL_LIVE


@pytest.fixture
def hospital(tmp_path):
    return a_hospital(tmp_path / "w")


def opened(platform, kind=LIVE, what="diagnosis@1 for live", **more):
    return open_decision(platform, kind, what, {"version": what}, **more)


def signs(hospital, who, decision, **more):
    platform, hands = hospital
    by = acting(platform, who)
    return sign_decision(by, decision, hands[who], meaning=Meaning.APPROVAL, **more)


def state(platform, decision):
    return standing_in(platform, book_of(platform), decision).state


def test_two_reviewers_put_a_version_live_and_one_does_not(hospital):
    decision = opened(hospital[0])

    assert signs(hospital, "user:ben", decision).state is DecisionState.OPEN
    with pytest.raises(Refused) as twice:
        signs(hospital, "user:ben", decision)
    assert signs(hospital, "user:eve", decision).state is DecisionState.IN_FORCE

    assert twice.value.code == "no_place"
    assert in_force(hospital[0], decision.id[:8], LIVE) == decision


def test_somebody_without_the_role_fills_no_place(hospital):
    decision = opened(hospital[0])

    with pytest.raises(Refused) as refused:
        signs(hospital, "user:sam", decision)

    assert refused.value.code == "no_place"


def test_the_author_never_signs_alone(hospital):
    decision = opened(hospital[0], DecisionKind.MODEL_SILENT, authors=["user:ben"])

    alone = signs(hospital, "user:ben", decision)
    both = signs(hospital, "user:eve", decision)

    assert (alone.state, alone.author_alone) == (DecisionState.OPEN, True)
    assert both.state is DecisionState.IN_FORCE


def test_a_signature_says_who_when_where_and_what_it_means_and_holds_offline(hospital):
    decision = opened(hospital[0])
    signs(hospital, "user:ben", decision, words="fit for the ward")

    entry = list(hospital[0].ledger.entries())[-1]
    told = json.loads(hospital[0].ledger.unseal(entry.sequence))["signature"]
    signature = Signature.from_json(told)

    assert (signature.printed_name, signature.zone) == ("Dr Ben", "CET +0100")
    assert (signature.meaning, signature.words) == (Meaning.APPROVAL, "fit for the ward")
    assert signature.signed_at.endswith("Z")
    assert "Dr Ben" not in json.dumps(entry.details)
    public = bytes.fromhex(signature.key)
    Ed25519Verifier(public).verify(signature.signed_bytes(), signature.signature)
    for name in told.keys() - {"signature", "key", "method", "meaning", "entry"}:
        changed = Signature.from_json(told | {name: "another"})
        with pytest.raises(Refused):
            Ed25519Verifier(public).verify(changed.signed_bytes(), changed.signature)


def test_a_signature_that_is_copied_to_another_record_does_not_count(hospital):
    platform, _ = hospital
    decision = opened(platform)
    signs(hospital, "user:ben", decision)
    signs(hospital, "user:eve", decision)
    another = opened(platform)  # the same words about the same version

    for entry in [one for one in platform.ledger.entries() if one.action == "decision.sign"]:
        by = acting(platform, entry.actor)
        sealed = platform.ledger.unseal(entry.sequence)
        told = entry.details | {"decision": another.id}
        by.ledger.append(by.actor, "decision.sign", told, sealed=sealed)

    found = standing_in(platform, book_of(platform), another)
    assert found.state is DecisionState.OPEN
    assert set(found.why_not.values()) == {"made for another record"}


def test_a_signature_put_into_the_ledger_by_somebody_else_or_with_another_key_is_none(hospital):
    platform, hands = hospital
    decision = opened(platform)
    signs(hospital, "user:ben", decision)
    mine = list(platform.ledger.entries())[-1]
    told = json.loads(platform.ledger.unseal(mine.sequence))["signature"]
    forged = Signature.from_json(
        told | {"signer": "user:eve", "printed_name": "Dr Eve", "signature": ""}
    )
    forged = replace(forged, signature=hands["user:ben"].signer.sign(forged.signed_bytes()))
    for writer in ("user:eve", "user:ben"):
        by = acting(platform, writer)
        details = mine.details | {"signature": forged.digest}
        sealed = canonical_json({"signature": forged.as_json()})
        by.ledger.append(by.actor, "decision.sign", details, sealed=sealed)

    found = standing_in(platform, book_of(platform), decision)

    assert found.state is DecisionState.OPEN
    assert set(found.why_not.values()) == {
        "its key was not granted to this person, or was taken back",
        "written down by somebody else",
    }


def test_a_signature_is_too_old_after_its_time_and_a_clock_set_back_revives_nothing(hospital):
    platform, _ = hospital
    decision = opened(platform)
    for who in ("user:ben", "user:eve"):
        signs(hospital, who, decision)
    now = platform.clock.now()

    late = replace(platform, clock=FixedClock(now + timedelta(days=91)))
    early = replace(platform, clock=FixedClock(now - timedelta(days=900)))

    assert state(late, decision) is DecisionState.OPEN
    assert state(early, decision) is DecisionState.IN_FORCE
    with pytest.raises(Refused) as refused:
        in_force(late, decision.id, LIVE)
    assert refused.value.code == "decision_not_in_force"
    other = opened(platform)
    with pytest.raises(Refused):  # the signer's clock says another day: the key was not granted yet
        signs((early, hospital[1]), "user:ben", other)
    found = signs((late, hospital[1]), "user:ben", other)
    assert set(found.why_not.values()) == {"its time is not that of the ledger"}


def test_what_its_signer_or_a_privacy_officer_takes_back_does_not_count(hospital):
    platform, _ = hospital
    decision = opened(platform)
    for who in ("user:ben", "user:eve"):
        signs(hospital, who, decision)

    for_ben = acting(platform, "user:ben")
    with pytest.raises(Refused) as refused:
        withdraw_decision(acting(platform, "user:sam"), decision, reason="x", whole=True)
    with pytest.raises(Invalid):
        withdraw_decision(for_ben, decision, reason=" ")
    assert withdraw_decision(for_ben, decision, reason="new facts").state is DecisionState.OPEN
    assert signs(hospital, "user:ben", decision).state is DecisionState.IN_FORCE
    dpo = acting(platform, "user:dpo")
    assert withdraw_decision(dpo, decision, reason="x", whole=True).state is DecisionState.WITHDRAWN
    with pytest.raises(Refused) as over:
        signs(hospital, "user:eve", decision)

    assert (refused.value.code, over.value.code) == ("not_yours", "decision_over")


def test_a_role_is_delegated_until_a_day_by_who_holds_it_and_taken_back(hospital):
    platform, hands = hospital
    now = platform.clock.now()
    dpo = acting(platform, "user:dpo")
    review = opened(platform, DecisionKind.EMERGENCY_REVIEW)

    made, _ = delegate(
        dpo, "user:sam", Role.PRIVACY_OFFICER, now + timedelta(days=3), hands["user:dpo"]
    )
    book = book_of(platform)

    later = platform.clock.now()
    assert Role.PRIVACY_OFFICER in book.roles_at("user:sam", later)
    assert Role.PRIVACY_OFFICER not in book.roles_at("user:sam", now + timedelta(days=4))
    withdraw_decision(dpo, made, reason="back from leave")
    with pytest.raises(Refused):
        signs(hospital, "user:sam", review)
    with pytest.raises(Refused) as refused:
        delegate(
            acting(platform, "user:sam"),
            "user:ben",
            Role.PRIVACY_OFFICER,
            now + timedelta(days=1),
            hands["user:sam"],
        )
    assert refused.value.code == "role_not_held"


def test_a_key_signs_once_it_is_granted_and_no_more_once_it_is_taken_back(hospital):
    platform, _ = hospital
    decision = opened(platform)
    new = a_hand()
    enrol(acting(platform, "user:ben"), "Dr Ben", new.signer)

    with pytest.raises(Refused) as early:
        sign_decision(acting(platform, "user:ben"), decision, new, meaning=Meaning.APPROVAL)
    with pytest.raises(Refused):
        grant_signer(acting(platform, "user:eve"), "user:ben")
    with pytest.raises(NotFound):
        grant_signer(platform, "user:ben", key="00ff")
    grant_signer(platform, "user:ben")
    sign_decision(acting(platform, "user:ben"), decision, new, meaning=Meaning.APPROVAL)
    revoke_signer(acting(platform, "user:ben"), "user:ben")
    with pytest.raises(Refused) as late:
        sign_decision(acting(platform, "user:ben"), opened(platform), new, meaning=Meaning.APPROVAL)

    assert {early.value.code, late.value.code} == {"signer_not_granted"}


def test_one_key_is_one_persons(hospital):
    platform, hands = hospital

    with pytest.raises(Refused):
        enrol(acting(platform, "user:eve"), "Dr Eve", hands["user:ben"].signer)
        grant_signer(platform, "user:eve")

    keys = [one.key for one in book_of(platform).signers["user:eve"]]
    assert keys == [hands["user:eve"].signer.public_key_bytes.hex()]


def test_one_persons_workspace_signs_with_its_own_key_until_roles_count(tmp_path):
    actor = actor_of("user:ada", "approval")
    platform = open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())
    decision = opened(platform)

    alone = sign_decision(platform, decision, workspace_hand(platform), meaning=Meaning.APPROVAL)
    a_hospital(tmp_path / "w")
    found = standing_in(platform, book_of(platform), decision)

    assert alone.state is DecisionState.IN_FORCE
    assert found.state is DecisionState.OPEN
    with pytest.raises(Refused) as refused:
        sign_decision(platform, decision, workspace_hand(platform), meaning=Meaning.APPROVAL)
    assert refused.value.code == "own_key"


def test_of_several_who_set_about_an_effect_one_is_told_yes(hospital):
    decision = opened(hospital[0])
    for who in ("user:ben", "user:eve"):
        signs(hospital, who, decision)

    assert [claim(hospital[0], decision) for _ in range(3)] == [True, False, False]
    other = opened(hospital[0])
    with pytest.raises(Refused):
        claim(hospital[0], other)
