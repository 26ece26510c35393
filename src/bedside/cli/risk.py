"""`bedside hazards`, `change`, `incident`: the risks of a model, its changes, what went wrong."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Version,
    Workspace,
    guarded,
    opened,
    show,
)

if TYPE_CHECKING:
    from bedside.core.records.incident import Incident

__all__ = ["change", "hazards", "incident_app"]

incident_app = typer.Typer(
    help="Incidents and deviations; what is written of them lies sealed in the ledger.",
    no_args_is_help=True,
)
IncidentId = Annotated[str, typer.Argument(help="Such as INC-12; see: bedside incident list.")]


def hazards(
    version: Version,
    page: Annotated[bool, typer.Option("--page", help="Write the log as a page too.")] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the hazard log of a version, with what each control shows now."""
    with guarded(as_json):
        from bedside.cli.risk_words import hazards_words  # noqa: PLC0415
        from bedside.lifecycle.hazards import hazards_now, hazards_told  # noqa: PLC0415
        from bedside.lifecycle.hazards_page import write_hazards_page  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        found, states = hazards_now(platform, version)
        told: dict[str, Any] = hazards_told(found, states)
        if page:
            told["page"] = str(write_hazards_page(platform, found, states))
        show(told, as_json, lambda: hazards_words(told))


def change(
    version: Version,
    parent: Annotated[
        str | None,
        typer.Option("--from", help="The version before; that which is in use if not given."),
    ] = None,
    decides: Annotated[
        bool, typer.Option("--decide", help="Keep the verdict in the ledger, for a decision.")
    ] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a version by the plan of changes of the version before it. Nothing is released."""
    with guarded(as_json):
        from bedside.cli.risk_words import change_words  # noqa: PLC0415
        from bedside.lifecycle.change_control import (  # noqa: PLC0415
            allowed_change,
            modification_of,
            verdict_told,
        )

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        found = allowed_change(platform, version, parent, decides=decides)
        planned = modification_of(platform, found)
        show(verdict_told(found), as_json, lambda: change_words(found, planned))


@incident_app.command("open")
def open_(
    version: Version,
    severity: Annotated[
        str,
        typer.Option(
            "--severity", help="minor, moderate, serious, death or widespread.", show_default=False
        ),
    ],
    what: Annotated[str, typer.Option("--what", help="What happened; sealed.", show_default=False)],
    noticed: Annotated[
        str | None,
        typer.Option("--noticed", help="When, as 2027-01-31T08:15:00Z; now if not given."),
    ] = None,
    hazard: Annotated[
        str | None, typer.Option("--hazard", help="Id of a hazard of the version's log.")
    ] = None,
    deviation: Annotated[
        str | None,
        typer.Option("--deviation", help="Id of the planned change not kept to, or release."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down what went wrong; while a serious one is open, no version goes further."""
    with guarded(as_json):
        from bedside.lifecycle.incidents import open_incident  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = open_incident(
            platform,
            version,
            severity=severity,
            what=what,
            noticed=noticed,
            hazard=hazard,
            deviation=deviation,
        )
        _show(done, as_json)


@incident_app.command("list")
def list_(
    model: Annotated[str | None, typer.Option("--model", help="Of this model alone.")] = None,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List every incident without its words, oldest first."""
    with guarded(as_json):
        from bedside.cli.risk_words import incident_line  # noqa: PLC0415

        platform = opened(workspace, None, "quality and safety", as_json)
        found = platform.incidents.all(model)
        show(
            {"incidents": [_told(one) for one in found]},
            as_json,
            lambda: "\n".join(map(incident_line, found)) or "No incident was written down here.",
        )


@incident_app.command("show")
def show_(
    incident: IncidentId,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an incident with every word of it; the ledger records that it was read."""
    with guarded(as_json):
        from bedside.cli.risk_words import incident_words  # noqa: PLC0415
        from bedside.lifecycle.incidents import incident_told  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        told = incident_told(platform, incident)
        show(told, as_json, lambda: incident_words(told))


@incident_app.command("note")
def note(
    incident: IncidentId,
    text: Annotated[str, typer.Option("--text", help="What became known; sealed.")],
    severity: Annotated[
        str | None, typer.Option("--severity", help="How severe it is, judged anew.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add what became known of an open incident."""
    with guarded(as_json):
        from bedside.lifecycle.incidents import note_incident  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        _show(note_incident(platform, incident, text=text, severity=severity), as_json)


@incident_app.command("close")
def close(
    incident: IncidentId,
    cause: Annotated[str, typer.Option("--cause", help="The root cause; sealed.")],
    action: Annotated[str, typer.Option("--action", help="What was done; sealed.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close an incident, with its root cause and what was done."""
    with guarded(as_json):
        from bedside.lifecycle.incidents import close_incident  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        _show(close_incident(platform, incident, cause=cause, action=action), as_json)


def _show(done: "Incident", as_json: bool) -> None:
    from bedside.cli.risk_words import duty_lines, incident_line  # noqa: PLC0415
    from bedside.lifecycle.incidents import duties_of  # noqa: PLC0415

    duties = duties_of(done) if done.is_open else []
    show(
        {**_told(done), "duties": duties},
        as_json,
        lambda: "\n".join([incident_line(done), *duty_lines(duties)]),
    )


def _told(one: "Incident") -> dict[str, Any]:
    return {
        "incident": one.id,
        "model": one.model,
        "version": one.version,
        "severity": one.severity,
        "noticed": one.noticed,
        "reporter": one.reporter,
        "hazard": one.hazard,
        "deviation": one.deviation,
        "automatic": one.automatic,
        "open": one.is_open,
        "blocks": one.blocks,
    }
