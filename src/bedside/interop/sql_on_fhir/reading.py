"""A ViewDefinition from JSON: every path compiled, every mistake named with its place."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.checking import Types, outlook
from bedside.interop.fhirpath.evaluating import FIXED
from bedside.interop.fhirpath.expression import Expression, compile_expression
from bedside.interop.fhirpath.model import ANY, KINDS
from bedside.interop.sql_on_fhir.view import Column, Select, ViewDefinition
from bedside.interop.strict_json import decode, invalid

__all__ = ["BUILT_IN", "constant_value", "read_view"]

BUILT_IN = frozenset({"resource", "rootResource", "context", "rowIndex", *FIXED})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")
_SELECT_KEYS = frozenset(
    {"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll", "comment"}
    | {"id", "extension", "modifierExtension"}
)
_DECODER = msgspec.json.Decoder(dict[str, Any])
_MAX_DEPTH = 20
_PYTHON = {"Boolean": (bool,), "Integer": (int,), "Decimal": (int, float), "String": (str,)}


def read_view(content: bytes) -> ViewDefinition:
    """Read a view and compile its paths.

    Args:
        content: A ViewDefinition of SQL on FHIR v2, as JSON.

    Raises:
        Invalid: it is no view that can be run; the text names the column or the path.

    >>> view = read_view(
    ...     b'{"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}'
    ... )
    >>> [(column.name, column.type) for column in view.columns]
    [('id', 'id')]
    """
    view = decode(_DECODER, content, "The view")
    if view.get("resourceType", "ViewDefinition") != "ViewDefinition":
        raise invalid("The view", "is another kind of resource.", fix="send a ViewDefinition.")
    resource = view.get("resource")
    if type(resource) is not str or not _NAME.fullmatch(resource):
        raise invalid("resource", "is no type of resource.", fix='write it, such as "Patient".')
    name = view.get("name")
    reader = _Reader(_constants(view.get("constant")))
    this = frozenset({resource})
    where = tuple(
        reader.condition(_object(part, f"where[{place}]").get("path"), f"where[{place}]", this)
        for place, part in enumerate(_list(view.get("where"), "where"))
    )
    selects = reader.selects(view.get("select"), "select", this, 0)
    if not selects:
        raise invalid("select", "is empty.", fix="add a select with a column.")
    found = ViewDefinition(
        name=name if type(name) is str else "",
        resource=resource,
        constants=reader.constants,
        where=where,
        selects=selects,
        unknown=tuple(dict.fromkeys(reader.unknown)),
    )
    _check_names(found)
    return found


def _check_names(view: ViewDefinition) -> None:
    seen = set()
    for column in view.columns:
        if column.name in seen:
            raise invalid(
                f"Column '{column.name}'", "is there twice.", fix="give each its own name."
            )
        seen.add(column.name)
    if not seen:
        raise invalid("The view", "has no column.", fix="add one.")


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if type(value) is not list:
        raise invalid(where, "is no list.", fix="write it in square brackets.")
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise invalid(where, "is no object.", fix="write it in curly brackets.")
    return value


def _constants(written: Any) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for place, part in enumerate(_list(written, "constant")):
        where = f"constant[{place}]"
        entry = _object(part, where)
        name = entry.get("name")
        if type(name) is not str or not _NAME.fullmatch(name):
            raise invalid(f"{where}.name", "is no name.", fix="use letters, digits and _.")
        if name in found or name in BUILT_IN:
            raise invalid(f"{where}.name", "is taken already.", fix="choose another.")
        values = [key for key in entry if key.startswith("value")]
        kinds = [kind for kind in KINDS if f"value{kind[0].upper()}{kind[1:]}" in values]
        if len(values) != 1 or len(kinds) != 1:
            raise invalid(where, "needs one value of a primitive type.", fix="give one.")
        found[name] = constant_value(entry[values[0]], kinds[0], f"{where}.{values[0]}")
    return found


def constant_value(value: Any, kind: str, where: str) -> tuple[Any, str]:
    """A constant and its FHIR type.

    Raises:
        Invalid: the value is not of the type.
    """
    wanted = _PYTHON.get(KINDS[kind], (str,))
    if type(value) not in wanted or KINDS[kind] == "Quantity":
        raise invalid(where, f"is no {kind}.", fix="correct it.")
    return value, kind


class _Reader:
    """Reads the paths of one view, and notes the elements that FHIR R4 does not have."""

    def __init__(self, constants: Mapping[str, tuple[Any, str]]) -> None:
        self.constants = constants
        self.kinds = {name: kind for name, (_, kind) in constants.items()}
        self.kinds["rowIndex"] = "System.Integer"
        self.unknown: list[str] = []

    def path(self, written: Any, where: str, this: Types) -> tuple[Expression, Types]:
        if type(written) is not str:
            raise invalid(where, "has no path.", fix="write one FHIRPath expression.")
        try:
            expression = compile_expression(written)
        except Invalid as error:
            raise Invalid(f"{where}: {error.problem}", fix=error.fix, code=error.code) from None
        for name in sorted(expression.externals):
            if name not in self.constants and name not in BUILT_IN and "-" not in name:
                raise invalid(
                    where, f"uses '%{name[:60]}', which is no constant.", fix="define it."
                )
        found = outlook(expression, this, self.kinds)
        self.unknown.extend(found.unknown)
        return expression, found.types

    def condition(self, written: Any, where: str, this: Types) -> Expression:
        expression, types = self.path(written, where, this)
        if types and not types & {ANY, "boolean", "System.Boolean"}:
            raise invalid(where, "is no condition.", fix="compare the path with something.")
        return expression

    def selects(self, written: Any, where: str, this: Types, depth: int) -> tuple[Select, ...]:
        if depth > _MAX_DEPTH:
            raise invalid(where, f"is nested more than {_MAX_DEPTH} deep.", fix="simplify it.")
        return tuple(
            self.select(_object(part, f"{where}[{place}]"), f"{where}[{place}]", this, depth)
            for place, part in enumerate(_list(written, where))
        )

    def select(self, written: dict[str, Any], where: str, this: Types, depth: int) -> Select:
        for key in written:
            if key not in _SELECT_KEYS and not key.startswith("_"):
                raise invalid(f"{where}.{key[:60]}", "is not known.", fix="correct its name.")
        ways = [key for key in ("forEach", "forEachOrNull", "repeat") if key in written]
        if len(ways) > 1:
            raise invalid(where, f"has {' and '.join(ways)}.", fix="keep one of them.")

        for_each = None
        repeat: list[Expression] = []
        if "repeat" in written:
            repeat, this = self.repeat(written["repeat"], f"{where}.repeat", this)
        elif ways:
            for_each, this = self.path(written[ways[0]], f"{where}.{ways[0]}", this)
        found = Select(
            for_each=for_each,
            or_null="forEachOrNull" in ways,
            repeat=tuple(repeat),
            columns=tuple(
                self.column(_object(part, f"{where}.column[{place}]"), where, place, this)
                for place, part in enumerate(_list(written.get("column"), f"{where}.column"))
            ),
            selects=self.selects(written.get("select"), f"{where}.select", this, depth + 1),
            unions=self.selects(written.get("unionAll"), f"{where}.unionAll", this, depth + 1),
        )
        _check_union(found, where)
        return found

    def repeat(self, written: Any, where: str, this: Types) -> tuple[list[Expression], Types]:
        """The paths, and the types of every node that they may lead to."""
        expressions: list[Expression] = []
        reached: Types = frozenset()
        for place, part in enumerate(_list(written, where)):
            expression, types = self.path(part, f"{where}[{place}]", this)
            expressions.append(expression)
            reached |= types
        if not expressions:
            raise invalid(where, "is empty.", fix="write one path or more.")
        for _ in range(10):
            further = reached.union(
                *(outlook(expression, reached, self.kinds).types for expression in expressions)
            )
            if further == reached:
                break
            reached = further
        return expressions, reached

    def column(self, written: dict[str, Any], where: str, place: int, this: Types) -> Column:
        name = written.get("name")
        if type(name) is not str or not _NAME.fullmatch(name):
            raise invalid(
                f"{where}.column[{place}].name",
                "is no name of a column.",
                fix="start it with a letter, and use letters, digits and _.",
            )
        path, types = self.path(written.get("path"), f"Column '{name}'", this)
        declared, collection = written.get("type"), written.get("collection", False)
        if type(collection) is not bool:
            raise invalid(f"Column '{name}'.collection", "is no boolean.", fix="write true.")
        if declared is not None and type(declared) is not str:
            raise invalid(f"Column '{name}'.type", "is no text.", fix="write a FHIR type.")
        named = frozenset({declared.rpartition("/")[2]}) if declared else types
        kind = _primitive(named) or (declared or "").rpartition("/")[2]
        return Column(name=name, path=path, type=kind, collection=collection)


def _primitive(types: Types) -> str:
    """The FHIR type of a column that declares none; empty where its path does not say."""
    if len(types) != 1:
        return ""
    (kind,) = types
    if kind.startswith("System."):
        return kind[7].lower() + kind[8:] if kind != "System.Quantity" else ""
    return kind if kind in KINDS else ""


def _check_union(select: Select, where: str) -> None:
    names = [[column.name for column in part.all_columns()] for part in select.unions]
    if any(other != names[0] for other in names):
        raise invalid(
            f"{where}.unionAll",
            "has parts with different columns.",
            fix="give every part the same columns in the same order.",
        )
