"""The items of a checklist, as they stand in its table, filled in by rules."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files

from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Item, Line

__all__ = ["Fact", "clusters", "gathered", "item_of", "table"]

Fact = Callable[[Case], Sequence[Line]]
_CLUSTERS = ("site", "hospital", "centre", "center", "country", "ward", "unit")


def table(name: str) -> list[dict[str, str]]:
    """The rows of a table of this package, by column."""
    text = (files("bedside.governance.documents") / name).read_text(encoding="utf-8")
    return [
        {key: value or "" for key, value in row.items()}
        for row in csv.DictReader(text.splitlines())
    ]


def gathered(case: Case, facts: Sequence[Fact]) -> tuple[Line, ...]:
    """What the rules tell, one after the other."""
    return tuple(line for fact in facts for line in fact(case))


def item_of(row: Mapping[str, str], lines: tuple[Line, ...]) -> Item:
    """The item of a row: a gap without lines, and with them what remains to be written."""
    return Item(
        name=row["item"],
        asks=row["asks"],
        lines=lines,
        missing=row.get("remains", "") if lines else row["missing"],
        prompt=row.get("prompt", ""),
    )


def clusters(case: Case) -> list[Line]:
    """How it does by hospital, ward or country, where subgroups tell."""
    declared = case.declared["evaluation"]["subgroups"]
    names = [f"{name}: " for name, told in declared.items() if _is_cluster(name, told["signal"])]
    return (
        [line for line in performance.subgroups(case) if line.label.startswith(tuple(names))]
        if names
        else []
    )


def _is_cluster(*names: str) -> bool:
    parts: Iterator[str] = (part for name in names for part in name.lower().split("_"))
    return any(part in _CLUSTERS for part in parts)
