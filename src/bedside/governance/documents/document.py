"""A document as data: sections of items, each with what is known, where that stands, what lacks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bedside.core.errors import NotFound
from bedside.core.records.statement import Statement

__all__ = [
    "NOT_SHOWN",
    "Cited",
    "Document",
    "Item",
    "Line",
    "Path",
    "Section",
    "Template",
    "document_to_json",
    "path_of",
    "path_text",
    "value_at",
]

Path = tuple[str | int, ...]
NOT_SHOWN = "Not shown: "
"""Before what only evidence can close."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Where a statement stands: a path in a JSON file, and a section of the page that shows it.

    `page` and `section` are empty where no page shows it.
    """

    file: str
    path: Path
    page: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One statement; every number in `text` stands where it is `cited`."""

    label: str
    text: str
    cited: tuple[Cited, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a document asks for.

    `lines` are what is known of it. `missing` says what a person must write, or what was not shown;
    empty where nothing lacks. `who` says which person. `prompt` helps the reader to judge, and
    holds in any case. `said` is what a person stated to what is missing; it is no evidence.
    `before` is what one stated of something else, such as an earlier version.
    """

    name: str
    asks: str
    lines: tuple[Line, ...] = ()
    missing: str = ""
    prompt: str = ""
    who: str = ""
    said: Statement | None = None
    before: Statement | None = None

    @property
    def is_stated(self) -> bool:
        """Whether a person's statement closes it; what was not shown no words can show."""
        return self.said is not None and not self.missing.startswith(NOT_SHOWN)

    @property
    def state(self) -> str:
        """`answered` by evidence, `stated` by a person, `in part` or `gap`."""
        if not self.missing:
            return "answered"
        if self.is_stated:
            return "stated"
        return "in part" if self.lines else "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Items under a heading. `judged` asks the reader for a judgement, which is never filled in."""

    name: str
    heading: str
    items: tuple[Item, ...]
    note: str = ""
    judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """By which version of which text the items of a document are asked, and what became of it.

    `version` counts our own table, `dated` is the date of the source, and `status` says whether
    the source is in force, as far as was known at `checked`.
    """

    version: str
    source: str
    dated: str
    status: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document about one model, one data set or one workspace, which `model` names."""

    name: str
    kind: str
    title: str
    model: str
    intro: tuple[str, ...]
    source: str
    sections: tuple[Section, ...]
    template: Template | None = None

    @property
    def items(self) -> Iterator[Item]:
        """Every item, in order."""
        return (item for section in self.sections for item in section.items)

    @property
    def gaps(self) -> list[Item]:
        """The items that need a person, and that no statement closes."""
        return [item for item in self.items if item.missing and not item.is_stated]


def document_to_json(document: Document) -> dict[str, Any]:
    """The document for canonical JSON; paths as text."""
    told = {} if document.template is None else {"template": asdict(document.template)}
    return {
        "name": document.name,
        "kind": document.kind,
        "title": document.title,
        "model": document.model,
        "source": document.source,
        **told,
        "sections": [
            {
                "name": section.name,
                "heading": section.heading,
                "judged_by_the_reviewer": list(section.judged),
                "items": [_item_json(item) for item in section.items],
            }
            for section in document.sections
        ],
        "gaps": [
            {"item": item.name, "missing": item.missing} | _who(item) for item in document.gaps
        ],
    }


def _who(item: Item) -> dict[str, str]:
    return {"who": item.who} if item.who else {}


def _stated(item: Item) -> dict[str, Any]:
    told = {"stated": item.said, "stated_before": item.before}
    return {name: asdict(one) for name, one in told.items() if one is not None}


def _item_json(item: Item) -> dict[str, Any]:
    return {
        "item": item.name,
        "asks": item.asks,
        "state": item.state,
        "missing": item.missing,
        **_who(item),
        "prompt": item.prompt,
        **_stated(item),
        "lines": [
            {
                "label": line.label,
                "text": line.text,
                "stands_at": [
                    {
                        "file": one.file,
                        "path": path_text(one.path),
                        "page": one.page,
                        "section": one.section,
                    }
                    for one in line.cited
                ],
            }
            for line in item.lines
        ],
    }


def path_text(path: Path) -> str:
    """A path as it is read.

    >>> path_text(("subgroups", "age_band", "45 to 55", "metrics", "auroc"))
    'subgroups.age_band["45 to 55"].metrics.auroc'
    >>> path_text(("leakage", 0, "text"))
    'leakage[0].text'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def path_of(text: str) -> Path:
    r"""The path that `path_text` wrote.

    >>> path_of('subgroups.age_band["45 to 55"].subjects')
    ('subgroups', 'age_band', '45 to 55', 'subjects')
    """
    steps: list[str | int] = []
    for found in _STEP.finditer(text):
        plain, number, quoted = found.groups()
        if number is not None:
            steps.append(int(number))
        else:
            steps.append(plain if plain is not None else re.sub(r"\\(.)", r"\1", quoted))
    return tuple(steps)


def value_at(root: Any, path: Path) -> Any:
    """What stands at a path of a JSON value.

    Raises:
        NotFound: nothing stands there (code `no_such_path`).

    >>> value_at({"a": [{"b": 2}]}, ("a", 0, "b"))
    2
    """
    found = root
    for step in path:
        inside = isinstance(found, Mapping) and step in found
        listed = isinstance(found, Sequence) and not isinstance(found, str)
        if not inside and not (listed and isinstance(step, int) and 0 <= step < len(found)):
            raise NotFound(
                f"Nothing stands at {path_text(path)}.",
                fix="report this as a defect; a document points to nothing.",
                code="no_such_path",
            )
        found = found[step]
    return found
