"""A document as one HTML page, or as Markdown: no script, no network, no date."""

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside.core.records.bundle import REPORT
from bedside.governance.documents.document import (
    NOT_SHOWN,
    Cited,
    Document,
    Item,
    Line,
    path_text,
)
from bedside.governance.documents.templated import filled_by

__all__ = ["as_html", "as_markdown", "asked", "places_text", "summary"]


def as_html(document: Document, *, report: str = REPORT, about: str = "") -> str:
    """The page.

    Args:
        document: Which.
        report: From where the page lies, the way to the evidence report.
        about: Which version it is of, where that is known.
    """
    environment = Environment(
        loader=PackageLoader("bedside.governance.documents"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def link(cited: Cited) -> str:
        place = report if cited.page == REPORT else cited.page
        return f"{place}#{cited.section}" if cited.section else place

    return environment.get_template("document.html.j2").render(
        d=document,
        about=about,
        summary=summary(document),
        places=places_text,
        link=link,
        asked=asked,
        by_who=filled_by(document) if document.template else {},
    )


def summary(document: Document) -> str:
    """How many items are told, and how many need a person."""
    items, gaps = list(document.items), document.gaps
    if document.name == "model_card":
        return f"{len(gaps)} things are not shown; they are listed at the end."
    whole = sum(item.state == "answered" for item in items)
    part = sum(item.state == "in part" for item in items)
    stated = sum(item.state == "stated" for item in items)
    lacking = len(items) - whole - part - stated
    if document.template is not None:
        many = "1 gap" if lacking == 1 else f"{lacking} gaps"
        people = f", {stated} stated by people" if stated else ""
        told = f"{whole} of {len(items)} answered from evidence, {part} in part{people}; {many}"
        if not gaps:
            return f"{told}."
        each = f"or complete each of these {len(gaps)}" if part else "each"
        return f"{told}: who must fill {each} is listed."
    if document.name == "probast_ai":
        shown = sum(bool(item.lines) or not item.missing for item in items)
        return f"The evidence says something to {shown} of {len(items)} questions."
    people = f"{stated} {'is' if stated == 1 else 'are'} stated by people; " if stated else ""
    return (
        f"Of {len(items)} items, the evidence tells {whole}; {part} are told in part and need a "
        f"person; {people}{lacking} are gaps."
    )


def asked(item: Item) -> str:
    """What a person must do, as a sentence.

    >>> asked(Item(name="2", asks="An abstract", missing="write the abstract"))
    'A person must: write the abstract.'
    """
    text = item.missing.rstrip(".")
    if text.startswith(NOT_SHOWN):
        return text + "."
    who = item.who[:1].upper() + item.who[1:] if item.who else "A person"
    verb = f"{who} must also" if item.lines else f"{who} must"
    return f"{verb}: {text}."


def as_markdown(document: Document) -> str:
    """The same as Markdown, with the same places."""
    lines = [f"# {document.title}", "", f"{document.kind} of `{document.model}`. "]
    lines[-1] += " ".join(document.intro)
    for section in document.sections:
        lines += ["", f"## {section.heading}", ""]
        lines += [section.note, ""] if section.note else []
        for item in section.items:
            if item.asks != section.heading:
                lines.append(f"- {item.asks}. {asked(item)}" if item.missing else f"- {item.asks}.")
                indent = "  "
            else:
                indent = ""
            lines += [f"{indent}{text}" for text in _statements(item)]
    return "\n".join([*lines, "", document.source, ""])


def _statements(item: Item) -> Iterator[str]:
    for line in item.lines:
        places = places_text(line)
        first = line.cited[0]
        shown = f", [{first.page}]({first.page}#{first.section})" if first.section else ""
        yield f"- {line.label}: {line.text} (`{places}`{shown})"


def places_text(line: Line) -> str:
    """Where a line stands: each file once, then its paths."""
    files = dict.fromkeys(one.file for one in line.cited)
    return "; ".join(
        f"{file}: " + ", ".join(path_text(one.path) for one in line.cited if one.file == file)
        for file in files
    )
