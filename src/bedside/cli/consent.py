"""`bedside consent`: what patients permit and refuse, where no FHIR Consent says it."""

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
    from bedside.core.records.consent import Consent
    from bedside.core.records.purpose import Purpose

__all__ = ["consent_app"]

consent_app = typer.Typer(
    help="What patients permit and refuse; their identifiers are kept encrypted.",
    no_args_is_help=True,
)
Patient = Annotated[str, typer.Argument(help="The patient, as the source writes them.")]
For = Annotated[
    list[str] | None,
    typer.Option("--for", help="A purpose, such as research; may be repeated. All if not given."),
]


@consent_app.command("record")
def record(
    patient: Patient,
    said: Annotated[str, typer.Option("--said", help="permit or deny.", show_default=False)],
    purposes: For = None,
    starts: Annotated[str | None, typer.Option("--from", help="From this day on.")] = None,
    ends: Annotated[str | None, typer.Option("--until", help="Until before this day.")] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down what a patient permits or refuses. Of what they say, the last word counts."""
    with guarded(as_json):
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.core.records.consent import Provision  # noqa: PLC0415
        from bedside.lifecycle.consents import record_consent  # noqa: PLC0415

        if said not in ("permit", "deny"):
            raise Invalid("This is no consent.", fix="say --said permit or --said deny.")
        platform = opened(workspace, actor, purpose or "consent", as_json)
        provision = Provision(
            kind="permit" if said == "permit" else "deny",
            purposes=_purposes(purposes),
            starts=_day(starts),
            ends=_day(ends),
        )
        done = record_consent(platform, patient, provision)
        show(_told(done), as_json, lambda: f"Recorded. {_words(done)}")


@consent_app.command("withdraw")
def withdraw(
    patient: Patient,
    purposes: For = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down that a patient permits it no more: they are not in the next build."""
    with guarded(as_json):
        from bedside.lifecycle.consents import withdraw_consent  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "consent", as_json)
        done = withdraw_consent(platform, patient, _purposes(purposes))
        show(_told(done), as_json, lambda: f"Withdrawn. {_words(done)}")


@consent_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List what was recorded, oldest first. Nobody is named: a patient is a keyed digest."""
    with guarded(as_json):
        told = opened(workspace, None, "consent", as_json).consents.all()
        show(
            {"consents": [_told(one) for one in told]},
            as_json,
            lambda: "\n".join(map(_words, told)) or "No consent was recorded here.",
        )


def _purposes(written: list[str] | None) -> "frozenset[Purpose]":
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.core.records.purpose import PURPOSE_WORDS, Purpose, purpose_of  # noqa: PLC0415

    found = frozenset(map(purpose_of, written or ()))
    if Purpose.UNKNOWN in found:
        known = "; ".join(
            f"{one.value}: {words}"
            for one, words in PURPOSE_WORDS.items()
            if one is not Purpose.UNKNOWN
        )
        raise Invalid("This is no purpose that is known here.", fix=f"write one of: {known}.")
    return found


def _day(written: str | None) -> Any:
    from datetime import UTC, datetime  # noqa: PLC0415

    from bedside.core.errors import Invalid  # noqa: PLC0415

    if written is None:
        return None
    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("This is no day.", fix="write it as 2027-01-31.") from None


def _told(one: "Consent") -> dict[str, Any]:
    from bedside.core.clock import iso  # noqa: PLC0415

    provision = one.provision
    return {
        "tag": one.tag,
        "said": provision.kind,
        "for": sorted(provision.purposes),
        "from": None if provision.starts is None else iso(provision.starts),
        "until": None if provision.ends is None else iso(provision.ends),
        "recorded": iso(one.recorded),
        "by": one.by,
        "withdrawal": one.is_withdrawal,
    }


def _words(one: "Consent") -> str:
    from bedside.core.clock import iso  # noqa: PLC0415

    provision = one.provision
    said = "refuses" if provision.kind == "deny" else "permits"
    said = "withdrew" if one.is_withdrawal else said
    purposes = ", ".join(sorted(provision.purposes)) or "every purpose"
    ends = "" if provision.ends is None else f" until {iso(provision.ends)[:10]}"
    starts = "" if provision.starts is None else f" from {iso(provision.starts)[:10]}"
    return f"{iso(one.recorded)[:16]}Z  {one.tag[:12]}…  {said} {purposes}{starts}{ends}"
