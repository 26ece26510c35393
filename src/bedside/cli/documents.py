"""`bedside documents`: a version's model card and checklists, and what a person must still do."""

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
    """Write a version's model card, TRIPOD+AI checklist and PROBAST prompts, and list the gaps."""
    with guarded(as_json):
        from bedside.cli.documents_words import documents_json, documents_words  # noqa: PLC0415
        from bedside.lifecycle.documents import write_documents  # noqa: PLC0415

        done = write_documents(opened(workspace, None, "overview", as_json), version)
        show(documents_json(done), as_json, lambda: documents_words(done))
