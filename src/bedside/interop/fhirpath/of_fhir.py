"""Functions about nodes as FHIR has them: types, extensions, references, trees, the clock."""

from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import Collection, concat, counts_of
from bedside.interop.fhirpath.model import KINDS, TypeName, is_a, is_resource, known
from bedside.interop.fhirpath.moment import Kind, of_clock
from bedside.interop.fhirpath.navigate import child, children
from bedside.interop.fhirpath.scope import Function, Invocation, booleans, texts
from bedside.interop.fhirpath.values import system_type

__all__ = ["FUNCTIONS", "has_type"]

_BOOLEAN, _STRING = "System.Boolean", "System.String"
_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
MAX_LEVELS = 100
MAX_NODES = 250_000


def has_type(value: Any, declared: str, wanted: TypeName) -> bool:
    """Whether a node is of a type or of a kind of it."""
    if wanted.namespace == "System":
        return (declared or system_type(value)) == f"System.{wanted.name}"
    if declared == "System.Quantity":
        return wanted.name == "Quantity"
    if declared == "":
        return _looks_like(value, wanted.name)
    return is_a(declared, wanted.name)


def _looks_like(value: Any, wanted: str) -> bool:
    """Whether a JSON value of an unknown type may be read as this one."""
    if type(value) is dict:
        named = value.get("resourceType")
        return named == wanted if is_resource(wanted) else wanted not in KINDS
    kinds = {bool: "Boolean", str: "String", int: "Integer", float: "Decimal"}
    found, kind = kinds.get(type(value), ""), KINDS.get(wanted, "")
    return kind == found or (kind == "Decimal" and found == "Integer")


def _not(call: Invocation) -> Collection:
    found = booleans(call.focus, call.size, "not()")
    return call.give([None if v is None else not v for v in found], _BOOLEAN)


def _type(call: Invocation) -> Collection:
    found = []
    pairs = zip(call.focus.values, call.focus.type_list(), strict=True)
    for value, declared in pairs:
        name = declared or system_type(value)
        if name.startswith("System."):
            found.append({"namespace": "System", "name": name[7:]})
        else:
            nested = "." in name
            found.append({"namespace": "FHIR", "name": "BackboneElement" if nested else name})
    return Collection(found, call.focus.rows, "")


def _conforms_to(call: Invocation) -> Collection:
    """Whether the node is of the type with this definition; profiles are not known here."""
    found: list[bool | None] = []
    pairs = list(zip(texts(call, call.given(0)), _one_type(call), strict=True))
    for profile, declared in pairs:
        name = (profile or "").removeprefix(_DEFINITIONS)
        if profile is None or declared is None:
            found.append(None)
        elif not profile.startswith(_DEFINITIONS) or not known(name):
            raise Invalid(
                "conformsTo() knows only the types of FHIR R4, not this profile.",
                fix="validate against profiles with a FHIR validator.",
            )
        else:
            found.append(is_a(declared, name))
    return call.give(found, _BOOLEAN)


def _one_type(call: Invocation) -> list[str | None]:
    types = Collection(list(call.focus.type_list()), call.focus.rows)
    return Invocation(call.name, types, (), call.scope).single()


def _extension(call: Invocation) -> Collection:
    urls = texts(call, call.given(0))
    found = child(call.focus, "extension")
    wanted = [
        type(value) is dict and urls[row] is not None and value.get("url") == urls[row]
        for row, value in zip(found.rows.tolist(), found.values, strict=True)
    ]
    return found.keep(wanted)


def _has_value(call: Invocation) -> Collection:
    """Whether there is one primitive value, beside what extensions say."""
    has = [v is not None and type(v) is not dict for v in call.focus.values]
    counts, total = counts_of(call.focus.keep(has), call.size), counts_of(call.focus, call.size)
    return call.give(((counts == 1) & (total == 1)).tolist(), _BOOLEAN)


def _get_value(call: Invocation) -> Collection:
    return call.focus.keep([v is not None and type(v) is not dict for v in call.focus.values])


