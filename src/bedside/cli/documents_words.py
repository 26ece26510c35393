"""The documents of a version in plain words, for a terminal."""

import json
from collections.abc import Sequence
from typing import Any

from bedside.governance.documents.document import NOT_SHOWN, Document, Item, document_to_json
from bedside.governance.documents.rendering import asked, summary
from bedside.governance.documents.templated import filled_by
from bedside.lifecycle.documents import Written

__all__ = ["blank_yaml", "documents_json", "documents_words"]


def documents_json(done: Written) -> dict[str, Any]:
    """Every document and its page as one JSON document."""
    return {
        "version": done.version,
        "evaluations": list(done.evaluations),
        "documents": [
            {**document_to_json(document), "page": str(page)} for document, page in done.documents
        ],
        "files": [str(file) for file in done.files],
        "left_out": done.left_out,
    }


def documents_words(done: Written) -> str:
    """What is told of each document, and its gaps."""
    lines = [done.version]
    for document, page in done.documents:
        of = f" of {document.model}" if document.name == "data_sheet" else ""
        lines += ["", f"{document.kind}{of}: {summary(document)}"]
        lines += _by_who(document) if document.template else _listed(document)
        lines += _asked_again(document)
        lines.append(f"  Page: {page}")
    lines += ["", "For programs:", *(f"  {file}" for file in done.files)] if done.files else []
    if done.evaluations:
        lines += ["", f"Evaluations on other patients that are taken in: {len(done.evaluations)}."]
    if done.left_out:
        lines += ["", f"The reports on monitoring were not written: {done.left_out}"]
    end = "No document makes a model compliant. A reviewer judges the risk of bias; nothing is"
    return "\n".join([*lines, "", f"{end} filled in."])


def _by_who(document: Document) -> list[str]:
    return [
        f"  {who}: {', '.join(item.name for item in items)}"
        for who, items in filled_by(document).items()
    ]


def _asked_again(document: Document) -> list[str]:
    """What was stated of something else, and is asked again."""
    again = [f"{item.name} (by {item.before.by})" for item in document.gaps if item.before]
    return [f"  Stated before, of something else; is it still so? {', '.join(again)}"] * bool(again)


def blank_yaml(version: str, gaps: Sequence[tuple[Document, Item]]) -> tuple[str, int]:
    """A file for `bedside documents fill --from`, with each gap and what is asked; how many."""
    lines = [
        f"# Gaps of the documents of {version}. What stays empty is left out. To state the rest:",
        f"#   bedside documents fill {version} --from THIS_FILE",
        'by: ""',
        "answers:",
    ]
    for document, item in gaps:
        told = " ".join(f"{document.kind}, {item.asks}. {asked(item)}".split())
        lines += [f"  # {told}", f'  {json.dumps(f"{document.name}.{item.name}")}: ""']
    return "\n".join([*lines, ""]), len(gaps)


def _listed(document: Document) -> list[str]:
    gaps = document.gaps
    if not gaps:
        return []
    many = f"{len(gaps)} items need" if len(gaps) > 1 else "1 item needs"
    named = document.name == "model_card"
    return [
        f"  {many} a person:",
        *(f"    {item.asks}: {_short(item)}" if named else f"    {item.name:<5} {_short(item)}"
          for item in gaps),
    ]  # fmt: skip


def _short(item: Item) -> str:
    return item.missing.removeprefix(NOT_SHOWN).rstrip(".")
