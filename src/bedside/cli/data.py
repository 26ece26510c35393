"""`bedside data`: collecting, snapshots, where they came from, and erasing a subject."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["data_app"]

data_app = typer.Typer(
    help="Hospital data: collect, list, compare, trace, export, erase.", no_args_is_help=True
)

Snapshot = Annotated[str, typer.Argument(help="Name of a data set, or digits of a digest.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="As it was known then, e.g. 2026-01-31T08:00:00Z.")
]


Source = Annotated[
    str, typer.Argument(help="A source.yaml, its folder, or the name of a source that ships.")
]


@data_app.command("collect")
def collect_(
    source: Source,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder (or file) with the data.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read what is new in a source, say what became of every record, judge and prepare it."""
    with guarded(as_json):
        from bedside.cli.collect_words import collected_json, collected_words  # noqa: PLC0415
        from bedside.lifecycle.collect import load_source  # noqa: PLC0415
        from bedside.usecases import source_of  # noqa: PLC0415
        from bedside.wiring.sources import collect_source  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data collection", as_json)
        collect_source(
            platform,
            load_source(source_of(source)),
            data,
            lambda done, judged: show(
                collected_json(done, judged), as_json, lambda: collected_words(done, judged)
            ),
        )


@data_app.command("quality")
def quality_(
    source: Source,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the quality of what was collected, and write the report for a data steward."""
    with guarded(as_json):
        from bedside.cli.collect_words import quality_json, quality_words  # noqa: PLC0415
        from bedside.lifecycle.collect import load_source  # noqa: PLC0415
        from bedside.lifecycle.quality import judged_source  # noqa: PLC0415
        from bedside.usecases import source_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data quality", as_json)
        judged = judged_source(platform, load_source(source_of(source)))
        show(quality_json(judged), as_json, lambda: quality_words(judged))
        if not all(gate.passed for gate in judged.gates):
            raise typer.Exit(3)


@data_app.command("quarantine")
def quarantine_(
    source: Source,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the records that could not be read: file, place and reason, never what they say."""
    with guarded(as_json):
        from bedside.cli.collect_words import quarantine_json, quarantine_words  # noqa: PLC0415
        from bedside.lifecycle.collect import load_source  # noqa: PLC0415
        from bedside.lifecycle.quarantine import quarantine  # noqa: PLC0415
        from bedside.usecases import source_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data quality", as_json)
        found = quarantine(platform, load_source(source_of(source)).name)
        show(quarantine_json(found), as_json, lambda: quarantine_words(found))


@data_app.command("listen")
def listen_(
    source: Source,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Receive HL7 v2 messages (MLLP) until stopped; each is durable before it is answered."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.lifecycle.collect import load_source  # noqa: PLC0415
        from bedside.usecases import source_of  # noqa: PLC0415
        from bedside.wiring.sources import listen  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data collection", as_json)

        def started(host: str, port: int) -> None:
            platform.progress.note(f"Listening for HL7 v2 messages on {host}, port {port}.")

        counts = asdict(listen(platform, load_source(source_of(source)), started))
        show(
            counts,
            as_json,
            lambda: "\n".join(f"{name}: {count:,}" for name, count in counts.items()),
        )


def _moment(text: str | None) -> "datetime | None":
    from bedside.core.clock import parse_instant  # noqa: PLC0415

    return None if text is None else parse_instant(text)


@data_app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Earlier states too.")] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List the data sets and their states."""
    with guarded(as_json):
        from bedside.cli.data_words import listed_json, listed_words  # noqa: PLC0415

        store = opened(workspace, None, "overview", as_json).store
        entries = store.catalogue.entries() if every else store.entries()
        latest = entries if every else list({entry.name: entry for entry in entries}.values())
        show(listed_json(latest), as_json, lambda: listed_words(latest))


@data_app.command("show")
def show_(
    snapshot: Snapshot,
    as_of: AsOf = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a snapshot holds, by code; now, or as it was known at a moment."""
    with guarded(as_json):
        from bedside.cli.data_words import shown_words  # noqa: PLC0415
        from bedside.lifecycle.data import shown  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data quality", as_json)
        told = shown(platform, snapshot, moment=_moment(as_of))
        show(told, as_json, lambda: shown_words(told))


@data_app.command("diff")
def diff_(
    old: Snapshot,
    new: Snapshot,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what one snapshot has that another has not, by code."""
    with guarded(as_json):
        from bedside.cli.data_words import diff_json, diff_words  # noqa: PLC0415
        from bedside.lifecycle.data import diff  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "data quality", as_json)
        found = diff(platform, old, new)
        show(diff_json(found), as_json, lambda: diff_words(found))


@data_app.command("check")
def check_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Read every snapshot whole, and name what was changed, cut, swapped or rolled back."""
    with guarded(as_json):
        from bedside.cli.data_words import checked_json, checked_words  # noqa: PLC0415
        from bedside.lifecycle.data import check_data  # noqa: PLC0415

        found = check_data(opened(workspace, None, "audit", as_json))
        show(checked_json(found), as_json, lambda: checked_words(found))
        if any(one.fault for one in found):
            raise typer.Exit(4)


@data_app.command("lineage")
def lineage_(
    reference: Annotated[
        str,
        typer.Argument(help="A prediction id, a version, a snapshot, a raw file or its digest."),
    ],
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="The raw records behind this patient, in a snapshot."),
    ] = None,
    is_pseudonym: Annotated[
        bool, typer.Option("--pseudonym", help="The subject is given as a pseudonym.")
    ] = False,
    as_of: AsOf = None,
    openlineage: Annotated[
        Path | None, typer.Option("--openlineage", help="Also write OpenLineage events here.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace a thing down to the raw bytes, and up to everything that was made from it."""
    with guarded(as_json):
        from bedside.cli.data_words import (  # noqa: PLC0415
            lineage_json,
            lineage_words,
            records_json,
            records_words,
        )
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.lifecycle.lineage import lineage, records_of  # noqa: PLC0415
        from bedside.lifecycle.openlineage import write_openlineage  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "audit", as_json)
        if openlineage is not None:
            write_openlineage(platform, openlineage)
        if subject is None:
            found = lineage(platform, reference)
            show(lineage_json(found), as_json, lambda: lineage_words(found))
            return
        moment = _moment(as_of)
        if moment is None:
            raise Invalid("The moment is not given.", fix="give --as-of with a time and its zone.")
        records = records_of(platform, reference, subject, moment, is_pseudonym=is_pseudonym)
        show(records_json(records), as_json, lambda: records_words(records))


@data_app.command("export")
def export_(
    snapshot: Snapshot,
    to: Annotated[Path, typer.Option("--to", help="A new folder for the plain files.")],
    as_of: AsOf = None,
    form: Annotated[
        str, typer.Option("--form", help="parquet, csv or meds (MEDS 0.4).")
    ] = "parquet",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="For which purpose; must be given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a snapshot as plain files; for which purpose is recorded."""
    with guarded(as_json):
        from bedside.cli.data_words import exported_words  # noqa: PLC0415
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.lifecycle.data_export import export  # noqa: PLC0415

        if not purpose:
            raise Invalid(
                "An export needs its purpose.", fix="say with --purpose what the files are for."
            )
        platform = opened(workspace, actor, purpose, as_json)
        told = export(platform, snapshot, to, moment=_moment(as_of), form=form)
        show(told, as_json, lambda: exported_words(told))


@data_app.command("erase")
def erase_(
    subject: Annotated[
        str,
        typer.Argument(help="The identifier that the source uses; - reads it from standard input."),
    ],
    is_pseudonym: Annotated[
        bool, typer.Option("--pseudonym", help="It is the pseudonym, a whole number.")
    ] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a subject from every zone and snapshot, and say which models learnt from them."""
    with guarded(as_json):
        import sys  # noqa: PLC0415

        from bedside.cli.data_words import erased_json, erased_words  # noqa: PLC0415
        from bedside.lifecycle.erase import erase  # noqa: PLC0415

        named = sys.stdin.readline().strip() if subject == "-" else subject
        platform = opened(workspace, actor, purpose or "erasure", as_json)
        done = erase(platform, named, is_pseudonym=is_pseudonym)
        show(erased_json(done), as_json, lambda: erased_words(done))
