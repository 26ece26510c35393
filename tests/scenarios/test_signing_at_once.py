"""Two processes sign at once, on either database; and a crash between signature and effect."""

import multiprocessing
from dataclasses import replace
from datetime import timedelta

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.decision import DecisionKind
from bedside.core.records.signature import Meaning
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.lifecycle.deciding import book_of, claim, sign_decision, withdraw_decision
from bedside.lifecycle.decision_effects import sign
from bedside.lifecycle.step_decisions import Yes, approve_step, settle_step, still_decided
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from deciding import a_hand, a_hospital, acting
from postgres_server import a_postgres_url, drop_databases

LIVE = Yes(
    name="Dr Ben",
    meaning="fit for the ward",
    step=Stage.LIVE,
    digest=digest_bytes(b"evidence"),
    evidence={"answers": 100},
    without_evidence=None,
)


@pytest.fixture(params=["sqlite", "postgres"])
def hospital(request, tmp_path, monkeypatch):
    """A version in silence, for which one of two reviewers has signed that it go live."""
    if request.param == "postgres":
        monkeypatch.setenv("BEDSIDE_DATABASE", a_postgres_url())
    platform, hands = a_hospital(tmp_path / "w")
    bundle = digest_bytes(b"a bundle")
    version = platform.registry.add(
        ModelVersion(
            id=f"biopsy@{bundle[:12]}",
            name="biopsy",
            bundle=bundle,
            stage=Stage.BUILT,
            built_at="2026-01-31T08:00:00.000000Z",
            gates=(GateResult(metric="auroc", passed=True, text="0.99"),),
        )
    )
    platform.registry.record_approval(
        Approval(
            version=version.id,
            name="A",
            actor="a",
            meaning="m",
            approved_at="2026-01-31T08:00:00.000000Z",
        )
    )
    version = platform.registry.move(version.id, Stage.SILENT)
    approve_step(acting(platform, "user:ben"), version, LIVE, hands["user:ben"])
    (decision,) = book_of(platform).decisions.values()
    yield platform, hands, version, decision
    platform.people._engine.dispose()
    drop_databases()


def signs_elsewhere(folder, who, seed, decision, gate, said):
    """Another process, in which somebody signs as soon as all are ready."""
    platform = open_workspace(folder, actor=actor_of(who, "approval"), progress=LineProgress())
    hand = replace(a_hand(), signer=Ed25519Signer(seed))
    gate.wait(120)
    try:
        sign(platform, decision, hand, meaning=Meaning.APPROVAL)
    except Refused as refused:
        said.put((who, refused.code))
    else:
        said.put((who, "signed"))


def approvals(platform, version):
    entries = [one for one in platform.ledger.entries() if one.action == "approve"]
    return len(entries), len(platform.registry.get(version.id).step_approvals)


def test_two_who_sign_at_once_approve_once(hospital):
    platform, hands, version, decision = hospital
    spawn = multiprocessing.get_context("spawn")
    gate, said = spawn.Barrier(2), spawn.Queue()
    two = [
        spawn.Process(
            target=signs_elsewhere,
            args=(
                platform.folder,
                who,
                hands[who].signer.private_key.private_bytes_raw(),
                decision.id,
                gate,
                said,
            ),
        )
        for who in ("user:eve", "user:dpo")
    ]
    for one in two:
        one.start()
    told = dict(said.get(timeout=200) for _ in two)
    for one in two:
        one.join(60)

    assert "signed" in told.values()
    assert set(told.values()) <= {"signed", "decision_over", "no_place"}
    assert approvals(platform, version) == (1, 1)
    assert platform.ledger.verify() == []


def test_a_crash_between_the_last_signature_and_its_effect_is_made_good(hospital):
    platform, hands, version, decision = hospital
    eve = acting(platform, "user:eve")
    sign_decision(eve, decision, hands["user:eve"], meaning=Meaning.APPROVAL)
    assert approvals(platform, version) == (0, 0)

    assert claim(eve, decision)  # and another one, just after it had set about it
    settle_step(eve, decision)
    assert approvals(platform, version) == (0, 0)
    later = replace(eve, clock=FixedClock(platform.clock.now() + timedelta(minutes=2)))
    settle_step(later, decision)
    settle_step(later, decision)

    assert approvals(platform, version) == (1, 1)
    yes = platform.registry.get(version.id).approved_for(Stage.LIVE)
    assert (yes.name, yes.evidence) == ("Dr Ben; Dr Eve", LIVE.digest)


def test_a_step_that_was_decided_and_taken_back_goes_no_further(hospital):
    platform, hands, version, decision = hospital
    sign(acting(platform, "user:eve"), decision.id, hands["user:eve"], meaning=Meaning.APPROVAL)
    version = platform.registry.get(version.id)
    still_decided(platform, version, Stage.LIVE)

    withdraw_decision(acting(platform, "user:eve"), decision, reason="new facts")

    with pytest.raises(Refused) as refused:
        still_decided(platform, version, Stage.LIVE)
    assert refused.value.code == "decision_not_in_force"
    assert decision.kind is DecisionKind.MODEL_LIVE
