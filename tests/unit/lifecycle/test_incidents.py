"""Incidents: sealed, noted, closed; a grave one holds releases, and never what takes them back."""

import msgspec
import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.bundle import Bundle
from bedside.core.records.hazard import Hazard
from bedside.core.records.version import ModelVersion, Stage
from bedside.lifecycle.incidents import (
    close_incident,
    duties_of,
    incident_told,
    note_incident,
    open_incident,
)
from bedside.lifecycle.promotion import may_be_shown
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from trained import a_declaration

TOLD = "Mrs Nobody of bed 7 fell"
VERSION = ModelVersion(
    id="m@000000000000",
    name="m",
    bundle="0" * 64,
    stage=Stage.BUILT,
    built_at="2026-01-01T00:00:00.000000Z",
    gates=(),
)


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "quality and safety")
    made = open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())
    made.registry.add(VERSION)
    return made


def a_bundle(*hazards):
    return Bundle(
        digest="0" * 64, declaration=a_declaration(hazards=hazards), threshold=None, files={}
    )


def step(platform, stage=Stage.LIVE, bundle=None):
    may_be_shown(platform, VERSION, bundle or a_bundle(), stage)


def test_what_happened_is_read_back_but_stands_nowhere_in_the_open(platform):
    opened = open_incident(platform, "m", severity="minor", what=TOLD)
    note_incident(platform, opened.id, text="she is well", severity="moderate")
    closed = close_incident(platform, opened.id, cause="a loose cable", action="fixed it")

    told = incident_told(platform, closed.id)

    assert [one["kind"] for one in told["steps"]] == ["open", "note", "close"]
    assert told["steps"][0]["what"] == TOLD
    assert (told["severity"], told["open"]) == ("moderate", False)
    entries = list(platform.ledger.entries())
    assert TOLD not in str(entries)
    assert platform.ledger.verify() == []
    assert TOLD.encode() not in b"".join(
        one.read_bytes() for one in platform.folder.glob("*.sqlite*")
    )


@pytest.mark.parametrize("severity", ["serious", "death", "widespread"])
def test_a_grave_incident_holds_every_step_to_clinicians_until_it_is_closed(platform, severity):
    opened = open_incident(platform, "m", severity=severity, what="harm")

    for stage in (Stage.CANARY, Stage.LIVE):
        with pytest.raises(Refused) as refused:
            step(platform, stage)
        assert refused.value.code == "incident_open"
    step(platform, Stage.SILENT)
    step(platform, Stage.RETIRED)
    assert all("source" in one for one in duties_of(opened))

    close_incident(platform, opened.id, cause="found", action="mended")
    step(platform)


def test_a_lesser_incident_holds_nothing_until_it_is_judged_to_be_grave(platform):
    opened = open_incident(platform, "m", severity="moderate", what="odd risks")
    step(platform)

    note_incident(platform, opened.id, text="somebody was harmed", severity="serious")

    with pytest.raises(Refused):
        step(platform)


def test_a_serious_incident_is_due_after_fifteen_days_and_a_death_after_ten(platform):
    times = {}
    for severity in ("serious", "death", "widespread"):
        one = open_incident(
            platform, "m", severity=severity, what="x", noticed="2026-03-02T08:00:00Z"
        )
        times[severity] = {duty["source"]: duty["by"][:10] for duty in duties_of(one)}

    act = "Regulation (EU) 2024/1689, Art. 73"
    assert times["serious"][f"{act}(2)"] == "2026-03-17"
    assert times["death"][f"{act}(4)"] == "2026-03-12"
    assert times["widespread"][f"{act}(3)"] == "2026-03-04"
    assert times["death"]["21 CFR 803.30(a)"] == "2026-03-16"


def test_what_is_not_known_is_refused(platform):
    with pytest.raises(Invalid, match="no severity"):
        open_incident(platform, "m", severity="grave", what="x")
    with pytest.raises(Invalid, match="Nothing is said"):
        open_incident(platform, "m", severity="minor", what=" ")
    with pytest.raises(Invalid, match="after now"):
        open_incident(platform, "m", severity="minor", what="x", noticed="2999-01-01T00:00:00Z")
    with pytest.raises(NotFound):
        incident_told(platform, "INC-9")
    opened = open_incident(platform, "m", severity="minor", what="x")
    close_incident(platform, opened.id, cause="c", action="a")
    with pytest.raises(Refused, match="closed"):
        note_incident(platform, opened.id, text="more")


def test_a_residual_risk_that_nobody_accepted_keeps_a_version_from_clinicians(platform):
    told = {
        "id": "missed",
        "hazard": "too low",
        "situation": ["nobody looks"],
        "harm": "late treatment",
        "severity": "catastrophic",
        "before": "probable",
        "after": "remote",
        "judged_by": "the lead",
        "controls": [{"gate": "auroc"}],
    }
    grave = msgspec.convert(told, Hazard)
    weighed = msgspec.convert(told | {"benefit_risk": "it saves more than it costs"}, Hazard)

    with pytest.raises(Refused) as refused:
        step(platform, bundle=a_bundle(grave))
    assert refused.value.code == "risk_not_accepted"
    step(platform, Stage.SILENT, a_bundle(grave))
    step(platform, bundle=a_bundle(weighed))
