"""`bedside policy`: what the policies say, why they decide so, and a hospital's own."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.frame import JsonOption, Workspace, guarded, opened, show

if TYPE_CHECKING:
    from bedside.core.records.policy import Access, Decision

__all__ = ["policy_app"]

policy_app = typer.Typer(help="Who may do what, for which purpose, and why.", no_args_is_help=True)


@policy_app.command("explain")
def explain(
    who: Annotated[str, typer.Argument(help="user:NAME, client:NAME or service:NAME.")],
    what: Annotated[str, typer.Argument(help="An act, such as develop or export.")],
    which: Annotated[str, typer.Argument(help="A data set, a model, or workspace.")] = "workspace",
    purpose: Annotated[str, typer.Option("--purpose", help="In words or as an HL7 code.")] = (
        "overview"
    ),
    zone: Annotated[
        str | None, typer.Option("--zone", help="identified or released; found by the data set.")
    ] = None,
    consent: Annotated[
        str, typer.Option("--consent", help="What the patients say: permit, deny or unknown.")
    ] = "unknown",
    small_cells: Annotated[
        bool, typer.Option("--small-cells", help="Counts of 1 to 10 can be read in it.")
    ] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Say in plain words whether somebody may do something, and why. Nothing is done.

    It leaves with 4 where the answer is no.
    """
    with guarded(as_json):
        from bedside.core.records.ledger import Actor  # noqa: PLC0415
        from bedside.lifecycle.door import decided  # noqa: PLC0415
        from bedside.lifecycle.policies import act_named, resource_named  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        resource = resource_named(
            platform, which, zone=zone, consent=consent, small_cells=small_cells
        )
        asked = Actor(name=who, purpose=purpose)
        access, decision = decided(platform, asked, act_named(what), resource)
        show(_told(access, decision), as_json, lambda: _words(access, decision))
        if not decision.allowed:
            raise typer.Exit(4)


@policy_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List every policy that counts, in words."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        policies = platform.policies.describe()
        show(
            {"policies": [asdict(one) for one in policies]},
            as_json,
            lambda: "\n".join(
                f"{'FORBIDS' if one.forbids else 'permits'}  {one.name}: {one.words}"
                + (f" Until {one.expires}." if one.expires else "")
                for one in policies
            ),
        )


def _told(access: "Access", decision: "Decision") -> dict[str, Any]:
    return {
        "who": access.actor,
        "roles": sorted(access.roles),
        "act": access.act.value,
        "which": access.resource.name,
        "zone": None if access.resource.zone is None else access.resource.zone.value,
        "purpose": access.purpose.value,
        "allowed": decision.allowed,
        "policies": list(decision.policies),
        "reasons": list(decision.reasons),
    }


def _words(access: "Access", decision: "Decision") -> str:
    from bedside.governance.policy_words import question_words  # noqa: PLC0415

    answer = "Yes." if decision.allowed else "No."
    return "\n".join([question_words(access), answer, *(f"  {one}" for one in decision.reasons)])
