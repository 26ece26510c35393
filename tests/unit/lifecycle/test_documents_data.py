"""The facts of a data set and of a workspace: counted from what is there, few people never told."""

from datetime import timedelta
from pathlib import Path

from bedside.core.records.policy import Role
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.documents_data import facts_of_snapshot, snapshots_of
from bedside.lifecycle.documents_workspace import facts_of_workspace
from bedside.lifecycle.people import grant_role
from bedside.lifecycle.platform import Platform
from bedside.wiring.documents import around_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from stored import a_row, at, events_of

RARE = "LOINC//rare"


def a_workspace(folder: Path, rows: list[dict[str, object]]) -> Platform:
    platform = open_workspace(folder, actor=actor_of("user:t", "overview"), progress=LineProgress())
    platform.store.save(
        "ward",
        [events_of(*rows)],
        zone=Zone.RELEASED,
        release_mode="expert",
        salt="s",
        sources=(),
    )
    return platform


def thirty(*, rare: int = 4) -> list[dict[str, object]]:
    """Thirty patients with a potassium, seen late in ten of them; a few with something rare."""
    late = at("08:00") + timedelta(hours=5)
    usual = [a_row(one, f"u{one}", known_at=late if one < 10 else None) for one in range(30)]
    return [*usual, *(a_row(one, f"r{one}", code=RARE) for one in range(rare))]


def test_delays_and_what_is_missing_are_counted_and_few_people_are_not(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path, thirty())
    entry = platform.store.entries()[-1]

    told = facts_of_snapshot(platform, entry, [])

    usual, rare = told["codes"]
    assert told["subjects"] == 30
    assert usual["delay_hours"] == {"median": 1.0, "p95": 5.0}
    assert (usual["subjects"], usual["without"]) == (30, 0.0)
    assert (rare["subjects"], rare["events"]) == ("10 or fewer", "10 or fewer")
    assert rare["without"] is None
    assert rare["delay_hours"] is None
    assert told["years"] == {"first": 2026, "last": 2026}
    assert snapshots_of(platform, entry.snapshot) == [entry]


def test_those_few_who_lack_something_are_not_told_by_what_the_others_have(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path, thirty(rare=26))

    told = facts_of_snapshot(platform, platform.store.entries()[-1], [])

    rare = next(one for one in told["codes"] if one["code"] == RARE)
    assert rare["subjects"] == "nearly all"
    assert rare["without"] is None


def test_a_workspace_tells_of_its_own_safeguards_and_of_no_patient(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path, thirty(rare=3)[:9])
    grant_role(platform, "user:ann", Role.DATA_STEWARD)

    told = facts_of_workspace(platform, around_of(platform, {"BEDSIDE_BEHIND_PROXY": "1"}))

    assert told["ledger"]["faults"] == 0
    assert told["ledger"]["entries"] == len(list(platform.ledger.entries()))
    assert {"person": "user:ann", "role": "data_steward"}.items() <= next(
        one for one in told["people"]["roles"] if one["person"] == "user:ann"
    ).items()
    assert told["data_sets"][0]["subjects"] == "10 or fewer"
    assert told["access"] == {
        "issuer": False,
        "certificates": False,
        "session_hours": None,
        "behind_proxy": True,
    }
    assert {one["name"] for one in told["keys"]} >= {"ledger", "released"}
    assert any(one["forbids"] for one in told["policies"])
