"""What can be said of an expression without data: the types it gives, and elements FHIR lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.evaluating import FIXED
from bedside.interop.fhirpath.expression import Expression
from bedside.interop.fhirpath.model import ANY, element, is_a, known
from bedside.interop.fhirpath.syntax import (
    Binary,
    Call,
    External,
    Index,
    Literal,
    Member,
    Name,
    Node,
    Sign,
    TypeTest,
    Variable,
)

__all__ = ["Outlook", "Types", "check", "outlook"]

Types = frozenset[str]
_UNKNOWN: Types = frozenset({ANY})
_SAME = frozenset(
    [
        "where",
        "first",
        "last",
        "tail",
        "skip",
        "take",
        "single",
        "distinct",
        "exclude",
        "intersect",
        "trace",
        "sort",
        "repeat",
    ]
)
_IN_ORDER = frozenset({"first", "last", "tail", "skip", "take"})
_RESULTS = {
    **dict.fromkeys(
        [
            "empty",
            "exists",
            "all",
            "allTrue",
            "anyTrue",
            "allFalse",
            "anyFalse",
            "subsetOf",
            "supersetOf",
            "isDistinct",
            "not",
            "startsWith",
            "endsWith",
            "contains",
            "matches",
            "matchesFull",
            "hasValue",
            "comparable",
            "conformsTo",
        ],
        "System.Boolean",
    ),
    **dict.fromkeys(
        [
            "count",
            "length",
            "indexOf",
            "lastIndexOf",
            "ceiling",
            "floor",
            "truncate",
            "precision",
            "toInteger",
        ],
        "System.Integer",
    ),
    **dict.fromkeys(
        [
            "substring",
            "upper",
            "lower",
            "trim",
            "replace",
            "replaceMatches",
            "join",
            "split",
            "toChars",
            "encode",
            "decode",
            "escape",
            "unescape",
            "toString",
            "getResourceKey",
            "getReferenceKey",
        ],
        "System.String",
    ),
    **dict.fromkeys(["toDecimal", "sqrt", "exp", "ln", "log"], "System.Decimal"),
    "extension": "Extension",
    "toBoolean": "System.Boolean",
    "toDate": "System.Date",
    "today": "System.Date",
    "toDateTime": "System.DateTime",
    "now": "System.DateTime",
    "toTime": "System.Time",
    "timeOfDay": "System.Time",
    "toQuantity": "System.Quantity",
}
_COMPARED = frozenset(
    ["=", "!=", "~", "!~", "<", ">", "<=", ">=", "and", "or", "xor", "implies", "in", "contains"]
)
_CRITERIA = frozenset({"where", "all", "exists", "select", "repeat", "sort"})


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an expression can give.

    Attributes:
        types: The types its values may have; the empty name where that cannot be said.
        unknown: Elements it names that FHIR R4 does not have there.
        unordered: It takes the first or the next of what has no order.
        criteria: A criterion of iif() can be no boolean.
    """

    types: Types
    unknown: tuple[str, ...] = ()
    unordered: bool = False
    criteria: bool = True


def outlook(
    expression: Expression, this: Types, constants: Mapping[str, str] | None = None
) -> Outlook:
    """What an expression can give for nodes of the types `this`.

    Args:
        expression: What is asked about.
        this: The types of the nodes; the empty name where that cannot be said.
        constants: The type of each name that the expression takes from outside.

    >>> from bedside.interop.fhirpath.expression import compile_expression
    >>> outlook(compile_expression("name.famly"), frozenset({"Patient"})).unknown
    ('HumanName.famly',)
    """
    walk = _Walk(constants or {})
    types, _ = walk.types(expression.node, this)
    return Outlook(types, tuple(dict.fromkeys(walk.unknown)), walk.unordered, walk.criteria)


def check(expression: Expression, root: str, *, ordered: bool = False) -> None:
    """Refuse an expression that cannot mean anything for resources of the type `root`.

    Raises:
        Invalid: it names an element that FHIR R4 does not have there, or a criterion is no boolean;
            or, where `ordered`, it takes the first or the next of what has no order.
    """
    found = outlook(expression, frozenset({root}))
    if found.unknown:
        raise Invalid(
            f"FHIR R4 has no element {', '.join(found.unknown)[:200]}.",
            fix="correct the path; elements are listed at https://hl7.org/fhir/R4.",
            code="fhirpath_element",
        )
    if not found.criteria:
        raise Invalid("A criterion of iif() is no boolean.", fix="compare it with something.")
    if ordered and found.unordered:
        raise Invalid(
            "The expression takes the first or the next of what has no order.",
            fix="sort it, or choose with where(...).",
        )


