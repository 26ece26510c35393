"""The documents of a version in plain words, for a terminal."""

from typing import Any

from bedside.governance.documents.document import document_to_json
from bedside.governance.documents.rendering import summary
from bedside.lifecycle.documents import Written

__all__ = ["documents_json", "documents_words"]


def documents_json(done: Written) -> dict[str, Any]:
    """Every document and its page as one JSON document."""
    return {
        "version": done.version,
        "evaluations": list(done.evaluations),
        "documents": [
            {**document_to_json(document), "page": str(page)} for document, page in done.documents
        ],
    }


def documents_words(done: Written) -> str:
    """What is told of each document, and its gaps."""
    lines = [done.version]
    for document, page in done.documents:
        lines += ["", f"{document.kind}: {summary(document)}"]
        gaps = document.gaps
        if gaps:
            many = f"{len(gaps)} items need" if len(gaps) > 1 else "1 item needs"
            lines.append(f"  {many} a person:")
            lines += [
                f"    {item.name:<5} {item.missing.removeprefix('Not shown: ').rstrip('.')}"
                if document.name != "model_card"
                else f"    {item.asks}: {item.missing.removeprefix('Not shown: ').rstrip('.')}"
                for item in gaps
            ]
        lines.append(f"  Page: {page}")
    if done.evaluations:
        lines += ["", f"Evaluations on other patients that are taken in: {len(done.evaluations)}."]
    return "\n".join([*lines, "", "A reviewer judges the risk of bias; nothing is filled in."])
