"""Each part of an expression, evaluated once for a whole batch."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath import conversion, filtering, of_fhir, text
from bedside.interop.fhirpath.arithmetic import negative
from bedside.interop.fhirpath.collection import (
    Collection,
    broadcast,
    empty,
    positions,
    singles,
)
from bedside.interop.fhirpath.model import TypeName, is_a, known
from bedside.interop.fhirpath.navigate import child, of_type_in_choice
from bedside.interop.fhirpath.of_fhir import has_type
from bedside.interop.fhirpath.operators import operate, system_values
from bedside.interop.fhirpath.scope import Function, Invocation, Scope
from bedside.interop.fhirpath.syntax import (
    Binary,
    Call,
    External,
    Index,
    Literal,
    Member,
    Name,
    Node,
    Nothing,
    Sign,
    TypeTest,
    Variable,
    parts_of,
)
from bedside.interop.fhirpath.values import of_system

__all__ = ["FIXED", "FUNCTIONS", "evaluate"]

# Every function: how few and how many arguments it takes, and what it does.
FUNCTIONS: MappingProxyType[str, tuple[int, int, Function]] = MappingProxyType(
    {**filtering.FUNCTIONS, **text.FUNCTIONS, **conversion.FUNCTIONS, **of_fhir.FUNCTIONS}
)
# Names that every expression may use. Source: FHIR R4, FHIRPath, environment variables.
FIXED = MappingProxyType(
    {
        "ucum": "http://unitsofmeasure.org",
        "sct": "http://snomed.info/sct",
        "loinc": "http://loinc.org",
    }
)
_PREFIXED = MappingProxyType(
    {
        "vs-": "http://hl7.org/fhir/ValueSet/",
        "ext-": "http://hl7.org/fhir/StructureDefinition/",
        "cs-": "http://hl7.org/fhir/CodeSystem/",
    }
)


def evaluate(node: Node, scope: Scope) -> Collection:
    """What a part gives for each row of a scope.

    Raises:
        Invalid: the values do not fit what the part does with them.
    """
    kept = scope.found.get(node)
    if kept is None:
        kept = scope.found[node] = _PARTS[type(node)](node, scope)
    return kept


def _operand(node: Node, scope: Scope) -> Collection:
    """An operand; a list of literals is worked out once, not for every row."""
    if scope.size < 2 or not isinstance(node, Binary) or not _is_constant(node):
        return evaluate(node, scope)
    one = evaluate(node, Scope(scope.setup, 1, empty()))
    return broadcast(one, scope.rows * 0)


def _is_constant(node: Node) -> bool:
    if isinstance(node, Literal | Nothing):
        return True
    return isinstance(node, Binary | Sign) and all(map(_is_constant, parts_of(node)))


def _first_name(name: str, scope: Scope) -> Collection:
    """An element of `$this`, or `$this` itself where the name is its type."""
    focus = scope.focus
    if name[:1].isupper() and known(name):
        return focus.keep([is_a(kind, name) for kind in focus.type_list()])
    return child(focus, name)


def _call(node: Call, scope: Scope) -> Collection:
    focus = scope.focus if node.left is None else evaluate(node.left, scope)
    _, _, function = FUNCTIONS[node.name]
    return function(Invocation(node.name, focus, node.arguments, scope))


def _variable(name: str, scope: Scope) -> Collection:
    if name == "$this":
        return scope.focus
    found = scope.find(name)
    if found is None:
        place = "aggregate()" if name == "$total" else "a criterion such as that of where()"
        raise Invalid(f"'{name}' means something only in {place}.", fix="take it out.")
    return found


def _external(name: str, scope: Scope) -> Collection:
    if (found := scope.find(f"%{name}")) is not None:
        return found
    if name in scope.setup.constants:
        value, kind = scope.setup.constants[name]
        return scope.everywhere(value, kind)
    if name in FIXED:
        return scope.everywhere(FIXED[name], "System.String")
    for prefix, base in _PREFIXED.items():
        if name.startswith(prefix):
            return scope.everywhere(base + name[len(prefix) :], "System.String")
    raise Invalid(f"There is no constant '%{name[:60]}'.", fix="define it, or correct its name.")


def _at(node: Index, scope: Scope) -> Collection:
    left, index = evaluate(node.left, scope), evaluate(node.index, scope)
    wanted = singles(index.valued(), scope.size, "An index")
    if any(type(value) is not int for value in wanted if value is not None):
        raise Invalid("An index is no whole number.", fix="count from 0: name[0].")
    places = zip(positions(left.rows).tolist(), left.rows.tolist(), strict=True)
    return left.keep([wanted[row] == place for place, row in places])


def _signed(node: Sign, scope: Scope) -> Collection:
    operand = evaluate(node.operand, scope)
    values = operand.valued()
    read = singles(Collection(system_values(values), values.rows), scope.size, f"'{node.sign}'")
    changed = [None if v is None else negative(v) for v in read]
    return operand if node.sign == "+" else of_system(changed)


def _type_test(node: TypeTest, scope: Scope) -> Collection:
    if node.test != "is" and (found := _in_choice(node, scope)) is not None:
        if node.test == "as":
            singles(found, scope.size, "as")
        return found
    focus = scope.focus if node.left is None else evaluate(node.left, scope)
    if node.test != "ofType":
        singles(focus, scope.size, f"'{node.test}'")
    matching = _matching(focus, node.type)
    if node.test == "is":
        return Collection(matching, focus.rows, "System.Boolean")
    return focus.keep(matching)


def _in_choice(node: TypeTest, scope: Scope) -> Collection | None:
    """`value.ofType(Quantity)`, read without looking at the other options of the choice."""
    match node.left:
        case Member(left=left, name=name):
            return of_type_in_choice(evaluate(left, scope), name, node.type)
        case Name(name=name) if not name[:1].isupper():
            return of_type_in_choice(scope.focus, name, node.type)
        case _:
            return None


def _matching(focus: Collection, wanted: TypeName) -> list[bool]:
    if isinstance(focus.types, str) and focus.types:
        found = len(focus) > 0 and has_type(focus.values[0], focus.types, wanted)
        return [found] * len(focus)
    return [
        has_type(value, kind, wanted)
        for value, kind in zip(focus.values, focus.type_list(), strict=True)
    ]


def _member(node: Member, scope: Scope) -> Collection:
    return child(evaluate(node.left, scope), node.name)


def _binary(node: Binary, scope: Scope) -> Collection:
    left, right = _operand(node.left, scope), _operand(node.right, scope)
    return operate(node.operator, left, right, scope.size)


_PARTS: dict[type[Node], Callable[[Any, Scope], Collection]] = {
    Name: lambda node, scope: _first_name(node.name, scope),
    Member: _member,
    Literal: lambda node, scope: scope.everywhere(node.value, node.type),
    Call: _call,
    Binary: _binary,
    TypeTest: _type_test,
    Variable: lambda node, scope: _variable(node.name, scope),
    External: lambda node, scope: _external(node.name, scope),
    Index: _at,
    Sign: _signed,
    Nothing: lambda node, scope: empty(),
}
