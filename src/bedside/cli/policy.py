"""`bedside policy`: what the policies say, why they decide so, and a hospital's own."""

from pathlib import Path
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
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.core.records.policy import Access, Decision

__all__ = ["policy_app"]

File = Annotated[Path, typer.Argument(help="A file of policies in Cedar, such as ward.cedar.")]
DecisionOption = Annotated[
    str | None,
    typer.Option("--decision", help="Which decision it rests on, such as a minute; needed."),
]

policy_app = typer.Typer(help="Who may do what, for which purpose, and why.", no_args_is_help=True)


@policy_app.command("explain")
def explain(
    who: Annotated[str, typer.Argument(help="user:NAME, client:NAME or service:NAME.")],
    what: Annotated[str, typer.Argument(help="An act, such as develop or export.")],
    which: Annotated[str, typer.Argument(help="A data set, a model, or workspace.")] = "workspace",
    folder: Annotated[
        str | None,
        typer.Option("--model", help="A model's folder or a use case: its data and its codes."),
    ] = None,
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
        from bedside.lifecycle.held_roles import held_by  # noqa: PLC0415
        from bedside.lifecycle.policies import (  # noqa: PLC0415
            act_named,
            resource_named,
            resource_of_model,
        )
        from bedside.usecases import folder_of  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        resource = resource_named(
            platform, which, zone=zone, consent=consent, small_cells=small_cells
        )
        if folder is not None:
            resource = resource_of_model(folder_of(folder), resource)
        asked = Actor(name=who, purpose=purpose)
        access, decision = decided(platform, asked, act_named(what), resource)
        held = held_by(platform, access)
        show(
            _told(access, decision) | {"roles_from": [one.as_json() for one in held]},
            as_json,
            lambda: _words(access, decision, [one.words() for one in held]),
        )
        if not decision.allowed:
            raise typer.Exit(4)


@policy_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List every policy that counts, in words."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.policy_words import policies_words  # noqa: PLC0415

        policies = opened(workspace, None, "overview", as_json).policies.describe()
        show(
            {"policies": [asdict(one) for one in policies]},
            as_json,
            lambda: policies_words(policies),
        )


@policy_app.command("show")
def show_(
    name: Annotated[str | None, typer.Argument(help="A policy; all if not given.")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the words that a policy may use.")
    ] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Show how this workspace decides: who holds which role, its policies, or one of them whole."""
    with guarded(as_json):
        from bedside.cli.policy_words import shown_json, shown_words  # noqa: PLC0415
        from bedside.governance.shipped_policies import schema_text  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        if schema:
            show({"schema": schema_text()}, as_json, schema_text)
        else:
            show(shown_json(platform, name), as_json, lambda: shown_words(platform, name))


@policy_app.command("test")
def try_table(
    table: Annotated[
        Path | None, typer.Argument(help="A table of decisions, YAML; the shipped one if none.")
    ] = None,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the policies each row of a table of decisions. It leaves with 4 where one differs."""
    with guarded(as_json):
        from bedside.cli.policy_words import table_of, tested_json, tested_words  # noqa: PLC0415
        from bedside.governance.policy_testing import ask_table  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        rows = ask_table(platform.policies, table_of(table), platform.clock.now())
        show(tested_json(rows), as_json, lambda: tested_words(rows))
        if not all(one.holds for one in rows):
            raise typer.Exit(4)


@policy_app.command("diff")
def diff(
    file: File,
    table: Annotated[
        Path | None, typer.Option("--table", help="A table of decisions; the shipped one if none.")
    ] = None,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Say which policies and which decisions would be others with this file. Nothing is changed."""
    with guarded(as_json):
        from bedside.cli.policy_words import (  # noqa: PLC0415
            change_json,
            change_words,
            policies_in,
            table_of,
        )
        from bedside.lifecycle.own_policies import compare_policies  # noqa: PLC0415
        from bedside.wiring.governed import parse_policies  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        change = compare_policies(
            platform, file.stem, policies_in(file), table_of(table), parse=parse_policies
        )
        show(change_json(change), as_json, lambda: change_words(change))


@policy_app.command("add")
def add(
    file: File,
    decision: DecisionOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the policies of a file count from now on, beside those that are shipped.

    The same file again is its next version; every version is kept and signed. A policy of a
    hospital may permit more or forbid more; what a shipped one forbids stays forbidden. Where roles
    count, two people sign for it: the first by this command, which is run again after the other.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.cli.policy_words import policies_in, version_json  # noqa: PLC0415
        from bedside.lifecycle.own_policies import add_policies  # noqa: PLC0415
        from bedside.wiring.governed import parse_policies  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "governance", as_json)
        done = add_policies(
            platform,
            file.stem,
            policies_in(file),
            decision=decision or "",
            parse=parse_policies,
            hand=lambda: hand_for(platform, passphrase_file, passphrase_fd),
        )
        said = f"The policies of '{done.origin}', version {done.version}, count from now on."
        show(version_json(done), as_json, lambda: said)


@policy_app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="The name of the file, without its ending.")],
    decision: DecisionOption = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the policies of a file back; its versions are kept.

    Where roles count, two people sign for it, as for what is added.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.cli.policy_words import version_json  # noqa: PLC0415
        from bedside.lifecycle.own_policies import remove_policies  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "governance", as_json)
        done = remove_policies(
            platform,
            name,
            decision=decision or "",
            hand=lambda: hand_for(platform, passphrase_file, passphrase_fd),
        )
        show(version_json(done), as_json, lambda: f"The policies of '{name}' count no more.")


def _told(access: "Access", decision: "Decision") -> dict[str, Any]:
    return {
        "who": access.actor,
        "roles": sorted(access.roles),
        "act": access.act.value,
        "which": access.resource.name,
        "zone": None if access.resource.zone is None else access.resource.zone.value,
        "purpose": access.purpose.value,
        "codes": sorted(access.resource.columns),
        "allowed": decision.allowed,
        "policies": list(decision.policies),
        "reasons": list(decision.reasons),
    }


def _words(access: "Access", decision: "Decision", held: list[str]) -> str:
    from bedside.governance.policy_words import question_words  # noqa: PLC0415

    answer = "Yes." if decision.allowed else "No."
    read = sorted(access.resource.columns)
    codes = [f"Of each patient's record it reads these codes alone: {', '.join(read)}."]
    reasons = [f"  {one}" for one in decision.reasons]
    return "\n".join([question_words(access), *held, *(codes if read else []), answer, *reasons])
