"""A data set is released as a new one: with its lineage, and without a way back to anybody."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.declaration import Declaration, Source
from bedside.core.records.lineage import Node
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.deidentify import Judgement, release_data
from bedside.lifecycle.erase import erase
from bedside.lifecycle.intake import SourceIntake
from bedside.lifecycle.platform import Platform
from bedside.privacy.rules import ReleasePlan
from bedside.wiring.privacy import vault_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from stored import a_merge, a_row, at, events_of

PLAN = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    opened = open_workspace(tmp_path, actor=actor_of("t", "test"), progress=LineProgress())
    rows = [a_row(s, f"{s} {n}", value=float(n)) for s in (1, 2, 3) for n in range(4)]
    opened.store.save(
        "ward/prepared",
        [events_of(*rows, a_merge(3, 2, "m", at("10:00")))],
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="bedside",
        sources=(),
    )
    return opened


def a_declaration(**data: Any) -> Declaration:
    """Only what it says of its data."""
    return cast("Declaration", SimpleNamespace(data=Source(licence="ours", source="ward", **data)))


def test_a_release_is_a_new_data_set_with_its_lineage_and_its_report(platform: Platform) -> None:
    source = platform.store.open("ward/prepared")

    done = release_data(platform, "ward/prepared", PLAN)

    manifest = done.snapshot.manifest
    assert (manifest.name, manifest.zone) == ("ward/safe_harbor/sepsis", Zone.RELEASED)
    assert (manifest.release_mode, manifest.sources) == ("safe_harbor", ())
    assert manifest.rows == 12
    assert manifest.subjects == 2  # a merged person is one
    edges = platform.store.catalogue.made_from(Node(kind="snapshot", id=source.digest))
    assert [edge.job for edge in edges] == ["deidentify"]
    entry = list(platform.ledger.entries())[-1]
    assert entry.action == "deidentify"
    assert entry.details["result"] == done.snapshot.digest
    assert "not Safe Harbor" in done.page.read_text()
    assert not set(done.snapshot.events()["subject_id"]) & {1, 2, 3}


def test_the_same_release_again_adds_nothing(platform: Platform) -> None:
    first = release_data(platform, "ward/prepared", PLAN)

    again = release_data(platform, "ward/prepared", replace(PLAN, attested_by="A B"))

    assert again.snapshot.digest == first.snapshot.digest
    assert again.report["open"] == []


def test_what_is_released_is_not_released_again(platform: Platform) -> None:
    release_data(platform, "ward/prepared", PLAN)

    with pytest.raises(Refused) as refused:
        release_data(platform, "ward/safe_harbor/sepsis", PLAN)

    assert refused.value.code == "not_identified"
    with pytest.raises(Invalid, match="no kind"):
        Judgement(codes={"X//1": "nonsense"})


@pytest.mark.parametrize("as_released", [False, True])
def test_an_erased_subject_is_taken_out_of_the_releases_too(
    platform: Platform, as_released: bool
) -> None:
    vault = vault_of(platform, "sepsis")
    release_data(platform, "ward/prepared", PLAN)
    pseudonym, other = vault.pseudonym(2), vault.pseudonym(1)

    erase(platform, str(pseudonym if as_released else 2), is_pseudonym=True)

    left = platform.store.open("ward/safe_harbor/sepsis").events()
    assert set(left["subject_id"]) == {other}
    assert set(platform.store.open("ward/prepared").events()["subject_id"]) == {1}
    with pytest.raises(Refused, match="erased"):
        vault.pseudonym(2)


def test_a_model_reads_the_release_that_it_names(platform: Platform) -> None:
    declared = a_declaration(release_mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
    intake = SourceIntake(platform=platform, declaration=declared)

    with pytest.raises(NotFound, match="bedside deid data ward/prepared --mode safe_harbor"):
        intake.inputs()
    done = release_data(platform, "ward/prepared", PLAN)

    assert intake.inputs()["snapshot"] == done.snapshot.digest


def test_a_model_does_not_call_identified_data_safe_harbor(platform: Platform) -> None:
    declared = a_declaration(release_mode=ReleaseMode.SAFE_HARBOR)

    with pytest.raises(Invalid, match="bedside deid data ward/prepared") as refused:
        SourceIntake(platform=platform, declaration=declared).inputs()

    assert refused.value.code == "source_differs"
