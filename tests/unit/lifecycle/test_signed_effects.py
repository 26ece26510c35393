"""Where roles count, data are released and policies changed only when two people signed for it."""

from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.core.records.decision import DecisionKind
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.signature import Meaning
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.deciding import book_of, sign_decision
from bedside.lifecycle.deidentify import release_data
from bedside.lifecycle.own_policies import add_policies, remove_policies
from bedside.privacy.rules import ReleasePlan
from bedside.wiring.governed import parse_policies
from deciding import a_hospital, acting
from stored import a_row, events_of

PLAN = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
POLICY = """@id("sam-may-score")
@words("Sam may score, to treat.")
permit (principal == Person::"user:sam", action == Action::"score", resource)
when { context.purpose in Purpose::"TREAT" };
"""


@pytest.fixture
def hospital(tmp_path: Path):
    founder, hands = a_hospital(tmp_path / "w")
    founder.store.save(
        "ward/prepared",
        [events_of(*(a_row(s, f"{s} {n}", value=float(n)) for s in (1, 2, 3) for n in range(4)))],
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="bedside",
        sources=(),
    )
    return founder, hands


def last_decision(platform):
    return list(book_of(platform).decisions.values())[-1]


def test_data_are_released_once_a_second_person_has_signed(hospital):
    founder, hands = hospital
    officer = acting(founder, "user:dpo", "de-identification")

    def asked():
        return release_data(officer, "ward/prepared", PLAN, hand=lambda: hands["user:dpo"])

    with pytest.raises(Refused) as waits:
        asked()
    with pytest.raises(Refused) as still:
        asked()
    assert [waits.value.code, still.value.code] == ["waits", "waits"]
    decision = last_decision(founder)
    assert decision.kind is DecisionKind.DATA_RELEASE
    sign_decision(
        acting(founder, "user:deputy"), decision, hands["user:deputy"], meaning=Meaning.APPROVAL
    )

    done = asked()

    assert done.snapshot.manifest.zone is Zone.RELEASED
    entry = list(founder.ledger.entries())[-1]
    assert entry.action == "deidentify"
    assert entry.details["decision_id"] == decision.id
    with pytest.raises(Refused, match="waits"):  # it was used up: the next release is another
        asked()


def test_what_was_signed_for_is_these_data_under_this_plan(hospital):
    founder, hands = hospital
    officer = acting(founder, "user:dpo", "de-identification")
    with pytest.raises(Refused):
        release_data(officer, "ward/prepared", PLAN, hand=lambda: hands["user:dpo"])
    first = last_decision(founder)
    sign_decision(
        acting(founder, "user:deputy"), first, hands["user:deputy"], meaning=Meaning.APPROVAL
    )
    other = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="another")

    with pytest.raises(Refused) as refused:
        release_data(officer, "ward/prepared", other, hand=lambda: hands["user:dpo"])

    assert refused.value.code == "waits"
    assert last_decision(founder).id != first.id


def test_policies_change_once_a_second_person_has_signed(hospital):
    founder, hands = hospital
    officer = acting(founder, "user:dpo", "governance")

    def asked(text=POLICY):
        return add_policies(
            officer,
            "ward",
            text,
            decision="minute 3",
            parse=parse_policies,
            hand=lambda: hands["user:dpo"],
        )

    with pytest.raises(Refused) as waits:
        asked()
    assert waits.value.code == "waits"
    assert officer.own_policies.all() == []
    sign_decision(
        acting(founder, "user:deputy"),
        last_decision(founder),
        hands["user:deputy"],
        meaning=Meaning.APPROVAL,
    )
    assert asked().version == 1
    with pytest.raises(Refused) as taken_back:
        remove_policies(officer, "ward", decision="minute 4", hand=lambda: hands["user:dpo"])
    assert taken_back.value.code == "waits"


def test_a_program_without_a_hand_changes_nothing(hospital):
    founder, _ = hospital

    with pytest.raises(Refused) as refused:
        add_policies(
            acting(founder, "user:dpo", "governance"),
            "ward",
            POLICY,
            decision="minute 3",
            parse=parse_policies,
        )

    assert refused.value.code == "waits"
    assert founder.own_policies.all() == []
