"""From nodes to the elements that they hold: one step of a path, for a whole batch."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import (
    Collection,
    Rows,
    Twins,
    concat,
    empty,
    one_each,
    positions,
)
from bedside.interop.fhirpath.model import (
    ANY,
    KINDS,
    TypeName,
    element,
    elements_of,
    is_a,
    is_resource,
    known,
)

__all__ = ["child", "children", "of_type_in_choice", "root", "twin_objects"]

_NONE = type(None)


def root(resources: Iterable[Any], kind: str | None = None) -> Collection:
    """The resources of a batch, one in each row; what is no object is no resource.

    Args:
        resources: Decoded JSON.
        kind: Their type, where it is known already that all are objects of this type.
    """
    values = list(resources)
    if kind is not None:
        return one_each(values, kind)
    keep = [i for i, value in enumerate(values) if type(value) is dict]
    values = [values[i] for i in keep]
    return Collection(values, np.array(keep, np.int64), _settled(values, "Resource"))


def _settled(values: list[Any], declared: str) -> str | list[str]:
    """The types of nodes that were declared as such: a resource says itself what it is."""
    if not is_resource(declared):
        return declared
    found = [_resource_type(value, declared) for value in values]
    return found[0] if len(set(found)) == 1 else found


def _resource_type(value: Any, declared: str) -> str:
    name = value.get("resourceType") if type(value) is dict else None
    return name if type(name) is str and known(name) else declared if name is None else ANY


def child(focus: Collection, name: str) -> Collection:
    """The elements `name` of every node.

    An element that the table does not have is still read where the data hold it, so that R5 data
    and local additions can be reached; its type is then unknown.

    Raises:
        Invalid: `name` is one option of a choice, such as `valueQuantity`.
    """
    types = focus.types
    if isinstance(types, str):
        return _child_of_one_type(focus, types, name)
    parts = []
    for kind in dict.fromkeys(types):
        part = focus.keep([other == kind for other in types])
        parts.append(_child_of_one_type(replace(part, types=kind), kind, name))
    return concat(parts)


def _child_of_one_type(focus: Collection, owner: str, name: str) -> Collection:
    held = element(owner, name) if owner else None
    if held is None:
        if owner in KINDS and owner != "xhtml" and not _is_object_type(owner):
            return empty()
        if owner and name in elements_of(owner):
            raise Invalid(
                f"'{name[:60]}' is one option of a choice, and FHIRPath names the choice.",
                fix="write the element without the type, such as value.ofType(Quantity).",
                code="fhirpath_choice",
            )
        direct = _read(focus, name, ANY)
        return direct if len(direct) or owner else _any_choice(focus, name)
    if held.choice:
        return _choice(focus, held.types)
    if owner in KINDS and not _is_object_type(owner):
        return _of_twins(focus, name, held.only)
    return _read(focus, name, held.only)


def _is_object_type(owner: str) -> bool:
    return KINDS.get(owner) == "Quantity"


def _read(focus: Collection, key: str, kind: str) -> Collection:
    """The values of one JSON property, flattened."""
    values = focus.values
    got = _looked_up(values, key)
    shapes = set(map(type, got))
    primitive = kind in KINDS and not _is_object_type(kind)

    if shapes == {_NONE} and not primitive:
        return empty()
    if list in shapes:
        return _flattened(focus, key, kind, got)
    if _NONE not in shapes:
        twins = _lazy_twins(values, key) if primitive or kind == ANY else None
        return Collection(got, focus.rows, _settled(got, kind), twins)

    if primitive or kind == ANY:
        twin = "_" + key
        here = [
            value is not None or (type(node) is dict and type(node.get(twin)) is dict)
            for value, node in zip(got, values, strict=True)
        ]
    else:
        here = [value is not None for value in got]
    index = np.flatnonzero(np.fromiter(here, bool, len(got)))
    kept = [got[i] for i in index.tolist()]
    twins = _lazy_twins(values, key).taken(index) if primitive or kind == ANY else None
    holed = len(kept) > len(got) - got.count(None)
    return Collection(kept, focus.rows[index], _settled(kept, kind), twins, holed)


def _looked_up(values: list[Any], key: str) -> list[Any]:
    """One property of every node, None where it is not there."""
    try:
        return list(map(itemgetter(key), values))
    except (KeyError, TypeError, IndexError):
        return [value.get(key) if type(value) is dict else None for value in values]


def _flattened(focus: Collection, key: str, kind: str, got: list[Any]) -> Collection:
    lists = [value if type(value) is list else () if value is None else (value,) for value in got]
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    owner = np.repeat(np.arange(len(got)), counts)
    flat = list(chain.from_iterable(lists))
    twins = _lazy_list_twins(focus.values, key, got, owner)
    found = Collection(flat, focus.rows[owner], kind, twins)

    shapes = set(map(type, flat))
    if list in shapes:
        found = found.keep([type(value) is not list for value in found.values])
    if _NONE in shapes:
        beside = found.twins.values() if found.twins else []
        found = found.keep(
            [v is not None or t is not None for v, t in zip(found.values, beside, strict=True)]
        )
    types = _settled(found.values, kind)
    return Collection(found.values, found.rows, types, found.twins, holed=_NONE in shapes)


def _lazy_twins(nodes: list[Any], key: str) -> Twins:
    def look_up() -> list[Any]:
        found = (node.get("_" + key) if type(node) is dict else None for node in nodes)
        return [twin if type(twin) is dict else None for twin in found]

    return Twins(look_up)


def _lazy_list_twins(nodes: list[Any], key: str, got: list[Any], owner: Rows) -> Twins:
    def look_up() -> list[Any]:
        beside = [node.get("_" + key) if type(node) is dict else None for node in nodes]
        if not any(beside):
            return [None] * len(owner)
        found = []
        for index, place in zip(owner.tolist(), positions(owner).tolist(), strict=True):
            twin = beside[index]
            if type(twin) is list and type(got[index]) is list:
                twin = twin[place] if place < len(twin) else None
            found.append(twin if type(twin) is dict else None)
        return found

    return Twins(look_up)


def _choice(focus: Collection, options: Mapping[str, str]) -> Collection:
    """The elements of a choice, each with the type that its property names."""
    if len(options) > 12:
        present: set[str] = set()
        for value in focus.values:
            if type(value) is dict:
                present.update(value)
        present |= {key[1:] for key in present if key[0:1] == "_"}
        options = {key: kind for key, kind in options.items() if key in present}
    return concat([_read(focus, key, kind) for key, kind in options.items()])


def _any_choice(focus: Collection, name: str) -> Collection:
    """A choice of a type that the table does not know, by the names of its properties."""
    keys = {key for value in focus.values if type(value) is dict for key in value}
    options = {}
    for key in sorted(keys):
        suffix = key[len(name) :] if type(key) is str and key.startswith(name) else ""
        if suffix[:1].isupper():
            small = suffix[0].lower() + suffix[1:]
            if kind := (small if small in KINDS else suffix if known(suffix) else ANY):
                options[key] = kind
    return _choice(focus, options)


def of_type_in_choice(focus: Collection, name: str, wanted: TypeName) -> Collection | None:
    """`name.ofType(wanted)` where `name` is a choice; None where it is none.

    Only the properties of the wanted types are read.
    """
    if not isinstance(focus.types, str) or not focus.types or wanted.namespace != "FHIR":
        return None
    held = element(focus.types, name)
    if held is None or not held.choice:
        return None
    return _choice(
        focus, {key: kind for key, kind in held.types.items() if is_a(kind, wanted.name)}
    )


def twin_objects(focus: Collection) -> list[Any]:
    """The object that holds the id and the extensions of each value, None where there is none."""
    if not focus.twins:
        return [value if type(value) is dict else None for value in focus.values]
    twins = focus.twins.values()
    return [v if type(v) is dict else t for v, t in zip(focus.values, twins, strict=True)]


def _of_twins(focus: Collection, name: str, kind: str) -> Collection:
    objects = twin_objects(focus)
    return _read(Collection(objects, focus.rows, "Element"), name, kind)


def children(focus: Collection) -> Collection:
    """Every element that the nodes hold, in the order of each node."""
    nodes = Collection(twin_objects(focus), np.arange(len(focus)), focus.types)
    places = [_places(value) for value in nodes.values]
    keys = dict.fromkeys(key for held in places for key in held)
    types = focus.type_list()
    found: list[Collection] = []
    place: list[int] = []
    for key in keys:
        for kind in dict.fromkeys(types):
            part = nodes.keep([other == kind for other in types])
            declared = elements_of(kind).get(key, ANY) if kind else ANY
            read = _read(replace(part, types=kind), key, declared)
            found.append(read)
            place += [places[node][key] for node in read.rows.tolist()]
    together = concat(found)
    if not len(together):
        return together
    # The rows are still the nodes; within a node the elements come in the order of its keys.
    as_joined = np.argsort(np.concatenate([part.rows for part in found]), kind="stable")
    order = np.lexsort((np.array(place, np.int64)[as_joined], together.rows))
    ordered = together.reordered(order)
    return ordered.with_rows(focus.rows[ordered.rows])


def _places(node: Any) -> dict[str, int]:
    """Where each element of a node stands; a primitive's twin stands for it."""
    if type(node) is not dict:
        return {}
    keys = (key.removeprefix("_") for key in node if type(key) is str)
    named = dict.fromkeys(key for key in keys if key != "resourceType")
    return {key: place for place, key in enumerate(named)}
