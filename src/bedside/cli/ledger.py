"""`bedside ledger`: the record of who did what, checked, handed out, and accounted for."""

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
    show,
    show_done,
)

__all__ = ["ledger_app"]

ledger_app = typer.Typer(help="The record of who did what.", no_args_is_help=True)


@ledger_app.command("verify")
def ledger_verify(
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="A folder of checkpoints kept elsewhere, or one of them."),
    ] = None,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Find any edited, dropped or reordered entry, and a ledger that was put back."""
    with guarded(as_json):
        from bedside.cli.ledger_words import is_behind, verified_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_verify import verify_ledger  # noqa: PLC0415
        from bedside.wiring.checkpoints import books_of  # noqa: PLC0415

        platform = opened(workspace, None, "audit", as_json)
        report = verify_ledger(platform, books_of(platform), against=against or ())
        show_done(report, as_json, verified_words)
        if report.faults or report.checkpoint_faults:
            raise typer.Exit(4)
        if is_behind(report):
            raise typer.Exit(5)


@ledger_app.command("show")
def ledger_show(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Print every entry of the ledger, oldest first; sealed parts stay sealed."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        entries = list(opened(workspace, None, "audit", as_json).ledger.entries())
        show(
            {"entries": [asdict(entry) for entry in entries]},
            as_json,
            lambda: "\n".join(
                f"{e.sequence:>5} {e.at[:19]}Z {e.actor:<16} {e.purpose:<18} {e.action}"
                for e in entries
            ),
        )


@ledger_app.command("checkpoint")
def ledger_checkpoint(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Sign what the ledger is now, and bring every checkpoint to where it is safe."""
    with guarded(as_json):
        from bedside.cli.ledger_words import checkpointed_json, checkpointed_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_checkpoints import checkpoint  # noqa: PLC0415
        from bedside.wiring.checkpoints import books_of  # noqa: PLC0415

        platform = opened(workspace, None, "audit", as_json)
        done = checkpoint(platform, books_of(platform))
        show(checkpointed_json(done), as_json, lambda: checkpointed_words(done))
        if any(one.problem for one in done.places):
            raise typer.Exit(5)


@ledger_app.command("rotate-key")
def ledger_rotate_key(
    stolen: Annotated[
        bool, typer.Option("--stolen", help="The old key may be in others' hands: revoke it.")
    ] = False,
    trusted_size: Annotated[
        int | None,
        typer.Option("--trusted-size", min=0, help="The last checkpoint that was surely ours."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another key sign the checkpoints from now on; what the old one signed still counts."""
    with guarded(as_json):
        from bedside.cli.ledger_words import rotated_json, rotated_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_checkpoints import rotate_checkpoint_key  # noqa: PLC0415
        from bedside.wiring.checkpoints import books_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "key management", as_json)
        done = rotate_checkpoint_key(
            platform, books_of(platform), stolen=stolen, trusted_size=trusted_size
        )
        show(rotated_json(done), as_json, lambda: rotated_words(done))


@ledger_app.command("export")
def ledger_export(
    to: Annotated[Path, typer.Argument(help="A new folder; for fhir and prov, a new file.")],
    form: Annotated[
        str, typer.Option("--as", help="bundle (to be checked), fhir (AuditEvent) or prov (W3C).")
    ] = "bundle",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a copy of the ledger that others can check and read without Bedside."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.ledger_words import exported_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_export import export_ledger  # noqa: PLC0415
        from bedside.wiring.checkpoints import books_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "audit", as_json)
        if form != "bundle":
            from bedside.lifecycle.ledger_records import export_records  # noqa: PLC0415

            written = export_records(platform, to, form=form)
            show(
                asdict(written),
                as_json,
                lambda: f"{written.records} {written.kind} in {written.file}.",
            )
            return
        done = export_ledger(platform, books_of(platform), to)
        show_done(done, as_json, exported_words)


@ledger_app.command("prove")
def ledger_prove(
    entry: Annotated[int, typer.Argument(min=1, help="The number of an entry.")],
    to: Annotated[Path, typer.Option("--to", help="A new file for the proof.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a proof that one entry is in the ledger, for somebody who has a checkpoint."""
    with guarded(as_json):
        from bedside.cli.ledger_words import proved_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_export import prove_entry  # noqa: PLC0415
        from bedside.wiring.checkpoints import books_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "audit", as_json)
        done = prove_entry(platform, books_of(platform), entry, to)
        show_done(done, as_json, proved_words)


@ledger_app.command("disclosures")
def ledger_disclosures(
    subject: Annotated[
        str, typer.Option("--subject", help="The patient's identifier as the source writes it.")
    ],
    pseudonym: Annotated[
        bool, typer.Option("--pseudonym", help="The identifier is our pseudonym, a number.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write a page to hand out: a new HTML file.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell to whom a patient's records were disclosed in the last six years; asking is recorded."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.ledger_words import accounted_words  # noqa: PLC0415
        from bedside.lifecycle.ledger_disclosures import account_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "patient request", as_json)
        done = account_of(platform, subject, is_pseudonym=pseudonym, page=to)
        show(asdict(done), as_json, lambda: accounted_words(done, to))
