"""The documents of one version: which there are, and the files of them that a bundle holds."""

from collections.abc import Mapping
from typing import Any

from bedside.core.ids import canonical_json
from bedside.core.records.bundle import CARD, DOCUMENTS, PROBAST, TRIPOD
from bedside.core.records.declaration import Declaration
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Document, document_to_json
from bedside.governance.documents.model_card import model_card
from bedside.governance.documents.probast_ai import probast_ai
from bedside.governance.documents.rendering import as_html, as_markdown
from bedside.governance.documents.tripod_ai import tripod_ai

__all__ = ["bundled", "documents_of"]


def documents_of(
    declaration: Declaration,
    evidence: Mapping[str, Any],
    elsewhere: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Document, Document, Document]:
    """The model card, the TRIPOD+AI checklist, and the prompts after PROBAST.

    Args:
        declaration: The model.
        evidence: As in its bundle.
        elsewhere: Evidence on other patients, by the name of its file.
    """
    case = Case.of(declaration, evidence, elsewhere)
    return model_card(case), tripod_ai(case), probast_ai(case)


def bundled(declaration: Declaration, evidence: Mapping[str, Any]) -> dict[str, bytes]:
    """The documents as they are sealed: the same declaration and evidence give the same bytes."""
    card, tripod, probast = documents_of(declaration, evidence)
    told = {one.name: document_to_json(one) for one in (card, tripod, probast)}
    return {
        CARD: as_markdown(card).encode(),
        TRIPOD: as_html(tripod).encode(),
        PROBAST: as_html(probast).encode(),
        DOCUMENTS: canonical_json(told),
    }
