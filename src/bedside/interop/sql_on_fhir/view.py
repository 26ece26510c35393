"""A ViewDefinition of SQL on FHIR v2, read and compiled; and the table that it makes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.interop.fhirpath.expression import Expression

__all__ = ["Column", "Select", "Table", "ViewDefinition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        type: The FHIR type that it declares, or the one that its path must give; empty where
            neither says.
        collection: Its values are lists.
    """

    name: str
    path: Expression
    type: str
    collection: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Columns of the same nodes, and what is joined to each of their rows.

    Attributes:
        for_each: The path to the nodes; None for those of the select around it.
        or_null: A node without any gives one row all the same.
        repeat: Paths that are followed again from every node they lead to.
        unions: Selects of the same columns, whose rows follow each other.
    """

    for_each: Expression | None = None
    or_null: bool = False
    repeat: tuple[Expression, ...] = ()
    columns: tuple[Column, ...] = ()
    selects: tuple["Select", ...] = ()
    unions: tuple["Select", ...] = ()

    def all_columns(self) -> Iterator[Column]:
        """Every column in declared order; of a union those of its first part."""
        yield from self.columns
        for select in self.selects:
            yield from select.all_columns()
        if self.unions:
            yield from self.unions[0].all_columns()


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDefinition:
    """How resources of one type become rows.

    Attributes:
        name: What the view calls itself; empty where it does not.
        resource: The type of the resources.
        constants: Value and FHIR type of each name that the paths use.
        where: What must hold of a resource, all of it.
        selects: What is taken from it, joined row by row.
        unknown: Elements that the paths name and FHIR R4 does not have. They give nothing, unless
            the data hold them all the same: a steward should look at them.
    """

    name: str
    resource: str
    constants: Mapping[str, tuple[Any, str]]
    where: tuple[Expression, ...]
    selects: tuple[Select, ...]
    unknown: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column in declared order."""
        return tuple(column for select in self.selects for column in select.all_columns())


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a view.

    Attributes:
        columns: The values of each column, in declared order; None where there is none. Dates and
            times are text as FHIR writes it, decimals are floats.
        types: The FHIR type of each column; empty where nothing says and all values are None.
        source: Shape (rows,). The place of the resource that each row comes from.
    """

    columns: dict[str, list[Any]]
    types: dict[str, str]
    source: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.source)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows one by one, for looking at."""
        for index in range(len(self)):
            yield {name: values[index] for name, values in self.columns.items()}
