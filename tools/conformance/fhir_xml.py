"""FHIR resources in XML to the JSON form, so that one engine reads both."""

from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import fromstring

from bedside.interop.fhirpath.model import elements_of, is_resource

__all__ = ["json_of_xml"]

FHIR = "{http://hl7.org/fhir}"
XHTML = "{http://www.w3.org/1999/xhtml}"


def json_of_xml(content: bytes) -> dict[str, Any]:
    """A resource as decoded JSON.

    Elements that come more than once become lists; one that could and does not stays alone, which
    FHIRPath does not tell apart.
    """
    root = fromstring(content)
    return {"resourceType": _name(root), **_node(root, _name(root))}


def _name(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _node(node: Element, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in ("id", "url"):
        if (value := node.get(attribute)) is not None:
            found[attribute] = value
    for child in node:
        _add(found, child, elements_of(kind).get(_name(child), ""))
    return found


def _add(found: dict[str, Any], child: Element, kind: str) -> None:
    name = _name(child)
    value: Any
    twin = None
    if child.tag.startswith(XHTML):
        value = tostring(child, encoding="unicode")
    elif is_resource(kind):
        resource = child[0]
        value = {"resourceType": _name(resource), **_node(resource, _name(resource))}
    elif child.get("value") is not None:
        value = _primitive(str(child.get("value")), kind)
        rest = {key: v for key, v in _node(child, "Element").items() if key != "value"}
        twin = rest or None
    else:
        value = _node(child, kind)
    if name not in found:
        found[name] = value
        if twin:
            found["_" + name] = twin
        return
    if not isinstance(found[name], list):
        found[name] = [found[name]]
        if "_" + name in found:
            found["_" + name] = [found["_" + name]]
    found[name].append(value)
    if twin:
        twins = found.setdefault("_" + name, [])
        twins.extend([None] * (len(found[name]) - 1 - len(twins)))
        twins.append(twin)


def _primitive(text: str, kind: str) -> Any:
    if kind == "boolean":
        return text == "true"
    if kind in {"integer", "positiveInt", "unsignedInt"}:
        return int(text)
    return Decimal(text) if kind == "decimal" else text
