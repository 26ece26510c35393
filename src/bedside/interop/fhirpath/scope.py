"""What an expression sees: the rows it is evaluated for, `$this`, and the names in reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import (
    Collection,
    Rows,
    broadcast,
    one_each,
    optional,
    positions,
    singles,
)
from bedside.interop.fhirpath.syntax import Node

__all__ = ["Function", "Invocation", "Scope", "Setup", "booleans", "texts"]

MAX_TEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class Setup:
    """What stays the same during one evaluation.

    Attributes:
        evaluate: Evaluates a part of the expression in a scope.
        constants: Value and type of each name that `%name` may give.
        now: What the clock shows; None where the expression may not ask.
    """

    evaluate: Callable[[Node, "Scope"], Collection]
    constants: Mapping[str, tuple[Any, str]]
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A level of evaluation: the whole batch, or the nodes that a criterion is asked of.

    Attributes:
        size: How many rows there are.
        focus: `$this` of each row.
        outer, lift: The scope around it, and the row of it that each row lies within.
        names: What is named at this level.
        found: What parts of expressions gave here, since views ask for the same path often.
    """

    setup: Setup
    size: int
    focus: Collection
    outer: "Scope | None" = None
    lift: Rows | None = None
    names: dict[str, Collection] = field(default_factory=dict)
    found: dict[Node, Collection] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        """Every row."""
        return np.arange(self.size)

    def inner(self, nodes: Collection) -> "Scope":
        """A row for each node, which is its `$this`."""
        size = len(nodes)
        index = one_each(positions(nodes.rows).tolist(), "System.Integer")
        focus = nodes.with_rows(np.arange(size))
        return Scope(self.setup, size, focus, self, nodes.rows, {"$index": index})

    def only(self, rows: Rows, focus: Collection) -> "Scope":
        """Some of the rows, with another `$this`."""
        return Scope(self.setup, len(rows), broadcast(focus, rows), self, rows)

    def find(self, name: str) -> Collection | None:
        """What a name gives for each row; None where nothing has this name."""
        if name in self.names:
            return self.names[name]
        if self.outer is None or self.lift is None:
            return None
        found = self.outer.find(name)
        return None if found is None else broadcast(found, self.lift)

    def everywhere(self, value: Any, kind: str) -> Collection:
        """One value in every row."""
        return one_each([value] * self.size, kind)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A function being called: on what, with what, and where."""

    name: str
    focus: Collection
    arguments: tuple[Node, ...]
    scope: Scope

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.scope.size

    def argument(self, index: int) -> Collection:
        """An argument, whose `$this` is that of the whole path."""
        return self.scope.setup.evaluate(self.arguments[index], self.scope)

    def each(self, index: int) -> Collection:
        """An argument asked of each node: its row is the place of the node in the focus."""
        return self.scope.setup.evaluate(self.arguments[index], self.scope.inner(self.focus))

    def single(self) -> list[Any]:
        """The one value that the function is called on, None where there is none."""
        return singles(self.focus.valued(), self.size, f"{self.name}()")

    def given(self, index: int) -> list[Any]:
        """The one value of an argument; None in every row where it is not written."""
        if index >= len(self.arguments):
            return [None] * self.size
        return singles(self.argument(index).valued(), self.size, f"An argument of {self.name}()")

    def give(self, values: list[Any], kind: str | list[str]) -> Collection:
        """At most one value in each row, None where there is none."""
        return optional(values, kind)

    def refuse(self, wants: str) -> Invalid:
        """The error that the function cannot be called on what it is called on."""
        return Invalid(
            f"{self.name}() needs {wants}.",
            fix="lead the path to such an element, or convert it first.",
            code="fhirpath_types",
        )


Function = Callable[[Invocation], Collection]


def booleans(collection: Collection, size: int, what: str) -> list[bool | None]:
    """Each row as true, false or None; another single value counts as true, by FHIRPath's rule."""
    found = singles(collection.valued(), size, what)
    if set(map(type, found)) <= {bool, type(None)}:
        return found
    return [v if v is None or type(v) is bool else True for v in found]


def texts(call: Invocation, values: list[Any]) -> list[str | None]:
    """The values as they are, once all are strings.

    Raises:
        Invalid: one is no string, or too long to work with.
    """
    kinds = set(map(type, values)) - {type(None)}
    if not kinds <= {str}:
        raise call.refuse("strings")
    if values and any(v is not None and len(v) > MAX_TEXT for v in values):
        raise call.refuse(f"strings of at most {MAX_TEXT} characters")
    return values
