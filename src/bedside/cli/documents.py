"""`bedside documents`: a version's documents, and what a person must still do."""

from typing import Annotated

import typer

from bedside.cli.frame import (
    JsonOption,
    Version,
    Workspace,
    guarded,
    opened,
    show,
)

__all__ = ["documents"]


def documents(
    version: Version,
    workspace: Workspace = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each page as PDF too.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="First day of the reports on monitoring; by itself, of the last 90."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Last day of them; today if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write every document of a version from its evidence, and list the gaps and who fills them."""
    with guarded(as_json):
        from bedside.cli.documents_words import documents_json, documents_words  # noqa: PLC0415
        from bedside.lifecycle.documents import write_documents  # noqa: PLC0415
        from bedside.wiring.documents import around_of  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        done = write_documents(
            platform, version, around=around_of(platform), pdf=pdf, since=since, until=until
        )
        show(documents_json(done), as_json, lambda: documents_words(done))
