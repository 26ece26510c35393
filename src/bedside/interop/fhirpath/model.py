"""What FHIR R4 says about types: what an element holds, and which type is a kind of which.

The table `r4_elements.txt` is written by `tools/fhir_r4_elements.py` from HL7's definitions (FHIR
R4, CC0). A part of a resource without a type of its own, such as a patient's contact, goes by its
path: `Patient.contact`. The empty name stands for a type that the table does not know.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from bedside.core.errors import Invalid

__all__ = [
    "ANY",
    "KINDS",
    "SYSTEM",
    "Element",
    "TypeName",
    "element",
    "elements_of",
    "is_a",
    "is_quantity",
    "is_resource",
    "known",
    "read_type_name",
    "system_kind",
]

ANY = ""
SYSTEM = frozenset(
    {"Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"}
)
_STRINGS = (
    "string", "code", "id", "markdown", "uri", "url", "canonical", "uuid", "oid", "base64Binary",
    "xhtml",
)  # fmt: skip
_QUANTITIES = (
    "Quantity", "Age", "Duration", "Count", "Distance", "MoneyQuantity", "SimpleQuantity",
)  # fmt: skip
KINDS = MappingProxyType(
    {
        **dict.fromkeys(_STRINGS, "String"),
        **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), "Integer"),
        "boolean": "Boolean",
        "decimal": "Decimal",
        "date": "Date",
        "dateTime": "DateTime",
        "instant": "DateTime",
        "time": "Time",
        **dict.fromkeys(_QUANTITIES, "Quantity"),
    }
)
# Types of R5 that R4 data do not have; views for both may name them.
_LATER = MappingProxyType(
    {"integer64": "Element", "CodeableReference": "Element", "RatioRange": "Element"}
)


@dataclass(frozen=True, slots=True)
class Element:
    """What an element may hold.

    Attributes:
        types: By the key of its JSON property: one entry, or one for each option of a choice.
        choice: It is a choice, written `value[x]`.
    """

    types: dict[str, str]
    choice: bool = False

    @property
    def only(self) -> str:
        """Its type where it has one, else unknown."""
        found = set(self.types.values())
        return found.pop() if len(found) == 1 else ANY


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type that an expression names: `FHIR.Quantity`, `System.Integer`, or without a prefix."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Table:
    parents: dict[str, str]
    elements: dict[str, dict[str, Element]]


@cache
def _table() -> _Table:
    text = files("bedside.interop.fhirpath").joinpath("r4_elements.txt").read_text("utf-8")
    parents: dict[str, str] = dict(_LATER)
    written: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        head, _, rest = line.partition(":")
        name, _, parent = head.partition(" < ")
        parents[name] = parent.strip()
        parts = (part.split(" ", 1) for part in rest.strip().split(", ") if part)
        written[name] = {part[0]: part[1] for part in parts}
    for name in written:
        owner, _, part = name.rpartition(".")
        if owner:
            written[owner][part] = name

    open_choice = [name for name in KINDS if name in written and name != "xhtml"]
    open_choice += [
        n for n, p in parents.items() if p in {"Element", "Quantity"} and n[0].isupper()
    ]
    open_choice = sorted({n for n in open_choice if "." not in n} | {"Timing", "Dosage"})
    return _Table(
        parents=parents,
        elements={
            owner: dict(_read_element(name, kinds, open_choice) for name, kinds in parts.items())
            for owner, parts in written.items()
        },
    )


def _read_element(name: str, kinds: str, open_choice: list[str]) -> tuple[str, Element]:
    if not name.endswith("[x]"):
        return name, Element({name: kinds})
    name = name[:-3]
    options = open_choice if kinds == "*" else kinds.split("|")
    return name, Element({name + kind[0].upper() + kind[1:]: kind for kind in options}, choice=True)


@cache
def known(name: str) -> bool:
    """Whether the table has this type."""
    return name in _table().parents


@cache
def element(owner: str, name: str) -> Element | None:
    """The element `name` of the type `owner`, its own or inherited; None where it has none.

    >>> element("Observation", "status").only
    'code'
    >>> element("Patient", "deceased").types
    {'deceasedBoolean': 'boolean', 'deceasedDateTime': 'dateTime'}
    """
    table = _table()
    while owner:
        if found := table.elements.get(owner, {}).get(name):
            return found
        owner = table.parents.get(owner, "")
    return None


@cache
def elements_of(owner: str) -> dict[str, str]:
    """The type of each JSON property that a node of type `owner` may have."""
    table, found = _table(), {}
    while owner:
        for held in table.elements.get(owner, {}).values():
            found.update({key: kind for key, kind in held.types.items() if key not in found})
        owner = table.parents.get(owner, "")
    return found


@cache
def is_a(name: str, ancestor: str) -> bool:
    """Whether the type `name` is `ancestor` or a kind of it.

    >>> is_a("code", "string"), is_a("string", "code"), is_a("Age", "Quantity")
    (True, False, True)
    """
    table = _table()
    while name:
        if name == ancestor:
            return True
        name = table.parents.get(name, "")
    return False


def is_resource(name: str) -> bool:
    """Whether the type is a resource."""
    return is_a(name, "Resource")


def is_quantity(name: str) -> bool:
    """Whether the type is FHIR's Quantity or a kind of it."""
    return KINDS.get(name) == "Quantity"


def system_kind(name: str) -> str:
    """The System type that a value of this type is read as, or unknown.

    >>> system_kind("positiveInt"), system_kind("System.Date"), system_kind("HumanName")
    ('Integer', 'Date', '')
    """
    return name[7:] if name.startswith("System.") else KINDS.get(name, ANY)


def read_type_name(written: str) -> TypeName:
    """The type that an expression names.

    Raises:
        Invalid: there is no such type in FHIR R4 or in System.

    >>> read_type_name("System.String"), read_type_name("HumanName").namespace
    (TypeName(namespace='System', name='String'), 'FHIR')
    """
    namespace, _, name = written.rpartition(".")
    if namespace == "System":
        return TypeName("System", name)
    if namespace in {"FHIR", ""} and known(name):
        return TypeName("FHIR", name)
    if namespace == "" and name in SYSTEM:
        return TypeName("System", name)
    raise Invalid(
        f"The type '{written[:60]}' is not one of FHIR R4.",
        fix="write a type as FHIR does, such as Quantity, dateTime or System.String.",
    )