class _Walk:
    def __init__(self, constants: Mapping[str, str]) -> None:
        self.constants = {**dict.fromkeys(FIXED, "System.String"), **constants}
        self.unknown: list[str] = []
        self.unordered = False
        self.criteria = True

    def types(self, node: Node, this: Types) -> tuple[Types, bool]:  # noqa: PLR0911 - one return for each part
        """The types that a part may give, and whether these have an order."""
        match node:
            case Name(name=name):
                return self.first_name(name, this), True
            case Member(left=left, name=name):
                above, ordered = self.types(left, this)
                return self.child(above, name), ordered
            case Literal(type=kind):
                return frozenset({kind}), True
            case Call():
                return self.call(node, this)
            case Binary():
                return self.binary(node, this)
            case TypeTest(test=test, left=left, type=wanted):
                above, ordered = (this, True) if left is None else self.types(left, this)
                if test == "is":
                    return frozenset({"System.Boolean"}), True
                name = f"System.{wanted.name}" if wanted.namespace == "System" else wanted.name
                narrower = {kind for kind in above if kind and is_a(kind, name)}
                return frozenset(narrower or {name}), ordered
            case Index(left=left, index=index):
                self.types(index, this)
                return self.types(left, this)
            case Sign(operand=operand):
                return self.types(operand, this)
            case Variable(name=name):
                return (this if name == "$this" else _UNKNOWN), True
            case External(name=name):
                return frozenset({self.constants.get(name, ANY)}), True
            case _:
                return frozenset(), True

    def first_name(self, name: str, this: Types) -> Types:
        if name[:1].isupper() and known(name):
            matching = frozenset(kind for kind in this if kind and is_a(kind, name))
            if not matching and ANY not in this:
                self.unknown.append(name)
            return matching or frozenset({name})
        return self.child(this, name)

    def child(self, above: Types, name: str) -> Types:
        found: set[str] = set()
        for kind in above:
            held = element(kind, name) if kind else None
            if held:
                found.update(held.types.values())
            elif kind in {ANY, "Resource", "DomainResource"} or not known(kind):
                found.add(ANY)
        if above and not found:
            self.unknown.append(f"{min(above)}.{name}")
            return _UNKNOWN
        return frozenset(found)

    def call(self, node: Call, this: Types) -> tuple[Types, bool]:
        focus, ordered = (this, True) if node.left is None else self.types(node.left, this)
        within = focus if node.name in _CRITERIA else this
        if node.name == "aggregate":
            within = _UNKNOWN
        arguments = [self.types(part, within)[0] for part in node.arguments]
        if node.name in _IN_ORDER and not ordered:
            self.unordered = True
        if node.name == "iif":
            if arguments[0] and not arguments[0] & {ANY, "boolean", "System.Boolean"}:
                self.criteria = False
            return frozenset().union(*arguments[1:]), ordered
        if node.name in {"children", "descendants"}:
            return _UNKNOWN, False
        if node.name in {"union", "combine", "coalesce"}:
            return focus.union(*arguments), ordered and node.name != "combine"
        if node.name == "select":
            return arguments[0], ordered
        if node.name in _SAME:
            return focus, ordered or node.name == "sort"
        return frozenset({_RESULTS.get(node.name, ANY)}), True

    def binary(self, node: Binary, this: Types) -> tuple[Types, bool]:
        left, right = self.types(node.left, this)[0], self.types(node.right, this)[0]
        if node.operator in _COMPARED:
            return frozenset({"System.Boolean"}), True
        if node.operator == "|":
            return left | right, True
        if node.operator == "&":
            return frozenset({"System.String"}), True
        return self.arithmetic(node.operator, left, right), True

    def arithmetic(self, operator: str, left: Types, right: Types) -> Types:
        if operator != "/" and left == right == {"System.Integer"}:
            return left
        return left if left == right and operator in {"+", "-"} else _UNKNOWN
