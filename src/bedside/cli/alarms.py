"""`bedside alarms` and `bedside alarm`: what moved in a model in use, and what became of it."""

from typing import TYPE_CHECKING, Annotated, Any

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
    from bedside.core.records.watch import Alarm

__all__ = ["alarm_app", "alarms"]

alarm_app = typer.Typer(
    help="Alarms about models in use; what is written of them lies sealed in the ledger.",
    no_args_is_help=True,
)
AlarmId = Annotated[str, typer.Argument(help="Such as ALM-12; see: bedside alarms.")]
_PURPOSE = "quality and safety"


def alarms(
    model: Annotated[str | None, typer.Argument(help="Of this model alone.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List the alarms that are not resolved, the most severe first."""
    with guarded(as_json):
        from bedside.cli.alarms_words import alarms_table  # noqa: PLC0415
        from bedside.core.records.watch import SEVERITIES  # noqa: PLC0415

        platform = opened(workspace, None, _PURPOSE, as_json)
        found = platform.alarms.all(model, unresolved=not every)
        found.sort(key=lambda one: (-SEVERITIES.index(one.severity), one.raised))
        now = platform.clock.now()
        show(
            {"alarms": [_told(one) for one in found]},
            as_json,
            lambda: alarms_table(found, now),
        )


@alarm_app.command("show")
def show_(
    alarm: AlarmId,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an alarm with its evidence and every word of it; the ledger records that."""
    with guarded(as_json):
        from bedside.cli.alarms_words import alarm_words  # noqa: PLC0415
        from bedside.lifecycle.alarm_account import alarm_told  # noqa: PLC0415

        told = alarm_told(opened(workspace, actor, purpose or _PURPOSE, as_json), alarm)
        show(told, as_json, lambda: alarm_words(told))


@alarm_app.command("ack")
def ack(
    alarm: AlarmId,
    text: Annotated[str, typer.Option("--text", help="In words; sealed.")] = "",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that you have seen an alarm and look into it."""
    with guarded(as_json):
        from bedside.lifecycle.alarms import acknowledge  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        _show(acknowledge(platform, alarm, text=text), as_json)


@alarm_app.command("assign")
def assign(
    alarm: AlarmId,
    to: Annotated[str, typer.Option("--to", help="A person or a role.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who answers for an alarm."""
    with guarded(as_json):
        from bedside.lifecycle.alarms import assign as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        _show(verb(platform, alarm, to=to), as_json)


@alarm_app.command("note")
def note(
    alarm: AlarmId,
    text: Annotated[str, typer.Option("--text", help="What became known; sealed.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add what became known of an alarm."""
    with guarded(as_json):
        from bedside.lifecycle.alarms import note as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        _show(verb(platform, alarm, text=text), as_json)


@alarm_app.command("resolve")
def resolve(
    alarm: AlarmId,
    action: Annotated[str, typer.Option("--action", help="What was done; sealed.")],
    cause: Annotated[
        str | None,
        typer.Option("--cause", help="What was really behind it; the likely cause if not given."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close an alarm; what it rested on is watched anew from the next run on."""
    with guarded(as_json):
        from bedside.lifecycle.alarms import resolve as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        _show(verb(platform, alarm, action=action, cause=cause), as_json)


@alarm_app.command("incident")
def incident(
    alarm: AlarmId,
    severity: Annotated[
        str,
        typer.Option(
            "--severity", help="minor, moderate, serious, death or widespread.", show_default=False
        ),
    ],
    what: Annotated[str, typer.Option("--what", help="What happened; sealed.", show_default=False)],
    hazard: Annotated[
        str | None, typer.Option("--hazard", help="Id of a hazard of the version's log.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a safety incident about what an alarm found, linked to it."""
    with guarded(as_json):
        from bedside.cli.alarms_words import alarm_line  # noqa: PLC0415
        from bedside.cli.risk_words import duty_lines, incident_line  # noqa: PLC0415
        from bedside.lifecycle.alarms import open_alarm_incident  # noqa: PLC0415
        from bedside.lifecycle.incidents import duties_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        done, opened_one = open_alarm_incident(
            platform, alarm, severity=severity, what=what, hazard=hazard
        )
        duties = duties_of(opened_one)
        show(
            {**_told(done), "incident": opened_one.id, "duties": duties},
            as_json,
            lambda: "\n".join([alarm_line(done), incident_line(opened_one), *duty_lines(duties)]),
        )


@alarm_app.command("deliver")
def deliver(
    again: Annotated[
        bool, typer.Option("--again", help="At once what waits for a next try, or was given up.")
    ] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell every sink of alarms.toml whatever is due; run it every minute or so."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.alarms_words import delivered_words  # noqa: PLC0415
        from bedside.lifecycle.alarm_delivery import revive_alarms  # noqa: PLC0415
        from bedside.wiring.alarm_sinks import deliver_all  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        revived = revive_alarms(platform) if again else 0
        done = deliver_all(platform)
        show(
            {**asdict(done), "revived": revived},
            as_json,
            lambda: delivered_words(done, revived),
        )


@alarm_app.command("sinks")
def sinks(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Say how each sink of alarms.toml stands: well, or down, since when and why."""
    with guarded(as_json):
        from bedside.cli.alarms_words import sinks_table  # noqa: PLC0415
        from bedside.lifecycle.alarm_delivery import sinks_told  # noqa: PLC0415
        from bedside.wiring.alarm_sinks import opened_sinks  # noqa: PLC0415

        platform = opened(workspace, None, _PURPOSE, as_json)
        with opened_sinks(platform) as declared:
            told = sinks_told(platform, declared)
        now = platform.clock.now()
        show({"sinks": told}, as_json, lambda: sinks_table(told, now))


def _show(done: "Alarm", as_json: bool) -> None:
    from bedside.cli.alarms_words import alarm_line  # noqa: PLC0415

    show(_told(done), as_json, lambda: alarm_line(done))


def _told(one: "Alarm") -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    from bedside.core.records.watch import CAUSES  # noqa: PLC0415

    return {**asdict(one), "cause_text": CAUSES[one.cause], "standing": one.standing}
