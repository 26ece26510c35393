"""`bedside backup` and `bedside restore`."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    progress_of,
    show,
)

__all__ = ["backup", "restore"]


def backup(
    target: Annotated[str, typer.Argument(help="A folder, or s3://BUCKET/PREFIX.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove earlier backups there; do so after an erasure.")
    ] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring an encrypted backup of the workspace up to date. The key file is not part of it."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.wiring.backup import backup_workspace  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "continuity", as_json)
        done = backup_workspace(platform, target, prune=prune)
        pruned = f" Earlier backups removed: {done.pruned}." if prune else ""
        show(
            asdict(done),
            as_json,
            lambda: (
                f"Backup {done.name}: {done.files:,} files ({done.bytes / 1e6:,.1f} MB encrypted "
                f"data), {done.copied:,} of them new there; {done.tables} tables.{pruned}\n"
                "The key file is not in it. Keep a copy of keys/keyring.json apart from it: "
                "without one nobody can restore, with both anybody can."
            ),
        )


def restore(
    source: Annotated[str, typer.Argument(help="A folder, or s3://BUCKET/PREFIX.")],
    workspace: Annotated[
        Path, typer.Option("--workspace", help="Folder of the new workspace; empty or new.")
    ],
    keyring: Annotated[
        Path | None, typer.Option("--keyring", help="The copy of the key file keys/keyring.json.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--backup", help="Which backup; the newest if not given.")
    ] = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace from a backup and prove that it is whole."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.wiring.backup import restore_workspace  # noqa: PLC0415
        from bedside.wiring.workspace import actor_of  # noqa: PLC0415

        done = restore_workspace(
            source,
            workspace,
            name=name,
            key_file=keyring,
            actor=actor_of(actor, purpose or "continuity"),
            progress=progress_of(as_json),
        )
        show(
            asdict(done),
            as_json,
            lambda: (
                f"Restored and read whole: {done.blobs:,} encrypted files, {done.snapshots} "
                f"snapshots, {done.versions} versions with their signatures, "
                f"{done.ledger_entries:,} ledger entries in one unbroken chain.\n"
                "Erasures made after this backup must be made again."
            ),
        )
