"""`bedside site`: one hub, many hospitals. A site pulls, and nothing ever calls it."""

from pathlib import Path
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
    from bedside.core.records.site import Role

__all__ = ["site_app"]

site_app = typer.Typer(
    help="One hub, many hospitals: releases out, figures back, no patient data.",
    no_args_is_help=True,
)

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder or file with this site's own patients.")
]
Folder = Annotated[
    str | None,
    typer.Option("--folder", help="Where this site's own declaration of the source lies."),
]


@site_app.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="Where to write the public key, PEM.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write this workspace's public key for others to trust, and print its fingerprint."""
    with guarded(as_json):
        from bedside.lifecycle.site_trust import fingerprint_of  # noqa: PLC0415
        from bedside.wiring.sites import own_public_key  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "key management", as_json)
        content, mark = own_public_key(platform)
        platform.write(file, content)
        told = {"key": str(file), "fingerprint": fingerprint_of(mark)}
        show(
            told,
            as_json,
            lambda: (
                f"Key: {file}\nFingerprint: {told['fingerprint']}\n"
                "Tell it by telephone to whoever is to trust the key."
            ),
        )


@site_app.command("publish")
def publish(
    version: Version,
    folder: Annotated[Path, typer.Argument(help="Folder that is served to sites, as it is.")],
    stage: Annotated[
        str, typer.Option("--stage", help="Up to which it is offered: silent, canary or live.")
    ] = "live",
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long it is good.")] = 90,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an approved version as a signed packet, and the signed index of what is offered."""
    with guarded(as_json):
        from bedside.cli.site_words import published_words  # noqa: PLC0415
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.lifecycle.sites import publish as verb  # noqa: PLC0415
        from bedside.wiring.sites import site_signer  # noqa: PLC0415

        if stage not in ("silent", "canary", "live"):
            raise Invalid("There is no such stage.", fix="use silent, canary or live.")
        platform = opened(workspace, actor, purpose or "release", as_json)
        signer, mark = site_signer(platform)
        packet = verb(
            platform,
            version,
            folder,
            signer=signer,
            mark=mark,
            stage=stage,  # type: ignore[arg-type]  # one of the three, as asked above
            days=days,
        )
        told = {"packet": str(packet), "bytes": packet.stat().st_size, "index": str(folder)}
        show(told, as_json, lambda: published_words(packet, days))


@site_app.command("trust")
def trust(
    name: Annotated[str, typer.Argument(help="By which it is to be known here.")],
    keyfile: Annotated[Path, typer.Argument(help="Its public key, PEM.")],
    role: Annotated[
        str, typer.Option("--role", help="hub: its releases are taken. site: its reports are.")
    ] = "hub",
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", help="As its holder told it; asked for if not given."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Where a hub's packets lie: https://…, or a folder."),
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option("--certificates", help="Certificates to trust there, PEM.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trust the key of a hub, or of a site, once its fingerprint was compared by another way."""
    with guarded(as_json):
        from bedside.cli.site_words import trusted_json, trusted_words  # noqa: PLC0415
        from bedside.lifecycle.site_trust import fingerprint_of, mark_of  # noqa: PLC0415
        from bedside.lifecycle.site_trust import trust as verb  # noqa: PLC0415
        from bedside.wiring.sites import public_key_in  # noqa: PLC0415

        public = public_key_in(keyfile)
        given = fingerprint or _asked(fingerprint_of(mark_of(public)))
        place = url if url is None or "://" in url else str(Path(url).resolve())
        done = verb(
            opened(workspace, actor, purpose or "key management", as_json),
            name,
            public,
            confirmed=given,
            role=_role(role),
            url=place,
            certificates=None if certificates is None else str(certificates.resolve()),
        )
        show(trusted_json(done), as_json, lambda: trusted_words(done))


@site_app.command("pull")
def pull(
    what: Annotated[
        str | None,
        typer.Argument(help="A packet's file, or a hub's name; the only hub if not given."),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Only this one of what a hub offers.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take releases in, from a hub that is trusted or from a file of one; nobody calls this site.

    The signature, the freshness and every byte are checked, and nothing older is taken after
    something newer. What came in is built, validated by nobody here, and answers nobody.
    """
    with guarded(as_json):
        from bedside.cli.site_words import pulled_json, pulled_words  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "release", as_json)
        if what is not None and Path(what).is_file():
            from bedside.wiring.sites import pull_file  # noqa: PLC0415

            hub, taken = pull_file(platform, Path(what))
        else:
            from bedside.wiring.sites import pull_hub  # noqa: PLC0415

            hub, taken = pull_hub(platform, what, version)
        show(pulled_json(hub, taken), as_json, lambda: pulled_words(hub, taken))


@site_app.command("onboard")
def onboard(
    version: Version,
    data: Data = None,
    folder: Folder = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a version fits this site: units, feeds, delays, patients, what to expect."""
    with guarded(as_json):
        from bedside.cli.site_words import onboarded_words  # noqa: PLC0415
        from bedside.lifecycle.site_onboarding import onboard as verb  # noqa: PLC0415
        from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "validation", as_json)
        collect_elsewhere(platform, version, data, folder)
        done = verb(platform, version, data)
        told = {**done.told, "page": str(done.page), "figures": str(done.figures)}
        show(told, as_json, lambda: onboarded_words(done))


@site_app.command("validate")
def validate(
    version: Version,
    data: Data = None,
    folder: Folder = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a pulled version to its gates on this site's own patients; without this, no release."""
    with guarded(as_json):
        from bedside.cli.site_words import validated_json, validated_words  # noqa: PLC0415
        from bedside.lifecycle.site_validating import validate_here  # noqa: PLC0415
        from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "validation", as_json)
        collect_elsewhere(platform, version, data, folder)
        done = validate_here(platform, version, data)
        show(validated_json(done), as_json, lambda: validated_words(done))
        if not done.passed:
            raise typer.Exit(4)


@site_app.command("report")
def report(
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what this site tells its hub: signed figures in which nobody can be found."""
    with guarded(as_json):
        from bedside.lifecycle.site_reporting import report as verb  # noqa: PLC0415
        from bedside.wiring.sites import site_signer  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = verb(platform, *site_signer(platform))
        told: dict[str, Any] = {
            "sequence": done.report.sequence,
            "report": str(done.file),
            "page": str(done.page),
        }
        show(
            told,
            as_json,
            lambda: (
                f"Report {done.report.sequence} of {len(done.report.versions)} versions: "
                f"{done.file}\nPage: {done.page}\nRead the page, then send the hub the file."
            ),
        )


@site_app.command("receive")
def receive(
    file: Annotated[Path, typer.Argument(help="The report that a site wrote.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a site's report at the hub, if a site that is trusted signed it and it is its newest."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.site_words import received_words  # noqa: PLC0415
        from bedside.lifecycle.site_reporting import receive as verb  # noqa: PLC0415
        from bedside.wiring.sites import verifier_of  # noqa: PLC0415

        done = verb(
            opened(workspace, actor, purpose or "quality and safety", as_json), file, verifier_of
        )
        told = {"site": done.site.name, "page": str(done.page), "report": asdict(done.report)}
        show(told, as_json, lambda: received_words(done))


@site_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """At a hub: what each site has and how it does. At a site: what is offered, what is valid."""
    with guarded(as_json):
        from bedside.cli.site_words import listed_words  # noqa: PLC0415
        from bedside.lifecycle.site_overview import overview  # noqa: PLC0415
        from bedside.wiring.sites import verifier_of  # noqa: PLC0415

        told = overview(opened(workspace, None, "overview", as_json), verifier_of)
        show(told, as_json, lambda: listed_words(told))


def _role(role: str) -> "Role":
    from bedside.core.errors import Invalid  # noqa: PLC0415

    if role == "hub":
        return "hub"
    if role == "site":
        return "site"
    raise Invalid("There is no such role.", fix="use hub or site.")


def _asked(fingerprint: str) -> str:
    """What a person types after comparing; nobody is asked where nobody sits."""
    import sys  # noqa: PLC0415

    from bedside.core.errors import Refused  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise Refused(
            f"Nobody has confirmed the fingerprint {fingerprint}.",
            fix="compare it with whoever holds the key, by telephone, and give it with "
            "--fingerprint.",
            code="not_confirmed",
        )
    typer.echo(f"Fingerprint of the key in the file: {fingerprint}", err=True)
    return str(typer.prompt("Fingerprint, as its holder told you by telephone", err=True))
