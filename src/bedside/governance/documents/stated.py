"""What people state, put into documents: beside the evidence, and never as evidence."""

from collections.abc import Iterable
from dataclasses import replace

from bedside.core.records.statement import Statement
from bedside.governance.documents.document import Document, Item

__all__ = ["Statements", "stated_words", "with_statements"]


class Statements:
    """The newest statement to each item of what it was said of.

    Args:
        said: In the order in which they were written down.
    """

    def __init__(self, said: Iterable[Statement] = ()) -> None:
        self._newest: dict[tuple[str, str, str], dict[str, Statement]] = {}
        for one in said:
            bound = self._newest.setdefault((one.document, one.item, one.about), {})
            bound.pop(one.bound, None)  # so that the newest stands last
            bound[one.bound] = one

    def to(self, document: str, item: str, about: str, bound: str) -> Statement | None:
        """What was stated of exactly this."""
        return self._newest.get((document, item, about), {}).get(bound)

    def before(self, document: str, item: str, about: str, bound: str) -> Statement | None:
        """What was stated last of something else under the same name."""
        others = self._newest.get((document, item, about), {})
        return next((one for key, one in reversed(others.items()) if key != bound), None)


def with_statements(
    document: Document, statements: Statements, *, about: str, bound: str
) -> Document:
    """The document with what people stated to its gaps.

    Where evidence leaves nothing open, no statement is shown: evidence came in the meantime.

    Args:
        document: As it was made from evidence.
        statements: Of the workspace.
        about: The model, the data set or the workspace, by which statements are found.
        bound: A digest of what this document is of.
    """

    def filled(item: Item) -> Item:
        if not item.missing:
            return item
        said = statements.to(document.name, item.name, about, bound)
        before = statements.before(document.name, item.name, about, bound)
        return replace(item, said=said, before=before if said is None else None)

    sections = tuple(
        replace(section, items=tuple(map(filled, section.items))) for section in document.sections
    )
    return replace(document, sections=sections)


def stated_words(one: Statement) -> str:
    """A statement with who made it, in one text."""
    return f"Stated by {one.by} on {one.at[:10]}, not shown by evidence: {one.text}"
