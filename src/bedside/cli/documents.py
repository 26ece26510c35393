"""`bedside documents`: a version's documents, and what a person must still do."""

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
    as_json: JsonOption = False,
) -> None:
    """Write every document of a version from its evidence, and list the gaps and who fills them."""
    with guarded(as_json):
        from bedside.cli.documents_words import documents_json, documents_words  # noqa: PLC0415
        from bedside.lifecycle.documents import write_documents  # noqa: PLC0415

        done = write_documents(opened(workspace, None, "overview", as_json), version)
        show(documents_json(done), as_json, lambda: documents_words(done))
