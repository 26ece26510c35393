"""Documents by template: a table says what is asked, which facts answer it, and who fills a gap.

`templates.csv` holds each template's version, source, date and status; `NAME.csv` its items.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from types import ModuleType
from typing import Any

from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import Document, Item, Line, Section, Template

__all__ = ["TEMPLATES", "facts_named", "filled", "filled_by", "template"]

_Fact = Callable[[Any], Sequence[Line]]


def _templates() -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in table("templates.csv")}


TEMPLATES = tuple(_templates())
"""The name of every template."""


def template(name: str) -> Template:
    """The version, source, date and status of a template."""
    row = _templates()[name]
    return Template(**{key: row[key] for key in Template.__dataclass_fields__})


def facts_named(names: str, modules: Mapping[str, ModuleType]) -> tuple[_Fact, ...]:
    """The rules that a cell names, such as `use.users data.split`.

    Args:
        names: `MODULE.FACT`, with spaces between them.
        modules: By the name that a cell gives them; a fact stands in the module's `__all__`.

    Raises:
        KeyError: there is no such module or fact; a test holds every table to this.
    """
    found: list[_Fact] = []
    for name in names.split():
        module, _, fact = name.partition(".")
        if fact not in modules[module].__all__:
            raise KeyError(name)
        found.append(getattr(modules[module], fact))
    return tuple(found)


def filled(
    name: str, case: Any, modules: Mapping[str, ModuleType], *, title: str, about: str
) -> Document:
    """The document of a template.

    Args:
        name: Of the template.
        case: What its facts are read from.
        modules: As `facts_named`.
        title: Of the page.
        about: The name of the model, data set or workspace.
    """
    row = _templates()[name]
    by = template(name)
    sections = tuple(
        Section(
            name=f"part-{at}",
            heading=part,
            items=tuple(_item(item, case, modules) for item in rows),
        )
        for at, (part, rows) in enumerate(
            groupby(table(f"{name}.csv"), key=lambda item: item["part"]), 1
        )
    )
    return Document(
        name=name,
        kind=row["kind"],
        title=title,
        model=about,
        intro=(row["intro"], by.status),
        source=f"Template {by.version}, after {by.source}, {by.dated}; looked at in {by.checked}.",
        sections=sections,
        template=by,
    )


def _item(row: Mapping[str, str], case: Any, modules: Mapping[str, ModuleType]) -> Item:
    lines = tuple(line for fact in facts_named(row["facts"], modules) for line in fact(case))
    lines = tuple(dict.fromkeys(lines))
    missing = row["remains"] if lines else row["missing"]
    return Item(
        name=row["item"],
        asks=row["asks"],
        lines=lines,
        missing=missing,
        who=row["who"] if missing else "",
    )


def filled_by(document: Document) -> dict[str, list[Item]]:
    """The gaps, by who must fill them; whoever has the most comes first."""
    found: dict[str, list[Item]] = {}
    for item in document.gaps:
        found.setdefault(item.who or "a person", []).append(item)
    return dict(sorted(found.items(), key=lambda one: -len(one[1])))
