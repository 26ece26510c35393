"""The vaults of a workspace: erased with the subject, and carried by its backup."""

from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.erase import erase
from bedside.lifecycle.platform import Platform
from bedside.wiring.backup import backup_workspace, restore_workspace
from bedside.wiring.privacy import vault_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from stored import a_row, events_of


def a_workspace(folder: Path) -> Platform:
    return open_workspace(folder, actor=actor_of("t", "test"), progress=LineProgress())


def with_two_subjects(platform: Platform) -> None:
    events = events_of(a_row(7, "r1"), a_row(8, "r2"))
    platform.store.save(
        "ward", [events], zone=Zone.IDENTIFIED, release_mode="identified", salt="s", sources=()
    )


def a_name(_: object) -> str:
    return "Bea"


def test_erasing_a_subject_forgets_them_in_every_project(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path / "w")
    vaults = [vault_of(platform, project) for project in ("sepsis", "falls")]
    with_two_subjects(platform)
    for vault in vaults:
        vault.stand_in(7, IdentifierKind.NAME, "Ada", a_name)
        vault.stand_in(8, IdentifierKind.NAME, "Ada", a_name)

    done = erase(platform, "7", is_pseudonym=True)

    assert done.stand_ins == 2
    for vault in vaults:
        with pytest.raises(Refused, match="erased"):
            vault.offset(7)
        assert len(vault.originals(8)) == 1


def test_a_restored_workspace_goes_on_with_the_same_stand_ins(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path / "w")
    before = vault_of(platform, "sepsis").numbers([7, 8])
    backup_workspace(platform, str(tmp_path / "b"), prune=False)

    restore_workspace(
        str(tmp_path / "b"),
        tmp_path / "n",
        name=None,
        key_file=tmp_path / "w" / "keys" / "keyring.json",
        actor=actor_of("t", "test"),
        progress=LineProgress(),
    )

    assert vault_of(a_workspace(tmp_path / "n"), "sepsis").numbers([8, 7]) == before
