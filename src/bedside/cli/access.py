"""`bedside access`: the roles of people, and the clients of a server; no token is ever kept."""

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
    from datetime import timedelta

    from bedside.core.records.client import Client
    from bedside.core.records.grant import Grant

__all__ = ["access_app"]

access_app = typer.Typer(
    help="The roles of people, and the clients that may ask a running server.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The name of the client.")]
Person = Annotated[str, typer.Argument(help="user:NAME, or oidc:SUBJECT of who signs in.")]
RoleName = Annotated[str, typer.Argument(help="Such as data_scientist; see bedside policy show.")]


@access_app.command("add")
def add(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option("--scope", help="ACTION/MODEL, such as infer/sepsis; may be repeated."),
    ],
    subject: Annotated[
        str | None,
        typer.Option("--certificate", help="Known by this subject of its certificate; no token."),
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="After this: 12h, 90d.")] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a client in, for its scopes alone. Its token is shown once.

    A scope names what may be done (describe, infer, feedback, observe) and to which model; * stands
    for every one. Running servers know the client within a second.
    """
    with guarded(as_json):
        from bedside.wiring.access import Asked, add_client  # noqa: PLC0415

        asked = Asked(name=name, scopes=frozenset(scope), subject=subject, lasts=_duration(expires))
        platform = opened(workspace, actor, purpose or "access", as_json)
        client, token = add_client(platform, asked)
        show(client.told() | {"token": token}, as_json, lambda: _given(client, token))


@access_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List the clients, what each may do and until when."""
    with guarded(as_json):
        from bedside.wiring.access import list_clients  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        found, now = list_clients(platform), platform.clock.now()
        told = [one.told() | {"good": one.is_good(now)} for one in found]
        show({"clients": told}, as_json, lambda: "\n".join(map(_line, told)) or "No client yet.")


@access_app.command("rotate")
def rotate(
    name: Name,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a client another token, shown once; the one before opens nothing any more."""
    with guarded(as_json):
        from bedside.wiring.access import rotate_client  # noqa: PLC0415

        client, token = rotate_client(opened(workspace, actor, purpose or "access", as_json), name)
        show(client.told() | {"token": token}, as_json, lambda: _given(client, token))


@access_app.command("revoke")
def revoke(
    name: Name,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a client in no more; running servers know it within a second."""
    with guarded(as_json):
        from bedside.wiring.access import revoke_client  # noqa: PLC0415

        client = revoke_client(opened(workspace, actor, purpose or "access", as_json), name)
        show(client.told(), as_json, lambda: f"{client.name} is let in no more.")


@access_app.command("grant")
def grant(
    person: Person,
    role: RoleName,
    expires: Annotated[str | None, typer.Option("--expires", help="After this: 12h, 90d.")] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody a role. From the first grant on, roles count strictly.

    Whoever gives the first one keeps every role until one is taken back.
    """
    with guarded(as_json):
        from bedside.lifecycle.people import grant_role, role_named  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "access", as_json)
        given = grant_role(platform, person, role_named(role), lasts=_duration(expires))
        told = [_grant(one) for one in given]
        show({"granted": told}, as_json, lambda: "\n".join(map(_grant_line, told)))


@access_app.command("revoke-role")
def revoke_role(
    person: Person,
    role: RoleName,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a role back; it counts no more from now on."""
    with guarded(as_json):
        from bedside.lifecycle.people import revoke_role as verb  # noqa: PLC0415
        from bedside.lifecycle.people import role_named  # noqa: PLC0415

        verb(opened(workspace, actor, purpose or "access", as_json), person, role_named(role))
        show({"who": person, "role": role}, as_json, lambda: f"{person} is {role} no more.")


@access_app.command("roles")
def roles(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List who holds which role, since when and until when; those that ended too."""
    with guarded(as_json):
        platform = opened(workspace, None, "overview", as_json)
        now = platform.clock.now()
        told = [_grant(one) | {"counts": one.counts(now)} for one in platform.people.grants()]
        nobody = "Nobody was given a role: whoever can open this workspace holds every role."
        show(
            {"roles_count": platform.people.is_strict(), "grants": told},
            as_json,
            lambda: "\n".join(map(_grant_line, told)) or nobody,
        )


def _grant(one: "Grant") -> dict[str, Any]:
    from bedside.core.clock import iso  # noqa: PLC0415

    return {
        "who": one.person,
        "role": one.role.value,
        "by": one.by,
        "given": iso(one.given),
        "expires": None if one.expires is None else iso(one.expires),
        "ended": None if one.ended is None else iso(one.ended),
        "counts": True,
    }


def _grant_line(told: dict[str, Any]) -> str:
    state = "taken back" if told["ended"] else ("counts" if told["counts"] else "expired")
    until = f"until {told['expires'][:16]}Z" if told["expires"] else "without end"
    return f"{told['who']:<24} {told['role']:<18} {state:<10} {until:<23} by {told['by']}"


def _duration(told: str | None) -> "timedelta | None":
    from bedside.wiring.callers import lasts_of  # noqa: PLC0415

    return None if told is None else lasts_of(told)


def _given(client: "Client", token: str | None) -> str:
    known = f"by its certificate, {client.subject}" if token is None else "by its token"
    first = f"{client.name} may {', '.join(sorted(client.scopes))}; it is known {known}."
    return first if token is None else f"{first}\nToken (shown once): {token}"


def _line(told: dict[str, Any]) -> str:
    state = "revoked" if told["revoked"] else ("good" if told["good"] else "expired")
    until = f"until {told['expires'][:16]}Z" if told["expires"] else "without end"
    return f"{told['name']:<24} {state:<8} {until:<23} {' '.join(told['scopes'])}"
