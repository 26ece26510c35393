"""The parts that a FHIRPath expression is made of, once parsed."""

from dataclasses import dataclass
from typing import Any

from bedside.interop.fhirpath.model import TypeName

__all__ = [
    "Binary",
    "Call",
    "External",
    "Index",
    "Literal",
    "Member",
    "Name",
    "Node",
    "Nothing",
    "Sign",
    "TypeTest",
    "Variable",
    "parts_of",
]


@dataclass(frozen=True, slots=True)
class Node:
    """Any part."""


@dataclass(frozen=True, slots=True)
class Nothing(Node):
    """The empty collection, `{}`."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value written in the expression, and how: 1.0 and 1.00 are equal, and not as exact."""

    value: Any
    type: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Name(Node):
    """An element of `$this`, or the type that `$this` must have: `name`, `Patient`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """An element of what is on the left."""

    left: Node
    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$this`, `$index` or `$total`."""

    name: str


@dataclass(frozen=True, slots=True)
class External(Node):
    """`%resource`, or a constant."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of what is on the left, or of `$this` where nothing is."""

    left: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`left[index]`."""

    left: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Sign(Node):
    """`+operand` or `-operand`."""

    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """An operator between two expressions."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class TypeTest(Node):
    """`is`, `as` or `ofType`, as an operator or a function."""

    test: str
    left: Node | None
    type: TypeName
    operator: bool = False


def parts_of(node: Node) -> tuple[Node, ...]:
    """The parts directly below a part."""
    match node:
        case Member(left=left) | TypeTest(left=Node() as left):
            return (left,)
        case Call(left=left, arguments=arguments):
            return arguments if left is None else (left, *arguments)
        case Index(left=left, index=index):
            return (left, index)
        case Sign(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case _:
            return ()