def _resolve(call: Invocation) -> Collection:
    """The contained resource that a reference names; others lie outside the batch."""
    resources = call.scope.find("%resource")
    if resources is None:
        return call.focus.keep([False] * len(call.focus))
    held: dict[tuple[int, str], tuple[Any, str]] = {}
    contained = child(resources, "contained")
    triples = zip(contained.rows.tolist(), contained.values, contained.type_list(), strict=True)
    for row, value, kind in triples:
        if type(value) is dict and type(value.get("id")) is str:
            held.setdefault((row, "#" + value["id"]), (value, kind))
    found, kept = [], []
    for row, value in zip(call.focus.rows.tolist(), call.focus.values, strict=True):
        reference = value.get("reference") if type(value) is dict else value
        target = held.get((row, reference)) if type(reference) is str else None
        kept.append(target is not None)
        if target:
            found.append(target)
    rows = call.focus.keep(kept).rows
    return Collection([value for value, _ in found], rows, [kind for _, kind in found])


def _resource_key(call: Invocation) -> Collection:
    """A key that a reference to the resource has too: `Patient/p1`."""
    keys = []
    for value in call.focus.values:
        kind, name = (value.get("resourceType"), value.get("id")) if type(value) is dict else (0, 0)
        keys.append(f"{kind}/{name}" if type(kind) is str and type(name) is str else None)
    return Collection(keys, call.focus.rows, _STRING, holed=True).valued()


def _reference_key(call: Invocation) -> Collection:
    """The key of the resource that a reference names, where it is of the wanted type."""
    wanted = call.given(0)
    keys = [
        _key_of_reference(value, wanted[row])
        for row, value in zip(call.focus.rows.tolist(), call.focus.values, strict=True)
    ]
    return Collection(keys, call.focus.rows, _STRING, holed=True).valued()


def _key_of_reference(value: Any, wanted: Any) -> str | None:
    """`Patient/p1`, of `http://server/Patient/p1/_history/2` too.

    A `urn:uuid:` says no type: it is of the type that the reference names beside it, or else of the
    wanted one.

    >>> _key_of_reference({"reference": "urn:uuid:7"}, "Patient")
    'Patient/7'
    """
    text = value.get("reference") if type(value) is dict else None
    if type(text) is not str or text.startswith("#"):
        return None
    if text.startswith(("urn:uuid:", "urn:oid:")):
        named = value.get("type")
        kind, name = named if type(named) is str else wanted, text.split(":", 2)[2]
        if type(kind) is not str:
            return text
    else:
        parts = text.split("/_history/")[0].split("/")
        if len(parts) < 2 or not known(parts[-2]) or "?" in text:
            return None
        kind, name = parts[-2], parts[-1]
    return f"{kind}/{name}" if wanted is None or kind == wanted else None


def _children(call: Invocation) -> Collection:
    return children(call.focus)


def _descendants(call: Invocation) -> Collection:
    found, current = [], children(call.focus)
    while len(current):
        found.append(current)
        too_many = int(counts_of(current, call.size).max()) > MAX_NODES
        if len(found) > MAX_LEVELS or too_many:
            raise Invalid(
                f"A resource is nested more than {MAX_LEVELS} levels deep, or without an end.",
                fix="leave this resource out.",
                code="too_deep",
            )
        current = children(current)
    return concat(found)


def _trace(call: Invocation) -> Collection:
    """What it is called on. Nothing is written anywhere: it may be a patient's."""
    return call.focus


def _clock(kind: Kind) -> Function:
    def told(call: Invocation) -> Collection:
        now = call.scope.setup.now
        if now is None:
            raise Invalid(
                f"{call.name}() needs a clock, and none is given.",
                fix="give `now`, or write the date into the expression.",
            )
        return call.scope.everywhere(of_clock(now, kind), f"System.{kind}")

    return told


FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "not": (0, 0, _not),
    "type": (0, 0, _type),
    "conformsTo": (1, 1, _conforms_to),
    "extension": (1, 1, _extension),
    "hasValue": (0, 0, _has_value),
    "getValue": (0, 0, _get_value),
    "resolve": (0, 0, _resolve),
    "getResourceKey": (0, 0, _resource_key),
    "getReferenceKey": (0, 1, _reference_key),
    "children": (0, 0, _children),
    "descendants": (0, 0, _descendants),
    "trace": (1, 2, _trace),
    "now": (0, 0, _clock("DateTime")),
    "today": (0, 0, _clock("Date")),
    "timeOfDay": (0, 0, _clock("Time")),
}
